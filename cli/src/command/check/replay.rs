//! Applies a set to an empty database, and takes each migration back on the way if that was asked for.

use std::time::{Duration, Instant};

use graven::cli::__private as shared;
use graven::{Error, Migrations, Target};
use graven_source::set::{Migration, Set};
use graven_source::{Transaction, Version};

use super::baseline::{Baseline, Compared};
use super::finding::Finding;
use super::ground::Ground;
use super::live::Live;
use super::reversal;
use super::scratch::{Place, is_lost, rows};
use crate::failure::Failure;
use crate::output::Output;
use crate::schema::Schema;

/// Whether to take each migration back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reverses {
    Try,
    Leave,
}

/// What to try beside applying everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trials<'a> {
    pub(crate) reverses: Reverses,
    /// The one to compare with.
    pub(crate) baseline: Option<&'a Migration>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// As the server says: `15.14 (Debian 15.14-0+deb12u1)`.
    pub(crate) server: String,
    pub(crate) applied: usize,
    pub(crate) duration: Duration,
    /// What was refused, and what did not come back as it was.
    pub(crate) findings: Vec<Finding>,
    /// What the run says where a migration was refused.
    pub(crate) error: Option<shared::Failure>,
    pub(crate) reverses: Option<Tally>,
    pub(crate) baseline: Option<Compared>,
}

/// How it went with the reverses.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// After them, everything was as before.
    pub(crate) restored: Vec<Version>,
    /// They failed, left something else behind, or their migrations could not be applied again.
    pub(crate) failed: Vec<Version>,
    /// Migrations that have none.
    pub(crate) without: Vec<Version>,
    /// They were not tried, since no database could be brought to where they begin.
    pub(crate) untried: Vec<Version>,
    /// Whether no database could be brought any further.
    stopped: bool,
}

/// Applies everything to an empty database. A migration that is refused is a finding; what is no fault of a file is an error.
pub(crate) async fn replay(
    set: &Set,
    embedded: Migrations,
    place: Place<'_>,
    trials: Trials<'_>,
    output: Output,
) -> Result<Replayed, Failure> {
    let began = Instant::now();
    let live = Live::new(set.migrations.len(), output);
    live.doing("making an empty database");
    let mut walk = Walk::begin(set, embedded, place, live, output).await?;
    let server = rows(&walk.ground.client, "SHOW server_version").await.unwrap_or_default().pop().unwrap_or_default();
    let tally = match trials.reverses {
        Reverses::Try => Some(walk.through().await?),
        Reverses::Leave => None,
    };
    // A database that stopped half-way would tell of a migration what is no fault of it.
    if walk.error.is_none() && !tally.as_ref().is_some_and(|tally| tally.stopped) {
        walk.the_rest().await?;
    }
    let Walk { ground, live, applied, mut findings, mut error, .. } = walk;
    let duration = began.elapsed();
    let mut compared = None;
    if let Some(baseline) = trials.baseline.filter(|_| error.is_none()) {
        live.doing("comparing with what the baseline makes");
        // What was reverted and applied again may hold its rows and columns in another way.
        let one_by_one = (trials.reverses == Reverses::Leave).then_some(ground);
        let mut outcome = Baseline { set, embedded, baseline, place, output }.compare(one_by_one).await?;
        findings.append(&mut outcome.findings);
        (compared, error) = (outcome.compared, outcome.error);
    }
    Ok(Replayed { server, applied, duration, findings, error, reverses: tally, baseline: compared })
}

/// A way through the set, migration by migration.
struct Walk<'a> {
    set: &'a Set,
    embedded: Migrations,
    /// How the directory is shown, for as long as the program runs.
    directory: &'static str,
    place: Place<'a>,
    output: Output,
    live: Live,
    ground: Ground,
    /// How many migrations the database has.
    applied: usize,
    findings: Vec<Finding>,
    error: Option<shared::Failure>,
}

impl<'a> Walk<'a> {
    async fn begin(
        set: &'a Set,
        embedded: Migrations,
        place: Place<'a>,
        live: Live,
        output: Output,
    ) -> Result<Self, Failure> {
        let ground = Ground::make(embedded, place, output).await?;
        let directory = set.directory.clone().leak();
        let (applied, findings, error) = (0, Vec::new(), None);
        Ok(Self { set, embedded, directory, place, output, live, ground, applied, findings, error })
    }

