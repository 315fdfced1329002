//! What a unit does to the session that it runs in, as far as its first words say.

use super::words::{Words, is};
use crate::migrations::{Effect, Migration, Unit};

/// What a unit undoes that graven has set for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undoes {
    Nothing,
    /// Every setting.
    Settings,
    /// Whatever a session keeps: the role and the lock as well.
    Session,
}

impl Undoes {
    /// What a unit undoes.
    pub(crate) fn of_unit(migration: &'static Migration, unit: Unit) -> Self {
        // Most begin otherwise, a file may have thousands, and each is asked about after each: their texts are not read.
        match migration.text().bytes_from(unit.start as usize).first() {
            Some(b'r' | b'R' | b'd' | b'D' | b'-' | b'/') => Self::of(unit.sql(migration)),
            _ => Self::Nothing,
        }
    }

    /// What a statement undoes, as its first words say.
    pub(crate) fn of(sql: &'static str) -> Self {
        let words = Words::new(sql);
        if words.clone().eat_all(&["reset", "all"]) {
            Self::Settings
        } else if words.clone().eat_all(&["discard", "all"]) {
            Self::Session
        } else {
            Self::Nothing
        }
    }
}

/// Whether a statement sets how long or with how much memory others may run, and nothing that decides what they mean or
/// may do.
pub(super) fn sets_a_limit(sql: &'static str) -> bool {
    const LIMITS: [&str; 6] = [
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "work_mem",
        "maintenance_work_mem",
        "client_min_messages",
    ];
    let mut words = Words::new(sql);
    let sets = words.eat("set");
    let _ = words.eat("session") || words.eat("local");
    sets && LIMITS.iter().any(|limit| words.eat(limit))
}

/// Whether a statement makes something in the temporary schema, as its first words say: CREATE [OR REPLACE] [LOCAL] TEMP TABLE,
/// CREATE FUNCTION pg_temp.f.
pub(super) fn makes_temporary(sql: &'static str) -> bool {
    const FIRST_WORDS: usize = 8;
    let mut words = Words::new(sql);
    let temporary = ["temp", "temporary", "pg_temp"];
    words.eat("create")
        && (0..FIRST_WORDS).map_while(|_| words.next()).any(|token| temporary.iter().any(|it| is(token, sql, it)))
}

/// Whether a unit may run code that sets something for the session, as far as its first word says.
pub(super) fn may_call_functions(migration: &'static Migration, unit: Unit) -> bool {
    const CALLS: [&str; 14] = [
        "do", "call", "select", "with", "insert", "update", "delete", "merge", "execute", "values", "table", "create",
        "begin", "start",
    ];
    if let Effect::ConcurrentIndex { .. } = unit.effect {
        return false;
    }
    // As above: the text behind the first word is not read.
    let text = migration.text().bytes_from(unit.start as usize);
    let word = text.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    let calls = |word: &[u8]| CALLS.iter().any(|call| call.as_bytes().eq_ignore_ascii_case(word));
    match text.first() {
        Some(b'-' | b'/') => {
            let sql = unit.sql(migration);
            Words::new(sql).next().is_some_and(|token| calls(token.text(sql).as_bytes()))
        }
        _ => calls(word),
    }
}

#[cfg(test)]
mod tests {
    use super::{Undoes, sets_a_limit};

    #[test]
    fn what_undoes_the_settings_of_a_session_is_known_by_its_first_words() {
        for sql in ["RESET ALL", "/* all */ reset -- of it\n all;"] {
            assert_eq!(Undoes::of(sql), Undoes::Settings, "{sql}");
        }
        assert_eq!(Undoes::of("DISCARD/**/ALL;"), Undoes::Session);
        for sql in ["", "RESET ROLE", "DISCARD PLANS", "RESET \"all\"", "SELECT 'RESET ALL'", "SET discard.all = 1"] {
            assert_eq!(Undoes::of(sql), Undoes::Nothing, "{sql}");
        }
    }

    #[test]
    fn a_limit_is_told_from_what_gives_other_statements_a_meaning() {
        for sql in ["SET lock_timeout = '2s'", "set/**/session statement_timeout TO 0;", "SET LOCAL work_mem = '1GB'"] {
            assert!(sets_a_limit(sql), "{sql}");
        }
        for sql in [
            "",
            "SET search_path = a",
            "RESET lock_timeout",
            "SET ROLE lock_timeout",
            "SET \"lock_timeout\" = 1",
            "SHOW lock_timeout",
        ] {
            assert!(!sets_a_limit(sql), "{sql}");
        }
    }
}
