//! The words of a statement, for what a glance at them tells.

use graven_source::lexer::{Lexer, TokenKind};

/// All words and signs. Names are as PostgreSQL stores them, but for those with quotes inside.
pub(super) fn words(text: &str) -> Vec<String> {
    read(text).collect()
}

/// The same, as far as they are asked for.
pub(super) fn read(text: &str) -> impl Iterator<Item = String> {
    let tokens = Lexer::new(text).map_while(Result::ok);
    tokens
        .filter(|token| !matches!(token.kind, TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment))
        .map(|token| {
            let written = text.get(token.start..token.end).unwrap_or_default();
            match token.kind {
                TokenKind::QuotedIdentifier => written.trim_matches('"').to_owned(),
                _ => written.to_ascii_lowercase(),
            }
        })
}
