//! What can be said of lints to `graven check`.

use clap::{Args, ValueEnum};

use crate::failure::Failure;

/// The heading under which `--help` lists it.
const LINTS: &str = "Lints";

#[derive(Args, Debug, Default)]
pub(crate) struct Lints {
    /// Which migrations to lint for what hurts whoever uses the database meanwhile [default: unsealed]
    #[arg(long, value_name = "WHICH", value_enum, help_heading = LINTS)]
    pub(super) lint: Option<Which>,

    /// Lint what is new or changed since this commit, branch or tag, sealed or not [default: where the branch began]
    #[arg(long, value_name = "GIT_REF", num_args = 0..=1, default_missing_value = "", conflicts_with = "lint", help_heading = LINTS)]
    pub(super) lint_since: Option<String>,

    /// Fail where a lint finds something
    #[arg(long, help_heading = LINTS)]
    pub(super) deny_lints: bool,

    /// Leave out these lints, with commas between them
    #[arg(long, value_name = "LINT", value_delimiter = ',', help_heading = LINTS)]
    pub(super) allow: Vec<String>,

    /// Heed these lints as well, which are off unless asked for
    #[arg(long, value_name = "LINT", value_delimiter = ',', help_heading = LINTS)]
    pub(super) warn: Vec<String>,
}

/// Which migrations to lint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Which {
    /// Those that may still change
    Unsealed,
    /// All, and the repeatables
    All,
    /// None
    None,
}

impl Lints {
    /// Refuses lints that are denied where all has to be sealed, and only what is not sealed is linted.
    pub(crate) fn can_fail_where_all_is_sealed(&self) -> Result<(), Failure> {
        if !self.deny_lints || !self.looks_at_unsealed() {
            return Ok(());
        }
        Err(Failure::Usage(
            "`--deny-lints` has nothing to deny: with `--sealed` all is sealed, and only what is not sealed is linted"
                .to_owned(),
            "say what to look at: `--lint-since`, or `--lint all`".to_owned(),
        ))
    }

    /// What to say where lints are denied and none looked at anything, since all is sealed.
    pub(crate) fn nothing_denied(&self) -> Option<&'static str> {
        let says = self.deny_lints && self.looks_at_unsealed();
        says.then_some("note: all migrations are sealed, and no file was linted: `--lint-since` says what to look at")
    }

    fn looks_at_unsealed(&self) -> bool {
        self.lint_since.is_none() && matches!(self.lint, None | Some(Which::Unsealed))
    }

    /// Refuses what only a linter could do.
    pub(super) fn ask_for_nothing(&self) -> Result<(), Failure> {
        let asks = matches!(self.lint, Some(Which::Unsealed | Which::All))
            || self.lint_since.is_some()
            || self.deny_lints
            || !self.warn.is_empty();
        if !asks {
            return Ok(());
        }
        Err(Failure::Usage(
            "this graven was built without lints".to_owned(),
            "install it with them: `cargo install graven-cli --features lint`".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{Lints, Which};

    #[test]
    fn a_gate_that_cannot_fail_is_refused() {
        let denied = || Lints { deny_lints: true, ..Lints::default() };
        for (lints, is_refused) in [
            (Lints::default(), false),
            (denied(), true),
            (Lints { lint: Some(Which::Unsealed), ..denied() }, true),
            (Lints { lint: Some(Which::All), ..denied() }, false),
            (Lints { lint: Some(Which::None), ..denied() }, false),
            (Lints { lint_since: Some(String::new()), ..denied() }, false),
        ] {
            assert_eq!(lints.can_fail_where_all_is_sealed().is_err(), is_refused, "{lints:?}");
        }
    }

    #[test]
    fn without_a_linter_only_what_asks_for_one_is_refused() {
        for (lints, is_refused) in [
            (Lints::default(), false),
            (Lints { lint: Some(Which::None), ..Lints::default() }, false),
            (Lints { allow: vec!["ban-drop-table".to_owned()], ..Lints::default() }, false),
            (Lints { lint: Some(Which::Unsealed), ..Lints::default() }, true),
            (Lints { lint: Some(Which::All), ..Lints::default() }, true),
            (Lints { lint_since: Some(String::new()), ..Lints::default() }, true),
            (Lints { deny_lints: true, ..Lints::default() }, true),
            (Lints { warn: vec!["prefer-identity".to_owned()], ..Lints::default() }, true),
        ] {
            assert_eq!(lints.ask_for_nothing().is_err(), is_refused, "{lints:?}");
        }
    }
}
