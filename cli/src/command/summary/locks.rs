//! Which locks the statements of a change are known to take on tables that are there before it.

use std::cmp::Reverse;

use graven_source::statement::{Change, Lock, LockMode, Locked, QualifiedName, change, locks};

/// The strongest lock on one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) mode: LockMode,
    /// `users`, `app.users`, or `the table of index users_email`.
    pub(crate) on: String,
}

/// The tables that a change has made so far: whoever locks one of them keeps nobody waiting.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made(Vec<QualifiedName>);

impl Made {
    /// The locks of the next migration on what was there before the change, the strongest first.
    pub(crate) fn next(&mut self, statements: &[&str]) -> Vec<Held> {
        let mut held: Vec<Held> = Vec::new();
        for statement in statements {
            for lock in locks(statement) {
                let on = match &lock.on {
                    Locked::Relation(relation) if self.0.contains(relation) => continue,
                    Locked::Relation(relation) => shown(relation),
                    Locked::TableOf(index) => format!("the table of index {}", shown(index)),
                    _ => continue,
                };
                match held.iter_mut().find(|held| held.on == on) {
                    Some(held) => held.mode = held.mode.max(lock.mode),
                    None => held.push(Held { mode: lock.mode, on }),
                }
            }
            self.note(statement);
        }
        held.sort_by_key(|held| Reverse(held.mode));
        held
    }

    /// Whether the change has made all that this statement changes.
    pub(crate) fn holds_what_changes(&self, statement: &str) -> bool {
        match change(statement) {
            Some(Change::Drops(dropped)) => !dropped.is_empty() && dropped.iter().all(|name| self.0.contains(name)),
            _ => {
                let locks = locks(statement);
                // Of several, the one that it is about comes first. A TRUNCATE empties each that it names.
                let count = if begins_with(statement, "truncate") { locks.len() } else { 1 };
                let is_made = |lock: &Lock| matches!(&lock.on, Locked::Relation(relation) if self.0.contains(relation));
                !locks.is_empty() && locks.iter().take(count).all(is_made)
            }
        }
    }

    /// Takes notice of a statement of the change.
    pub(crate) fn note(&mut self, statement: &str) {
        match change(statement) {
            Some(Change::Makes(made) | Change::MakesTemporary(made)) => self.0.push(made),
            Some(Change::Renames(from, to)) if self.0.contains(&from) => {
                self.0.push(QualifiedName { schema: from.schema, name: to });
            }
            Some(Change::Drops(dropped)) => self.0.retain(|made| !dropped.contains(made)),
            _ => {}
        }
    }
}

fn begins_with(statement: &str, word: &str) -> bool {
    statement.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}

fn shown(name: &QualifiedName) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::Made;

    #[test]
    fn the_strongest_lock_on_each_table_that_was_there_is_told() {
        let mut made = Made::default();
        let mut next = |statements: &[&str]| -> Vec<String> {
            made.next(statements).iter().map(|held| format!("{} on {}", held.mode, held.on)).collect()
        };
        assert_eq!(
            next(&["update s.users set a = 1", "create index on posts (a)", "alter table s.users add b int"]),
            ["ACCESS EXCLUSIVE on s.users", "SHARE on posts"]
        );
        // What the change makes itself is in nobody's way.
        assert_eq!(
            next(&["create table new (a int)", "alter table new rename to newer", "drop table old"]),
            ["ACCESS EXCLUSIVE on old"]
        );
        assert_eq!(next(&["create index on newer (a)", "alter table new add c int"]), Vec::<String>::new());
        assert_eq!(next(&["select 1"]), Vec::<String>::new());
    }

    #[test]
    fn what_the_change_makes_is_told_from_what_was_there() {
        let mut made = Made::default();
        for statement in ["create table a (x int)", "create table b (x int)", "create table if not exists c (x int)"] {
            made.note(statement);
        }
        for (statement, expected) in [
            ("alter table a add y int", true),
            ("alter table a add foreign key (x) references old (x)", true),
            ("create unique index on b (x)", true),
            ("drop table a, b", true),
            ("drop table a, old", false),
            ("truncate a, b", true),
            ("TRUNCATE TABLE a, old CASCADE", false),
            ("truncate old, a", false),
            ("alter table old add foreign key (x) references a (x)", false),
            ("alter table c add y int", false),
            ("drop index i", false),
            ("select 1", false),
        ] {
            assert_eq!(made.holds_what_changes(statement), expected, "{statement}");
        }
    }
}
