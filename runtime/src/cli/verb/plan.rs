//! `plan`: what `apply` would do.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::database::{Database, version};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::{self, Failure};
use crate::cli::limits::Limits;
use crate::cli::output::{BAD, BOLD, DIM, WARNING, shown};
use crate::cli::verb::Scene;
use crate::cli::words::{Words, plural};
use crate::{LockMode, Planned, PlannedLock, PlannedStep, Sending, Transaction};

/// Show what `apply` would do, and with which locks; write nothing
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven plan                      what the next `graven apply` would do
  graven plan --to 12              if it went no further than 12
  graven plan --json               all of it: every statement's locks, timeouts, retries

Of each migration it shows the number of its statements, the batch in which it travels (those of one
batch are sent together), and the strongest lock that it is known to take on a table that was there
before; `-` where none is known. Who waits for a lock makes others wait behind it.

It takes no lock itself: another instance may be first. It exits with 0 whether something is pending
or not, with 4 where `graven apply` would find conflicts, and with 1 where something else would stop
it.")]
pub struct Plan {
    /// Go no further than this version, which is included [default: the highest]
    #[arg(id = "graven.to", long = "to", value_name = "VERSION", value_parser = version())]
    to: Option<i64>,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    limits: Limits,

    /// As if to begin a history in a schema that already holds tables
    #[arg(id = "graven.into_existing", long = "into-existing")]
    into_existing: bool,

    /// As if to apply a pending migration although one with a higher version is applied already
    #[arg(id = "graven.out_of_order", long = "out-of-order")]
    out_of_order: bool,

    /// As if to run every migration also on a fresh database, which would get the latest baseline
    #[arg(id = "graven.no_baseline", long = "no-baseline")]
    no_baseline: bool,
}

impl Plan {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        let mut migrator = self.limits.said_to(self.database.migrator(scene));
        if self.into_existing {
            migrator = migrator.into_existing();
        }
        if self.out_of_order {
            migrator = migrator.allow_out_of_order();
        }
        if self.no_baseline {
            migrator = migrator.no_baseline();
        }
        if let Some(version) = self.to {
            migrator = migrator.to(version);
        }
        let mut client = crate::connect(url).await?;
        let mut planned = migrator.plan(&mut client).await?;
        // In the form and the words that it has where it fails for it.
        let refusal = planned.refusal.take().map(Failure::from);
        let mut json = serde_json::to_value(&planned).unwrap_or_default();
        let conflicts: Vec<Value> = planned.conflicts.iter().map(|it| failure::conflict(it, scene.words)).collect();
        json["conflicts"] = json!(conflicts);
        json["refusal"] = refusal.as_ref().map_or(Value::Null, |refusal| refusal.json(scene.words)["error"].clone());
        scene.output.result(&json, || page(&planned, refusal.as_ref(), scene.words))?;
        Ok(match refusal {
            _ if !planned.conflicts.is_empty() => exit::CONFLICTS,
            Some(refusal) => refusal.exit(),
            None => exit::DONE,
        })
    }
}

fn page(planned: &Planned, refusal: Option<&Failure>, words: &Words) -> String {
    let made = if planned.makes_history { " (to be made)" } else { "" };
    let mut text = match &planned.history {
        Some(history) => {
            format!("history {BOLD}{}{BOLD:#}{made} of database {}", shown(history), shown(&planned.database))
        }
        None => format!("no schema in the search path exists, of database {}", shown(&planned.database)),
    };
    if !planned.namespace.is_empty() {
        text.push_str(&format!(", namespace {}", shown(&planned.namespace)));
    }
    text.push_str(&table(&planned.steps));
    for conflict in &planned.conflicts {
        let (conflict, remedy) = (shown(conflict), shown(words.typed(&conflict.remedy())));
        text.push_str(&format!("\n\n{BAD}conflict{BAD:#}: {conflict}\n  remedy: {remedy}"));
    }
    if let Some(refusal) = refusal {
        text.push_str(&format!("\n\n{BAD}refused{BAD:#}: {}", refusal.page(words)));
    }
    if let Some(holder) = &planned.holder {
        text.push_str(&format!("\n\n{WARNING}waits{WARNING:#}: for {}, which is migrating", shown(holder)));
    }
    if !planned.future.is_empty() {
        text.push_str(&format!("\n\nthe database has {} more", planned.future.len()));
    }
    text.push_str(&format!("\n\n{}", summary(planned, refusal)));
    text
}

