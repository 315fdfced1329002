//! What a unit leaves in the catalog, by which a later run can tell how far it came: read off the unit's first words.
//!
//! It asks no server. What it does not recognise leaves no trace, and waits for a person's word after a crash.

use std::ops::Range;

use graven_source::statement::{Statement, StatementKind, split};

use super::records::disturbs_records;
use super::words::{Words, is};
use crate::apply::sent::changes_strings;
use crate::history::Doubt;
use crate::migrations::{Effect, Migration, Unit};

/// By what a later run can tell whether a unit took effect. Relations are written as in an SQL text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// By nothing: only a person can find out.
    Nothing,
    /// By the record of it, which goes with it in one transaction: both are there or neither. What it does outside of its
    /// transaction, on another server, is its own business, as it is in a file with one.
    Recorded(Record),
    /// It need not be told: running it a second time leaves what running it once does.
    Repeatable,
    /// By an index of that name on that table.
    NamedIndex { on: IfNotExists },
    /// By an index of that definition that the table did not have before. PostgreSQL has chosen its name.
    NewIndex(NewIndex),
    /// By the absence of an index that was there before.
    DroppedIndex { index: String },
    /// A rebuild may be repeated, but a cut leaves invalid indexes that the table did not have before.
    Rebuilt { relation: String },
    /// By a partition that was there before and is none any more, or is about to be none.
    Detached { table: String, partition: String },
}

/// Where in a unit its record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Behind it: it is one statement.
    Behind,
    /// Before its COMMIT, which begins at that byte and has so many statements before it.
    BeforeCommit { at: usize, statements: usize },
}

/// Whether the statement passes over an index that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfNotExists {
    Said,
    NotSaid,
}

/// An index without a name, as the statement describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewIndex {
    /// `UNIQUE ` or nothing.
    pub(crate) unique: &'static str,
    pub(crate) table: String,
    /// The table without its schema.
    pub(crate) table_name: String,
    /// What follows the table: the method, the columns, and all the rest.
    pub(crate) definition: &'static str,
}

impl Trace {
    /// That of the unit after the first `at`. What those have made of the session must not reach a record within its
    /// transaction, where the session cannot be put back.
    pub(crate) fn at(migration: &'static Migration, at: usize) -> Option<Self> {
        let unit = *migration.details().units.get(at)?;
        let trace = Self::of(migration, unit);
        // Only this unit is read: a file may have thousands.
        let stands_alone = matches!(trace, Self::Recorded(_))
            && (disturbs_records(migration, at) || changes_strings(unit.sql(migration)));
        Some(if stands_alone { Self::Nothing } else { trace })
    }

    /// That of a unit.
    pub(crate) fn of(migration: &'static Migration, unit: Unit) -> Self {
        let mut words = Words::new(unit.sql(migration));
        match unit.effect {
            // A setting is simply made again.
            Effect::Session => Self::Repeatable,
            Effect::ConcurrentIndex { name: Some(_), .. } => {
                let head = ["create", "unique", "index", "concurrently"];
                while head.iter().any(|word| words.eat(word)) {}
                let on = if words.eat("if") { IfNotExists::Said } else { IfNotExists::NotSaid };
                Self::NamedIndex { on }
            }
            Effect::Ordinary => words.trace().or_else(|| recorded(unit.sql(migration))).unwrap_or(Self::Nothing),
            _ => words.trace().unwrap_or(Self::Nothing),
        }
    }

    /// What the history is to say of the unit before it runs.
    pub(crate) fn doubt(&self) -> Doubt {
        match self {
            Self::Nothing | Self::NamedIndex { .. } => Doubt::InDoubt,
            _ => Doubt::Settled,
        }
    }
}

/// What can take its own record along in its transaction: a `BEGIN … COMMIT` of the file's own, and what PostgreSQL does not
/// refuse in one.
fn recorded(sql: &'static str) -> Option<Trace> {
    const NEVER_REFUSED: [&str; 7] = ["select", "insert", "update", "delete", "merge", "with", "truncate"];
    const MAY_BE: [&str; 5] = ["create", "alter", "drop", "begin", "start"];
    let words = Words::new(sql);
    let begins = |all: &[&str]| all.iter().any(|word| words.clone().eat(word));
    if begins(&NEVER_REFUSED) {
        return Some(Trace::Recorded(Record::Behind));
    }
    let statements = if begins(&MAY_BE) { split(sql).ok()? } else { return None };
    match statements.as_slice() {
        [Statement { kind: StatementKind::Ordinary, .. }] => Some(Trace::Recorded(Record::Behind)),
        [Statement { kind: StatementKind::Begin { .. }, .. }, within @ .., commit] => {
            let is_whole =
                within.iter().all(|it| it.kind == StatementKind::Ordinary || it.kind == StatementKind::Session);
            let Range { start: at, .. } = commit.span;
            let record = Record::BeforeCommit { at, statements: within.len() + 1 };
            (is_whole && commit.kind == StatementKind::Commit { plain: true }).then_some(Trace::Recorded(record))
        }
        _ => None,
    }
}

