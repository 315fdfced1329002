//! What of a file goes to the server, and where in the file an error happened: from the position that the server gives,
//! or by counting statements.

use std::ops::Range;

use graven_source::Kind;
use graven_source::statement::split;

use crate::connection::Failure;
use crate::history::Table;
use crate::migrations::{Migration, Unit};
use crate::sql::literal;

const SYNTAX_ERROR: &str = "42601";

/// A text that goes to the server, and which part of the file it holds.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) text: String,
    /// Characters that stand before the file's part.
    before: usize,
    /// Statements that stand before it.
    statements_before: usize,
    /// Which part of the file it is, in bytes.
    part: Range<usize>,
    /// What of the file is not sent at this place, in bytes, ascending.
    left_out: Vec<Range<usize>>,
}

/// A transactional migration, made ready to be sent.
#[derive(Debug)]
pub(crate) struct Pieces {
    /// Statements that PostgreSQL takes only as the first of a transaction: they go before the claim.
    pub(crate) opening: Vec<&'static str>,
    /// All the rest, in as many messages as it needs: nearly always one.
    pub(crate) sent: Vec<Sent>,
}

impl Pieces {
    /// Takes a transactional migration apart.
    ///
    /// The server reads the strings of a whole message by what `standard_conforming_strings` says when the message comes,
    /// so that a file which may change that goes out statement by statement, as psql would send it. A large file goes out in
    /// parts of several statements, since a driver copies what it sends more than once.
    pub(crate) fn of(migration: &Migration) -> Self {
        let opening = opening(migration);
        let mut left_out: Vec<_> = absorbed(migration).chain(opening.iter().cloned()).collect();
        left_out.sort_by_key(|span| span.start);
        let mut parts = Vec::new();
        if goes_in_pieces(migration) {
            parts = statements(migration.sql(), 0, &left_out);
        }
        if !changes_strings(migration.sql()) {
            parts = together(parts);
        }
        if parts.is_empty() {
            parts.push(0..migration.text().len());
        }
        Self {
            opening: opening.into_iter().filter_map(|span| migration.text().part(span)).collect(),
            sent: parts.into_iter().map(|part| Sent::new(migration, part, left_out.clone())).collect(),
        }
    }
}

impl Sent {
    /// A unit of a non-transactional migration.
    pub(crate) fn unit(table: &Table, migration: &Migration, unit: Unit) -> Self {
        let mut sent = Self::new(migration, unit.start as usize..unit.end as usize, Vec::new());
        sent.precede(&head_of_unit(table, migration), 0);
        sent
    }

    fn new(migration: &Migration, part: Range<usize>, left_out: Vec<Range<usize>>) -> Self {
        let text = blanked(migration, &part, &left_out);
        Self { text, before: 0, statements_before: 0, part, left_out }
    }

    /// Puts something of graven's own before it.
    pub(crate) fn precede(&mut self, head: &str, statements: usize) {
        self.text.insert_str(0, head);
        self.before += head.chars().count();
        self.statements_before += statements;
    }

    /// Says that so many characters more stand before it in the message.
    pub(crate) fn shift(&mut self, characters: usize) {
        self.before += characters;
    }

    /// Puts something of graven's own into it, before that byte of the file's part: what stands before it keeps its place.
    pub(crate) fn insert(&mut self, at: usize, statements: &str) {
        let head = self.text.char_indices().nth(self.before).map_or(self.text.len(), |(head, _)| head);
        if self.text.is_char_boundary(head + at) {
            self.text.insert_str(head + at, statements);
        }
    }

    /// Puts something of graven's own after it.
    pub(crate) fn follow(&mut self, tail: &str) {
        self.text.push_str(tail);
    }

    /// How many of the statements behind the file had completed, where one of those has failed.
    pub(crate) fn behind(&self, migration: &Migration, completed: usize) -> Option<usize> {
        let number = completed.checked_sub(self.statements_before)?;
        let text = migration.text().part(self.part.clone())?;
        number.checked_sub(statements(text, self.part.start, &self.left_out).len())
    }

