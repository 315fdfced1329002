//! Statement boundaries, and what each statement is as far as graven must know.
//!
//! A text is split where PostgreSQL's own grammar splits it: not inside of literals and comments, not in the
//! parentheses of a rule with several commands, not in the body of a function in SQL (`BEGIN ATOMIC … END`). It does
//! not check grammar: what PostgreSQL would refuse comes out as some statement.

mod classify;
mod control;
mod name;
#[cfg(test)]
mod tests;
mod tokens;

use std::ops::Range;

pub use self::classify::{ConcurrentIndex, StatementKind};
use self::classify::{StringSetting, classify, string_setting};
pub use self::control::{ControlProblem, ControlReason, Unit, absorb, units};
pub use self::name::QualifiedName;
use self::tokens::Tokens;
pub use crate::lexer::{LexError, LexErrorKind};
use crate::lexer::{Lexer, StringSyntax, Token, TokenKind};

/// A statement of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From its first token to the end of its `;`, or of its last token where the text ends without one. Comments before
    /// and after it are outside.
    pub span: Range<usize>,
    /// What it is.
    pub kind: StatementKind,
}

/// The statements of a text, in order. An empty one (`;;`) is none, and neither are comments.
///
/// The lines of data after `COPY … FROM STDIN;`, up to the line `\.`, belong to no statement.
///
/// ```
/// use graven_source::statement::{StatementKind, split};
///
/// let text = "begin; create table t (a text default ';'); commit";
/// let statements = split(text)?;
/// let texts: Vec<_> = statements.iter().map(|statement| &text[statement.span.clone()]).collect();
/// assert_eq!(texts, ["begin;", "create table t (a text default ';');", "commit"]);
/// assert_eq!(statements[0].kind, StatementKind::Begin { plain: true });
/// # Ok::<(), graven_source::lexer::LexError>(())
/// ```
///
/// # Errors
///
/// A literal or a comment that never ends, and a meta-command of psql. The first one only: what follows it cannot be
/// told apart.
pub fn split(text: &str) -> Result<Vec<Statement>, LexError> {
    let mut lexer = Lexer::new(text);
    let mut strings = Strings::default();
    let mut statements = Vec::new();
    let mut open: Option<Open> = None;
    while let Some(token) = lexer.next() {
        let token = token?;
        if token.is_blank() {
            continue;
        }
        if token.kind == TokenKind::Semicolon && open.as_ref().is_none_or(Open::ends_at_semicolon) {
            if let Some(open) = open.take() {
                let kind = open.kind(text, strings.now);
                strings.follow(&kind, open.tokens(text, strings.now));
                lexer.read_strings_as(strings.now);
                if kind == StatementKind::CopyFromStdin {
                    lexer.skip_to(after_copy_data(text, token.end));
                }
                statements.push(Statement { span: open.start..token.end, kind });
            }
            continue;
        }
        open.get_or_insert_with(|| Open::new(token.start)).read(token, text);
    }
    if let Some(open) = open {
        statements.push(Statement { span: open.start..open.end, kind: open.kind(text, strings.now) });
    }
    Ok(statements)
}

/// The statement that holds that byte, or else the first one after it.
#[must_use]
pub fn at_offset(statements: &[Statement], offset: usize) -> Option<&Statement> {
    statements.get(statements.partition_point(|statement| statement.span.end <= offset))
}

/// A statement that is being read.
struct Open {
    start: usize,
    end: usize,
    /// How many parentheses are open. A `;` in parentheses separates the commands of a rule.
    parentheses: usize,
    routine: Routine,
}

/// How far a statement has shown itself to be one that may hold a body `BEGIN ATOMIC … END`, in which `;` separates the
/// statements of the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routine {
    Start,
    Create,
    CreateOr,
    /// It is `CREATE FUNCTION` or `CREATE PROCEDURE`.
    Head,
    /// `BEGIN` was the last word.
    Begin,
    /// In the body, where a statement of it begins. Only there can `END` be the end of the body: everywhere else it
    /// ends a CASE or is a name.
    BodyStatement,
    BodyRest,
    No,
}

impl Open {
    const fn new(start: usize) -> Self {
        Self { start, end: start, parentheses: 0, routine: Routine::Start }
    }

    fn ends_at_semicolon(&self) -> bool {
        self.parentheses == 0 && !matches!(self.routine, Routine::BodyStatement | Routine::BodyRest)
    }

    fn read(&mut self, token: Token, text: &str) {
        self.end = token.end;
        match token.kind {
            TokenKind::OpenParen => self.parentheses += 1,
            TokenKind::CloseParen => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        if self.routine != Routine::No && self.parentheses == 0 {
            self.routine = self.routine.after(token, text);
        }
    }

    fn tokens<'t>(&self, text: &'t str, strings: StringSyntax) -> Tokens<'t> {
        Tokens::new(text.get(self.start..self.end).unwrap_or_default(), strings)
    }

    fn kind(&self, text: &str, strings: StringSyntax) -> StatementKind {
        classify(self.tokens(text, strings))
    }
}

impl Routine {
    fn after(self, token: Token, text: &str) -> Self {
        let is = |word: &str| token.kind == TokenKind::Identifier && token.text(text).eq_ignore_ascii_case(word);
        match self {
            Self::Start if is("create") => Self::Create,
            Self::Create if is("or") => Self::CreateOr,
            Self::CreateOr if is("replace") => Self::Create,
            Self::Create if is("function") || is("procedure") => Self::Head,
            Self::Start | Self::Create | Self::CreateOr | Self::No => Self::No,
            Self::Head | Self::Begin if is("begin") => Self::Begin,
            Self::Begin if is("atomic") => Self::BodyStatement,
            Self::Head | Self::Begin => Self::Head,
            Self::BodyStatement if is("end") => Self::No,
            Self::BodyStatement | Self::BodyRest if token.kind == TokenKind::Semicolon => Self::BodyStatement,
            Self::BodyStatement | Self::BodyRest => Self::BodyRest,
        }
    }
}

/// How plain strings are read, as the statements so far have left it.
#[derive(Default)]
struct Strings {
    now: StringSyntax,
    /// What holds again after the transaction, once SET LOCAL has changed it.
    after_transaction: Option<StringSyntax>,
}

impl Strings {
    fn follow(&mut self, kind: &StatementKind, tokens: Tokens<'_>) {
        match kind {
            StatementKind::Session => match string_setting(tokens) {
                Some(StringSetting::Session(syntax)) => *self = Self { now: syntax, after_transaction: None },
                Some(StringSetting::Local(syntax)) => {
                    self.after_transaction.get_or_insert(self.now);
                    self.now = syntax;
                }
                None => {}
            },
            StatementKind::Commit { .. } | StatementKind::Rollback => {
                self.now = self.after_transaction.take().unwrap_or(self.now);
            }
            _ => {}
        }
    }
}

/// The offset after the data that follow `COPY … FROM STDIN;` as psql reads them: from the next line to a line `\.`, or
/// to the end of the text.
fn after_copy_data(text: &str, after: usize) -> usize {
    let rest = text.get(after..).unwrap_or_default();
    let mut at = after;
    for (number, line) in rest.split_inclusive('\n').enumerate() {
        at += line.len();
        if number > 0 && line.trim_end_matches(['\n', '\r']) == "\\." {
            return at;
        }
    }
    text.len()
}
