//! What a look at the server shows of a run: whom it waits for, and how far an index is. Pure: rows become words.
//!
//! Whatever others have put into a name or a statement reaches the terminal as one line of text and nothing else; a
//! statement is shown up to where a password may follow.

use std::collections::HashSet;
use std::time::Duration;

use crate::cli::progress::course::{Key, age};

/// The most characters of a name that are shown.
const NAME: usize = 40;
/// The most characters of a statement that are shown.
const STATEMENT: usize = 60;
/// After these a statement may hold a secret: a password, or a URL with one.
const SECRET: [&str; 2] = ["password", "://"];

/// A row as the server sends it.
pub(crate) type Row = Vec<Option<String>>;

/// What a look showed.
#[derive(Debug, PartialEq)]
pub(crate) struct Sight {
    index: Option<Index>,
    /// Those whom it waits for; first whoever waits for nobody.
    holders: Vec<Holder>,
    /// Which migrations of a message have committed, where that could be seen.
    pub(crate) committed: Option<HashSet<Key>>,
}

/// How far the building of an index is.
#[derive(Debug, PartialEq)]
struct Index {
    phase: String,
    percent: Option<u8>,
}

/// A session that holds what the run waits for.
#[derive(Debug, PartialEq)]
struct Holder {
    pid: i32,
    application: Option<String>,
    role: Option<String>,
    /// How long it has been doing nothing within an open transaction.
    idle: Option<Duration>,
    statement: Option<String>,
}

impl Sight {
    /// Reads the answers to [`question`](super::watch::question), but the first.
    pub(crate) fn parse(index: &[Row], holders: &[Row]) -> Self {
        Self {
            index: index.first().and_then(|row| {
                Some(Index {
                    phase: one_line(cell(row, 0)?, NAME),
                    percent: cell(row, 1).and_then(|it| it.parse().ok()),
                })
            }),
            holders: holders.iter().filter_map(Holder::parse).collect(),
            committed: None,
        }
    }

    /// What there is to say.
    pub(crate) fn describe(&self) -> Option<String> {
        let waits = self.holder();
        match (&self.index, waits) {
            // PostgreSQL's phases are called "waiting for writers before build" and the like.
            (Some(index), Some(holder)) if index.phase.starts_with("waiting") => {
                Some(format!("{}: {holder}", index.phase))
            }
            (Some(index), Some(holder)) => Some(format!("{}, waiting for {holder}", index.describe())),
            (Some(index), None) => Some(index.describe()),
            (None, Some(holder)) => Some(format!("waiting for {holder}")),
            (None, None) => None,
        }
    }

    /// Whom it waits for.
    pub(crate) fn holder(&self) -> Option<String> {
        let first = self.holders.first()?.describe();
        Some(match self.holders.len() {
            1 => first,
            sessions => format!("{sessions} sessions, first {first}"),
        })
    }
}

impl Index {
    fn describe(&self) -> String {
        match self.percent {
            Some(percent) if !self.phase.starts_with("waiting") => format!("{}, {percent} %", self.phase),
            _ => self.phase.clone(),
        }
    }
}

impl Holder {
    fn parse(row: &Row) -> Option<Self> {
        let pid = cell(row, 0)?.parse().ok()?;
        let idle = cell(row, 3).filter(|state| state.starts_with("idle in transaction"));
        Some(Self {
            pid,
            application: cell(row, 1).map(|name| one_line(name, NAME)).filter(|name| !name.is_empty()),
            role: cell(row, 2).map(|name| one_line(name, NAME)),
            idle: idle.and(cell(row, 4)).and_then(|it| it.parse().ok()).map(Duration::from_secs),
            statement: cell(row, 5).map(statement).filter(|it| !it.is_empty()),
        })
    }

    fn describe(&self) -> String {
        // Pid 0 stands for a prepared transaction (PostgreSQL manual, 9.27).
        if self.pid == 0 {
            return "a prepared transaction (see pg_prepared_xacts)".to_owned();
        }
        let application = self.application.as_ref().map(|name| format!("app {name}"));
        let role = self.role.as_ref().map(|name| format!("role {name}"));
        let idle = self.idle.map(|idle| format!("idle in transaction for {}", age(idle)));
        let about: Vec<_> = [application, role, idle].into_iter().flatten().collect();
        let mut text = format!("pid {}", self.pid);
        if !about.is_empty() {
            text.push_str(&format!(" ({})", about.join(", ")));
        }
        if let Some(statement) = &self.statement {
            text.push_str(": ");
            text.push_str(statement);
        }
        text
    }
}

