//! What of all that squawk says is told, and how.

use std::cell::OnceCell;
use std::ops::Range;

use graven_source::Transaction;
use graven_source::problem::Problem;

use super::allowance::Allowance;
use super::anew::Creations;
use super::choice::Choice;
use super::heard::{Heard, Hit};
use super::own::NOT_LINTED;
use super::proofs::{Altered, Proofs, altered};
use super::registry::{About, Lint, Says};
use super::scope::Scope;
use super::source::{Source, Standing, too_much};
use super::words::words;
use crate::command::check::Finding;
use crate::command::summary::Made;

/// A lint that says of any constraint what others say better of theirs.
pub(super) const GENERAL: &str = "constraint-missing-not-valid";
/// Those others. squawk has to look for them also where they are not heeded: what is allowed is not to be told in general.
pub(super) const PARTICULAR: [&str; 3] =
    ["adding-foreign-key-constraint", "adding-serial-primary-key-field", "disallowed-unique-constraint"];

/// As many findings of one file are told. Each looks for its line from the beginning of the text, so that a large file of nothing
/// else would take for ever.
const ENOUGH: usize = 100;

/// A statement, and what is found out about it once a lint finds something in it: that may be often.
struct Whole<'s> {
    span: Range<usize>,
    text: &'s str,
    /// Whether the change has made what it changes.
    is_of_the_change: OnceCell<bool>,
    is_made_anew: OnceCell<bool>,
    altered: OnceCell<Option<Altered>>,
}

impl<'s> Whole<'s> {
    fn of(source: &Source<'s>, span: Range<usize>) -> Self {
        let text = source.text.get(span.clone()).unwrap_or_default();
        let (is_of_the_change, is_made_anew, altered) = Default::default();
        Self { span, text, is_of_the_change, is_made_anew, altered }
    }
}

/// Hears file by file, in the order in which they are applied.
pub(super) struct Judge<'c> {
    choice: &'c Choice,
    is_one_change: bool,
    /// What the change has made so far: it is in nobody's way.
    made: Made,
    proofs: Proofs,
    pub(super) findings: Vec<Finding>,
    /// Which of them is the first one of the file.
    first: usize,
    /// How much more was found in the file.
    left_out: usize,
}

impl<'c> Judge<'c> {
    pub(super) fn new(choice: &'c Choice, scope: &Scope) -> Self {
        let is_one_change = scope.is_one_change();
        let (made, proofs) = (Made::default(), Proofs::default());
        Self { choice, is_one_change, made, proofs, findings: Vec::new(), first: 0, left_out: 0 }
    }

    /// A file that is not linted.
    pub(super) fn pass(&mut self, source: &Source<'_>) {
        for statement in &source.statements {
            self.proofs.note(source.text.get(statement.span.clone()).unwrap_or_default());
        }
    }

    /// A file, and what was said of it.
    pub(super) fn hear(&mut self, source: &Source<'_>, heard: Heard) {
        if !self.is_one_change {
            self.made = Made::default();
        }
        (self.first, self.left_out) = (self.findings.len(), 0);
        let mut allowance = Allowance::of(source.text);
        let creations = OnceCell::new();
        let extent = heard.extent();
        let mut hits = without_twins(heard.hits).into_iter().peekable();
        for statement in &source.statements {
            let whole = Whole::of(source, statement.span.clone());
            while let Some(hit) = hits.next_if(|hit| hit.span.start < whole.span.end) {
                self.hit(source, &whole, &hit, &creations, &mut allowance);
            }
            // What an edited file makes is there already where it was applied.
            if source.is_new {
                self.made.note(whole.text);
            }
            self.proofs.note(whole.text);
        }
        // In comments behind the last statement.
        let end = Whole::of(source, source.text.len()..source.text.len());
        hits.for_each(|hit| self.hit(source, &end, &hit, &creations, &mut allowance));
        if let Some(last) = self.findings.get_mut(self.first..).and_then(<[_]>::last_mut).filter(|_| self.left_out > 0)
        {
            let left_out = format!("the lints found {} more in the file, which is left out", self.left_out);
            last.problem.notes.push(left_out);
        }
        self.unread(source, &heard.unread);
        self.given_up(source, &heard.given_up);
        self.findings.extend(allowance.left_over(source, self.choice, extent));
        if let Some(of_the_file) = self.findings.get_mut(self.first..) {
            of_the_file.sort_by_key(|finding| (finding.problem.line, finding.problem.column));
        }
    }

    fn hit(
        &mut self,
        source: &Source<'_>,
        whole: &Whole<'_>,
        hit: &Hit,
        creations: &OnceCell<Creations>,
        allowance: &mut Allowance,
    ) {
        let Some(lint) = self.choice.heeded(&hit.name) else { return };
        if self.is_harmless(lint, source, whole, hit, creations) || allowance.covers(lint) {
            return;
        }
        if self.of_the_file().count() >= ENOUGH {
            self.left_out += 1;
            return;
        }
        let problem = told(lint, hit, source);
        let is_told = |told: &Problem| told.rule == problem.rule && told.message == problem.message;
        if lint.says == Says::Finds || !self.of_the_file().any(|finding| is_told(&finding.problem)) {
            self.findings.push(Finding { level: self.choice.level, problem });
        }
    }

    fn of_the_file(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().skip(self.first)
    }

