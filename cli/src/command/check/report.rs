//! What a check prints, in each of its formats.

use graven::cli::__private::Words;
use graven_source::problem::Problem;
use serde_json::{Value, json};

use super::against::{self, Against};
use super::arguments::Format;
use super::baseline::{Compared, Sameness};
use super::finding::{Finding, Level};
use super::replay::{Replayed, Tally};
use super::root::Root;
use super::scratch::Place;
use super::{contrast, github, rules, sarif};
use crate::command::plural;
use crate::directory::words_on;
use crate::exit::{self, Exit};
use crate::failure::{self, Failure};
use crate::lint::own::NOT_LINTED;
use crate::output::{Form, Output};

/// What a fresh database really gets begins with a baseline, and a check goes one by one unless it is asked.
const NOT_TRIED: &str = "the baseline was not tried: `--baseline` begins with it, and compares what it makes";

/// As many notes are shown to people, who look for the one or the other at most. The others are counted.
const NOTES: usize = 10;

/// What a check did and found.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) directory: String,
    pub(crate) migrations: usize,
    pub(crate) sealed: usize,
    pub(crate) baselines: usize,
    pub(crate) without_statements: Vec<String>,
    /// Of the directory, and of what PostgreSQL and a database say of it.
    pub(crate) findings: Vec<Finding>,
    /// How many files were linted, if any were to be.
    pub(crate) linted: Option<usize>,
    pub(crate) replayed: Option<Replayed>,
    pub(crate) against: Option<Against>,
}

impl Checked {
    /// How the command ends: what is furthest from being deployed first.
    pub(crate) fn exit(&self) -> Exit {
        let broken = |of: &dyn Fn(&str) -> bool| self.errors().any(|problem| of(problem.rule.id));
        if broken(&|rule| rule == rules::MIGRATION_FAILS.id) {
            exit::MIGRATION_FAILED
        } else if broken(&|rule| rule != rules::CONFLICT.id) {
            exit::PROBLEMS
        } else if broken(&|_| true) {
            exit::CONFLICTS
        } else {
            exit::DONE
        }
    }

    fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.of_level(Level::Error)
    }

    fn of_level(&self, level: Level) -> impl Iterator<Item = &Problem> {
        self.findings.iter().filter(move |finding| finding.level == level).map(|finding| &finding.problem)
    }

    pub(crate) fn print(self, format: Format, place: Option<Place<'_>>, output: Output) -> Result<Exit, Failure> {
        let exit = self.exit();
        match format {
            Format::Human => return self.print_to_people(place, output),
            Format::Json => output.result(&self.json(place), String::new)?,
            Format::Sarif => output.result(&sarif::log(&self.findings, &Root::find()), String::new)?,
            Format::Github => {
                let annotations = github::annotations(&self.findings, &Root::find());
                let page = self.page(place);
                let parts = [annotations, page].into_iter().filter(|part| !part.is_empty());
                Output::new(Form::Human).result(&(), || parts.collect::<Vec<_>>().join("\n"))?;
            }
        }
        Ok(exit)
    }

    /// What is fine on stdout, and all that is not on stderr.
    fn print_to_people(self, place: Option<Place<'_>>, output: Output) -> Result<Exit, Failure> {
        let (exit, page) = (self.exit(), self.page(place));
        if !page.is_empty() {
            output.result(&(), || page)?;
        }
        let (mut problems, mut shown) = (Vec::new(), Vec::new());
        let (mut notes, mut more_notes) = (0, 0);
        let mut findings = self.findings;
        // What nothing looked at is not to be hidden behind what is only of use.
        findings.sort_by_key(|finding| finding.problem.rule.id != NOT_LINTED.id);
        for Finding { level, problem } in findings {
            match level {
                // Of these a line has been said, or the run says more.
                _ if [rules::NO_STATEMENT.id, rules::MIGRATION_FAILS.id].contains(&problem.rule.id) => {}
                // One with a line to show is shown as problems are.
                Level::Warning if problem.excerpt.is_some() => shown.push(problem),
                Level::Note => {
                    if notes < NOTES {
                        output.progress(format!("note: {}: {}", problem.place(), problem.message));
                    }
                    notes += 1;
                    more_notes += usize::from(notes > NOTES) + problem.left_out;
                }
                Level::Warning => {
                    let notes = problem.notes.iter().map(|note| format!("\n  {}", note.replace('\n', "\n  ")));
                    output.warning(format!("{}: {}{}", problem.path, problem.message, notes.collect::<String>()));
                }
                Level::Error => problems.push(problem),
            }
        }
        if more_notes > 0 {
            output.progress(format!("note: and {more_notes} more"));
        }
        if !shown.is_empty() {
            let page = failure::page(&shown);
            let count = shown.len() + shown.iter().map(|problem| problem.left_out).sum::<usize>();
            // Several have a heading of their own.
            match page.strip_prefix(&format!("{count} problems in the migrations")) {
                Some(rest) => output.warning(format!("{count} places in the migrations to look at{rest}")),
                None => output.warning(page),
            }
        }
        let error = self.replayed.and_then(|replayed| replayed.error);
        match (problems.is_empty(), error) {
            (true, None) => Ok(exit),
            (true, Some(error)) => Err(error.into()),
            (false, error) => {
                Failure::Problems(problems).tell(&output, &words_on(&self.directory));
                error.map_or(Ok(exit), |error| Err(error.into()))
            }
        }
    }

    /// What there is to say beside the problems.
    fn page(&self, place: Option<Place<'_>>) -> String {
        let mut parts = Vec::new();
        if self.errors().next().is_none() {
            let migrations = plural(self.migrations, "migration");
            let warnings = match self.of_level(Level::Warning).filter(|problem| problem.excerpt.is_some()).count() {
                0 => String::new(),
                count => format!(", {}", plural(count, "warning")),
            };
            parts.push(format!("{}: {migrations}, {} sealed, no problems{warnings}", self.directory, self.sealed));
        }
        if let (Some(replayed), Some(place)) = (&self.replayed, place) {
            if replayed.error.is_none() {
                parts.push(format!(
                    "on PostgreSQL {}, {}: {} applied to an empty database in {:.1?}",
                    replayed.server.split(' ').next().unwrap_or_default(),
                    match place {
                        Place::Throwaway => "a throwaway server",
                        Place::Server(_) => "in a database of its own",
                    },
                    plural(replayed.applied, "migration"),
                    replayed.duration
                ));
            }
            parts.extend(replayed.reverses.as_ref().map(reverses));
            parts.extend(replayed.baseline.as_ref().map(contrast::page));
            if self.baselines > 0 && replayed.baseline.is_none() && replayed.error.is_none() {
                parts.push(NOT_TRIED.to_owned());
            }
        }
        parts.extend(self.against.as_ref().map(against::page));
        parts.join("\n")
    }

    fn json(&self, place: Option<Place<'_>>) -> Value {
        let mut json = json!({
            "directory": self.directory,
            "migrations": self.migrations,
            "sealed": self.sealed,
            "without_statements": self.without_statements,
            "problems": self.errors().map(failure::problem).collect::<Vec<_>>(),
            "warnings": self.of_level(Level::Warning).map(failure::problem).collect::<Vec<_>>(),
            "notes": self.of_level(Level::Note).map(failure::problem).collect::<Vec<_>>(),
            "linted": self.linted,
        });
        let words = words_on(&self.directory);
        if let (Some(replayed), Some(place)) = (&self.replayed, place) {
            json["database"] = database(replayed, place, &words);
        }
        if let Some(against) = &self.against {
            json["against"] = against::json(against, &words);
        }
        json
    }
}

/// `3 restore the schema, 1 does not, 2 migrations have none`.
fn reverses(tally: &Tally) -> String {
    let verb = |count: usize, one: &str, several: &str| format!("{count} {}", if count == 1 { one } else { several });
    let mut parts = vec![verb(tally.restored.len(), "restores the schema", "restore the schema")];
    if !tally.failed.is_empty() {
        parts.push(verb(tally.failed.len(), "does not", "do not"));
    }
    if !tally.untried.is_empty() {
        parts.push(verb(tally.untried.len(), "was not tried", "were not tried"));
    }
    if !tally.without.is_empty() {
        parts.push(format!("{} without one", plural(tally.without.len(), "migration")));
    }
    format!("reverses: {}", parts.join(", "))
}

fn database(replayed: &Replayed, place: Place<'_>, words: &Words) -> Value {
    let versions = |of: &[graven_source::Version]| of.iter().map(|version| version.value()).collect::<Vec<_>>();
    json!({
        "place": match place {
            Place::Throwaway => "throwaway",
            Place::Server(_) => "server",
        },
        "server_version": replayed.server,
        "applied_count": replayed.applied,
        "seconds": replayed.duration.as_secs_f64(),
        "error": replayed.error.as_ref().map(|error| error.json(words)["error"].take()),
        "reverses": replayed.reverses.as_ref().map(|tally| json!({
            "restored": versions(&tally.restored),
            "failed": versions(&tally.failed),
            "without": versions(&tally.without),
            "untried": versions(&tally.untried),
        })),
        "baseline": replayed.baseline.as_ref().map(baseline),
    })
}

fn baseline(compared: &Compared) -> Value {
    json!({
        "version": compared.version.value(),
        "name": compared.name,
        "same": compared.sameness == Sameness::Same,
        "tables": compared.tables,
        "rows": compared.rows,
        "sequences": compared.sequences,
        "not_compared": compared.left_out,
    })
}