fn summary(planned: &Planned, refusal: Option<&Failure>) -> String {
    let left = match planned.left {
        0 => String::new(),
        left => format!(", {left} left pending"),
    };
    if !planned.conflicts.is_empty() {
        return format!("nothing would be applied: {}", plural(planned.conflicts.len(), "conflict"));
    }
    if refusal.is_some() {
        return "nothing would be applied".to_owned();
    }
    if planned.steps.is_empty() {
        return format!("nothing to apply: {} of {} applied{left}", planned.applied, planned.total);
    }
    let batches = planned.steps.last().map_or(0, |step| step.batch);
    let batches = if batches == 1 { "1 batch".to_owned() } else { format!("{batches} batches") };
    format!("{} to apply, in {batches}; {} of {} applied{left}", planned.steps.len(), planned.applied, planned.total)
}

/// A line a step, and one for each further table that it is known to lock.
fn table(steps: &[PlannedStep]) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let head = ["version", "name", "statements", "batch", "lock"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(steps.iter().flat_map(rows)).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (version, name, statements, batch) = (width(0), width(1), width(2), width(3));
    let mut text = String::from("\n");
    for (at, [a, b, c, d, e]) in rows.iter().enumerate() {
        let style = if at == 0 { DIM } else { anstyle::Style::new() };
        let line = format!("  {a:>version$}  {b:name$}  {c:>statements$}  {d:>batch$}  {e}");
        text.push_str(&format!("\n{style}{}{style:#}", line.trim_end()));
    }
    text
}

fn rows(step: &PlannedStep) -> Vec<[String; 5]> {
    let version = match (step.version, step.again) {
        (Some(version), _) => version.to_string(),
        (None, true) => "again".to_owned(),
        (None, false) => String::new(),
    };
    let name = match step.covers {
        0 => step.name.clone(),
        covers => format!("{} (baseline for {})", step.name, plural(covers, "migration")),
    };
    let statements = match step.resumes_after {
        Some(done) => format!("{} after {done}", step.statements),
        None => step.statements.to_string(),
    };
    let batch = match (step.sending, step.transaction) {
        (_, Transaction::Off) => format!("{} one by one", step.batch),
        (Sending::InPieces(messages), _) => format!("{} in {}", step.batch, plural(messages, "message")),
        _ => step.batch.to_string(),
    };
    let mut locks = strongest(&step.locks).into_iter();
    let first = locks.next().unwrap_or_else(|| {
        let is_new = !step.locks.is_empty();
        if is_new { "new tables only".to_owned() } else { "-".to_owned() }
    });
    let mut rows = vec![[version, name, statements, batch, first]];
    rows.extend(locks.map(|lock| [String::new(), String::new(), String::new(), String::new(), lock]));
    rows
}

/// The strongest lock on each table that was there before, in order of appearance.
fn strongest(locks: &[PlannedLock]) -> Vec<String> {
    let mut found: Vec<(&str, LockMode, usize)> = Vec::new();
    for lock in locks.iter().filter(|lock| !lock.is_new) {
        match found.iter_mut().find(|(on, ..)| *on == lock.on) {
            Some(known) if known.1 < lock.mode => (known.1, known.2) = (lock.mode, lock.line),
            Some(_) => {}
            None => found.push((&lock.on, lock.mode, lock.line)),
        }
    }
    found.into_iter().map(|(on, mode, line)| format!("{mode} on {} (line {line})", shown(on))).collect()
}
