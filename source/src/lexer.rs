//! PostgreSQL's lexical rules: a text becomes tokens, each with its place. The rules are those of PostgreSQL's own
//! `scan.l`, as far as they decide where a token ends.
//!
//! Every byte belongs to exactly one token, whitespace and comments included, and time grows linearly with the text,
//! whatever it holds. What never ends is an error and never a guess. It knows no grammar, decodes no literal, and does
//! not judge whether a number or an operator exists.

mod skip;
#[cfg(test)]
mod tests;
mod token;

pub use self::token::{LexError, LexErrorKind, Token, TokenKind};

/// Reads tokens off a text. It stops after the first error.
///
/// ```
/// use graven_source::lexer::{Lexer, TokenKind};
///
/// let kinds: Result<Vec<_>, _> = Lexer::new("select $$;$$").map(|token| token.map(|token| token.kind)).collect();
/// assert_eq!(kinds?, [TokenKind::Identifier, TokenKind::Whitespace, TokenKind::DollarQuoted]);
/// # Ok::<(), graven_source::lexer::LexError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lexer<'t> {
    text: &'t str,
    at: usize,
    strings: StringSyntax,
    /// Up to here stand only `+` and `-` that PostgreSQL reads as operators of one character. Remembering it keeps a
    /// long run of them linear.
    signs_until: usize,
}

/// How a plain `'…'` is read, which PostgreSQL's setting `standard_conforming_strings` decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StringSyntax {
    /// A backslash is a character like any other: `standard_conforming_strings = on`, the default since PostgreSQL 9.1.
    #[default]
    Standard,
    /// A backslash escapes the next character, as in `E'…'`: `standard_conforming_strings = off`.
    Escape,
}

impl Iterator for Lexer<'_> {
    type Item = Result<Token, LexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let first = *self.text.as_bytes().get(start)?;
        let read = self.read(start, first);
        self.at = match &read {
            Ok((_, end)) => *end,
            Err(_) => self.text.len(),
        };
        Some(read.map(|(kind, end)| Token { kind, start, end }))
    }
}

impl<'t> Lexer<'t> {
    /// Starts at the beginning of a text, with [`StringSyntax::Standard`].
    #[must_use]
    pub const fn new(text: &'t str) -> Self {
        Self { text, at: 0, strings: StringSyntax::Standard, signs_until: 0 }
    }

    /// How a plain `'…'` is to be read from here on. Whoever knows the statements knows when that changes.
    pub const fn read_strings_as(&mut self, strings: StringSyntax) {
        self.strings = strings;
    }

    /// Goes on at that offset instead, or at the end of the text when it is none. It never goes back.
    pub fn skip_to(&mut self, offset: usize) {
        if offset >= self.at {
            self.at = if self.text.is_char_boundary(offset) { offset } else { self.text.len() };
        }
    }

    fn read(&mut self, start: usize, first: u8) -> Result<(TokenKind, usize), LexError> {
        use TokenKind as Kind;
        let class = CLASSES[first as usize];
        Ok(match first {
            _ if class & SPACE != 0 => (Kind::Whitespace, self.run(start + 1, SPACE)),
            _ if class & IDENTIFIER_START != 0 => return self.identifier_or_prefix(start, first),
            b'\'' => return self.plain_string(start, start + 1),
            b'"' => (Kind::QuotedIdentifier, self.quoted(start, start + 1, '"')?),
            b'-' if self.byte(start + 1) == b'-' => (Kind::LineComment, self.run(start, LINE)),
            b'/' if self.byte(start + 1) == b'*' => (Kind::BlockComment, self.block_comment(start)?),
            b'$' => return self.dollar(start),
            _ if class & DIGIT != 0 => (Kind::Number, self.number(start)),
            b'.' if CLASSES[self.byte(start + 1) as usize] & DIGIT != 0 => (Kind::Number, self.number(start)),
            _ if class & OPERATOR != 0 => (Kind::Operator, self.operator(start)),
            b'\\' => {
                return Err(LexError { kind: LexErrorKind::PsqlCommand, span: start..self.run(start, LINE) });
            }
            b';' => (Kind::Semicolon, start + 1),
            b'(' => (Kind::OpenParen, start + 1),
            b')' => (Kind::CloseParen, start + 1),
            b'[' => (Kind::OpenBracket, start + 1),
            b']' => (Kind::CloseBracket, start + 1),
            b',' => (Kind::Comma, start + 1),
            b'.' => (Kind::Dot, start + 1),
            b':' => (Kind::Colon, start + 1),
            // Every byte of a character beyond ASCII starts an identifier, so that this is one byte of ASCII.
            _ => (Kind::Other, start + 1),
        })
    }