    /// Applies what is left: every migration by itself, without a baseline, and then the repeatables.
    async fn the_rest(&mut self) -> Result<(), Failure> {
        let versioned = self.first(self.set.migrations.len());
        for set in [versioned, self.embedded] {
            let mut migrator = set.migrator().ignore_environment().observe(self.live.observer());
            let ran = migrator.run(&mut self.ground.client).await;
            self.ran(ran.map(|report| report.applied.len()))?;
            if self.error.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Applies the next one alone, and takes it back and applies it again if it has a reverse.
    async fn through(&mut self) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        // What the database is known to be like, so that nothing is read twice.
        let mut known = None;
        for (number, migration) in self.set.migrations.iter().enumerate() {
            self.live.done(number);
            self.live.doing(format!("trying {} {}", migration.version, migration.name));
            let Some(reverse) = self.set.reverse_of(migration) else {
                tally.without.push(migration.version);
                known = None;
                if !self.step(number + 1).await? {
                    break;
                }
                continue;
            };
            let before = match known.take() {
                Some(known) => known,
                None => self.ground.schema().await?,
            };
            if !self.step(number + 1).await? {
                break;
            }
            let found = self.findings.len();
            known = self.back_and_forth(number + 1, migration, reverse, &before).await?;
            let is_restored = self.findings.iter().skip(found).all(|finding| !finding.is_error());
            if is_restored { &mut tally.restored } else { &mut tally.failed }.push(migration.version);
            if known.is_none() && !self.anew(number + 1).await? {
                let rest = self.set.migrations.iter().skip(number + 1);
                tally.untried = rest.filter(|it| self.set.reverse_of(it).is_some()).map(|it| it.version).collect();
                tally.stopped = true;
                break;
            }
        }
        Ok(tally)
    }

    /// Takes the last one back and applies it again. The schema afterwards, if the database is one to go on with.
    async fn back_and_forth(
        &mut self,
        number: usize,
        migration: &Migration,
        reverse: &Migration,
        before: &Schema,
    ) -> Result<Option<Schema>, Failure> {
        let applied = self.ground.schema().await?;
        let reverted =
            self.first(number).migrator().ignore_environment().revert(&mut self.ground.client, Target::Steps(1)).await;
        if let Err(error) = reverted {
            if is_lost(&error) {
                return Err(error.into());
            }
            self.findings.push(reversal::fails(self.set, reverse, &error));
            // In a transaction it has left nothing behind.
            return Ok((reverse.directives.transaction == Transaction::On).then_some(applied));
        }
        let after = self.ground.schema().await?;
        let left = before.difference(&after);
        if !left.is_empty() {
            self.findings.push(reversal::differs(self.set, migration, reverse, &left));
        }
        match self.first(number).migrator().ignore_environment().run(&mut self.ground.client).await {
            Ok(_) => {}
            Err(error) if is_lost(&error) => return Err(error.into()),
            Err(error) => {
                self.findings.push(reversal::does_not_repeat(self.set, migration, reverse, &error));
                return Ok(None);
            }
        }
        let again = self.ground.schema().await?;
        let new = applied.difference(&again);
        // What a reverse that differs left behind is still there, and has been said.
        if left.is_empty() && !new.is_empty() && !new.is_order_of_columns_alone() {
            self.findings.push(reversal::repeats_otherwise(self.set, migration, reverse, &new));
        }
        Ok(Some(again))
    }

    /// Brings the database to where it has so many migrations. Whether that went well.
    async fn step(&mut self, number: usize) -> Result<bool, Failure> {
        let ran = self.first(number).migrator().ignore_environment().run(&mut self.ground.client).await;
        self.ran(ran.map(|report| report.applied.len()))?;
        Ok(self.error.is_none())
    }

    /// Another database with so many migrations, since nobody knows what this one is like now. Whether that went well.
    async fn anew(&mut self, number: usize) -> Result<bool, Failure> {
        self.ground = Ground::make(self.embedded, self.place, self.output).await?;
        let ran = self.first(number).migrator().ignore_environment().run(&mut self.ground.client).await;
        match ran {
            Ok(_) => Ok(true),
            Err(error) if is_lost(&error) => Err(error.into()),
            // What a migration makes for the whole server is there already.
            Err(_) => Ok(false),
        }
    }

    fn ran(&mut self, ran: Result<usize, Error>) -> Result<(), Failure> {
        match ran {
            Ok(applied) => self.applied += applied,
            Err(error) => match Finding::failed(self.set, &error) {
                Some(finding) if !is_lost(&error) => {
                    self.applied += error.applied().len();
                    self.findings.push(finding);
                    self.error = Some(error.into());
                }
                _ => return Err(error.into()),
            },
        }
        Ok(())
    }

    /// The set with its first so many migrations alone.
    fn first(&self, number: usize) -> Migrations {
        let migrations = self.embedded.as_slice();
        let first = migrations.get(..number).unwrap_or(migrations);
        graven::__private::migrations(first, self.directory, None, None, "")
    }
}
