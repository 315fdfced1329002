//! Where in a migration's file an error happened: from the position that the server gives, or by counting statements.

use std::ops::Range;

use graven_source::statement::split;

use crate::connection::Failure;
use crate::migrations::Migration;

/// A text that was sent, and which part of the file it holds.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) text: String,
    /// Characters that stand before the file's part.
    before: usize,
    /// Statements that stand before it.
    statements_before: usize,
    /// Which part of the file it is, in bytes.
    part: Range<usize>,
}

impl Sent {
    /// A part of the file as it goes to the server.
    pub(crate) fn part(migration: &Migration, part: Range<usize>) -> Self {
        let text = blanked(migration, part.clone());
        Self { text, before: 0, statements_before: 0, part }
    }

    /// A transactional migration, in as many messages as it needs.
    ///
    /// The server reads the strings of a whole message by what `standard_conforming_strings` says when the message comes,
    /// so that a file which changes that goes out statement by statement, as psql would send it. All others are one.
    pub(crate) fn pieces(migration: &Migration) -> Vec<Self> {
        let whole = || vec![Self::part(migration, 0..migration.sql.len())];
        if !contains_ignoring_case(migration.sql, "standard_conforming_strings") {
            return whole();
        }
        let statements = statements(migration, &(0..migration.sql.len()));
        if statements.is_empty() {
            return whole();
        }
        statements.into_iter().map(|statement| Self::part(migration, statement)).collect()
    }

    /// Puts something of graven's own before it.
    pub(crate) fn precede(&mut self, head: &str, statements: usize) {
        self.text.insert_str(0, head);
        self.before += head.chars().count();
        self.statements_before += statements;
    }

    /// Puts something of graven's own after it.
    pub(crate) fn follow(&mut self, tail: &str) {
        self.text.push_str(tail);
    }

    /// The bytes of the file that a failure is about, where that can be told.
    pub(crate) fn locate(&self, migration: &Migration, failure: &Failure, completed: usize) -> Option<Range<usize>> {
        let Failure::Server(error) = failure else { return None };
        let text = migration.sql.get(self.part.clone())?;
        match error.position {
            Some(position) => {
                let character = usize::try_from(position).ok()?.checked_sub(1)?.checked_sub(self.before)?;
                let at = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(character)?;
                Some(self.part.start + at..self.part.start + at + word(text.get(at..)?))
            }
            None => {
                // A function's body or a constraint has no place in the text: the statement that was running has.
                let number = completed.checked_sub(self.statements_before)?;
                let statement = statements(migration, &self.part).into_iter().nth(number)?;
                let start = statement.start;
                let line = text.get(statement)?.lines().next().map_or(0, |line| line.trim_end().len());
                Some(self.part.start + start..self.part.start + start + line)
            }
        }
    }
}

/// A part of a file with its own BEGIN and COMMIT turned into as many spaces, so that positions stay what they are.
fn blanked(migration: &Migration, part: Range<usize>) -> String {
    let mut text = migration.sql.get(part.clone()).unwrap_or_default().to_owned();
    // From the last to the first: spaces may be shorter than the letters of a comment between the words.
    for absorbed in absorbed(migration).filter(|absorbed| absorbed.start >= part.start).rev() {
        let within = absorbed.start - part.start..absorbed.end - part.start;
        if let Some(words) = text.get(within.clone()) {
            let spaces: String = words.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            text.replace_range(within, &spaces);
        }
    }
    text
}

/// The statements of a part that are sent, in bytes of that part.
fn statements(migration: &Migration, part: &Range<usize>) -> Vec<Range<usize>> {
    let text = migration.sql.get(part.clone()).unwrap_or_default();
    let sent = |statement: &Range<usize>| {
        !absorbed(migration).any(|absorbed| absorbed.contains(&(part.start + statement.start)))
    };
    split(text).unwrap_or_default().into_iter().map(|statement| statement.span).filter(sent).collect()
}

fn absorbed(migration: &Migration) -> impl DoubleEndedIterator<Item = Range<usize>> {
    migration.details.absorbed.iter().map(|(start, end)| *start as usize..*end as usize)
}

/// How many bytes the word at the head of a text has; one character where it is no word.
fn word(text: &str) -> usize {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    if end > 0 { end } else { text.chars().next().map_or(0, char::len_utf8) }
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}