    /// The bytes of the file that a failure is about, where that can be told.
    pub(crate) fn locate(&self, migration: &Migration, failure: &Failure, completed: usize) -> Option<Range<usize>> {
        let (position, never_ends) = match failure {
            Failure::Server(error) => (error.position, error.sqlstate == SYNTAX_ERROR),
            failure if failure.is_copying() => (None, false),
            Failure::Connection(_) => return None,
        };
        let text = migration.text().part(self.part.clone())?;
        match position {
            Some(position) => {
                let character = usize::try_from(position).ok()?.checked_sub(1)?.checked_sub(self.before)?;
                let at = match text.char_indices().nth(character) {
                    Some((at, _)) => at,
                    // What never ends is noticed at the end of the message, or at the semicolon that follows the file.
                    None if never_ends => text.trim_end().len(),
                    None => return None,
                };
                Some(self.part.start + at..self.part.start + at + word(text.get(at..)?))
            }
            None => {
                // A function's body or a constraint has no place in the text: the statement that was running has.
                let number = completed.checked_sub(self.statements_before)?;
                let statement = statements(text, self.part.start, &self.left_out).into_iter().nth(number)?;
                let line = migration.text().part(statement.clone())?.lines().next()?.trim_end().len();
                Some(statement.start..statement.start + line)
            }
        }
    }
}

/// Whether a transactional file takes several messages.
pub(crate) fn goes_in_pieces(migration: &Migration) -> bool {
    migration.text().len() > LARGE || changes_strings(migration.sql())
}

/// From how many bytes on a file goes out in parts.
const LARGE: usize = 4 << 20;
/// How many bytes a part has, unless its only statement has more.
const PART: usize = 1 << 20;

/// Statements joined to parts, in bytes of their file.
fn together(statements: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    for statement in statements {
        match parts.last_mut() {
            Some(part) if statement.end - part.start <= PART => part.end = statement.end,
            _ => parts.push(statement),
        }
    }
    parts
}

/// Whether a file may change how the server reads the strings after it: whether it names the setting other than to turn it
/// on, as the head of a dump does. On it is from the beginning of a run.
pub(crate) fn changes_strings(sql: &str) -> bool {
    const SETTING: &str = "standard_conforming_strings";
    let windows = sql.as_bytes().windows(SETTING.len()).enumerate();
    let mut named = windows.filter(|(_, window)| window.eq_ignore_ascii_case(SETTING.as_bytes()));
    named.any(|(at, _)| !sql.get(at + SETTING.len()..).is_some_and(turns_on))
}

/// Whether that stands behind the name of a setting which is turned on: `= on;`, `TO 'on'` or, of `set_config`, `', 'on', …`.
fn turns_on(behind: &str) -> bool {
    let as_argument = behind.strip_prefix('\'').map(str::trim_start).and_then(|rest| rest.strip_prefix(','));
    let behind = behind.trim_start();
    let assigned = match behind.strip_prefix('=') {
        None => behind.get(..2).filter(|word| word.eq_ignore_ascii_case("to")).and_then(|_| behind.get(2..)),
        rest => rest,
    };
    let Some(value) = as_argument.or(assigned).map(str::trim_start) else { return false };
    let is_end = |rest: &str, ends: &[char]| rest.is_empty() || rest.starts_with(ends);
    match value.strip_prefix('\'') {
        Some(value) => {
            let Some((value, rest)) = value.split_once('\'') else { return false };
            let ends: &[char] = if as_argument.is_some() { &[','] } else { &[';'] };
            is_on(value) && is_end(rest.trim_start(), ends)
        }
        None => {
            let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
            let (value, rest) = value.split_at(end);
            as_argument.is_none() && is_on(value) && is_end(rest.trim_start(), &[';'])
        }
    }
}

fn is_on(value: &str) -> bool {
    ["on", "true"].iter().any(|on| value.eq_ignore_ascii_case(on))
}

/// A comment that says in `pg_stat_activity`, in the server's log, and to who waits for the lock, what is running.
pub(crate) fn name_for_dba(migration: &Migration) -> String {
    let name = name_in_comment(migration);
    let what = match migration.kind() {
        Kind::Reverse => format!("reverse of migration {}", migration.version),
        Kind::Baseline => format!("baseline {}", migration.version),
        Kind::Repeatable => "repeatable".to_owned(),
        _ => format!("migration {}", migration.version),
    };
    format!("{COMMENT}{what} {name} */ ")
}

/// With what a unit of a non-transactional migration begins: who sees it in `pg_stat_activity` knows by it which migration of
/// which history it is. Another schema of the database may have a migration of that version and name, too.
pub(crate) fn head_of_unit(table: &Table, migration: &Migration) -> String {
    let namespace = match table.namespace.as_str() {
        "" => String::new(),
        namespace => format!(", namespace {}", in_comment(&literal(namespace))),
    };
    format!("{}/* in {}{namespace} */ ", name_for_dba(migration), in_comment(&table.qualified()))
}

