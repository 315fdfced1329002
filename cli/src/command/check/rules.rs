//! What only a real server finds, or git, as rules beside those of the directory. The compiler cannot know them.

use graven_source::rule::{Example, RULES, Rule};

use crate::lint::own::OWN;

/// What git alone knows.
static IN_GIT: &[&Rule] = &[&SEAL_CHANGED];

/// Those of a server, in the order in which they are explained.
pub(crate) static ON_A_SERVER: &[&Rule] = &[
    &MIGRATION_FAILS,
    &REVERSE_FAILS,
    &REVERSE_DIFFERS,
    &REVERSE_REPEATS,
    &BASELINE_DIFFERS,
    &CONFLICT,
    &NO_STATEMENT,
];

/// The rules of the directory and these.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().chain(IN_GIT).chain(ON_A_SERVER).chain(OWN).copied()
}

const fn example(files: &'static [(&'static str, &'static [u8])]) -> Example {
    Example { path: "migrations", files }
}

/// What a migration and its reverse look like that are right.
const GOOD: Example = example(&[
    ("0001_users.sql", b"create table users (id bigint primary key);\n"),
    ("0001_users.down.sql", b"drop table users;\n"),
    ("seal.lock", b""),
]);

/// What was sealed before, and is not what it was.
pub(crate) static SEAL_CHANGED: Rule = Rule {
    id: "seal-changed",
    finds: "what an earlier commit had sealed is gone from the seal file, or has another checksum without the old one behind `was` \
            (`graven check --since`)",
    why: "The build compares the files with the seal file that lies beside them, and knows no other commit. Where a migration and its \
          line went together, as with `git revert`, or the seal file was begun anew, nothing is left for it to find; a database \
          that ran the migration refuses the next release.",
    remedy: "Take the file and its line back from git. What a migration did is undone by a new one; a harmless edit is accepted with \
             `graven seal --accept-edit VERSION`, which keeps the old checksum.",
    good: example(&[
        ("0001_users.sql", b"create table users (id bigint primary key);\n"),
        ("0002_no_users.sql", b"drop table users;\n"),
        ("seal.lock", b""),
    ]),
    bad: example(&[("seal.lock", b"# Began anew, after 0001_users.sql was sealed and deleted.\n")]),
};

