//! What a file allows itself, and whether it made use of it.

use std::collections::HashSet;

use graven_source::directive::{Allowed, allowed};
use graven_source::problem::Problem;

use super::choice::{Choice, unknown};
use super::heard::Extent;
use super::own::{UNKNOWN_LINT, UNUSED_ALLOW};
use super::registry::{self, Lint};
use super::source::{Source, Standing};
use crate::command::check::Finding;

/// What the head of a file allows. It may name a lint any number of times.
#[derive(Debug)]
pub(super) struct Allowance {
    entries: Vec<Entry>,
    /// The lints that are named, by their ids.
    lints: HashSet<&'static str>,
    /// Those of them that have found something.
    used: HashSet<&'static str>,
}

#[derive(Debug)]
struct Entry {
    allowed: Allowed,
    lint: Option<&'static Lint>,
}

impl Allowance {
    pub(super) fn of(text: &str) -> Self {
        let entry = |allowed: Allowed| Entry { lint: registry::by_name(&allowed.rule), allowed };
        let entries: Vec<Entry> = allowed(text).into_iter().map(entry).collect();
        let lints = entries.iter().filter_map(|entry| Some(entry.lint?.rule.id)).collect();
        Self { entries, lints, used: HashSet::new() }
    }

    /// Whether what this lint has found is allowed.
    pub(super) fn covers(&mut self, lint: &Lint) -> bool {
        let covers = self.lints.contains(lint.rule.id);
        if covers {
            self.used.insert(lint.rule.id);
        }
        covers
    }

    /// What of it is without effect. Of a lint that is not heeded this time nothing can be said, nor of any where a statement is
    /// not read; and in what is sealed for good, nobody can delete it.
    pub(super) fn left_over(&self, source: &Source<'_>, choice: &Choice, extent: Extent) -> Vec<Finding> {
        let is_told = |entry: &&Entry| match entry.lint {
            None => source.standing != Standing::Sealed || registry::left_out(&entry.allowed.rule).is_none(),
            Some(lint) => {
                extent == Extent::Whole
                    && source.standing != Standing::Sealed
                    && !self.used.contains(lint.rule.id)
                    && choice.heeded(lint.name()).is_some()
            }
        };
        let mut told: Vec<&Entry> = self.entries.iter().filter(is_told).collect();
        // What may fail the check is told, however much else there is.
        told.sort_by_key(|entry| entry.lint.is_some() || registry::left_out(&entry.allowed.rule).is_some());
        let finding = |entry: &&Entry| match entry.lint {
            None => no_lint(source, &entry.allowed, choice),
            Some(lint) => unused(source, &entry.allowed, lint),
        };
        let mut findings: Vec<Finding> = told.iter().take(ENOUGH).map(finding).collect();
        if let (Some(last), rest @ 1..) = (findings.last_mut(), told.len().saturating_sub(ENOUGH)) {
            last.problem.left_out = rest;
            last.problem.notes.push(format!("{rest} more that the file allows to no effect are left out"));
        }
        findings
    }
}

/// As many of one file are told.
const ENOUGH: usize = 100;

fn no_lint(source: &Source<'_>, allowed: &Allowed, choice: &Choice) -> Finding {
    let (message, hint) = unknown(&allowed.rule);
    let said = |rule, message: String| Problem::new(rule, source.path.as_str(), message);
    if let Some(left_out) = registry::left_out(&allowed.rule) {
        let problem = said(&UNUSED_ALLOW, message).note(left_out.because).help(delete(source));
        return Finding::note(problem.at(source.text, allowed.span.clone(), ""));
    }
    let problem = said(&UNKNOWN_LINT, message).note("it allows nothing").at(source.text, allowed.span.clone(), "");
    match source.standing {
        Standing::Open => Finding { level: choice.level, problem: problem.help(hint) },
        Standing::New => Finding { level: choice.level, problem: problem.note(sealed_again(source)).help(hint) },
        Standing::Sealed => Finding::note(problem.note("the file is sealed, and stays as it is")),
    }
}

/// How to change a file that the branch brings and has sealed.
fn sealed_again(source: &Source<'_>) -> String {
    format!("the branch has sealed the file: after the edit, type `{}`", source.accept_edit)
}

fn delete(source: &Source<'_>) -> String {
    match source.standing {
        Standing::New => format!("delete it, and accept that with `{}`", source.accept_edit),
        Standing::Open | Standing::Sealed => "delete it".to_owned(),
    }
}

fn unused(source: &Source<'_>, allowed: &Allowed, lint: &Lint) -> Finding {
    let message = format!("`{}` finds nothing here that had to be allowed", lint.name());
    let problem = Problem::new(&UNUSED_ALLOW, source.path.as_str(), message).help(delete(source));
    Finding::note(problem.at(source.text, allowed.span.clone(), ""))
}
