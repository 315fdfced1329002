//! The files of a set as the linter gets them.

use std::ops::Range;

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
    /// It is sealed on the branch that brings it, and can be sealed anew.
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
        (scope.holds(found), standing, &found.file, &found.text, &found.directives, &found.control)
    });
    let repeatables = set.repeatables.iter().map(|found| {
        (scope.holds_repeatable(found), Standing::Open, &found.file, &found.text, &found.directives, &found.control)
    });
    let source = |(is_held, standing, file, text, directives, control): (_, _, &String, &'a String, &Directives, _)| {
        let path = set.path_of(file);
        let is_linted = is_held && is_sound(&path);
        let (transaction, statements, unread) = (directives.transaction, Vec::new(), Vec::new());
        let (is_new, sql) = (scope.is_new(file), String::new());
        (Source { path, text, is_linted, is_new, standing, transaction, statements, sql, unread }, control)
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
        // graven sends neither of an absorbed pair, so that all of the file is one transaction.
        if let Control::Absorbed(spans) = control {
            spans.iter().for_each(|span| blank(&mut sql, span.clone()));
        }
        for Statement { span, .. } in &self.statements {
            let statement = self.text.get(span.clone()).unwrap_or_default();
            let is_data = begins_with_data(statement);
            if statement.len() > LONG || depth(statement) > DEEP || (self.text.len() > LARGE && is_data) {
                blank(&mut sql, span.clone());
                if !is_data {
                    self.unread.push(span.clone());
                }
            }
        }
        self.sql = sql;
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
