//! The examination: what is asked in which order, and what the history says.

use std::time::SystemTime;

use crate::apply::index::{Age, Index, index};
use crate::connection::Connection;
use crate::error::Conflict;
use crate::guard;
use crate::history::{self, Detail, Doubt, Schema, Server, Table};
use crate::lock::Holder;
use crate::look::{Look, admit, may_write, send_as, table_or_refuse};
use crate::options::Mode;
use crate::plan::{Plan, Start, Step};
use crate::session::Reach;
use crate::verb::doctor::facts::{self, Facts};
use crate::verb::doctor::trust::Stranger;
use crate::verb::doctor::{Finding, judge};
use crate::verb::run::{Run, pending};

/// What was found about the history.
struct History {
    findings: Vec<Finding>,
    /// Whether there is anything to write, where that could be told.
    pending: Option<bool>,
    /// The indexes that the next run builds again.
    rebuilt: Vec<RebuiltByRun>,
}

/// An invalid index that the next run drops and builds again, since the migration that was building it was cut off.
#[derive(Debug)]
pub(super) struct RebuiltByRun {
    /// Qualified and quoted where it must be.
    pub(super) index: String,
    /// The migration, by version and name.
    pub(super) migration: String,
}

impl<C: Connection> Run<'_, '_, C> {
    /// The verb `doctor`.
    pub(super) async fn doctor(mut self) -> Vec<Finding> {
        let mut findings = self.program();
        let question = self.question(Detail::Plan);
        let before = SystemTime::now();
        let asked = facts::ask(&mut self.session, question).await;
        let after = SystemTime::now();
        let (facts, activity) = match asked {
            Ok(answer) => answer,
            Err(error) => {
                findings.push(Finding::refused(&error));
                return findings;
            }
        };
        findings.extend(judge::connection(&facts));
        let history = self.examine_history(&facts).await;
        findings.push(judge::version(&facts));
        findings.extend(judge::writable(&facts, history.pending.unwrap_or(true)));
        findings.push(self.pooler());
        findings.extend(history.findings);
        findings.extend(judge::may_create(&facts).filter(|_| history.pending == Some(true)));
        findings.extend(facts.strangers.iter().map(Stranger::finding));
        findings.push(judge::encoding(&facts));
        findings.push(judge::clock(&facts, before, after));
        findings.extend(activity.findings(&history.rebuilt));
        findings.push(judge::connections(&facts));
        findings
    }

    /// What can be said without a server.
    fn program(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Err(error) = guard::check(&self.set) {
            findings.push(Finding::refused(&error));
        }
        let mode = match self.options.mode {
            Mode::Apply => return findings,
            Mode::Verify => "verify: a start refuses what is pending, and applies nothing",
            Mode::Skip => "skip: a start does not look at the database",
        };
        let remedy = "if that is not meant, set GRAVEN_MODE=apply";
        findings.push(Finding::warning("options", format!("the mode is {mode}"), remedy));
        findings
    }

    fn pooler(&self) -> Finding {
        let past = "give the URL of the server itself to what migrates";
        match (self.session.reach(), &self.options.role) {
            (Reach::Own, _) => Finding::ok("pooler", "the session is this connection's own"),
            (Reach::Pooled, Some(role)) => Finding::error(
                "pooler",
                format!("a pooler stands between, and a run as role {role} needs a session"),
                past,
            ),
            (Reach::Pooled, None) => Finding::warning(
                "pooler",
                "a pooler stands between: no lock keeps instances from working at once, and files without a \
                 transaction that change settings are refused",
                past,
            ),
        }
    }

    async fn examine_history(&mut self, facts: &Facts) -> History {
        let alone = |finding| History { findings: vec![finding], pending: None, rebuilt: Vec::new() };
        let seen = match self.look().await {
            Ok(seen) => seen,
            Err(error) => return alone(Finding::refused(&error)),
        };
        let table = match table_or_refuse(self.question(Detail::Plan), &seen.server) {
            Ok(table) => table,
            Err(error) => return alone(Finding::refused(&error)),
        };
        let holder = self.holder(&table, &seen).await;
        let mut history = if seen.server.table_exists {
            self.existing(&table, &seen, holder.as_ref()).await
        } else {
            self.beginning(&table, facts).await
        };
        history.findings.push(lock_finding(holder.as_ref()));
        history
    }

