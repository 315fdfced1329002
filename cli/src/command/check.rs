//! `graven check`: every rule, without a database; and on a real server what only PostgreSQL knows.

mod against;
mod arguments;
pub(super) mod baseline;
mod contrast;
mod finding;
mod github;
pub(super) mod ground;
pub(super) mod live;
mod replay;
mod report;
mod reversal;
mod root;
mod rules;
mod sarif;
pub(super) mod scratch;
mod since;

use std::future::Future;

use graven::cli::__private as shared;
use graven_source::set::{Loaded, Sealing, Set};

pub(crate) use self::arguments::Check;
use self::arguments::Format;
pub(crate) use self::finding::{Finding, Level};
use self::replay::{Reverses, Trials, replay};
use self::report::Checked;
pub(crate) use self::rules::all as all_rules;
use crate::arguments::Common;
use crate::command::plural;
use crate::directory::{Directory, not_written_yet, unsealed, warn_of_stubs};
use crate::embed::embed;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lint::lint;
use crate::output::{Form, Output};

pub(crate) fn run(common: &Common, check: &Check, output: &Output) -> Result<Exit, Failure> {
    let format = check.format.unwrap_or(if output.is_json() { Format::Json } else { Format::Human });
    let output = if format == Format::Human { *output } else { Output::for_machines() };
    let printed = checked(common, check, output).and_then(|checked| checked.print(format, check.place(), output));
    match (printed, format) {
        (Err(failure), Format::Json) => Ok(failure.tell(&output, &Directory::words(common))),
        (Err(failure), Format::Github) => {
            Output::new(Form::Human).result(&(), || github::error(&message(&failure)))?;
            Err(failure)
        }
        (printed, _) => printed,
    }
}

/// The first line of a failure.
fn message(failure: &Failure) -> String {
    match failure {
        Failure::Usage(message, _) | Failure::Failed(message, _) => message.clone(),
        Failure::Verb(failure) => {
            let json = failure.json(&shared::Words::of_the_command());
            json["error"]["message"].as_str().unwrap_or_default().to_owned()
        }
        Failure::Problems(problems) => plural(problems.len(), "problem"),
    }
}

/// Checks the files, and on a server only what is right as far as the files go.
fn checked(common: &Common, check: &Check, output: Output) -> Result<Checked, Failure> {
    if check.sealed {
        check.lints.can_fail_where_all_is_sealed()?;
    }
    let Loaded { set, mut problems, .. } = Directory::of(common)?.load();
    problems.extend(unsealed(&set, check.sealed.into()));
    let lost = check.since.as_deref().map_or(Ok(Vec::new()), |since| since::compare(&set, since.trim()))?;
    let is_sound = problems.is_empty();
    let linted = lint(&set, &problems, &check.lints)?;
    let sealed = set.migrations.iter().filter(|found| found.sealing == Sealing::Sealed).count();
    // A gate that looked at nothing says so.
    if sealed == set.migrations.len() && linted.files == Some(0) {
        check.lints.nothing_denied().into_iter().for_each(|note| output.progress(note));
    }
    let mut findings: Vec<_> = problems.into_iter().map(Finding::error).collect();
    findings.extend(not_written_yet(&set).map(|stub| Finding::without_statement(&set, stub)));
    findings.extend(lost);
    findings.extend(linted.findings);
    let mut checked = Checked {
        directory: set.directory.clone(),
        migrations: set.migrations.len(),
        sealed,
        baselines: set.baselines.len(),
        without_statements: not_written_yet(&set).map(|found| set.path_of(&found.file)).collect(),
        findings,
        linted: linted.files,
        replayed: None,
        against: None,
    };
    if is_sound {
        warn_of_stubs(&set, not_written_yet(&set), &output);
        on_servers(&set, check, output, &mut checked)?;
    }
    Ok(checked)
}

fn on_servers(set: &Set, check: &Check, output: Output, checked: &mut Checked) -> Result<(), Failure> {
    // Before anything that takes time.
    let url = check.against.as_deref().map(against::url).transpose()?;
    if check.place().is_none() && url.is_none() {
        return Ok(());
    }
    let trials = trials(set, check)?;
    let embedded = embed(set.clone());
    block_on(async {
        if let Some(place) = check.place() {
            let mut replayed = replay(set, embedded, place, trials, output).await?;
            checked.findings.append(&mut replayed.findings);
            checked.replayed = Some(replayed);
        }
        if let Some(url) = url {
            let against = against::look(embedded, check, &url).await?;
            let conflicts = against.status.conflicts.iter().map(|conflict| Finding::conflict(set, conflict));
            checked.findings.extend(conflicts);
            checked.findings.extend(against.refusal.iter().map(|refusal| Finding::refused(set, refusal)));
            checked.against = Some(against);
        }
        Ok(())
    })
}

fn trials<'s>(set: &'s Set, check: &Check) -> Result<Trials<'s>, Failure> {
    let reverses = if check.reverse { Reverses::Try } else { Reverses::Leave };
    // A fresh database gets the latest one.
    match set.baselines.last() {
        None if check.baseline => Err(Failure::Usage(
            format!("there is no baseline in {}", set.directory),
            "leave `--baseline` away, or write one: `graven baseline NAME`".to_owned(),
        )),
        baseline => Ok(Trials { reverses, baseline: baseline.filter(|_| check.baseline) }),
    }
}

/// Runs it to its end, or until somebody presses Ctrl-C: then it is dropped, and with it the scratch database.
pub(super) fn block_on<T>(checking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::Failed(format!("cannot start: {error}"), "see that the system has resources left".to_owned())
    })?;
    runtime.block_on(shared::unless_interrupted(checking)).unwrap_or_else(|| {
        Err(Failure::Failed("interrupted".to_owned(), "nothing is left behind: start again when you like".to_owned()))
    })
}
