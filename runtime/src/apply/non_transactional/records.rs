//! What is recorded between the statements of a file without a transaction: in as few messages as can be, and on disk no
//! sooner than it must be.

use super::trace::Trace;
use super::undoes::{Undoes, may_call_functions, sets_a_limit};
use super::{before_unit, doubt_about};
use crate::apply::Applying;
use crate::connection::Connection;
use crate::error::Error;
use crate::error::failed::MigrationFailed;
use crate::history;
use crate::migrations::{Effect, Migration};
use crate::session::Reach;
use crate::session::settings::{PutsBack, WRITABLE};
use crate::verb::run::Run;

pub(super) const RECORDING: &str = "recording progress in the history";
/// Has a commit return before it is on disk.
const LAZILY: &str = "SET LOCAL synchronous_commit = off";

impl Applying<'_> {
    /// What precedes a change of the history in its message.
    pub(super) fn before_a_record(self, durability: Durability) -> Vec<String> {
        let lazily = (durability == Durability::WithTheNext).then(|| LAZILY.to_owned());
        self.patience().into_iter().chain(lazily).collect()
    }

    /// Writes to the history before the unit `at`, as the role that runs migrations, which may be another than the file
    /// has chosen for its own statements. It fails where another run has taken the migration over. Hands back what the
    /// change says.
    pub(super) async fn record<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        at: usize,
        change: String,
    ) -> Result<Option<String>, Error> {
        let is_disturbed = disturbs_records(migration, at);
        // The unit itself may have called something before it failed.
        let mut message = self.as_itself(migration, at, at + 1);
        if is_disturbed {
            message.push(self.state.restore());
        }
        message.extend(self.before_a_record(durability(migration, at)));
        message.push(change);
        let results = run.session.expect(RECORDING, &message.join(";\n")).await?;
        let Some(row) = results.last().and_then(|rows| rows.first()) else {
            return Err(self.not_ours(run, migration).await);
        };
        let said = row.optional(0).map(str::to_owned);
        if is_disturbed {
            self.set_up(run, migration, at).await?;
        }
        Ok(said)
    }

    /// Records that all has run. Puts the session back in the same message where that cannot fail: a failure would take the
    /// record along.
    pub(super) async fn complete<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
    ) -> Result<PutBack, Error> {
        let units = migration.details().units;
        let is_disturbed = disturbs_records(migration, units.len());
        let lazily = self.completes_lazily(migration);
        let mut message = self.as_itself(migration, units.len(), units.len());
        if is_disturbed {
            message.push(self.state.restore());
        }
        message.extend(self.patience());
        let before = message.len();
        let at_commit = if lazily { LAZILY } else { history::ON_DISK }.to_owned();
        let complete = history::complete(self.table, migration.version, self.claimant);
        let goes_along = !is_disturbed && self.state.puts_back() == PutsBack::Defaults;
        let answer = if goes_along {
            message.push(complete);
            if run.session.reach() == Reach::Own {
                message.push(self.state.restore());
            }
            // Behind the RESET ALL, which would undo it.
            message.push(at_commit);
            before
        } else {
            message.extend([at_commit, complete]);
            before + 1
        };
        let results = run.session.expect(RECORDING, &message.join(";\n")).await?;
        // Each before it is one statement, unless the session was put back there: then it is the last.
        let answered = if is_disturbed { results.last() } else { results.get(answer) };
        if answered.is_none_or(Vec::is_empty) {
            return Err(self.not_ours(run, migration).await);
        }
        Ok(if goes_along || is_disturbed { PutBack::Yes } else { PutBack::No })
    }

    /// What lets a message write to the history whatever units have made of the session. Where the `first` ones disturb records
    /// the session is put back in any case; `ran` have run, and may have called something.
    pub(super) fn as_itself(self, migration: &'static Migration, first: usize, ran: usize) -> Vec<String> {
        if disturbs_records(migration, first) {
            return vec![WRITABLE.to_owned()];
        }
        match calls_functions(migration, ran) {
            true => self.state.as_itself().collect(),
            false => Vec::new(),
        }
    }

    /// Whether the record that all has run need not be on disk at once: something that is waited for comes after it, and what
    /// has run can be found out.
    pub(super) fn completes_lazily(self, migration: &'static Migration) -> bool {
        let units = migration.details().units.len();
        !std::ptr::eq(migration, self.last) && durability(migration, units) == Durability::WithTheNext
    }

    /// Why a row could not be changed: another run has it, or nobody.
    pub(super) async fn not_ours<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
    ) -> Error {
        let ask = history::is_there(self.table, migration.version);
        match run.session.expect(RECORDING, &ask).await {
            Ok(results) => {
                let is_there = results.first().and_then(|rows| rows.first()).is_some_and(|row| row.is_true(0));
                let failed = if is_there { MigrationFailed::taken_over } else { MigrationFailed::row_gone };
                Error::MigrationFailed(failed(run.set, migration))
            }
            Err(error) => error,
        }
    }

    /// Records that so many units are done, and notes what there is before the next, where that must be known.
    pub(super) async fn record_progress<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        number: usize,
    ) -> Result<Option<String>, Error> {
        let (version, doubt) = (migration.version, doubt_about(migration, number));
        let done = u32::try_from(number).unwrap_or(u32::MAX);
        // What the file has set decides which relation a name means: then it is asked for later, under that.
        let before = if disturbs_records(migration, number) { None } else { before_unit(migration, number) };
        let Some(before) = before else {
            let progress = history::progress(self.table, version, self.claimant, done, doubt);
            return self.record(run, migration, number, progress).await.map(|_| None);
        };
        let progress = history::progress_and_note(self.table, version, self.claimant, done, doubt, &before);
        self.record(run, migration, number, progress).await
    }
}

/// Whether the session is as it was before the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PutBack {
    Yes,
    No,
}

/// When a record is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Before anything else is done.
    AtOnce,
    /// With the next commit that waits for it. A crash of the server loses it only together with what came after it; and what
    /// came before it is found out from the catalog.
    WithTheNext,
}

/// How soon a record after the first `done` units must be on disk.
pub(super) fn durability(migration: &'static Migration, done: usize) -> Durability {
    let mut traces = (done.saturating_sub(1)..=done).filter_map(|at| Trace::at(migration, at));
    // What takes its record along may yet have to stand alone.
    match traces.any(|trace| matches!(trace, Trace::Nothing | Trace::Recorded(_))) {
        true => Durability::AtOnce,
        false => Durability::WithTheNext,
    }
}

/// Whether what one of the first units has made of the session could reach what graven writes between them.
pub(super) fn disturbs_records(migration: &'static Migration, first: usize) -> bool {
    let mut units = migration.details().units.iter().take(first);
    units.any(|unit| {
        let sets = unit.effect == Effect::Session && !sets_a_limit(unit.sql(migration));
        sets || Undoes::of_unit(migration, *unit) == Undoes::Session
    })
}

/// Whether one of the first units may have called a function or run a block that sets something for the session.
fn calls_functions(migration: &'static Migration, first: usize) -> bool {
    let mut units = migration.details().units.iter().take(first);
    units.any(|unit| unit.effect != Effect::Session && may_call_functions(migration, *unit))
}