fn cell(row: &Row, at: usize) -> Option<&str> {
    row.get(at)?.as_deref()
}

/// The beginning of a statement, before anything secret.
fn statement(sql: &str) -> String {
    let lower = sql.to_ascii_lowercase();
    let ends = SECRET.iter().filter_map(|word| Some(lower.find(word)? + word.len()));
    match ends.min().and_then(|end| sql.get(..end)) {
        // What is shown may be less than what is cut off here.
        Some(open) => one_line(&format!("{open} …"), STATEMENT),
        None => one_line(sql, STATEMENT),
    }
}

/// Text on one line, without what moves a cursor, and not too long.
fn one_line(text: &str, most: usize) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(most) {
        Some((end, _)) => format!("{} …", words.get(..end).unwrap_or_default().trim_end()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, Sight};

    fn row(cells: &[&str]) -> Row {
        cells.iter().map(|cell| (*cell != "-").then(|| (*cell).to_owned())).collect()
    }

    fn described(index: &[&str], holders: &[&[&str]]) -> String {
        let holders: Vec<_> = holders.iter().map(|holder| row(holder)).collect();
        Sight::parse(&[row(index)], &holders).describe().unwrap_or_default()
    }

    #[test]
    fn says_how_far_an_index_is_and_whom_it_waits_for() {
        let web: &[&str] = &["4711", "web-1", "app", "active", "3", "UPDATE orders\n  SET a = 1"];
        let idle: &[&str] = &["12", "", "app", "idle in transaction", "125", "SELECT 1"];
        let hidden: &[&str] = &["13", "-", "other", "-", "-", "-"];
        let prepared: &[&str] = &["0", "-", "-", "-", "-", "-"];
        let none = &["-", "-"][..];
        for (index, holders, expected) in [
            (none, &[][..], ""),
            (none, &[web][..], "waiting for pid 4711 (app web-1, role app): UPDATE orders SET a = 1"),
            (none, &[idle][..], "waiting for pid 12 (role app, idle in transaction for 2 min 05 s): SELECT 1"),
            (none, &[hidden, web, idle][..], "waiting for 3 sessions, first pid 13 (role other)"),
            (none, &[prepared][..], "waiting for a prepared transaction (see pg_prepared_xacts)"),
            (&["building index: scanning table", "45"][..], &[][..], "building index: scanning table, 45 %"),
            (&["building index: scanning table", "-"][..], &[][..], "building index: scanning table"),
            (&["waiting for old snapshots", "100"][..], &[][..], "waiting for old snapshots"),
            (&["waiting for old snapshots", "-"][..], &[hidden][..], "waiting for old snapshots: pid 13 (role other)"),
            (&["initializing", "-"][..], &[hidden][..], "initializing, waiting for pid 13 (role other)"),
        ] {
            assert_eq!(described(index, holders), expected);
        }
    }

    #[test]
    fn nothing_of_others_moves_the_cursor_or_breaks_the_line() {
        let holder = &["1", "\u{1b}[2Jweb", "a\r\nb", "active", "0", "SELECT '\u{9b}31m\u{7}'"][..];
        let text = described(&["-", "-"], &[holder]);
        assert_eq!(text, "waiting for pid 1 (app [2Jweb, role a b): SELECT ' 31m '");
        let long = "SELECT ".to_owned() + &"é".repeat(500);
        let text = described(&["-", "-"], &[&["1", "-", "-", "active", "0", &long]]);
        assert!(text.ends_with("é …") && text.chars().count() < 90, "{text}");
    }

    #[test]
    fn a_statement_ends_where_a_password_may_follow() {
        for sql in [
            "ALTER ROLE app PASSWORD 'hunter2'",
            "create user mapping for me server s options (user 'x', password 'hunter2')",
            "SELECT dblink('postgres://me:hunter2@h/d')",
            "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2' PUBLICATION p",
        ] {
            let text = described(&["-", "-"], &[&["1", "-", "-", "active", "0", sql]]);
            assert!(text.ends_with('…') && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn answers_of_another_shape_show_nothing() {
        assert_eq!(Sight::parse(&[], &[]).describe(), None);
        assert_eq!(Sight::parse(&[vec![]], &[vec![], row(&["x"])]).describe(), None);
    }
}