    fn identifier_or_prefix(&self, start: usize, first: u8) -> Result<(TokenKind, usize), LexError> {
        match (first, self.byte(start + 1), self.byte(start + 2)) {
            (b'e' | b'E', b'\'', _) => Ok((TokenKind::EscapeString, self.escape_string(start, start + 2)?)),
            (b'b' | b'B' | b'x' | b'X', b'\'', _) => Ok((TokenKind::String, self.bit_string(start, start + 2)?)),
            // PostgreSQL reads N'…' as the keyword NCHAR and then a plain string.
            (b'n' | b'N', b'\'', _) => self.plain_string(start, start + 2),
            (b'u' | b'U', b'&', b'\'') => Ok((TokenKind::UnicodeString, self.quoted(start, start + 3, '\'')?)),
            (b'u' | b'U', b'&', b'"') => Ok((TokenKind::UnicodeIdentifier, self.quoted(start, start + 3, '"')?)),
            _ => Ok((TokenKind::Identifier, self.run(start + 1, IDENTIFIER))),
        }
    }

    fn plain_string(&self, start: usize, content: usize) -> Result<(TokenKind, usize), LexError> {
        match self.strings {
            StringSyntax::Standard => Ok((TokenKind::String, self.quoted(start, content, '\'')?)),
            StringSyntax::Escape => Ok((TokenKind::EscapeString, self.escape_string(start, content)?)),
        }
    }

    /// The end of a literal in which only the doubled quote is special.
    fn quoted(&self, start: usize, content: usize, quote: char) -> Result<usize, LexError> {
        let mut at = content;
        while let Some(found) = self.find(at, quote) {
            if self.byte(found + 1) != quote as u8 {
                return Ok(found + 1);
            }
            at = found + 2;
        }
        let kind = match quote {
            '"' => LexErrorKind::UnterminatedIdentifier,
            _ => LexErrorKind::UnterminatedString,
        };
        Err(LexError { kind, span: start..content })
    }

    /// The end of a `B'…'` or `X'…'`, in which nothing is special, not even a doubled quote: that begins another string.
    /// Its continuation on a further line is read with the same rules, whatever holds for plain strings.
    fn bit_string(&self, start: usize, content: usize) -> Result<usize, LexError> {
        let mut at = content;
        while let Some(found) = self.find(at, '\'') {
            match self.continuation(found + 1) {
                Some(continued) => at = continued,
                None => return Ok(found + 1),
            }
        }
        Err(LexError { kind: LexErrorKind::UnterminatedString, span: start..content })
    }

