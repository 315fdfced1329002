//! The rules about linting itself. None of them is an error unless lints are denied.

use graven_source::rule::{Example, Rule};

/// All of them, in the order in which they are explained.
pub(crate) static OWN: &[&Rule] = &[&UNKNOWN_LINT, &UNUSED_ALLOW, &NOT_LINTED];

const fn example(files: &'static [(&'static str, &'static [u8])]) -> Example {
    Example { path: "migrations", files }
}

const GOOD: Example = example(&[
    ("0007_change.sql", b"-- graven: allow = ban-drop-column\nalter table users drop column nickname;\n"),
    ("seal.lock", b""),
]);

/// An `allow` of what is no lint.
pub(crate) static UNKNOWN_LINT: Rule = Rule {
    id: "unknown-lint",
    finds: "`allow` names a lint that there is not (`graven check`)",
    why: "It allows nothing. The compiler does not know the lints, and cannot say so.",
    remedy: "Correct the name: `graven explain` lists all lints. A rule of graven cannot be allowed to be broken.",
    good: GOOD,
    bad: example(&[
        ("0007_change.sql", b"-- graven: allow = ban-drop-columns\nalter table users drop column nickname;\n"),
        ("seal.lock", b""),
    ]),
};

/// An `allow` without effect.
pub(crate) static UNUSED_ALLOW: Rule = Rule {
    id: "unused-allow",
    finds: "`allow` names a lint that finds nothing in the file (`graven check`)",
    why: "Whoever reads the file takes it for a warning of something that is not there. It is only a note, and none in a file that \
          is sealed for good.",
    remedy: "Delete it as long as the migration is not sealed.",
    good: GOOD,
    bad: example(&[
        ("0007_change.sql", b"-- graven: allow = ban-drop-column\nalter table users add column nickname text;\n"),
        ("seal.lock", b""),
    ]),
};

/// What squawk makes nothing of.
pub(crate) static NOT_LINTED: Rule = Rule {
    id: "not-linted",
    finds: "the lints cannot read a statement (`graven check`)",
    why: "They have a parser of their own, which is not PostgreSQL's. What it makes nothing of is not looked at, nor what \
          is longer than 64 KiB or nested more than 1,000 deep, which is only a note. What it gives up for the time it takes is a lint like others, and an error with `--deny-lints`.",
    remedy: "See that PostgreSQL takes the statement (`graven check --database`), and look yourself whether it locks anybody out.",
    good: GOOD,
    bad: example(&[("0007_change.sql", b"alter tabel users drop column nickname;\n"), ("seal.lock", b"")]),
};
