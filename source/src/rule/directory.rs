//! The rules about a directory and the names of its files.

use super::{Example, Rule};

const GOOD: Example = Example::new(&[
    ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
    ("0002_add_email.sql", b"alter table users add column email text;\n"),
    ("seal.lock", b""),
]);

/// The directory, or a file of it, cannot be read.
pub static DIRECTORY_ABSENT: Rule = Rule {
    id: "directory-absent",
    finds: "the migrations directory is not there, or it or one of its files cannot be read",
    why: "Without the directory there is nothing to embed, and a service without migrations would start on any database.",
    remedy: "Take the directory back from git if it was there, or name the right one: the path is relative to the \
             package, the folder that its `Cargo.toml` lies in. Create it where there was none.",
    good: GOOD,
    bad: Example::at("migrations", &[]),
};

/// The path of the directory is absolute.
pub static DIRECTORY_ABSOLUTE: Rule = Rule {
    id: "directory-absolute",
    finds: "the path of the migrations directory is absolute",
    why: "It would build on one machine only.",
    remedy: "Give a path relative to the package. It may leave the package, as in `../migrations`; `cargo package` then \
             leaves the migrations out, so that such a package cannot be published.",
    good: GOOD,
    bad: Example::at("/srv/app/migrations", &[]),
};

/// An SQL file whose name fits no kind.
pub static FILE_NAME: Rule = Rule {
    id: "file-name",
    finds: "the name of an `.sql` file fits no kind of migration, or cargo cannot keep track of it",
    why: "A migration that is passed over in silence is found in production. The names are `<version>_<name>.sql` (or \
          `.up.sql`), `<version>_<name>.down.sql`, `<version>_<name>.baseline.sql` and `<name>.repeatable.sql`. With a \
          space other than that of ASCII in the path of a file, as U+00A0 or U+3000, cargo builds the package anew at \
          every build.",
    remedy: "Give the file the name that the message prints, and the directory one without such a space. In the name of a \
             folder above the package it costs as many builds, and is no error. Where another tool's versions have dots, \
             as in `V1.1__add_email.sql`, all files with names of that tool are numbered anew, in their order.",
    good: GOOD,
    bad: Example::new(&[
        ("V1__create_users.sql", b"create table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
};

/// Something that is no migration.
pub static STRAY_FILE: Rule = Rule {
    id: "stray-file",
    finds: "something other than migrations lies in the directory",
    why: "It may be a migration whose name has a slip in it, or one in a folder, where it is not looked for. Dotfiles, \
          backups of editors, READMEs, Markdown and empty folders are left alone.",
    remedy: "Move it elsewhere, or give it a name that begins with a dot.",
    good: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("README.md", b"How we write migrations.\n"),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("0002_add_email.sql.txt", b"alter table users add column email text;\n"),
        ("seal.lock", b""),
    ]),
};

/// A version that no `bigint` holds.
pub static VERSION_RANGE: Rule = Rule {
    id: "version-range",
    finds: "a version is larger than 9223372036854775807",
    why: "The history table keeps the version as a `bigint`.",
    remedy: "Use a smaller version. A timestamp to the second has 14 digits, and 18 digits always fit.",
    good: Example::new(&[
        ("9223372036854775807_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        ("9223372036854775808_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
};

/// Two files of one kind with one version.
pub static DUPLICATE_VERSION: Rule = Rule {
    id: "duplicate-version",
    finds: "two migrations have one version; leading zeros do not tell them apart",
    why: "The version is what a database remembers a migration by, and the order in which two of one version run would \
          be left to chance. It mostly comes of two branches that both took the next number.",
    remedy: "Give the newer one the next free version, with the `git mv` that the message prints or with \
             `graven renumber`. Delete one that is a copy of the other.",
    good: GOOD,
    bad: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("1_create_teams.sql", b"create table teams (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
};

/// Two repeatables with one name.
pub static DUPLICATE_NAME: Rule = Rule {
    id: "duplicate-name",
    finds: "two repeatable migrations have names that differ by case only",
    why: "The name is what a database remembers a repeatable by, and on a file system that does not tell upper from lower \
          case one of the two files overwrites the other.",
    remedy: "Give one of them another name.",
    good: Example::new(&[
        ("team_views.repeatable.sql", b"create or replace view v as select 1 as one;\n"),
        ("user_views.repeatable.sql", b"create or replace view w as select 2 as two;\n"),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        ("Views.repeatable.sql", b"create or replace view v as select 1 as one;\n"),
        ("views.repeatable.sql", b"create or replace view w as select 2 as two;\n"),
        ("seal.lock", b""),
    ]),
};

/// A reverse without its migration.
pub static REVERSE_WITHOUT_FORWARD: Rule = Rule {
    id: "reverse-without-forward",
    finds: "a `.down.sql` has no migration of the same version and name",
    why: "It would never run, or it would take back another migration than the one it was written for.",
    remedy: "Give it the version and the name of the migration that it takes back, or delete it.",
    good: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("0001_create_users.down.sql", b"drop table users;\n"),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("0002_create_users.down.sql", b"drop table users;\n"),
        ("seal.lock", b""),
    ]),
};

/// A baseline of no migration's version.
pub static BASELINE_OF_NOTHING: Rule = Rule {
    id: "baseline-of-nothing",
    finds: "the version of a baseline is not that of any versioned migration",
    why: "A fresh database gets a baseline in place of every version up to its own, and then counts as being at that \
          version. There is none to be at. The versioned files up to it stay: other databases have their checksums.",
    remedy: "Give the baseline the version of the last migration that it stands for.",
    good: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("0001_all.baseline.sql", b"create table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("0007_all.baseline.sql", b"create table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
};