/// Its name, so that it ends no comment and begins none.
pub(crate) fn name_in_comment(migration: &Migration) -> String {
    in_comment(migration.name())
}

fn in_comment(text: &str) -> String {
    text.replace("*/", "* /").replace("/*", "/ *")
}

/// With what that comment begins.
pub(crate) const COMMENT: &str = "/* graven: ";

/// A part of a file with what is left out turned into as many spaces, so that positions stay what they are.
fn blanked(migration: &Migration, part: &Range<usize>, left_out: &[Range<usize>]) -> String {
    let mut text = migration.text().part(part.clone()).unwrap_or_default().to_owned();
    // From the last to the first: spaces may be shorter than the letters of a comment between the words.
    for span in left_out.iter().rev().filter(|span| span.start >= part.start) {
        let within = span.start - part.start..span.end - part.start;
        if let Some(words) = text.get(within.clone()) {
            let spaces: String = words.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            text.replace_range(within, &spaces);
        }
    }
    text
}

/// The statements of a text that are sent, in bytes of the file in which it begins at `start`.
fn statements(text: &str, start: usize, left_out: &[Range<usize>]) -> Vec<Range<usize>> {
    // What cannot be taken apart by itself, a last piece whose strings are not those of the standard, is one statement.
    let Ok(found) = split(text) else { return std::iter::once(start..start + text.len()).collect() };
    let spans = found.into_iter().map(|statement| statement.span).map(|span| start + span.start..start + span.end);
    spans.filter(|span| !left_out.iter().any(|left_out| left_out.contains(&span.start))).collect()
}

/// The `SET TRANSACTION` with which a file begins: it "must be called before any query" (PostgreSQL manual, SET
/// TRANSACTION), and the claim is one.
fn opening(migration: &Migration) -> Vec<Range<usize>> {
    if !contains_ignoring_case(migration.sql(), "transaction") {
        return Vec::new();
    }
    let absorbed: Vec<_> = absorbed(migration).collect();
    let sets = |span: &Range<usize>| {
        let mut words = migration.text().part(span.clone()).unwrap_or_default().split_ascii_whitespace();
        ["set", "transaction"].iter().all(|word| words.next().is_some_and(|found| found.eq_ignore_ascii_case(word)))
    };
    statements(migration.sql(), 0, &absorbed).into_iter().take_while(sets).collect()
}

fn absorbed(migration: &Migration) -> impl DoubleEndedIterator<Item = Range<usize>> {
    migration.details().absorbed.iter().map(|(start, end)| *start as usize..*end as usize)
}

/// How many bytes the word at the head of a text has; one character where it is no word.
fn word(text: &str) -> usize {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    if end > 0 { end } else { text.chars().next().map_or(0, char::len_utf8) }
}

pub(crate) fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::changes_strings;

    #[test]
    fn a_file_that_only_turns_standard_strings_on_changes_nothing() {
        for sql in [
            "CREATE TABLE a ()",
            "SET standard_conforming_strings = on;",
            "SET standard_conforming_strings=ON",
            "set session Standard_Conforming_Strings\n TO 'on' ;",
            "SET LOCAL standard_conforming_strings TO true;\nSELECT 1;",
            "SELECT pg_catalog.set_config('standard_conforming_strings', 'on', false);",
        ] {
            assert!(!changes_strings(sql), "{sql}");
        }
    }

    #[test]
    fn whatever_else_a_file_says_of_standard_strings_may_turn_them_off() {
        for sql in [
            "SET standard_conforming_strings = off;",
            "SET standard_conforming_strings = on; SET standard_conforming_strings TO DEFAULT;",
            "SET standard_conforming_strings = off; SET standard_conforming_strings = on;",
            "RESET standard_conforming_strings",
            "SET \"standard_conforming_strings\" = off",
            "SET standard_conforming_strings = on_or_off;",
            "SET standard_conforming_strings = 'on",
            "SET standard_conforming_strings = /* */ on;",
            "SELECT set_config('standard_conforming_strings', 'off', true)",
            "SELECT set_config('standard_conforming_strings', value, true) FROM settings",
            "SELECT set_config('standard_conforming_strings', 'on' || '', true)",
            "DO $$ BEGIN EXECUTE 'SET standard_conforming_strings = ' || 'off'; END $$;",
            "UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings';",
            "SET standard_conforming_strings",
        ] {
            assert!(changes_strings(sql), "{sql}");
        }
    }
}