/// A migration that cannot be applied.
pub(crate) static MIGRATION_FAILS: Rule = Rule {
    id: "migration-fails",
    finds: "PostgreSQL refuses a migration on an empty database that has those before it (`graven check --database`)",
    why: "A fresh database is made by all migrations in their order: a developer's, a test's, a new customer's. A column that \
          is not there yet, a name that only one database has, or a syntax error stops it halfway.",
    remedy: "Correct the statement at the place that is shown. What the migration needs must come from one before it, or from \
             an extension that it makes itself.",
    good: GOOD,
    bad: example(&[
        ("0001_email.sql", b"alter table users add column email text;\n"),
        ("0002_users.sql", b"create table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
};

/// A reverse that does not run.
pub(crate) static REVERSE_FAILS: Rule = Rule {
    id: "reverse-fails",
    finds: "a migration's reverse cannot be run right after it (`graven check --reverse`)",
    why: "It is needed when something has gone wrong already, and then is no time to find out that it does not run.",
    remedy: "Correct the reverse. It has to take back what its migration does, and that alone.",
    good: GOOD,
    bad: example(&[
        ("0001_users.sql", b"create table users (id bigint primary key);\n"),
        ("0001_users.down.sql", b"drop table user_accounts;\n"),
        ("seal.lock", b""),
    ]),
};

/// A reverse that leaves another schema behind than there was.
pub(crate) static REVERSE_DIFFERS: Rule = Rule {
    id: "reverse-differs",
    finds: "a migration followed by its reverse gives another schema than there was before (`graven check --reverse`)",
    why: "After a revert the history says that the migration was never applied. What it left behind, or what its reverse took \
          along, is known to nobody, and the next migration meets a schema that no other database has.",
    remedy: "Let the reverse undo every line of the difference, or delete it if there is no way back: a migration without a \
             reverse is not reverted by mistake. Columns that come back are the last of their table; that is only a warning.",
    good: GOOD,
    bad: example(&[
        ("0001_users.sql", b"create type role as enum ('admin');\ncreate table users (role role);\n"),
        ("0001_users.down.sql", b"drop table users;\n"),
        ("seal.lock", b""),
    ]),
};

/// A migration that works once.
pub(crate) static REVERSE_REPEATS: Rule = Rule {
    id: "reverse-repeats",
    finds: "a migration that was reverted cannot be applied again, or gives another schema then (`graven check --reverse`)",
    why: "Who reverts a migration corrects it and applies it again. What its reverse has left behind is in the way.",
    remedy: "Let the reverse take back everything, also what belongs to the server and not to the database, such as a role.",
    good: GOOD,
    bad: example(&[
        ("0001_role.sql", b"create role graven_example_reader;\n"),
        ("0001_role.down.sql", b"-- A reverse that takes nothing back.\nselect 1;\n"),
        ("seal.lock", b""),
    ]),
};

/// A baseline that leads elsewhere.
pub(crate) static BASELINE_DIFFERS: Rule = Rule {
    id: "baseline-differs",
    finds: "a fresh database, which begins with the latest baseline, becomes another than all migrations one by one make \
            (`graven check --baseline`)",
    why: "A baseline stands for all migrations up to its version, and the history says so. Where it makes a table in another way, \
          or leaves away the rows that a migration inserted, tests and new customers have a database that production has not, \
          and the next migration may work on the one and fail on the other.",
    remedy: "Make each line of the difference the same in the baseline: its tables, what migrations have inserted, and where \
             sequences stand (`setval`). What varies from run to run, such as a time, is not compared.",
    good: example(&[
        ("0001_roles.sql", b"create table roles (name text primary key);\ninsert into roles values ('admin');\n"),
        (
            "0001_all.baseline.sql",
            b"create table roles (name text primary key);\ninsert into roles values ('admin');\n",
        ),
        ("seal.lock", b""),
    ]),
    bad: example(&[
        ("0001_roles.sql", b"create table roles (name text primary key);\ninsert into roles values ('admin');\n"),
        ("0001_all.baseline.sql", b"create table roles (name text);\n"),
        ("seal.lock", b""),
    ]),
};

/// What a run would refuse.
pub(crate) static CONFLICT: Rule = Rule {
    id: "conflict",
    finds: "a run would refuse a database: its history and the directory disagree, it holds tables of others, or the role lacks \
            a right (`graven check --against`)",
    why: "Before it changes anything, a run compares the history with the directory. What is modified, orphaned, out of order \
          or incomplete there is for a person to decide, and a deployment would stop at it.",
    remedy: "Each of them names its remedy. `graven status --help` says what the states mean.",
    good: GOOD,
    bad: example(&[
        ("0001_users.sql", b"-- Edited after it was applied.\ncreate table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
};

/// What does nothing, so far.
pub(crate) static NO_STATEMENT: Rule = Rule {
    id: "no-statement",
    finds: "a migration that is not sealed holds no statement",
    why: "That is allowed. Mostly it was made a moment ago and is yet to be written: once it is applied, what is written into it \
          does not run.",
    remedy: "Write it, delete it, or seal it as it is. It is only a warning.",
    good: GOOD,
    bad: example(&[("0001_users.sql", b"-- To be written.\n"), ("seal.lock", b"")]),
};

#[cfg(test)]
mod tests {
    use super::{IN_GIT, ON_A_SERVER, all};
    use std::collections::HashSet;

    #[test]
    fn no_two_rules_have_one_id() {
        let ids: HashSet<&str> = all().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), all().count());
    }

    #[test]
    fn every_rule_says_what_it_finds_and_what_to_do() {
        assert_eq!(ON_A_SERVER.len(), 7);
        for rule in ON_A_SERVER.iter().chain(IN_GIT) {
            assert!(rule.why.ends_with('.') && rule.remedy.ends_with('.'), "{}", rule.id);
            assert!(!rule.finds.ends_with('.') && !rule.bad.files.is_empty(), "{}", rule.id);
        }
    }
}
