//! What a file allows itself, and whether it made use of it.

use graven_source::directive::{Allowed, allowed};
use graven_source::problem::Problem;

use super::choice::{Choice, unknown};
use super::heard::Extent;
use super::own::{UNKNOWN_LINT, UNUSED_ALLOW};
use super::registry::{self, Lint};
use super::source::{Source, Standing};
use crate::command::check::Finding;

/// What the head of a file allows.
#[derive(Debug)]
pub(super) struct Allowance {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    allowed: Allowed,
    lint: Option<&'static Lint>,
    is_used: bool,
}

impl Allowance {
    pub(super) fn of(text: &str) -> Self {
        let entry = |allowed: Allowed| Entry { lint: registry::by_name(&allowed.rule), allowed, is_used: false };
        Self { entries: allowed(text).into_iter().map(entry).collect() }
    }

    /// Whether what this lint has found is allowed.
    pub(super) fn covers(&mut self, lint: &Lint) -> bool {
        let mut covers = false;
        for entry in &mut self.entries {
            if entry.lint.is_some_and(|allowed| allowed.rule == lint.rule) {
                entry.is_used = true;
                covers = true;
            }
        }
        covers
    }

    /// What of it is without effect. Of a lint that is not heeded this time nothing can be said, nor of any where a statement is
    /// not read; and in what is sealed for good, nobody can delete it.
    pub(super) fn left_over(self, source: &Source<'_>, choice: &Choice, extent: Extent) -> Vec<Finding> {
        let finding = |entry: Entry| match entry.lint {
            None => no_lint(source, &entry.allowed, choice),
            Some(lint) if !entry.is_used && extent == Extent::Whole && source.standing != Standing::Sealed => {
                choice.heeded(lint.name()).map(|lint| unused(source, &entry.allowed, lint))
            }
            Some(_) => None,
        };
        self.entries.into_iter().filter_map(finding).collect()
    }
}

fn no_lint(source: &Source<'_>, allowed: &Allowed, choice: &Choice) -> Option<Finding> {
    let (message, hint) = unknown(&allowed.rule);
    let said = |rule, message: String| Problem::new(rule, source.path.as_str(), message);
    if let Some(left_out) = registry::left_out(&allowed.rule) {
        let problem = said(&UNUSED_ALLOW, message).note(left_out.because).help(delete(source));
        let finding = Finding::note(problem.at(source.text, allowed.span.clone(), ""));
        return (source.standing != Standing::Sealed).then_some(finding);
    }
    let problem = said(&UNKNOWN_LINT, message).note("it allows nothing").at(source.text, allowed.span.clone(), "");
    Some(match source.standing {
        Standing::Open => Finding { level: choice.level, problem: problem.help(hint) },
        Standing::New => Finding { level: choice.level, problem: problem.note(SEAL_AGAIN).help(hint) },
        Standing::Sealed => Finding::note(problem.note("the file is sealed, and stays as it is")),
    })
}

/// How to change a file that the branch brings and has sealed.
const SEAL_AGAIN: &str =
    "the branch has sealed the file: take its line out of seal.lock first, and seal again after it";

fn delete(source: &Source<'_>) -> &'static str {
    match source.standing {
        Standing::New => "take its line out of seal.lock, delete it here, and seal again",
        Standing::Open | Standing::Sealed => "delete it",
    }
}

fn unused(source: &Source<'_>, allowed: &Allowed, lint: &Lint) -> Finding {
    let message = format!("`{}` finds nothing here that had to be allowed", lint.name());
    let problem = Problem::new(&UNUSED_ALLOW, source.path.as_str(), message).help(delete(source));
    Finding::note(problem.at(source.text, allowed.span.clone(), ""))
}
