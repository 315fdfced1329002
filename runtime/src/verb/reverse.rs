//! One migration is taken back: its reverse runs, and its row goes.

use std::time::{Duration, Instant};

use crate::apply::keep::gives_up_locks;
use crate::apply::non_transactional::Undoes;
use crate::apply::retry::Retries;
use crate::apply::sent::Sent;
use crate::apply::{Applying, Outcome};
use crate::connection::{Connection, Failure};
use crate::error::Error;
use crate::error::conflict::first_line_of_unit;
use crate::error::failed::{Left, MigrationFailed};
use crate::event::Event;
use crate::history;
use crate::migrations::{Effect, Transaction, Unit};
use crate::plan::revert::Reversal;
use crate::session::Reach;
use crate::session::settings::WRITABLE;
use crate::verb::run::Run;

impl Applying<'_> {
    /// Takes a migration back. `ClaimedElsewhere` where its row is not there any more as it was seen: then nothing was run.
    pub(crate) async fn take_back<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        reversal: Reversal,
    ) -> Result<Outcome, Error> {
        let Reversal { migration, reverse, .. } = reversal;
        run.session.gives_up_after(self.options.lock_timeout_of(reverse).into_iter());
        let duration = match reverse.details().transaction {
            Transaction::On => {
                let claim = self.removal(run, reversal);
                self.transaction(run, reverse, &claim, &self.tail_with(&format!("{};\n", history::ON_DISK))).await?
            }
            Transaction::Off => self.without_transaction(run, reversal).await?,
        };
        let Some(duration) = duration else { return Ok(Outcome::ClaimedElsewhere) };
        run.reverted(migration, duration);
        Ok(Outcome::Applied)
    }

    /// The claim of a reverse: the statement that removes the row, and fails where it is not there.
    fn removal<C: Connection>(self, run: &Run<'_, '_, C>, reversal: Reversal) -> String {
        history::take_back(self.table, reversal.migration.version, &reversal.recorded, run.set.repeatables)
    }

    /// Runs the statements of a reverse, then removes the row.
    ///
    /// There is no progress to record: cut off in between, the migration counts as applied still, and the next revert runs
    /// the reverse again. The plan has seen to it that this can be.
    async fn without_transaction<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        reversal: Reversal,
    ) -> Result<Option<Duration>, Error> {
        let began = Instant::now();
        if run.session.reach() == Reach::Pooled {
            // Here the row is no claim, and there is no lock either.
            return Err(Error::Pooled { what: format!("the reverse of migration {}", reversal.migration.version) });
        }
        let ran = self.units(run, reversal).await;
        // What the reverse has set must not reach the next one or the caller, however it ended.
        let restore = self.state.restore();
        if let Err(error) = ran {
            let _ = run.session.send(&restore).await;
            return Err(error);
        }
        let removal = self.removal(run, reversal);
        let reply = run.session.send(&format!("{WRITABLE};\n{restore};\n{};\n{removal}", history::ON_DISK)).await;
        match reply.failure {
            None => Ok(Some(began.elapsed())),
            Some(Failure::Server(error)) if error.sqlstate == history::NOT_THERE => Ok(None),
            Some(failure) => {
                let failed = MigrationFailed::new(run.set, reversal.reverse, failure, None, Left::Reversed);
                Err(Error::MigrationFailed(failed))
            }
        }
    }

    async fn units<C: Connection>(self, run: &mut Run<'_, '_, C>, reversal: Reversal) -> Result<(), Error> {
        let details = reversal.reverse.details();
        let timeouts = self.session_timeouts(reversal.reverse);
        let head = self.state.discard().map_or_else(|| timeouts.clone(), |discard| format!("{discard};\n{timeouts}"));
        run.session.expect("setting the timeouts", &head).await?;
        for (at, unit) in details.units.iter().enumerate() {
            let (version, number, of) = (reversal.migration.version, at + 1, details.units.len());
            let sql = first_line_of_unit(unit.sql(reversal.reverse));
            run.observers.tell(&Event::Statement { version, number, of, sql: &sql });
            self.reverse_unit(run, reversal, *unit).await?;
            let sql = unit.sql(reversal.reverse);
            if gives_up_locks(sql) {
                run.keep_the_lock(self.table).await;
            }
            if Undoes::of(sql) == Undoes::Settings {
                run.session.expect("setting the timeouts", &timeouts).await?;
            }
        }
        Ok(())
    }

    async fn reverse_unit<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        reversal: Reversal,
        unit: Unit,
    ) -> Result<(), Error> {
        let reverse = reversal.reverse;
        let mut retries = Retries::new(self.options, reverse);
        loop {
            let sent = Sent::unit(self.table, reverse, unit);
            let reply = run.execute(Some(reverse), &sent.text).await;
            let completed = reply.completed.len();
            let Some(failure) = reply.failure else { return Ok(()) };
            if completed > 0 {
                // A BEGIN of the file's own is open and aborted.
                let _ = run.session.send("ROLLBACK").await;
            }
            let place = sent.locate(reverse, &failure, completed);
            let failed = MigrationFailed::new(run.set, reverse, failure, place, Left::Reversed);
            if unit.effect == Effect::CommitsMidway {
                return Err(Error::MigrationFailed(failed));
            }
            retries.pause_or_give_up(run, reverse, failed).await?;
        }
    }
}
