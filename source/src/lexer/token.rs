//! What the lexer gives: a token, or the place where a text stops being tokens.

use std::fmt;
use std::ops::Range;

/// A token and the bytes that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// The offset of its first byte.
    pub start: usize,
    /// The offset after its last byte.
    pub end: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenKind {
    /// Spaces, tabs and line ends.
    Whitespace,
    /// `-- …`, without the line end.
    LineComment,
    /// `/* … */`, with those nested inside of it.
    BlockComment,
    /// `'…'`, and the kinds that are read like it: `N'…'`, `B'…'` and `X'…'`.
    String,
    /// `E'…'`, and `'…'` where [`StringSyntax::Escape`](super::StringSyntax::Escape) holds; with its continuations on further lines.
    EscapeString,
    /// `U&'…'`.
    UnicodeString,
    /// `$tag$…$tag$`.
    DollarQuoted,
    /// A name or a keyword.
    Identifier,
    /// `"…"`.
    QuotedIdentifier,
    /// `U&"…"`.
    UnicodeIdentifier,
    /// A numeric literal.
    Number,
    /// `$1`.
    Parameter,
    /// One or several of ``+-*/<>=~!@#%^&|`?``.
    Operator,
    /// `;`
    Semicolon,
    /// `(`
    OpenParen,
    /// `)`
    CloseParen,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `:`, also each one of `::`.
    Colon,
    /// A character that PostgreSQL has no use for.
    Other,
}

impl Token {
    /// The bytes that it covers.
    #[must_use]
    pub const fn span(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Its text, given the text that it was read from.
    #[must_use]
    pub fn text<'t>(&self, whole: &'t str) -> &'t str {
        whole.get(self.span()).unwrap_or_default()
    }

    /// Whether it is whitespace or a comment, which PostgreSQL's grammar never sees.
    #[must_use]
    pub const fn is_blank(&self) -> bool {
        matches!(self.kind, TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment)
    }
}

/// Where a text stops being tokens, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LexError {
    /// What is wrong.
    pub kind: LexErrorKind,
    /// Of what never ends, the opening delimiter; of a psql command, all of it.
    pub span: Range<usize>,
}

/// Why a text stops being tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LexErrorKind {
    /// A `'…'` of any kind never ends.
    UnterminatedString,
    /// A `"…"` never ends.
    UnterminatedIdentifier,
    /// A `$tag$…$tag$` never ends.
    UnterminatedDollarQuote,
    /// A `/* … */` never ends. Block comments nest in PostgreSQL: each `/*` inside of one needs its own `*/`.
    UnterminatedComment,
    /// A backslash outside of literals: a meta-command of psql, which PostgreSQL itself does not know.
    PsqlCommand,
}

impl fmt::Display for LexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl fmt::Display for LexErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnterminatedString => "this string never ends",
            Self::UnterminatedIdentifier => "this quoted identifier never ends",
            Self::UnterminatedDollarQuote => "this dollar-quoted string never ends",
            Self::UnterminatedComment => "this block comment never ends",
            Self::PsqlCommand => "this is a command of psql, not SQL",
        })
    }
}

impl std::error::Error for LexError {}