    /// What squawk cannot know.
    fn is_harmless(
        &self,
        lint: &Lint,
        source: &Source<'_>,
        whole: &Whole<'_>,
        hit: &Hit,
        creations: &OnceCell<Creations>,
    ) -> bool {
        let is_of_the_change = || *whole.is_of_the_change.get_or_init(|| self.made.holds_what_changes(whole.text));
        if lint.about == About::WhatIsThere && is_of_the_change() {
            return true;
        }
        let altered = || whole.altered.get_or_init(|| altered(whole.text)).as_ref();
        let at = hit.span.start.saturating_sub(whole.span.start);
        let meant = source.text.get(hit.span.clone()).unwrap_or_default();
        match lint.name() {
            "adding-not-nullable-field" => altered().is_some_and(|altered| self.proofs.prove_not_null(altered, at)),
            "ban-drop-constraint" => altered().is_some_and(|altered| self.proofs.are_done_with(altered, meant)),
            "ban-alter-domain-with-add-constraint" => ends_with_not_valid(whole.text),
            "ban-drop-view" | "ban-drop-function" if source.transaction == Transaction::On => {
                let creations = || creations.get_or_init(|| Creations::of(source.each()));
                *whole.is_made_anew.get_or_init(|| creations().make_anew(whole.text, whole.span.end))
            }
            _ => false,
        }
    }

    /// Told once a file: mostly one cause has them all.
    fn unread(&mut self, source: &Source<'_>, unread: &[Range<usize>]) {
        let Some(first) = unread.first() else { return };
        let because = too_much(source.text.get(first.clone()).unwrap_or_default());
        let because = because.map_or_else(String::new, |because| format!(": {because}"));
        let message = match unread.len() {
            1 => format!("the lints cannot read this statement{because}"),
            count => {
                format!("the lints cannot read {count} statements of this file, of which this is the first{because}")
            }
        };
        let problem = Problem::new(&NOT_LINTED, source.path.as_str(), message).at(source.text, first.clone(), "");
        self.findings.push(Finding::note(problem));
    }

    /// A gate that lets through what nobody has looked at is none.
    fn given_up(&mut self, source: &Source<'_>, given_up: &[Range<usize>]) {
        let Some(first) = given_up.first() else { return };
        let message = match given_up.len() {
            1 => "the lints gave this statement up".to_owned(),
            count => format!("the lints gave up {count} statements of this file, of which this is the first"),
        };
        let problem = Problem::new(&NOT_LINTED, source.path.as_str(), message)
            .at(source.text, first.clone(), "")
            .note("they took too long over it, or broke down, so that nobody has looked at it")
            .help("look yourself whether it locks anybody out; `--lint none` lints nothing");
        self.findings.push(Finding { level: self.choice.level, problem });
    }
}

/// `ALTER DOMAIN … NOT VALID` reads no table.
fn ends_with_not_valid(statement: &str) -> bool {
    let words = words(statement.trim_end_matches(';'));
    matches!(words.as_slice(), [.., not, valid] if not == "not" && valid == "valid")
}

/// What a lint has found, as it is told.
fn told(lint: &'static Lint, hit: &Hit, source: &Source<'_>) -> Problem {
    let message = match lint.says {
        Says::Finds => lint.rule.finds.to_owned(),
        Says::Squawks => fragment(&hit.message),
    };
    Problem::new(&lint.rule, source.path.as_str(), message)
        .at(source.text, hit.span.clone(), "")
        .note(fragment(lint.rule.why))
        .help(fragment(lint.rule.remedy))
        .help(match source.standing {
            Standing::Open => format!("allow it in this file: `-- graven: allow = {}`", lint.name()),
            Standing::New => format!(
                "allow it in this file: write `-- graven: allow = {}`, and accept that with `{}`",
                lint.name(),
                source.accept_edit
            ),
            Standing::Sealed => format!("leave it out, as the file is sealed: `--allow {}`", lint.name()),
        })
}

/// Without what is said of one constraint a second time, in general.
fn without_twins(hits: Vec<Hit>) -> Vec<Hit> {
    let particular: Vec<Hit> = hits.iter().filter(|hit| PARTICULAR.contains(&hit.name.as_str())).cloned().collect();
    let is_twin = |hit: &Hit| hit.name == GENERAL && particular.iter().any(|inner| hit.holds(inner));
    hits.into_iter().filter(|hit| !is_twin(hit)).collect()
}

/// The first sentence of a text, as a part of a longer message.
fn fragment(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap_or(text).trim_end_matches('.');
    let word = sentence.split_whitespace().next().unwrap_or_default();
    let mut letters = sentence.chars();
    match letters.next() {
        // Not `PostgreSQL`, and not `NOT VALID`.
        Some(first) if word.chars().skip(1).all(|letter| !letter.is_uppercase()) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::fragment;

    #[test]
    fn a_sentence_becomes_a_fragment_and_names_stay_as_they_are() {
        for (text, expected) in [
            ("Nobody can write.", "nobody can write"),
            ("Drop it. Or do not.", "drop it"),
            ("PostgreSQL refuses it.", "PostgreSQL refuses it"),
            ("CASCADE empties it.", "CASCADE empties it"),
            ("`a.b` is too long.", "`a.b` is too long"),
            ("A column.", "a column"),
            ("", ""),
        ] {
            assert_eq!(fragment(text), expected);
        }
    }
}
