//! What a unit does to the session that it runs in, as far as its first words say.

use graven_source::lexer::TokenKind;

use super::words::Words;
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

/// Whether a statement makes something in the temporary schema, as its first words say: CREATE [LOCAL] TEMP TABLE,
/// CREATE OR REPLACE FUNCTION pg_temp.f.
pub(super) fn makes_temporary(sql: &'static str) -> bool {
    const FIRST_WORDS: usize = 8;
    let mut words = Words::new(sql);
    if !words.eat("create") {
        return false;
    }
    let _ = words.eat("or") && words.eat("replace");
    let _ = words.eat("local") || words.eat("global");
    if words.eat("temp") || words.eat("temporary") {
        return true;
    }
    for _ in 0..FIRST_WORDS {
        if words.eat("pg_temp") && words.eat_kind(TokenKind::Dot) {
            return true;
        }
        if words.next().is_none() {
            return false;
        }
    }
    false
}

/// Whether a statement sets that setting for the session or its transaction: SET [SESSION | LOCAL] name, SELECT
/// set_config('name', …).
pub(crate) fn sets(sql: &'static str, setting: &str) -> bool {
    let mut words = Words::new(sql);
    if words.eat("set") {
        let _ = words.eat("session") || words.eat("local");
        return words.eat(setting);
    }
    let calls = |mut words: Words| {
        let _ = words.eat("pg_catalog") && words.eat_kind(TokenKind::Dot);
        let calls = words.eat("set_config") && words.eat_kind(TokenKind::OpenParen);
        let name = words.next().map(|token| token.text(sql).trim_matches('\''));
        calls && name.is_some_and(|name| name.eq_ignore_ascii_case(setting))
    };
    words.eat("select") && calls(words)
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
    use super::{Undoes, makes_temporary, sets, sets_a_limit};

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

    #[test]
    fn what_is_temporary_is_told_from_what_is_called_so() {
        for sql in [
            "CREATE TEMP TABLE t ()",
            "create /* l */ local temporary sequence s",
            "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
            "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE OR REPLACE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE TABLE IF NOT EXISTS pg_temp.t ()",
        ] {
            assert!(makes_temporary(sql), "{sql}");
        }
        for sql in [
            "",
            "CREATE",
            "CREATE TABLE weather (id int, temp int)",
            "CREATE INDEX i ON t (temp)",
            "CREATE TABLE temp ()",
            "DROP TABLE pg_temp.t",
            "SELECT 'CREATE TEMP TABLE t ()'",
        ] {
            assert!(!makes_temporary(sql), "{sql}");
        }
    }

    #[test]
    fn a_setting_of_the_files_own_is_told_from_one_that_it_makes_for_others() {
        for sql in [
            "SET lock_timeout = '2s'",
            "set local Lock_Timeout to 0",
            "SELECT set_config('lock_timeout', '1s', false)",
            "select pg_catalog.set_config('LOCK_TIMEOUT', '1s', true);",
        ] {
            assert!(sets(sql, "lock_timeout"), "{sql}");
        }
        for sql in [
            "",
            "SET deadlock_timeout = '1s'",
            "ALTER ROLE app SET lock_timeout = '2s'",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET lock_timeout = '2s' AS 'SELECT 1'",
            "SELECT current_setting('lock_timeout')",
            "SELECT 'SET lock_timeout = 0'",
            "SET search_path = lock_timeout",
        ] {
            assert!(!sets(sql, "lock_timeout"), "{sql}");
        }
    }
}
