//! Statement boundaries, and what each statement is as far as graven must know.
//!
//! A text is split where PostgreSQL's own grammar splits it: not inside of literals and comments, not in the
//! parentheses of a rule with several commands, not in the body of a function in SQL (`BEGIN ATOMIC … END`). It does
//! not check grammar: what PostgreSQL would refuse comes out as some statement.

mod classify;
mod control;
mod locks;
mod name;
mod strings;
#[cfg(test)]
mod tests;
mod tokens;
mod until_commit;

use std::ops::Range;

use self::classify::classify;
pub use self::classify::{ConcurrentIndex, StatementKind};
pub use self::control::{ControlProblem, ControlReason, Unit, absorb, units};
pub use self::locks::{ALTER_TABLE, Change, KNOWN, Known, Lock, LockMode, Locked, change, locks};
pub use self::name::QualifiedName;
use self::strings::Strings;
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
/// Each byte of the text belongs to one statement or to the space between two. That space holds whitespace, comments
/// and the `;` of empty statements, and nothing else but this: the lines of data after `COPY … FROM STDIN;`, up to the
/// line `\.`, belong to it, too.
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
    split_noting_comments(text).map(|(statements, _)| statements)
}

/// The statements of a text as [`split`] has them, and the offset of each `--` comment that begins a line.
pub(crate) fn split_noting_comments(text: &str) -> Result<(Vec<Statement>, Vec<usize>), LexError> {
    let mut reader = Reader::new(text);
    let mut comments = Vec::new();
    while reader.read_on(&mut comments)? {}
    Ok((reader.statements(), comments))
}

/// The statement that holds that byte, or else the first one after it.
#[must_use]
pub fn at_offset(statements: &[Statement], offset: usize) -> Option<&Statement> {
    statements.get(statements.partition_point(|statement| statement.span.end <= offset))
}

/// Reads a text token by token, comments included, and gathers its statements on the way. Plain strings are read as the
/// statements so far have left `standard_conforming_strings`.
pub(crate) struct Reader<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    strings: Strings,
    open: Option<Open>,
    done: Vec<Statement>,
}

impl Iterator for Reader<'_> {
    type Item = Result<Token, LexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let token = match self.lexer.next()? {
            Ok(token) => token,
            error => return Some(error),
        };
        self.take(token);
        Some(Ok(token))
    }
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, lexer: Lexer::new(text), strings: Strings::default(), open: None, done: Vec::new() }
    }

    /// Reads up to the next token that may decide something about a statement, and that one: of a statement that is open,
    /// mostly all is known but where it ends. `false` at the end of the text. For whoever wants no tokens.
    fn read_on(&mut self, comments: &mut Vec<usize>) -> Result<bool, LexError> {
        match &mut self.open {
            Some(open) if open.progress == Progress::Plain => {
                if let Some(end) = self.lexer.skip_to_semicolon(&mut open.parentheses, comments)? {
                    open.end = end;
                }
            }
            _ => self.lexer.skip_blanks(comments)?,
        }
        if let Some(token) = self.lexer.next_simple() {
            self.take(token);
            return Ok(true);
        }
        self.next().transpose().map(|token| token.is_some())
    }

    fn take(&mut self, token: Token) {
        match &mut self.open {
            Some(open) if token.kind == TokenKind::Semicolon && open.ends_at_semicolon() => self.end_statement(token),
            Some(open) if !token.is_blank() => open.read(token, self.text),
            None if !token.is_blank() && token.kind != TokenKind::Semicolon => {
                self.open.insert(Open::new(token.start)).read(token, self.text);
            }
            _ => {}
        }
    }

    /// The statements that have been read, the last one included where it has no `;`.
    fn statements(mut self) -> Vec<Statement> {
        if let Some(open) = self.open {
            let kind = open.kind(self.text, self.strings.now());
            self.done.push(Statement { span: open.start..open.end, kind });
        }
        self.done
    }

    fn end_statement(&mut self, semicolon: Token) {
        let Some(open) = self.open.take() else { return };
        let syntax = self.strings.now();
        let kind = open.kind(self.text, syntax);
        if open.may_matter(self.text) {
            self.strings.follow(&kind, open.tokens(self.text, syntax));
        }
        self.lexer.read_strings_as(self.strings.now());
        if kind == StatementKind::CopyFromStdin {
            self.lexer.skip_to(after_copy_data(self.text, semicolon.end));
        }
        self.done.push(Statement { span: open.start..semicolon.end, kind });
    }
}

