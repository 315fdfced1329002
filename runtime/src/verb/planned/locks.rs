//! Which of the locks that statements are known to take are on relations that only the pending migrations make. Pure.

use std::collections::HashSet;
use std::ops::Range;

use graven_source::statement::{Change, Locked, QualifiedName, change, locks, split};

use super::step::PlannedLock;
use crate::sql::plain;

/// The relations that the pending migrations have made so far.
pub(super) struct Relations<'s> {
    /// Where unqualified names lead.
    schema: &'s str,
    new: HashSet<Name>,
    /// Those of one migration only, by name: what is temporary is gone with its session, and lies in a schema of its own,
    /// which is searched first.
    temporary: HashSet<String>,
}

/// The session's own schema, under whatever name it lies in the catalog.
const TEMPORARY: &str = "pg_temp";

/// A relation's schema, where it is known, and name.
type Name = (Option<String>, String);

impl<'s> Relations<'s> {
    pub(super) fn new(schema: &'s str) -> Self {
        Self { schema, new: HashSet::new(), temporary: HashSet::new() }
    }

    /// The locks of a migration's statements after the first `done`, which are numbered from 1.
    pub(super) fn locks(&mut self, sql: &str, statements: &[Range<usize>], done: usize) -> Vec<PlannedLock> {
        self.temporary.clear();
        // With another search path, an unqualified name is known by nothing else than itself.
        let schema = (!sql.to_ascii_lowercase().contains("search_path")).then_some(self.schema);
        let mut found = Vec::new();
        let (mut line, mut counted) = (1, 0);
        for (at, span) in statements.iter().enumerate() {
            line += sql.get(counted..span.start).unwrap_or_default().matches('\n').count();
            counted = span.start;
            let text = sql.get(span.clone()).unwrap_or_default();
            // One unit may be a transaction of the file's own.
            for statement in split(text).unwrap_or_default() {
                let statement_text = text.get(statement.span.clone()).unwrap_or_default();
                if at >= done {
                    let before = text.get(..statement.span.start).unwrap_or_default();
                    let line = line + before.matches('\n').count();
                    self.take(statement_text, schema, (at + 1, line), &mut found);
                }
                self.follow(statement_text, schema);
            }
        }
        found
    }

    fn take(&self, text: &str, schema: Option<&str>, (statement, line): (usize, usize), found: &mut Vec<PlannedLock>) {
        for lock in locks(text) {
            let (on, is_new) = match &lock.on {
                Locked::Relation(relation) => (shown(relation), self.is_new(relation, schema)),
                Locked::TableOf(index) => (format!("the table of the index {}", shown(index)), false),
                _ => continue,
            };
            found.push(PlannedLock { statement, line, mode: lock.mode, on, is_new });
        }
    }

    /// What exists after a statement.
    fn follow(&mut self, text: &str, schema: Option<&str>) {
        match change(text) {
            Some(Change::MakesTemporary(relation)) => {
                self.temporary.insert(relation.name);
            }
            Some(Change::Makes(relation)) if relation.schema.as_deref() == Some(TEMPORARY) => {
                self.temporary.insert(relation.name);
            }
            Some(Change::Makes(relation)) => {
                self.new.insert(name(&relation, schema));
            }
            Some(Change::Renames(relation, to)) => {
                if self.is_temporary(&relation) {
                    self.temporary.remove(&relation.name);
                    self.temporary.insert(to);
                    return;
                }
                let old = name(&relation, schema);
                if self.new.remove(&old) {
                    self.new.insert((old.0, to));
                }
            }
            Some(Change::Drops(relations)) => {
                for relation in relations {
                    if self.is_temporary(&relation) {
                        self.temporary.remove(&relation.name);
                    } else {
                        self.new.remove(&name(&relation, schema));
                    }
                }
            }
            _ => {}
        }
    }

    fn is_new(&self, relation: &QualifiedName, schema: Option<&str>) -> bool {
        self.is_temporary(relation) || self.new.contains(&name(relation, schema))
    }

