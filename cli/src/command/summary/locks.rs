//! Which locks the statements of a change are known to take on tables that are there before it.

use std::cmp::Reverse;

use graven_source::statement::{Change, LockMode, Locked, QualifiedName, change, locks};

/// The strongest lock on one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) mode: LockMode,
    /// `users`, `app.users`, or `the table of index users_email`.
    pub(crate) on: String,
}

/// The tables that a change has made so far: whoever locks one of them keeps nobody waiting.
#[derive(Debug, Default)]
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

    fn note(&mut self, statement: &str) {
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
}
