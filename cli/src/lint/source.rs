//! The files of a set as the linter gets them.

use std::ops::Range;

use graven_source::lexer::{Lexer, TokenKind};
use graven_source::problem::Problem;
use graven_source::set::{Control, Sealing, Set};
use graven_source::statement::{Statement, split};
use graven_source::{Directives, Transaction};

use super::scope::Scope;

/// A statement of more bytes holds data, and no change of a schema.
const LONG: usize = 64 << 10;
/// As deep as parentheses may be nested. PostgreSQL's own stack ends at some thousands.
const DEEP: usize = 1_000;
/// A text of more bytes is read without its data.
const LARGE: usize = 1 << 20;
/// How a statement begins that changes no schema.
const DATA: [&str; 7] = ["insert", "update", "delete", "merge", "select", "values", "copy"];

/// A file.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// As it is shown.
    pub(super) path: String,
    pub(super) text: &'a str,
    pub(super) is_linted: bool,
    /// Whether no database in use has had it.
    pub(super) is_new: bool,
    pub(super) standing: Standing,
    /// What is typed after an edit of it, where it is sealed.
    pub(super) accept_edit: String,
    pub(super) transaction: Transaction,
    pub(super) statements: Vec<Statement>,
    /// The text as the linter gets it: what it is not to see is blank, and all else stands where it stood.
    pub(super) sql: String,
    /// The statements that are blank although they might change a schema.
    pub(super) unread: Vec<Range<usize>>,
}

/// Whether a file may still be written to, as with an `allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is not sealed.
    Open,
    /// It is sealed on the branch that brings it, and an edit of it can be accepted.
    New,
    /// It is sealed for good.
    Sealed,
}

/// All versioned migrations, since what an earlier one did may matter; and the repeatables where they are linted.
pub(super) fn of<'a>(set: &'a Set, scope: &Scope, problems: &[Problem]) -> Vec<Source<'a>> {
    let is_sound = |path: &str| problems.iter().all(|problem| problem.path != path);
    let versioned = set.migrations.iter().map(|found| {
        let standing = match found.sealing {
            Sealing::Sealed if scope.was_added(&found.file) => Standing::New,
            Sealing::Sealed => Standing::Sealed,
            _ => Standing::Open,
        };
        let accept_edit = set.graven(&format!("seal --accept-edit {}", found.version));
        (scope.holds(found), standing, accept_edit, &found.file, &found.text, &found.directives, &found.control)
    });
    let repeatables = set.repeatables.iter().map(|found| {
        let is_held = scope.holds_repeatable(found);
        (is_held, Standing::Open, String::new(), &found.file, &found.text, &found.directives, &found.control)
    });
    type Found<'a> = (bool, Standing, String, &'a String, &'a String, &'a Directives, &'a Control);
    let source = |(is_held, standing, accept_edit, file, text, directives, control): Found<'a>| {
        let path = set.path_of(file);
        let is_linted = is_held && is_sound(&path);
        let (transaction, statements, unread) = (directives.transaction, Vec::new(), Vec::new());
        let (is_new, sql) = (scope.is_new(file), String::new());
        (Source { path, text, is_linted, is_new, standing, accept_edit, transaction, statements, sql, unread }, control)
    };
    let mut all: Vec<(Source<'a>, &Control)> = versioned.chain(repeatables).map(source).collect();
    // What comes after the last one that is linted does not matter.
    all.truncate(all.iter().rposition(|(source, _)| source.is_linted).map_or(0, |last| last + 1));
    all.into_iter().map(|(source, control)| source.read(control)).collect()
}

impl<'a> Source<'a> {
    fn read(mut self, control: &Control) -> Self {
        // What cannot be split is a problem, and such a file is not linted.
        if self.is_linted || may_prove(self.text) {
            self.statements = split(self.text).unwrap_or_default();
        }
        if self.is_linted {
            self.prepare(control);
        }
        self
    }

    /// Each statement, and where it begins.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let text = self.text;
        self.statements.iter().filter_map(move |it| Some((it.span.start, text.get(it.span.clone())?)))
    }

    fn prepare(&mut self, control: &Control) {
        let mut sql = self.text.to_owned();
        self.blank_empty_statements(&mut sql);
        // graven sends neither of an absorbed pair, so that all of the file is one transaction.
        if let Control::Absorbed(spans) = control {
            spans.iter().for_each(|span| blank(&mut sql, span.clone()));
        }
        for Statement { span, .. } in &self.statements {
            let statement = self.text.get(span.clone()).unwrap_or_default();
            let is_data = begins_with_data(statement);
            if too_much(statement).is_some() || (self.text.len() > LARGE && is_data) {
                blank(&mut sql, span.clone());
                if !is_data {
                    self.unread.push(span.clone());
                }
            }
        }
        self.sql = sql;
    }

    /// Leaves no `;` between two statements: the linter makes a tree of each. Comments stay, as some are meant for it.
    fn blank_empty_statements(&self, sql: &mut String) {
        let starts = self.statements.iter().map(|statement| statement.span.start).chain([self.text.len()]);
        let ends = [0].into_iter().chain(self.statements.iter().map(|statement| statement.span.end));
        for (end, start) in ends.zip(starts) {
            let between = self.text.get(end..start).unwrap_or_default();
            if !between.contains(';') {
                continue;
            }
            let tokens = Lexer::new(between).map_while(Result::ok);
            let shown = tokens.map(|token| match token.kind {
                TokenKind::Semicolon => " ",
                _ => between.get(token.start..token.end).unwrap_or_default(),
            });
            sql.replace_range(end..start, &shown.collect::<String>());
        }
    }
}

/// What keeps the linter from a statement, whosever fault it is that there is so much of it.
pub(super) fn too_much(statement: &str) -> Option<&'static str> {
    if statement.len() > LONG {
        Some("it is longer than 64 KiB")
    } else if depth(statement) > DEEP {
        Some("its parentheses are nested more than 1,000 deep")
    } else {
        None
    }
}

/// Whether it may say something of NULL that a later file relies on.
fn may_prove(text: &str) -> bool {
    let has =
        |word: &str| text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
    has("constraint")
}

fn begins_with_data(statement: &str) -> bool {
    let word = statement.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    DATA.iter().any(|data| word.eq_ignore_ascii_case(data))
}

/// How deep parentheses are nested, those in strings included: squawk reads the bodies of functions, too.
fn depth(statement: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in statement.bytes() {
        match byte {
            b'(' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Writes spaces over a part of a text, so that all else stays where it is.
pub(super) fn blank(text: &mut String, span: Range<usize>) {
    if text.get(span.clone()).is_some() {
        let spaces: String = text
            .get(span.clone())
            .unwrap_or_default()
            .bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
            .collect();
        text.replace_range(span, &spaces);
    }
}

#[cfg(test)]
mod tests {
    use graven_source::Transaction;
    use graven_source::set::Control;
    use graven_source::statement::split;

    use super::{Source, Standing};

    #[test]
    fn the_linter_gets_no_empty_statement_and_everything_else_where_it_stood() {
        let text = ";;select 1;;\n; /* ; */ -- squawk-ignore;\n;select ';';;\n;é;select 2";
        let mut source = Source {
            path: String::new(),
            text,
            is_linted: true,
            is_new: true,
            standing: Standing::Open,
            accept_edit: String::new(),
            transaction: Transaction::On,
            statements: split(text).expect("statements"),
            sql: String::new(),
            unread: Vec::new(),
        };
        source.prepare(&Control::default());
        assert_eq!(source.sql, "  select 1; \n  /* ; */ -- squawk-ignore;\n select ';'; \n é;select 2");
    }
}
