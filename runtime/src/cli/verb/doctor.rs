//! `doctor`: what would stop a run or make it wait, and what to do about each.

use clap::Args;
use serde_json::json;

use crate::cli::database::Database;
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::output::{BAD, DIM, GOOD, WARNING, shown};
use crate::cli::verb::Scene;
use crate::cli::words::{Words, plural};
use crate::{Diagnosis, Finding, Severity};

/// Look for what would stop a run, and say what to do about it; write nothing
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven doctor                    what is the matter with the database that DATABASE_URL names
  graven doctor --role owner       as the role that is to migrate
  graven doctor --json             for a script or a report

It looks at the connection, TLS, the server's version, standby or read-only, a pooler in between,
rights, the history and its conflicts, encoding, clock, who is migrating right now, long and
prepared transactions, invalid indexes, timeouts, and connections that run out. It needs no more
rights than to connect, and says what it may not see.

It exits with 0 if nothing stops a run, warnings or not; with 7 if it cannot connect, with 4 if only
conflicts are in the way, and with 1 for anything else.")]
pub struct Doctor {
    #[command(flatten)]
    database: Database,
}

impl Doctor {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        let diagnosis = self.database.migrator(scene).doctor_url(url).await;
        let json = || {
            let findings = diagnosis.findings.iter().map(|finding| {
                let remedy = finding.remedy.as_ref().map(|remedy| scene.words.typed(remedy));
                json!({ "id": finding.id, "severity": finding.severity, "what": finding.what, "remedy": remedy })
            });
            json!({ "severity": diagnosis.severity, "findings": findings.collect::<Vec<_>>() })
        };
        scene.output.result(&json(), || page(&diagnosis, scene.words))?;
        Ok(exit_of(&diagnosis))
    }
}

fn exit_of(diagnosis: &Diagnosis) -> Exit {
    let errors: Vec<&str> = diagnosis
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.id)
        .collect();
    match errors.as_slice() {
        [] => exit::DONE,
        ids if ids.contains(&"connection") => exit::CANNOT_CONNECT,
        ids if ids.contains(&"url") => exit::USAGE,
        ids if ids.iter().all(|id| *id == "conflict") => exit::CONFLICTS,
        _ => exit::FAILED,
    }
}

fn page(diagnosis: &Diagnosis, words: &Words) -> String {
    let width = diagnosis.findings.iter().map(|finding| finding.id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { id, severity, what, remedy } in &diagnosis.findings {
        let what = shown(what);
        let style = match severity {
            Severity::Ok => GOOD,
            Severity::Warning => WARNING,
            Severity::Error => BAD,
        };
        text.push_str(&format!("{style}{severity:7}{style:#}  {DIM}{id:width$}{DIM:#}  {what}\n"));
        if let Some(remedy) = remedy {
            text.push_str(&format!("{:7}  {:width$}  remedy: {}\n", "", "", shown(words.typed(remedy))));
        }
    }
    let count = |severity| diagnosis.findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let verdict = match (errors, warnings) {
        (0, 0) => "nothing stands in the way of a run".to_owned(),
        (0, warnings) => format!("nothing stops a run; {}", plural(warnings, "warning")),
        (errors, 0) => format!("{} would stop a run", plural(errors, "error")),
        (errors, warnings) => format!("{} would stop a run; {}", plural(errors, "error"), plural(warnings, "warning")),
    };
    format!("{text}\n{verdict}")
}
