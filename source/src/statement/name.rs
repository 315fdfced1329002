//! Names as PostgreSQL stores them: unquoted ones folded, quoted ones taken apart, both cut to its limit.

use crate::lexer::{Token, TokenKind};

/// The name of a relation, as the catalog has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedName {
    /// The schema, where the statement names one. Otherwise the search path decides.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

/// Bytes of a name that PostgreSQL keeps: NAMEDATALEN - 1.
const LIMIT: usize = 63;

/// The name that an identifier of any kind stands for, or `None` if it is none, or one that PostgreSQL refuses.
/// `escape` is the escape character of a `U&"…"`.
pub(super) fn name(token: Token, text: &str, escape: char) -> Option<String> {
    let written = token.text(text);
    let mut name = match token.kind {
        // In UTF-8, PostgreSQL folds the letters of ASCII and leaves all others.
        TokenKind::Identifier => written.to_ascii_lowercase(),
        TokenKind::QuotedIdentifier => inside(written, "\"")?.replace("\"\"", "\""),
        TokenKind::UnicodeIdentifier => unescape(&inside(written.get(2..)?, "\"")?.replace("\"\"", "\""), escape)?,
        _ => return None,
    };
    let cut = (0..=LIMIT).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
    if name.len() > LIMIT {
        name.truncate(cut);
    }
    (!name.is_empty()).then_some(name)
}

/// The content of a plain string, or `None` for another token.
pub(super) fn string(token: Token, text: &str) -> Option<String> {
    match token.kind {
        TokenKind::String => Some(inside(token.text(text), "'")?.replace("''", "'")),
        _ => None,
    }
}

fn inside<'t>(written: &'t str, quote: &str) -> Option<&'t str> {
    written.strip_prefix(quote)?.strip_suffix(quote)
}

/// Takes `\0061`, `\+000061` and the doubled escape character out of a Unicode literal.
fn unescape(content: &str, escape: char) -> Option<String> {
    let mut units: Vec<u32> = Vec::with_capacity(content.len());
    let mut rest = content.chars();
    while let Some(character) = rest.next() {
        if character != escape {
            units.push(character.into());
            continue;
        }
        let after = rest.as_str();
        let digits = match after.chars().next()? {
            doubled if doubled == escape => {
                rest.next();
                units.push(escape.into());
                continue;
            }
            '+' => after.get(1..7)?,
            _ => after.get(..4)?,
        };
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        units.push(u32::from_str_radix(digits, 16).ok()?);
        rest = after.split_at(if after.starts_with('+') { 7 } else { 4 }).1.chars();
    }
    join_surrogates(&units)
}

/// A character beyond U+FFFF may be written as two surrogates.
fn join_surrogates(units: &[u32]) -> Option<String> {
    let mut text = String::with_capacity(units.len());
    let mut units = units.iter().copied();
    while let Some(unit) = units.next() {
        let code = match unit {
            0xd800..=0xdbff => match units.next()? {
                low @ 0xdc00..=0xdfff => 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                _ => return None,
            },
            _ => unit,
        };
        text.push(char::from_u32(code)?);
    }
    Some(text)
}