    /// A temporary one stands before others of its name, but for who says their schema.
    fn is_temporary(&self, relation: &QualifiedName) -> bool {
        relation.schema.as_deref().is_none_or(|schema| schema == TEMPORARY) && self.temporary.contains(&relation.name)
    }
}

fn name(relation: &QualifiedName, schema: Option<&str>) -> Name {
    (relation.schema.clone().or_else(|| schema.map(str::to_owned)), relation.name.clone())
}

fn shown(relation: &QualifiedName) -> String {
    match &relation.schema {
        Some(schema) => format!("{}.{}", plain(schema), plain(&relation.name)),
        None => plain(&relation.name),
    }
}

#[cfg(test)]
mod tests {
    use super::Relations;
    use graven_source::statement::split;

    /// What is locked that was there before, a statement a word.
    fn locked(relations: &mut Relations<'_>, sql: &str) -> Vec<String> {
        let statements: Vec<_> = split(sql).unwrap().into_iter().map(|statement| statement.span).collect();
        let locks = relations.locks(sql, &statements, 0).into_iter();
        locks.filter(|lock| !lock.is_new).map(|lock| format!("{}:{} {}", lock.line, lock.statement, lock.on)).collect()
    }

    #[test]
    fn a_table_that_a_pending_migration_makes_is_new_until_it_is_dropped() {
        let mut relations = Relations::new("public");
        let sql = "CREATE TABLE a ();\n-- x\nALTER TABLE public.a ADD x int; DROP TABLE b;\nCREATE INDEX ON \"a\" (x);";
        assert_eq!(locked(&mut relations, sql), ["3:3 b"]);
        assert_eq!(
            locked(&mut relations, "ALTER TABLE a RENAME TO c; UPDATE c SET x = 1; UPDATE a SET x = 2"),
            ["1:3 a"]
        );
        assert_eq!(
            locked(&mut relations, "UPDATE other.c SET x = 1; DROP TABLE c; UPDATE c SET x = 1"),
            ["1:1 other.c", "1:3 c"]
        );
    }

    #[test]
    fn a_temporary_table_is_new_in_its_own_migration_only() {
        let mut relations = Relations::new("public");
        assert_eq!(locked(&mut relations, "CREATE TEMP TABLE t (); INSERT INTO t DEFAULT VALUES"), [""; 0]);
        assert_eq!(locked(&mut relations, "INSERT INTO t DEFAULT VALUES"), ["1:1 t"]);
    }

    #[test]
    fn a_temporary_table_is_not_the_one_of_its_name_in_another_schema() {
        let mut relations = Relations::new("public");
        let sql = "CREATE TEMP TABLE t (); TRUNCATE t; TRUNCATE pg_temp.t; TRUNCATE public.t;\n\
                   ALTER TABLE t RENAME TO u; TRUNCATE u; TRUNCATE t; DROP TABLE public.u; TRUNCATE u; DROP TABLE u; TRUNCATE u;";
        assert_eq!(locked(&mut relations, sql), ["1:4 public.t", "2:7 t", "2:8 public.u", "2:11 u"]);
        let sql = "CREATE TABLE pg_temp.t (); SET search_path = app; TRUNCATE t; TRUNCATE app.t";
        assert_eq!(locked(&mut relations, sql), ["1:4 app.t"]);
    }

    #[test]
    fn with_another_search_path_a_name_is_not_taken_for_one_of_the_first_schema() {
        let mut relations = Relations::new("public");
        assert_eq!(locked(&mut relations, "CREATE TABLE a ()"), [""; 0]);
        assert_eq!(locked(&mut relations, "SET search_path = app; TRUNCATE a; TRUNCATE public.a"), ["1:2 a"]);
    }

    #[test]
    fn what_was_done_before_a_cut_takes_no_lock_again() {
        let sql = "TRUNCATE a; TRUNCATE b";
        let statements: Vec<_> = split(sql).unwrap().into_iter().map(|statement| statement.span).collect();
        let locks = Relations::new("public").locks(sql, &statements, 1);
        assert_eq!(locks.iter().map(|lock| lock.on.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
