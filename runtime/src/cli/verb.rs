//! The verbs that act on a database, one file each: its arguments, its help and what it does.

mod apply;
mod doctor;
mod plan;
mod redo;
mod repair;
mod reset;
mod resolve;
mod revert;
mod script;
mod stamp;
mod status;
mod verify;

use clap::{Command, Subcommand};

use self::apply::Apply;
use self::doctor::Doctor;
use self::plan::Plan;
use self::redo::Redo;
use self::repair::Repair;
use self::reset::Reset;
use self::resolve::Resolve;
use self::revert::Revert;
use self::script::Script;
use self::stamp::Stamp;
use self::status::Status;
use self::verify::Verify;
use crate::cli::database::OwnUrl;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::migrate::Configure;
use crate::cli::output::Output;
use crate::cli::words::Words;
use crate::migrations::Migrations;
use crate::migrator::Migrator;
use crate::verb::repair::Repairable;

// Not documented in words: clap would take them for what the whole program does.
#[doc(hidden)]
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum Verb {
    Apply(Apply),
    Status(Status),
    Plan(Plan),
    Verify(Verify),
    Doctor(Doctor),
    Resolve(Resolve),
    Revert(Revert),
    Redo(Redo),
    Repair(Repair),
    Stamp(Stamp),
    Script(Script),
    Reset(Reset),
}

/// What a verb acts with, beside its arguments.
pub struct Scene<'s> {
    pub(crate) set: &'s Migrations,
    pub(crate) output: Output,
    pub(crate) words: &'s Words,
    /// The URL that the application says.
    pub(crate) url: Option<&'s str>,
    /// What the application's own option says, where it has one.
    pub(crate) own_url: Option<&'s OwnUrl>,
    /// The options that the application says.
    pub(crate) configures: &'s [Configure],
    /// Shows how a recorded text differs, where there is somebody who has it.
    pub(crate) review: Option<Review<'s>>,
}

/// How a recorded text differs from the present one, as a unified diff, or why that cannot be shown.
pub(crate) type Review<'s> = &'s (dyn Fn(&Repairable, &str) -> Result<String, String> + Sync);

impl<'s> Scene<'s> {
    /// A scene without an application that has its own say.
    #[must_use]
    pub fn new(set: &'s Migrations, output: Output, words: &'s Words) -> Self {
        Self { set, output, words, url: None, own_url: None, configures: &[], review: None }
    }

    /// With somebody who has the texts that were applied.
    #[must_use]
    pub fn reviewed(self, review: Review<'s>) -> Self {
        Self { review: Some(review), ..self }
    }

    /// With the application's options.
    pub(crate) fn configured(&self, migrator: Migrator) -> Migrator {
        self.configures.iter().fold(migrator, |migrator, configure| configure.apply(migrator))
    }
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    ///
    /// Whatever its engine refuses, and a result that cannot be printed.
    pub async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Apply(apply) => apply.run(scene).await,
            Self::Status(status) => status.run(scene).await,
            Self::Plan(plan) => plan.run(scene).await,
            Self::Verify(verify) => verify.run(scene).await,
            Self::Doctor(doctor) => doctor.run(scene).await,
            Self::Resolve(resolve) => resolve.run(scene).await,
            Self::Revert(revert) => revert.run(scene).await,
            Self::Redo(redo) => redo.run(scene).await,
            Self::Repair(repair) => repair.run(scene).await,
            Self::Stamp(stamp) => stamp.run(scene).await,
            Self::Script(script) => script.run(scene),
            Self::Reset(reset) => reset.run(scene).await,
        }
    }

    /// Whether it wants all migrations sealed.
    #[must_use]
    pub fn demands_seals(&self) -> bool {
        matches!(self, Self::Apply(apply) if apply.demands_seals())
    }

    /// What they are called on a command line.
    pub(crate) fn names() -> Vec<String> {
        let all = Self::augment_subcommands(Command::new(""));
        all.get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
    }
}
