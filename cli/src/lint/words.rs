//! The words of a statement, for what a glance at them tells.

use graven_source::lexer::{Lexer, TokenKind};

/// All words and signs. Names are as PostgreSQL stores them, but for those with quotes inside.
pub(super) fn words(text: &str) -> Vec<String> {
    read(text).collect()
}

/// The same, as far as they are asked for.
pub(super) fn read(text: &str) -> impl Iterator<Item = String> {
    placed(text).map(|(_, word)| word)
}

/// The same, each with the place at which it ends, in bytes.
pub(super) fn placed(text: &str) -> impl Iterator<Item = (usize, String)> {
    let tokens = Lexer::new(text).map_while(Result::ok);
    tokens
        .filter(|token| !matches!(token.kind, TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment))
        .map(|token| {
            let written = text.get(token.start..token.end).unwrap_or_default();
            let word = match token.kind {
                TokenKind::QuotedIdentifier => written.trim_matches('"').to_owned(),
                _ => written.to_ascii_lowercase(),
            };
            (token.end, word)
        })
}
