//! Trying again what may pass: lock timeouts, deadlocks, serialization failures.

use std::time::Duration;

use crate::connection::Connection;
use crate::error::Error;
use crate::error::failed::{Cause, MigrationFailed};
use crate::error::server_error::ServerError;
use crate::event::Event;
use crate::grant;
use crate::in_the_way::{Stuck, in_the_way, is_concurrent, statement_at};
use crate::migrations::Migration;
use crate::options::Options;
use crate::verb::run::Run;

/// The pause before the first retry; it doubles from one to the next.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest pause between two tries. A limit to how long a session may be idle is lifted for the run.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// How often what may pass is tried again.
pub(crate) struct Retries {
    left: u32,
    attempt: u32,
    pause: Duration,
}

impl Retries {
    pub(crate) fn new(options: &Options, migration: &Migration) -> Self {
        Self { left: migration.details().retries.unwrap_or(options.retries), attempt: 1, pause: FIRST_RETRY }
    }

    /// Waits for the next try, or hands the failure back where there is to be none.
    pub(crate) async fn pause_or_give_up<C: Connection>(
        &mut self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        mut failed: Box<MigrationFailed>,
    ) -> Result<(), Error> {
        failed.attempts = self.attempt;
        let transient = match &failed.cause {
            Cause::Server(error) if error.is_transient() => error.clone(),
            Cause::Server(error) if error.sqlstate == "42501" => {
                failed.grant = grant::lacking(&mut run.session, migration, failed.at, error).await;
                return Err(Error::MigrationFailed(failed));
            }
            _ => return Err(Error::MigrationFailed(failed)),
        };
        if self.left == 0 {
            if transient.sqlstate == "55P03" {
                failed = Self::blaming(run, migration, failed, &transient).await;
            }
            return Err(Error::MigrationFailed(failed));
        }
        self.left -= 1;
        self.attempt += 1;
        self.wait(run, migration, &transient).await;
        Ok(())
    }

    /// With who was in the way: as was seen while it waited, or else as can be told right after.
    async fn blaming<C: Connection>(
        run: &mut Run<'_, '_, C>,
        migration: &Migration,
        mut failed: Box<MigrationFailed>,
        error: &ServerError,
    ) -> Box<MigrationFailed> {
        let statement = statement_at(migration.sql(), failed.at);
        failed.concurrent = is_concurrent(statement);
        failed.in_the_way = run.session.waited_for();
        if failed.in_the_way.is_empty() {
            let waited = migration.details().lock_timeout.or(run.options.table_lock_timeout).unwrap_or_default();
            let context = error.context.as_deref();
            let stuck = Stuck { statement, file: migration.sql(), context, waited };
            failed.in_the_way = in_the_way(&mut run.session, stuck).await;
        }
        failed
    }

    async fn wait<C: Connection>(&mut self, run: &mut Run<'_, '_, C>, migration: &Migration, error: &ServerError) {
        // Jitter, so that two that got into each other's way do not do so again.
        let pause = self.pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.pause = (self.pause * 2).min(LONGEST_RETRY);
        let (version, name, attempt) = (migration.version, migration.name(), self.attempt);
        run.observers.tell(&match migration.number() {
            Some(_) => Event::Retrying { version, name, attempt, pause, error },
            None => Event::RetryingRepeatable { name, attempt, pause, error },
        });
        run.session.pause(pause).await;
    }
}
