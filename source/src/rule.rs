//! The rules as data: what each finds, why it matters, what to do, and an example of either side.
//!
//! The macro, `graven check`, `graven explain RULE` and `docs/rules.md` all draw on this one registry. It holds no
//! code that looks for problems: that is [`crate::set`].

mod directory;
mod seal;
mod sql;

use std::fmt;

pub use self::directory::{
    BASELINE_OF_NOTHING, DIRECTORY_ABSENT, DIRECTORY_ABSOLUTE, DUPLICATE_NAME, DUPLICATE_VERSION, FILE_NAME,
    REVERSE_WITHOUT_FORWARD, STRAY_FILE, VERSION_RANGE,
};
pub use self::seal::{
    INSERTED_BEFORE_SEAL, SEAL_ABSENT, SEAL_DAMAGED, SEALED_DELETED, SEALED_EDITED, SEALED_RENAMED, UNSEALED_RELEASE,
};
pub use self::sql::{
    CONFLICT_MARKER, COPY_FROM_STDIN, COPY_TO_STDOUT, DIRECTIVE, NEEDS_NO_TRANSACTION, NEEDS_TRANSACTION, NOT_UTF8,
    NUL_BYTE, PSQL_COMMAND, REVERSE_IN_FILE, TRANSACTION_CONTROL, UNTERMINATED,
};

/// One rule. Two are equal when their ids are.
pub struct Rule {
    /// Its name, for people and machines: lower case, with hyphens. It never changes.
    pub id: &'static str,
    /// What it finds, a fragment: "two migrations have one version".
    pub finds: &'static str,
    /// Why that is an error, in full sentences.
    pub why: &'static str,
    /// What to do about it, in full sentences.
    pub remedy: &'static str,
    /// A directory that keeps the rule.
    pub good: Example,
    /// A directory that breaks this rule and no other.
    pub bad: Example,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// A small migrations directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its path, as the macro is given it.
    pub path: &'static str,
    /// File names and contents. Bytes, since a rule may be about what is no text. Where there is none, neither is the
    /// directory.
    pub files: &'static [(&'static str, &'static [u8])],
}

impl Example {
    /// An example in `migrations`.
    const fn new(files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self { path: "migrations", files }
    }

    /// An example at another path.
    const fn at(path: &'static str, files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self { path, files }
    }
}

/// All rules, in the order in which they are documented.
pub static RULES: &[&Rule] = &[
    &DIRECTORY_ABSENT,
    &DIRECTORY_ABSOLUTE,
    &FILE_NAME,
    &STRAY_FILE,
    &VERSION_RANGE,
    &DUPLICATE_VERSION,
    &DUPLICATE_NAME,
    &REVERSE_WITHOUT_FORWARD,
    &BASELINE_OF_NOTHING,
    &NOT_UTF8,
    &NUL_BYTE,
    &SEAL_ABSENT,
    &SEAL_DAMAGED,
    &SEALED_EDITED,
    &SEALED_DELETED,
    &SEALED_RENAMED,
    &INSERTED_BEFORE_SEAL,
    &UNSEALED_RELEASE,
    &UNTERMINATED,
    &CONFLICT_MARKER,
    &PSQL_COMMAND,
    &COPY_FROM_STDIN,
    &COPY_TO_STDOUT,
    &REVERSE_IN_FILE,
    &DIRECTIVE,
    &NEEDS_NO_TRANSACTION,
    &NEEDS_TRANSACTION,
    &TRANSACTION_CONTROL,
];

/// The rule of that id.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id).copied()
}
