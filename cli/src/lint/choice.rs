//! Which lints are heeded, and how a name is understood.

use super::arguments::Lints;
use super::registry::{self, Heeded, Lint, PREFIX};
use crate::command::check::{Level, all_rules};
use crate::failure::Failure;

/// From where on a misspelt name is taken for another: 1 is the same, 0 has nothing in common.
const ALIKE: f64 = 0.75;

/// Which lints are heeded.
#[derive(Debug)]
pub(super) struct Choice {
    heeded: Vec<&'static Lint>,
    /// How bad it is what they find.
    pub(super) level: Level,
}

impl Choice {
    pub(super) fn of(lints: &Lints) -> Result<Self, Failure> {
        let allowed = named(&lints.allow)?;
        let asked_for = named(&lints.warn)?;
        let is_heeded = |lint: &&Lint| {
            let is_in = |list: &[&Lint]| list.iter().any(|other| other.rule == lint.rule);
            (lint.heeded == Heeded::Always || is_in(&asked_for)) && !is_in(&allowed)
        };
        let level = if lints.deny_lints { Level::Error } else { Level::Warning };
        Ok(Self { heeded: registry::all().filter(is_heeded).collect(), level })
    }

    /// The lint of that name, if it is heeded.
    pub(super) fn heeded(&self, name: &str) -> Option<&'static Lint> {
        self.heeded.iter().find(|lint| lint.name() == name).copied()
    }

    /// squawk's names of those that are heeded.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.heeded.iter().map(|lint| lint.name())
    }
}

/// The lints of those names.
fn named(names: &[String]) -> Result<Vec<&'static Lint>, Failure> {
    let lint = |name: &String| {
        let name = name.trim().to_lowercase();
        registry::by_name(&name).ok_or_else(|| {
            let (message, hint) = unknown(&name);
            Failure::Usage(message, hint)
        })
    };
    names.iter().map(lint).collect()
}

/// What to say of a name that is no lint's, and what to do.
pub(super) fn unknown(name: &str) -> (String, String) {
    if let Some(left_out) = registry::left_out(name) {
        return left_out.told();
    }
    if let Some(rule) = all_rules().find(|rule| rule.id == name) {
        return (
            format!("`{}` is a rule and not a lint", rule.id),
            format!("keep it (`graven explain {}`): only lints can be allowed", rule.id),
        );
    }
    let hint = match nearest(name) {
        Some(lint) => format!("did you mean `{}`? `graven explain` lists all lints", lint.name()),
        None => "`graven explain` lists all lints".to_owned(),
    };
    (format!("there is no lint `{name}`"), hint)
}

fn nearest(name: &str) -> Option<&'static Lint> {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    let likeness = |lint: &Lint| strsim::jaro_winkler(lint.name(), name);
    registry::all().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|lint| likeness(lint) > ALIKE)
}