    /// Where there is a history.
    async fn existing(&mut self, table: &Table, seen: &Look, holder: Option<&Holder>) -> History {
        let plan = match self.plan(seen) {
            Ok(plan) => plan,
            Err(conflicts) => {
                let finding = |conflict: Conflict| {
                    // Who holds the lock is at what is incomplete.
                    let conflict = match holder {
                        Some(holder) => conflict.running(holder),
                        None => conflict,
                    };
                    Finding::error("conflict", conflict.to_string(), conflict.remedy())
                };
                let findings = conflicts.into_iter().map(finding).collect();
                return History { findings, pending: Some(true), rebuilt: Vec::new() };
            }
        };
        let mut findings = vec![summary(table, &plan, pending(&self.set, &plan).len())];
        let pending = !plan.steps.is_empty();
        findings.extend(future(&plan));
        findings.extend(orphaned(&plan));
        let refused = match pending {
            true => may_write(table, &seen.server),
            false => Ok(()),
        };
        let refused = match refused {
            Ok(()) if pending => self.refuse_forgotten_namespace(table, seen).await,
            refused => refused,
        };
        findings.extend(refused.err().as_ref().map(Finding::refused));
        let rebuilt = self.rebuilt_by_run(table, &plan).await;
        History { findings, pending: Some(pending), rebuilt }
    }

    /// The indexes that the next run builds again. What cannot be asked is passed over: it only serves a remedy.
    async fn rebuilt_by_run(&mut self, table: &Table, plan: &Plan) -> Vec<RebuiltByRun> {
        let mut rebuilt = Vec::new();
        for Step { migration, start } in &plan.steps {
            // Of what was not cut off, an index of that name may be somebody else's; so is one that was there before.
            let Start::Resume { done, doubt: Doubt::InDoubt, .. } = start else { continue };
            let unit = usize::try_from(*done).ok().and_then(|done| migration.details().units.get(done));
            let Some(unit) = unit else { continue };
            let noted = history::noted(table, migration.version());
            let Ok(noted) = self.session.expect("looking at what was noted", &noted).await else { continue };
            let noted = noted.first().and_then(|rows| rows.first()).and_then(|row| row.optional(0));
            if let Ok(Index::Invalid(Age::Since, index)) = index(&mut self.session, unit.effect, noted).await {
                let migration = format!("{} {}", migration.version(), migration.name());
                rebuilt.push(RebuiltByRun { index, migration });
            }
        }
        rebuilt
    }

    /// Where there is none: the first run makes it, if it may.
    async fn beginning(&mut self, table: &Table, facts: &Facts) -> History {
        let question = self.question(Detail::Plan);
        let pending = !self.set.is_empty();
        let asked = send_as(&mut self.session, question, &history::state(question.wanted, Schema::Known)).await;
        let server = match asked {
            Ok((reply, _)) => reply.completed.first().and_then(|rows| rows.first().map(Server::parse)),
            Err(error) => {
                let findings = vec![Finding::refused(&error)];
                return History { findings, pending: Some(pending), rebuilt: Vec::new() };
            }
        };
        // A standby cannot make it, which is said by itself.
        let admitted = match &server {
            Some(server) if pending && !facts.in_recovery => {
                admit(question, server, self.options.into_existing).map(drop)
            }
            _ => Ok(()),
        };
        let finding = match admitted {
            Ok(()) => {
                let what = format!("there is no history yet: {} is made by the first run", table.shown());
                Finding::ok("history", what)
            }
            Err(error) => Finding::refused(&error),
        };
        History { findings: vec![finding], pending: Some(pending), rebuilt: Vec::new() }
    }
}

fn summary(table: &Table, plan: &Plan, pending: usize) -> Finding {
    let applied = plan.applied;
    Finding::ok("history", format!("{}: {applied} applied, {pending} pending", table.shown()))
}

fn future(plan: &Plan) -> Option<Finding> {
    let versions: Vec<String> = plan.future.iter().map(ToString::to_string).collect();
    (!versions.is_empty()).then(|| {
        Finding::warning(
            "history",
            format!("a newer binary has applied more: {}", versions.join(", ")),
            "deploy what has them, unless this is a rollback that is meant",
        )
    })
}

fn orphaned(plan: &Plan) -> Option<Finding> {
    let names = plan.orphaned.join(", ");
    (!names.is_empty()).then(|| {
        Finding::warning(
            "history",
            format!("repeatables were applied that are not in the set any more: {names}"),
            "drop what they made, in a new migration, if it is not needed",
        )
    })
}

fn lock_finding(holder: Option<&Holder>) -> Finding {
    match holder {
        None => Finding::ok("lock", "nobody is migrating"),
        Some(holder) => Finding::warning(
            "lock",
            format!("somebody is migrating: {holder}"),
            format!("let it finish; if it hangs, `SELECT pg_terminate_backend({})` ends it", holder.pid),
        ),
    }
}