/// A statement that is being read.
struct Open {
    start: usize,
    end: usize,
    /// How many parentheses are open. A `;` in parentheses separates the commands of a rule.
    parentheses: usize,
    /// How many bodies `BEGIN ATOMIC … END` are open. A `;` in one separates the statements of the body. PostgreSQL's
    /// grammar lets them nest.
    bodies: usize,
    progress: Progress,
}

/// How far a statement, or one in a body, has shown itself to be one that may hold a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nothing of it has been read. Only here can `END` be the end of a body: everywhere else it ends a CASE or is a name.
    Start,
    Create,
    CreateOr,
    /// It is `CREATE FUNCTION` or `CREATE PROCEDURE`.
    Routine,
    /// `BEGIN` was its last word.
    Begin,
    /// It holds no body, or none any more.
    Plain,
}

impl Open {
    const fn new(start: usize) -> Self {
        Self { start, end: start, parentheses: 0, bodies: 0, progress: Progress::Start }
    }

    fn ends_at_semicolon(&self) -> bool {
        self.parentheses == 0 && self.bodies == 0
    }

    fn read(&mut self, token: Token, text: &str) {
        self.end = token.end;
        match token.kind {
            TokenKind::OpenParen => self.parentheses += 1,
            TokenKind::CloseParen => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        if self.parentheses > 0 {
            return;
        }
        if token.kind == TokenKind::Semicolon {
            self.progress = Progress::Start;
        } else if self.progress != Progress::Plain {
            self.advance(token, text);
        }
    }

    fn advance(&mut self, token: Token, text: &str) {
        let first = text.as_bytes().get(token.start).map_or(0, |byte| byte | 0x20);
        if self.progress == Progress::Start && !matches!(first, b'c' | b'e') {
            self.progress = Progress::Plain;
            return;
        }
        let is = |word: &str| token.kind == TokenKind::Identifier && token.text(text).eq_ignore_ascii_case(word);
        self.progress = match self.progress {
            Progress::Start if is("create") => Progress::Create,
            Progress::Start if self.bodies > 0 && is("end") => {
                self.bodies -= 1;
                Progress::Plain
            }
            Progress::Create if is("or") => Progress::CreateOr,
            Progress::CreateOr if is("replace") => Progress::Create,
            Progress::Create if is("function") || is("procedure") => Progress::Routine,
            Progress::Routine | Progress::Begin if is("begin") => Progress::Begin,
            Progress::Begin if is("atomic") => {
                self.bodies += 1;
                Progress::Start
            }
            Progress::Routine | Progress::Begin => Progress::Routine,
            Progress::Start | Progress::Create | Progress::CreateOr | Progress::Plain => Progress::Plain,
        };
    }

    fn tokens<'t>(&self, text: &'t str, strings: StringSyntax) -> Tokens<'t> {
        Tokens::new(text.get(self.start..self.end).unwrap_or_default(), strings)
    }

    fn kind(&self, text: &str, strings: StringSyntax) -> StatementKind {
        if self.may_matter(text) { classify(self.tokens(text, strings)) } else { StatementKind::Ordinary }
    }

    /// Whether it may be anything but an ordinary statement, and do anything to how strings are read, by its first letter.
    /// Most statements are not, and begin with INSERT, UPDATE or GRANT.
    fn may_matter(&self, text: &str) -> bool {
        let first = text.as_bytes().get(self.start).map_or(0, |byte| byte | 0x20);
        matches!(first, b'a'..=b'e' | b'p' | b'r' | b's' | b'v')
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