impl Words {
    fn trace(&mut self) -> Option<Trace> {
        let first = self.next()?.text(self.text).to_ascii_lowercase();
        match first.as_str() {
            "vacuum" | "analyze" | "analyse" | "cluster" | "checkpoint" | "discard" | "comment" | "grant"
            | "revoke" => Some(Trace::Repeatable),
            "refresh" if self.eat("materialized") => Some(Trace::Repeatable),
            "create" => self.clone().create(),
            "drop" => self.clone().drop_something(),
            "alter" => self.clone().alter(),
            "reindex" => self.clone().reindex(),
            _ => None,
        }
    }

    fn create(mut self) -> Option<Trace> {
        if self.eat("or") {
            return self.eat("replace").then_some(Trace::Repeatable);
        }
        let mut rest = self.clone();
        let unique = if rest.eat("unique") { "UNIQUE " } else { "" };
        if rest.eat("index") && rest.eat("concurrently") {
            return if rest.eat("on") { rest.new_index(unique) } else { None };
        }
        // TABLE, UNLOGGED TABLE, USER MAPPING: no command has more than three words before it.
        for _ in 0..3 {
            self.next()?;
            if self.clone().eat_all(&["if", "not", "exists"]) {
                return Some(Trace::Repeatable);
            }
        }
        None
    }

    fn new_index(mut self, unique: &'static str) -> Option<Trace> {
        let table = self.relation()?;
        let end = self.clone().next()?.start;
        let definition = self.text.get(end..)?.trim_end().trim_end_matches(';');
        Some(Trace::NewIndex(NewIndex { unique, table: table.qualified, table_name: table.name, definition }))
    }

    /// What holds data is not dropped a second time: somebody may have made and filled it anew since.
    fn drop_something(mut self) -> Option<Trace> {
        const WITHOUT_DATA: [&str; 10] = [
            "index",
            "view",
            "function",
            "procedure",
            "routine",
            "aggregate",
            "trigger",
            "policy",
            "rule",
            "statistics",
        ];
        let kind = WITHOUT_DATA.into_iter().find(|kind| self.eat(kind))?;
        let concurrently = kind == "index" && self.eat("concurrently");
        if self.eat_all(&["if", "exists"]) {
            let cascades = self.any(|token, text| is(token, text, "cascade"));
            return (!cascades).then_some(Trace::Repeatable);
        }
        if concurrently { Some(Trace::DroppedIndex { index: self.relation()?.qualified }) } else { None }
    }

    fn alter(mut self) -> Option<Trace> {
        if self.eat("system") {
            return Some(Trace::Repeatable);
        }
        if self.eat("type") {
            self.relation()?;
            return self.eat_all(&["add", "value", "if", "not", "exists"]).then_some(Trace::Repeatable);
        }
        if !self.eat("table") {
            return None;
        }
        let _ = self.clone().eat_all(&["if", "exists"]) && self.eat_all(&["if", "exists"]);
        let table = self.relation()?.qualified;
        if !self.eat_all(&["detach", "partition"]) {
            return None;
        }
        let partition = self.relation()?.qualified;
        self.eat("concurrently").then_some(Trace::Detached { table, partition })
    }

    fn reindex(mut self) -> Option<Trace> {
        let concurrently = self.clone().any(|token, text| is(token, text, "concurrently"));
        if !concurrently {
            return Some(Trace::Repeatable);
        }
        // The options, in parentheses or without.
        while !self.eat("index") && !self.eat("table") {
            // A schema's or a database's tables are too many to be told apart from others'.
            if ["schema", "database", "system"].iter().any(|all| self.clone().eat(all)) {
                return None;
            }
            self.next()?;
        }
        self.eat("concurrently");
        Some(Trace::Rebuilt { relation: self.relation()?.qualified })
    }
}

#[cfg(test)]
mod tests {
    use super::{NewIndex, Trace, Words};

    fn trace(sql: &'static str) -> Trace {
        Words::new(sql).trace().unwrap_or(Trace::Nothing)
    }