    /// The end of a literal with backslash escapes. Its continuation on a further line is read with the same rules, so
    /// that it belongs to this token: in `E'a'`, line end, `'b\'c'` the last quote but one does not end anything.
    fn escape_string(&self, start: usize, content: usize) -> Result<usize, LexError> {
        let bytes = self.text.as_bytes();
        let mut at = content;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 2,
                b'\'' if self.byte(at + 1) == b'\'' => at += 2,
                b'\'' => match self.continuation(at + 1) {
                    Some(continued) => at = continued,
                    None => return Ok(at + 1),
                },
                _ => at += 1,
            }
        }
        Err(LexError { kind: LexErrorKind::UnterminatedString, span: start..content })
    }

    /// The offset after the quote that continues a string, if only whitespace with a line end in it, and `--` comments,
    /// stand between.
    fn continuation(&self, after: usize) -> Option<usize> {
        let mut at = after;
        let mut line_ended = false;
        loop {
            match self.byte(at) {
                b'\n' | b'\r' => {
                    line_ended = true;
                    at += 1;
                }
                b'-' if self.byte(at + 1) == b'-' => at = self.run(at, LINE),
                b'\'' if line_ended => return Some(at + 1),
                byte if CLASSES[byte as usize] & SPACE != 0 => at += 1,
                _ => return None,
            }
        }
    }

    /// Each `/*` and each `*/` has a `/`, so that looking at those is enough.
    fn block_comment(&self, start: usize) -> Result<usize, LexError> {
        let mut at = start + 2;
        let mut depth = 1_usize;
        while let Some(slash) = self.find(at, '/') {
            // A star before `at` has been part of an opening `/*` already: `/*/` does not end what it begins.
            if slash > at && self.byte(slash - 1) == b'*' {
                depth -= 1;
                if depth == 0 {
                    return Ok(slash + 1);
                }
                at = slash + 1;
            } else if self.byte(slash + 1) == b'*' {
                depth += 1;
                at = slash + 2;
            } else {
                at = slash + 1;
            }
        }
        Err(LexError { kind: LexErrorKind::UnterminatedComment, span: start..start + 2 })
    }

    fn dollar(&self, start: usize) -> Result<(TokenKind, usize), LexError> {
        let second = self.byte(start + 1);
        if CLASSES[second as usize] & DIGIT != 0 {
            return Ok((TokenKind::Parameter, self.run(start + 1, DIGIT)));
        }
        let tag_end = match CLASSES[second as usize] & IDENTIFIER_START {
            0 => start + 1,
            _ => self.run(start + 1, TAG),
        };
        if self.byte(tag_end) != b'$' {
            return Ok((TokenKind::Other, start + 1));
        }
        let delimiter = self.text.get(start..=tag_end).unwrap_or_default();
        let mut at = tag_end + 1;
        // A tag holds no `$` itself, so that no two comparisons look at the same byte.
        while let Some(found) = self.find(at, '$') {
            if self.text.as_bytes()[found..].starts_with(delimiter.as_bytes()) {
                return Ok((TokenKind::DollarQuoted, found + delimiter.len()));
            }
            at = found + 1;
        }
        Err(LexError { kind: LexErrorKind::UnterminatedDollarQuote, span: start..tag_end + 1 })
    }

    /// Digits, a fraction, an exponent; `0x1f` and `1_000` of PostgreSQL 16, too. Letters right after a number are part
    /// of it: PostgreSQL 14 takes them for an identifier of its own, and later releases refuse them.
    fn number(&self, start: usize) -> usize {
        let mut at = self.run(start, NUMBER);
        // `1..10` is a range of PL/pgSQL and not the number `1.`
        if self.byte(at) == b'.' && self.byte(at + 1) != b'.' {
            at = self.run(at + 1, NUMBER);
        }
        let exponent = at > start && matches!(self.byte(at - 1), b'e' | b'E') && matches!(self.byte(at), b'+' | b'-');
        if exponent && CLASSES[self.byte(at + 1) as usize] & DIGIT != 0 {
            at = self.run(at + 1, NUMBER);
        }
        // In `1a$$` the `$` belong to that identifier; in `1$$` and `1e5$$` they begin a string.
        let has_identifier = || {
            let read = self.text.get(start..at).unwrap_or_default();
            let (mantissa, exponent) = read.split_once(['e', 'E']).unwrap_or((read, "0"));
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let is_letter = |byte: u8| CLASSES[byte as usize] & IDENTIFIER_START != 0;
            mantissa.bytes().any(is_letter) || exponent.is_empty() || exponent.bytes().any(is_letter)
        };
        if self.byte(at) == b'$' && has_identifier() { self.run(at, IDENTIFIER) } else { at }
    }

    /// An operator ends before a comment. One of several characters ends in `+` or `-` only if it holds one of
    /// ``~!@#%^&|`?``: in `a=-1` are two operators, in `a@-1` is one.
    fn operator(&mut self, start: usize) -> usize {
        if start < self.signs_until {
            return start + 1;
        }
        let bytes = self.text.as_bytes();
        let mut end = start;
        let mut last_other = start;
        let mut may_end_in_sign = false;
        while end < bytes.len() && CLASSES[bytes[end] as usize] & OPERATOR != 0 {
            if matches!((bytes[end], self.byte(end + 1)), (b'-', b'-') | (b'/', b'*')) {
                break;
            }
            match bytes[end] {
                b'+' | b'-' => {}
                b'*' | b'/' | b'<' | b'>' | b'=' => last_other = end,
                _ => may_end_in_sign = true,
            }
            end += 1;
        }
        if may_end_in_sign {
            return end;
        }
        self.signs_until = end;
        last_other + 1
    }

    /// The end of the bytes of these classes from there on.
    fn run(&self, from: usize, classes: u8) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while at < bytes.len() && CLASSES[bytes[at] as usize] & classes != 0 {
            at += 1;
        }
        at
    }

    /// The next such character from there on. The standard library searches fast in a debug build, too.
    fn find(&self, from: usize, wanted: char) -> Option<usize> {
        self.text.get(from..)?.find(wanted).map(|found| from + found)
    }

    /// The byte there, and NUL beyond the end, which no rule knows.
    fn byte(&self, at: usize) -> u8 {
        let bytes = self.text.as_bytes();
        if at < bytes.len() { bytes[at] } else { 0 }
    }
}

const SPACE: u8 = 1;
const DIGIT: u8 = 1 << 1;
const IDENTIFIER_START: u8 = 1 << 2;
/// What goes on with an identifier.
const IDENTIFIER: u8 = 1 << 3;
/// What goes on with the tag of a dollar quote.
const TAG: u8 = 1 << 4;
/// What goes on with a number.
const NUMBER: u8 = 1 << 5;
const OPERATOR: u8 = 1 << 6;
/// What goes on with a line. A lone CR ends a `--` comment, too, in PostgreSQL.
const LINE: u8 = 1 << 7;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        let class = match byte {
            // PostgreSQL knows the vertical tab as a space since version 16.
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'0'..=b'9' => DIGIT | IDENTIFIER | TAG | NUMBER,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => IDENTIFIER_START | IDENTIFIER | TAG | NUMBER,
            // Whatever is not ASCII counts as a letter, non-breaking spaces and all.
            0x80..=0xff => IDENTIFIER_START | IDENTIFIER | TAG,
            b'$' => IDENTIFIER,
            b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' | b'~' | b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'|'
            | b'`' | b'?' => OPERATOR,
            _ => 0,
        };
        classes[byte as usize] = if matches!(byte, b'\n' | b'\r') { class } else { class | LINE };
        if byte == u8::MAX {
            return classes;
        }
        byte += 1;
    }
}
