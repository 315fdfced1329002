//! Applying transactional migrations: claim, SQL and duration in one transaction, many transactions in one message.

pub(crate) mod batch;
pub(crate) mod head;
pub(crate) mod index;
pub(crate) mod keep;
pub(crate) mod non_transactional;
pub(crate) mod recording;
pub(crate) mod retry;
pub(crate) mod sent;

use std::time::Duration;

use graven_source::Kind;

use crate::apply::batch::Batch;
use crate::apply::recording::{Plans, Recording};
use crate::apply::retry::Retries;
use crate::apply::sent::{COMMENT, Pieces, Sent, goes_in_pieces, name_for_dba};
use crate::connection::{Connection, Failure};
use crate::error::Error;
use crate::error::failed::{Behind, Left, MigrationFailed};
use crate::history::{self, Claimant, Table};
use crate::lock;
use crate::migrations::{Migration, Transaction};
use crate::options::Options;
use crate::plan::{Start, Step};
use crate::session::settings::{Reaches, SessionState};
use crate::sql::milliseconds;
use crate::verb::run::Run;

/// What came of some steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Applied,
    /// Another run was first. The plan is out of date.
    ClaimedElsewhere,
}

/// What all steps of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applying<'a> {
    pub(crate) table: &'a Table,
    pub(crate) claimant: &'a Claimant,
    pub(crate) state: &'a SessionState,
    pub(crate) options: &'a Options,
    /// The versioned migrations of the set, of which a baseline stands for the first ones.
    pub(crate) versioned: &'static [Migration],
    /// The last of the plan: its commit is the one that waits until everything is on disk.
    pub(crate) last: &'static Migration,
}

/// How the next steps of a plan go to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// So many transactions in one message.
    Together(usize),
    /// One transaction, in several messages.
    InPieces,
    /// One migration without a transaction.
    StatementByStatement,
}

/// How many statements write that a transaction in several messages is done: how its commit waits, and how long it took.
const IN_FULL: usize = 2;
/// The most SQL that goes into one message, in bytes. A larger file goes alone.
const MOST_BYTES: usize = 1 << 20;
/// The most migrations that go into one message.
const MOST_MIGRATIONS: usize = 500;

impl Way {
    /// The way of the first steps of a plan.
    pub(crate) fn of(steps: &[Step]) -> Self {
        match steps.first().map(Self::alone) {
            Some(Self::Together(_)) => {}
            Some(other) => return other,
            None => return Self::Together(0),
        }
        if steps.first().is_some_and(may_warn) {
            return Self::Together(1);
        }
        let together = |step: &&Step| Self::alone(step) == Self::Together(1) && !may_warn(step);
        let mut bytes = 0;
        let fits = |step: &&Step| {
            bytes += step.migration.text().len();
            bytes <= MOST_BYTES
        };
        Self::Together(steps.iter().take(MOST_MIGRATIONS).take_while(together).take_while(fits).count().max(1))
    }

    /// How many steps that is.
    pub(crate) fn steps(self) -> usize {
        match self {
            Self::Together(steps) => steps,
            Self::InPieces | Self::StatementByStatement => 1,
        }
    }

    fn alone(step: &Step) -> Self {
        match (step.migration.details().transaction, &step.start) {
            (Transaction::Off, _) | (_, Start::Resume { .. }) => Self::StatementByStatement,
            (Transaction::On, _) if goes_in_pieces(step.migration) => Self::InPieces,
            (Transaction::On, _) => Self::Together(1),
        }
    }
}

/// Whether a file may warn of something by its own words: it has a message to itself, so that it is known whose warning it is.
fn may_warn(step: &Step) -> bool {
    const WORD: &[u8] = b"warning";
    step.migration.sql().as_bytes().windows(WORD.len()).any(|word| word.eq_ignore_ascii_case(WORD))
}

