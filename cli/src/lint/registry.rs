//! The lints as data: what each finds in a migration, why that is a danger, what to do, and an example of either side.
//!
//! They are the rules of squawk under its names. What is said of them is said here, since what to do about them is done
//! with graven. It holds no code that looks for anything: that is the linter's.

mod drops;
mod new_clients;
mod requested;
mod tables;
mod types;

use graven_source::rule::Rule;

/// What stands before squawk's own name of a rule, so that it can never be the name of one of graven's.
pub(crate) const PREFIX: &str = "squawk/";

/// One lint.
#[derive(Debug)]
pub(crate) struct Lint {
    /// As the rules of the directory are described.
    pub(crate) rule: Rule,
    pub(crate) heeded: Heeded,
    pub(crate) about: About,
    pub(crate) says: Says,
}

/// When a lint is heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heeded {
    /// Unless it is allowed.
    Always,
    /// Only with `--warn`.
    OnRequest,
}

/// What a lint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// What has been there before: a table that the same change makes is in nobody's way.
    WhatIsThere,
    /// What is written, wherever.
    WhatIsWritten,
}

/// What is said of a place that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// What the lint finds.
    Finds,
    /// What squawk says, since that names what is meant.
    Squawks,
}

impl Lint {
    /// squawk's own name.
    pub(crate) fn name(&self) -> &'static str {
        self.rule.id.strip_prefix(PREFIX).unwrap_or(self.rule.id)
    }
}

/// All of them, in the order in which they are documented.
pub(crate) fn all() -> impl Iterator<Item = &'static Lint> {
    [tables::LINTS, drops::LINTS, types::LINTS, requested::LINTS, new_clients::LINTS].into_iter().flatten()
}

/// The lint of that name, with or without the prefix.
pub(crate) fn by_name(name: &str) -> Option<&'static Lint> {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    // A second spelling that squawk has for it.
    let name = if name == "prefer-timestamptz" { "prefer-timestamp-tz" } else { name };
    all().find(|lint| lint.name() == name)
}

/// A rule of squawk that graven does not heed.
#[derive(Debug)]
pub(crate) struct LeftOut {
    /// squawk's name.
    pub(crate) name: &'static str,
    /// Why not, in a full sentence.
    pub(crate) because: &'static str,
}

const SETS_TIMEOUTS: &str = "A run sets `lock_timeout` for each transactional migration (5 s unless said otherwise), gives up, \
     lets others through and tries again. `-- graven: lock_timeout = 2s` and `statement_timeout` change it for a file.";
const RULE_OF_BLOCKS: &str = "The compiler says so already: rule `transaction-control`.";

impl LeftOut {
    /// What to say of it, and why it is so.
    pub(crate) fn told(&self) -> (String, String) {
        (format!("graven does not heed squawk's `{}`", self.name), self.because.to_owned())
    }
}

/// The rules of squawk that make no sense for graven, or that its own rules have already.
pub(crate) static LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        name: "ban-concurrent-index-creation-in-transaction",
        because: "The compiler says so already: rule `needs-no-transaction`.",
    },
    LeftOut { name: "ban-uncommitted-transaction", because: RULE_OF_BLOCKS },
    LeftOut { name: "transaction-nesting", because: RULE_OF_BLOCKS },
    LeftOut {
        name: "prefer-robust-stmts",
        because: "A migration and its row in the history commit together, and one without a transaction goes on after its last \
                  recorded statement. `IF NOT EXISTS` would hide that a database is not what the history says.",
    },
    LeftOut { name: "require-lock-timeout", because: SETS_TIMEOUTS },
    LeftOut { name: "require-statement-timeout", because: SETS_TIMEOUTS },
    LeftOut { name: "require-timeout-settings", because: SETS_TIMEOUTS },
    LeftOut { name: "prefer-repack", because: "`REPACK` comes with PostgreSQL 19, and graven knows 14 to 18." },
];

/// The rule of squawk of that name, with or without the prefix, if it is one that is not heeded.
pub(crate) fn left_out(name: &str) -> Option<&'static LeftOut> {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    LEFT_OUT.iter().find(|left_out| left_out.name == name)
}

/// Writes one lint.
macro_rules! lint {
    (
        $name:literal, $heeded:ident, $about:ident, $says:ident,
        finds: $finds:expr,
        why: $why:expr,
        remedy: $remedy:expr,
        good: [$(($good_file:literal, $good:literal)),+ $(,)?],
        bad: $bad:literal $(,)?
    ) => {
        $crate::lint::registry::Lint {
            rule: ::graven_source::rule::Rule {
                id: concat!("squawk/", $name),
                finds: $finds,
                why: $why,
                remedy: $remedy,
                good: ::graven_source::rule::Example {
                    path: "migrations",
                    files: &[$(($good_file, $good.as_bytes()),)+ ("seal.lock", b"")],
                },
                bad: ::graven_source::rule::Example {
                    path: "migrations",
                    files: &[("0007_change.sql", $bad.as_bytes()), ("seal.lock", b"")],
                },
            },
            heeded: $crate::lint::registry::Heeded::$heeded,
            about: $crate::lint::registry::About::$about,
            says: $crate::lint::registry::Says::$says,
        }
    };
}
use lint;
