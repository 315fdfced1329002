//! `repair`: shows what was applied with another text than it has now, and accepts it where that is said.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::database::{Database, Lock, version};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::{self, Failure};
use crate::cli::output::{BAD, BOLD, DIM, GOOD, WARNING, plain, shown};
use crate::cli::progress::{self, Tools};
use crate::cli::verb::Scene;
use crate::cli::words::plural;
use crate::{Error, RepairReport, Repairable};

/// Accept, after review, that migrations were applied with another text or name
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven repair                    show what differs, and change nothing (exit code 4 if any)
  graven repair 3 5                accept the differences of these versions
  graven repair --all              accept all

A migration that was edited after it was applied is modified, and `graven apply` refuses to go on.
Look at what differs first: the text that was applied is shown too, where it can be found. If what
the database has is what the present text would make, accept it: the rows of the history table get
the checksums and names that the migrations have now, in one transaction. Nothing is run.

It is for this one database. An edit that all databases are to accept goes into the seal file, with
`graven seal --accept-edit VERSION`. Where name and text both differ, the history means another
migration, and --all refuses: put those right, or name their versions.")]
pub struct Repair {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    lock: Lock,
}

/// What is accepted.
#[derive(Args, Clone, Debug)]
#[group(id = "graven.which", multiple = false)]
struct Which {
    /// The versions to accept it for; without any, and without --all, nothing is changed
    #[arg(id = "graven.versions", value_name = "VERSION", value_parser = version())]
    versions: Vec<i64>,

    /// Accept all
    #[arg(id = "graven.all_differences", long = "all")]
    all: bool,
}

impl Repair {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        let migrator = self.lock.said_to(self.database.migrator(scene));
        let which = match self.which.all {
            true => crate::Repair::All,
            // Of no version at all, a repair is a look.
            false => crate::Repair::Versions(self.which.versions.clone()),
        };
        let is_look = which == crate::Repair::Versions(Vec::new());
        let repairing = async |tools: Tools<'_>| -> Result<RepairReport, Error> {
            tools.migrator.repair(tools.client, which).await
        };
        let report = progress::run(scene, migrator, url, repairing).await?;
        // What was not accepted is shown with its texts only where that was asked for.
        let reviewed: Vec<Reviewed<'_>> = report
            .left
            .iter()
            .map(|found| Reviewed { found, diff: is_look.then(|| diff(scene, found)).flatten() })
            .collect();
        let json = || {
            json!({
                "accepted": report.accepted,
                "left": reviewed.iter().map(Reviewed::json).collect::<Vec<_>>(),
                "conflicts": report.conflicts.iter().map(|it| failure::conflict(it, scene.words)).collect::<Vec<_>>(),
            })
        };
        scene.output.result(&json(), || if is_look { page(scene, &reviewed) } else { summary(scene, &report) })?;
        Ok(if is_look && !report.left.is_empty() { exit::CONFLICTS } else { exit::DONE })
    }
}

/// A difference with the two texts, or why they cannot be shown.
struct Reviewed<'r> {
    found: &'r Repairable,
    /// `None` where there is nothing to show: the texts are the same, or nobody has the old one.
    diff: Option<Result<String, String>>,
}

fn diff(scene: &Scene<'_>, found: &Repairable) -> Option<Result<String, String>> {
    let review = scene.review.filter(|_| found.is_modified)?;
    let now = scene.set.by_version(found.version.value())?.sql();
    Some(review(found, now))
}

impl Reviewed<'_> {
    fn json(&self) -> Value {
        let mut json = json!(self.found);
        match &self.diff {
            Some(Ok(diff)) => json["diff"] = json!(diff),
            Some(Err(why)) => json["no_diff"] = json!(why),
            None => {}
        }
        json
    }
}

fn page(scene: &Scene<'_>, reviewed: &[Reviewed<'_>]) -> String {
    if reviewed.is_empty() {
        return "nothing to repair: the history has the names and checksums that are here".to_owned();
    }
    let mut text = String::new();
    for Reviewed { found, diff } in reviewed {
        text.push_str(&format!("{BOLD}{}{BOLD:#}\n", shown(found)));
        if found.is_another_migration() {
            text.push_str(&format!(
                "  {WARNING}name and text both differ: the history means another migration{WARNING:#}\n"
            ));
        }
        match diff {
            Some(Ok(diff)) => text.push_str(&coloured(diff)),
            Some(Err(why)) => text.push_str(&format!("  {DIM}{}{DIM:#}\n", shown(why))),
            None if found.is_modified => {
                text.push_str(&format!("  recorded {}\n  now      {}\n", found.recorded_checksum, found.checksum));
            }
            None => {}
        }
        text.push('\n');
    }
    let versions: Vec<String> = reviewed.iter().map(|it| it.found.version.to_string()).collect();
    let typed = scene.words.typed(&format!("`graven repair {}`", versions.join(" ")));
    let number = plural(reviewed.len(), "migration");
    text + &format!("{number} to review; nothing was changed; {typed} accepts what differs")
}

fn coloured(diff: &str) -> String {
    let line = |line: &str| match line.as_bytes().first() {
        Some(b'+') => format!("  {GOOD}{line}{GOOD:#}\n"),
        Some(b'-') => format!("  {BAD}{line}{BAD:#}\n"),
        _ => format!("  {line}\n"),
    };
    plain(diff).lines().map(line).collect()
}

fn summary(scene: &Scene<'_>, report: &RepairReport) -> String {
    let mut text = match report.accepted.len() {
        0 => "nothing to repair".to_owned(),
        number => {
            let names: Vec<String> = report.accepted.iter().map(|it| format!("{} {}", it.version, it.name)).collect();
            format!("accepted what differs in {}: {}", plural(number, "migration"), names.join(", "))
        }
    };
    if !report.left.is_empty() {
        text.push_str(&format!("; {} left to review", plural(report.left.len(), "migration")));
    }
    for conflict in &report.conflicts {
        let (conflict, remedy) = (shown(conflict), shown(scene.words.typed(&conflict.remedy())));
        text.push_str(&format!("\n\n{BAD}conflict{BAD:#}: {conflict}\n  remedy: {remedy}"));
    }
    text
}