impl Applying<'_> {
    /// Runs transactional migrations, until all are applied, one is claimed elsewhere, or one has failed for good.
    ///
    /// The server stops at the first error of a message. What had committed before it stays and is told; the migration
    /// that failed is tried again together with those after it, or its failure ends the run.
    pub(crate) async fn together<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        steps: &[Step],
    ) -> Result<Outcome, Error> {
        let mut left = steps;
        let mut one_by_one = 0;
        let mut plans = Plans::of(run.session.reach());
        let mut retries: Option<(&Migration, Retries)> = None;
        while !left.is_empty() {
            let count = if one_by_one > 0 { 1 } else { left.len() };
            let mut batch = Batch::of(self, left.get(..count).unwrap_or(left), plans);
            if run.session.has_lock_to_give_back() {
                batch.give_back_the_lock(self);
            }
            run.session.owes_plan(batch.forget());
            let reply = run.execute(left.first().filter(|_| count == 1).map(|step| step.migration), &batch.text).await;
            if let Some(answer) = batch.lock_given_back(&reply) {
                lock::given_back(Some(answer));
                run.session.gave_back_the_lock();
            }
            // The server goes on with the rest of a message whose rows nobody reads.
            if batch.gives_back() && reply.failure.as_ref().is_some_and(Failure::is_copying) {
                run.session.may_have_given_back_the_lock();
            }
            let done = batch.done(&reply);
            for (step, duration) in left.iter().zip(&done.durations) {
                run.applied(step.migration, *duration, self.last);
            }
            let committed = done.durations.len();
            left = left.get(committed..).unwrap_or_default();
            one_by_one = usize::saturating_sub(one_by_one, committed);
            let Some(failure) = reply.failure else {
                run.session.owes_plan(None);
                if committed < count {
                    return Err(self.unsaid(left));
                }
                continue;
            };
            let lost = matches!(failure, Failure::Connection(_));
            if !lost && reply.completed.is_empty() && count > 1 {
                // A syntax error spoils the whole message before anything of it runs. Whose it is comes out one by one,
                // and so does what would have run before it.
                one_by_one = count;
                continue;
            }
            let completed = reply.completed.len() - done.statements;
            let is_deallocated = plans == Plans::Shared && self.is_deallocated(&failure);
            if !lost && !reply.completed.is_empty() {
                clear(run, batch.forget()).await;
            }
            if is_deallocated {
                plans = Plans::Own;
                continue;
            }
            let Some(failed) = batch.failed(committed) else { continue };
            if completed == failed.claim {
                return self.claim_failed(failure);
            }
            let migration = failed.migration;
            let place = failed.sent.locate(migration, &failure, completed);
            let left_behind = if lost { Left::Unsaid { after: count - committed - 1 } } else { Left::Nothing };
            let behind = self.behind(&failed.sent, migration, failed.recording, completed);
            let failed = MigrationFailed::new(run.set, migration, failure, place, left_behind).behind(behind);
            let tries = match retries.take() {
                Some((earlier, tries)) if std::ptr::eq(earlier, migration) => tries,
                _ => Retries::new(self.options, migration),
            };
            let (_, tries) = retries.insert((migration, tries));
            tries.pause_or_give_up(run, migration, failed).await?;
        }
        Ok(Outcome::Applied)
    }

    /// The error where the server has ended a message well and has not said that these are applied. Whatever the reason is, to
    /// send them again would be to repeat it.
    fn unsaid(self, left: &[Step]) -> Error {
        let first = left.first().map(|step| name_for_dba(step.migration)).unwrap_or_default();
        let what = first.trim_start_matches(COMMENT).trim_end_matches("*/ ").trim().to_owned();
        Error::Unanswered { what }
    }

    /// Runs a transactional migration that takes several messages.
    pub(crate) async fn in_pieces<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        step: &Step,
    ) -> Result<Outcome, Error> {
        let (migration, claim) = (step.migration, self.claim(step));
        let (tail, _) = self.tail(migration, Recording::InFull);
        let Some(duration) = self.transaction(run, migration, &claim, &tail).await? else {
            return Ok(Outcome::ClaimedElsewhere);
        };
        run.applied(migration, duration, self.last);
        Ok(Outcome::Applied)
    }

    /// Runs a file in one transaction, after a claim and before what ends it. `None` where the claim is another run's.
    pub(crate) async fn transaction<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        claim: &str,
        tail: &str,
    ) -> Result<Option<Duration>, Error> {
        let mut retries = Retries::new(self.options, migration);
        'tries: loop {
            let began = std::time::Instant::now();
            let Pieces { opening, sent } = Pieces::of(migration);
            let mut head = self.head_with(migration, &opening, claim);
            let last = sent.len().saturating_sub(1);
            if last > 0 {
                // Between two messages the transaction is idle.
                head.push("SET LOCAL idle_in_transaction_session_timeout = 0");
            }
            for (at, mut sent) in sent.into_iter().enumerate() {
                if at == 0 {
                    head.precede(&mut sent);
                }
                if at == last {
                    sent.follow(tail);
                }
                let reply = run.execute(Some(migration), &sent.text).await;
                let Some(failure) = reply.failure else { continue };
                let completed = reply.completed.len();
                let left_behind = match failure {
                    Failure::Connection(_) => Left::Unsaid { after: 0 },
                    Failure::Server(_) => Left::Nothing,
                };
                let behind = if at == last { self.behind(&sent, migration, IN_FULL, completed) } else { None };
                if at > 0 || completed > 0 {
                    let _ = run.session.send("ROLLBACK").await;
                }
                if at == 0 && completed == head.claim {
                    return self.claim_failed(failure).map(|_| None);
                }
                let place = sent.locate(migration, &failure, completed);
                let failed = MigrationFailed::new(run.set, migration, failure, place, left_behind).behind(behind);
                retries.pause_or_give_up(run, migration, failed).await?;
                continue 'tries;
            }
            return Ok(Some(began.elapsed()));
        }
    }

    /// What sets the timeouts of a file without a transaction for its session.
    pub(crate) fn session_timeouts(self, migration: &Migration) -> String {
        let details = migration.details();
        let mut timeouts = format!(
            "SET lock_timeout = {};\nSET statement_timeout = {}",
            milliseconds(details.lock_timeout.unwrap_or_default()),
            milliseconds(details.statement_timeout.or(self.options.statement_timeout).unwrap_or_default()),
        );
        let lifts = [self.state.no_transaction_timeout(Reaches::Session), self.state.no_idle_limit()];
        for lift in lifts.into_iter().flatten() {
            timeouts.push_str(";\n");
            timeouts.push_str(lift);
        }
        timeouts
    }

    /// What stands after it, with how many statements write that it is done. The newline ends a comment on the last line, the
    /// semicolon a statement without one.
    pub(crate) fn tail(self, migration: &Migration, recording: Recording) -> (String, usize) {
        // All commits but the last need not wait for the disk: a crash of the server can only lose a whole suffix of them,
        // each with its row, and the last one flushes them all (PostgreSQL manual, 30.4).
        let is_last = std::ptr::eq(migration, self.last);
        let commit = if is_last { history::ON_DISK } else { "SET LOCAL synchronous_commit = off" };
        let (finish, statements) = recording.statements(self, migration);
        (self.tail_with(&format!("{commit};\n{finish};\n")), statements + 1)
    }

    /// What of the tail has failed, if not what it makes the file itself do.
    fn behind(self, sent: &Sent, migration: &Migration, recording: usize, completed: usize) -> Option<Behind> {
        let put_back = self.state.statements();
        match sent.behind(migration, completed)? {
            // Constraints are the file's own, and so are triggers that wait for the COMMIT.
            0 => None,
            number if number <= put_back => Some(Behind::PuttingBack),
            // The removal of a reverse's row is its claim.
            number if number <= put_back + recording && migration.kind() != Kind::Reverse => Some(Behind::Recording),
            _ => None,
        }
    }

    /// The same with other statements before the COMMIT.
    pub(crate) fn tail_with(self, statements: &str) -> String {
        // Constraint triggers that wait for the commit must run with the settings that the file made for them.
        format!("\n;\nSET CONSTRAINTS ALL IMMEDIATE;\n{};\n{statements}COMMIT", self.state.restore())
    }

    /// Whether a file has made the session forget what was prepared.
    fn is_deallocated(self, failure: &Failure) -> bool {
        matches!(failure, Failure::Server(error) if history::is_deallocated(error, self.claimant))
    }

    /// What the failure of a claim means.
    pub(crate) fn claim_failed(self, failure: Failure) -> Result<Outcome, Error> {
        if let Failure::Server(error) = &failure {
            match error.sqlstate.as_str() {
                "23505" if self.table.is_named_in(error) => return Ok(Outcome::ClaimedElsewhere),
                // The row is not there any more; or, where the default isolation is stricter than read committed, it is being
                // changed at this moment.
                history::NOT_THERE | "40001" => return Ok(Outcome::ClaimedElsewhere),
                // Another run's claim is not committed yet, and takes longer than this one may wait.
                "55P03" => return Err(Error::LockTimeout { waited: self.options.lock_timeout, holder: None }),
                _ => {}
            }
        }
        Err(Error::from_failure("claiming a migration in the history", failure))
    }
}

/// Ends the transaction that an error has left open and aborted, and forgets what the message has prepared. That this fails as
/// well would say nothing new.
async fn clear<C: Connection>(run: &mut Run<'_, '_, C>, forget: Option<String>) {
    let clear: Vec<&str> = std::iter::once("ROLLBACK").chain(forget.as_deref()).collect();
    let _ = run.session.send(&clear.join(";\n")).await;
    run.session.owes_plan(None);
}