    #[test]
    fn what_a_second_run_does_not_change_may_be_repeated() {
        for sql in [
            "VACUUM",
            "vacuum (analyze) t;",
            "/* all of it */ ANALYZE t",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY v;",
            "ALTER SYSTEM SET work_mem = '5MB'",
            "ALTER TYPE s.\"Mood\" ADD VALUE IF NOT EXISTS 'glad' AFTER 'sad';",
            "CREATE TABLE IF NOT EXISTS t ()",
            "CREATE UNLOGGED TABLE IF NOT EXISTS t ()",
            "CREATE GLOBAL TEMPORARY TABLE IF NOT EXISTS t ()",
            "CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a)",
            "CREATE EXTENSION IF NOT EXISTS citext",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP INDEX CONCURRENTLY IF EXISTS i;",
            "DROP FUNCTION IF EXISTS f(int)",
            "REINDEX TABLE t",
            "REINDEX (VERBOSE) DATABASE d",
            "COMMENT ON TABLE t IS 'concurrently'",
            "GRANT SELECT ON t TO r",
        ] {
            assert_eq!(trace(sql), Trace::Repeatable, "{sql}");
        }
    }

    #[test]
    fn what_a_second_run_might_change_or_refuse_leaves_no_trace() {
        for sql in [
            "",
            "INSERT INTO t VALUES (1)",
            "SELECT 1",
            "UPDATE t SET a = 1",
            "TRUNCATE t",
            "CALL vacuum()",
            "DO $$ BEGIN NULL; END $$",
            "BEGIN; VACUUM; COMMIT",
            "CREATE TABLE t ()",
            "CREATE TABLE \"if\" (\"not\" int, \"exists\" int)",
            "CREATE DATABASE d",
            "CREATE INDEX ON t (a)",
            // Somebody may have made and filled it anew since.
            "DROP TABLE IF EXISTS t",
            "DROP SCHEMA IF EXISTS s",
            "DROP MATERIALIZED VIEW IF EXISTS v",
            "DROP FUNCTION IF EXISTS f(int) CASCADE",
            "DROP VIEW v",
            "ALTER TYPE mood ADD VALUE 'glad'",
            "ALTER TABLE t ADD COLUMN IF NOT EXISTS a int, ADD COLUMN b int",
            "ALTER TABLE t DETACH PARTITION p",
            "REINDEX SCHEMA CONCURRENTLY s",
            "REINDEX (CONCURRENTLY) DATABASE d",
            // What PostgreSQL reads so, `to_regclass` does not.
            "DROP INDEX CONCURRENTLY U&\"\\0069\"",
        ] {
            assert_eq!(trace(sql), Trace::Nothing, "{sql}");
        }
    }

    #[test]
    fn an_index_without_a_name_is_known_by_all_that_follows_its_table() {
        for (sql, unique, table, table_name, definition) in [
            ("CREATE INDEX CONCURRENTLY ON t (a);", "", "t", "t", "(a)"),
            (
                "create unique index concurrently on only \"S\" . T * using btree (lower(a) DESC)\nwhere b > ';'",
                "UNIQUE ",
                "\"S\".T",
                "T",
                "using btree (lower(a) DESC)\nwhere b > ';'",
            ),
        ] {
            let [table, table_name] = [table, table_name].map(str::to_owned);
            assert_eq!(trace(sql), Trace::NewIndex(NewIndex { unique, table, table_name, definition }), "{sql}");
        }
        assert_eq!(trace("CREATE INDEX CONCURRENTLY i ON t (a)"), Trace::Nothing);
    }

    #[test]
    fn what_is_taken_away_or_rebuilt_is_known_by_its_name() {
        assert_eq!(trace("DROP INDEX CONCURRENTLY s.i;"), Trace::DroppedIndex { index: "s.i".to_owned() });
        for sql in [
            "REINDEX TABLE CONCURRENTLY s.t",
            "REINDEX (VERBOSE, CONCURRENTLY) INDEX s.t;",
            "REINDEX (CONCURRENTLY true, TABLESPACE x) TABLE s.t",
        ] {
            assert_eq!(trace(sql), Trace::Rebuilt { relation: "s.t".to_owned() }, "{sql}");
        }
        for sql in [
            "ALTER TABLE IF EXISTS t DETACH PARTITION s.p CONCURRENTLY",
            "ALTER TABLE t DETACH PARTITION s.p CONCURRENTLY;",
        ] {
            let (table, partition) = ("t".to_owned(), "s.p".to_owned());
            assert_eq!(trace(sql), Trace::Detached { table, partition }, "{sql}");
        }
    }
}
