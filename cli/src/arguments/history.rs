//! The verbs by which an operator changes what the history says, beyond applying what is pending.

use clap::Args;
use graven::Target;

use super::{Database, Lock, version};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven revert                    the last one that was applied
  graven revert --steps 3          the last three
  graven revert --to 12            what was applied above 12, which stays
  graven revert --all              everything

It says first which ones, and asks nothing. Each is taken back by its reverse,
`<version>_<name>.down.sql`, in one transaction with its row in the history table: it is pending
again. If one of them cannot be reverted, none is touched, and each obstacle is named with its
remedy (exit code 4). If a reverse fails, those before it stay reverted (exit code 3).

What a reverse drops is gone, and the data in it. Stop the instances of your service that bring
these migrations along: the next one of them to start applies them again.")]
pub(crate) struct Revert {
    #[command(flatten)]
    pub(crate) extent: Extent,

    #[command(flatten)]
    pub(crate) database: Database,

    #[command(flatten)]
    pub(crate) lock: Lock,
}

/// How far back.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct Extent {
    /// So many of the last ones that were applied [default: 1]
    #[arg(long, value_name = "NUMBER", value_parser = steps())]
    pub(crate) steps: Option<usize>,

    /// Down to this version, which stays applied; 0 is before all others
    #[arg(long, value_name = "VERSION", value_parser = version())]
    pub(crate) to: Option<i64>,

    /// Everything
    #[arg(long)]
    pub(crate) all: bool,
}

impl Extent {
    pub(crate) fn target(&self) -> Target {
        match (self.steps, self.to) {
            (_, Some(version)) => Target::To(version),
            (Some(steps), None) => Target::Steps(steps),
            (None, None) if self.all => Target::All,
            (None, None) => Target::Steps(1),
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven redo 14                   after an edit of the migration that you are writing

It reverts the migration by its reverse, `<version>_<name>.down.sql`, and applies it as its file is
now: two transactions under one lock. It must be the last one that was applied. What its reverse
drops is gone, and the data in it. If applying it fails, it stays reverted, and is pending.")]
pub(crate) struct Redo {
    /// The version of the migration
    // Its own id: clap's `--version` has the one that it would have.
    #[arg(id = "of", value_name = "VERSION", value_parser = version())]
    pub(crate) version: i64,

    /// Redo it although it is sealed, on this database alone: others that have run it keep what they have, and never get
    /// what has changed in it
    #[arg(long)]
    pub(crate) although_sealed: bool,

    #[command(flatten)]
    pub(crate) database: Database,

    #[command(flatten)]
    pub(crate) lock: Lock,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven stamp                     all that the directory has
  graven stamp --to 12             up to 12, which is included; what lies above stays pending

For a database whose schema another tool has made, or somebody by hand. It runs nothing, and it
compares nothing: that the schema is what these migrations make is your word, and migrations after
them build on it. What is recorded already is passed over. All of it is recorded or nothing.

`graven revert` runs the reverse of what was stamped. To forget a stamp and leave the schema alone,
delete its row from the history table.")]
pub(crate) struct Stamp {
    /// Up to this version, which is included [default: the highest]
    #[arg(long, value_name = "VERSION", value_parser = version())]
    pub(crate) to: Option<i64>,

    #[command(flatten)]
    pub(crate) database: Database,

    #[command(flatten)]
    pub(crate) lock: Lock,
}

#[derive(Args, Debug)]
#[command(after_help = "\
A migration with `transaction = off` that was cut off in the middle of a statement leaves it open
whether that statement took effect. `graven status` shows the statement; look in the database, then:

  graven resolve 12 --applied      it did: the next run goes on after it
  graven resolve 12 --retry        it did not: the next run runs it again")]
pub(crate) struct Resolve {
    /// The version of the incomplete migration
    // Its own id: clap's `--version` has the one that it would have.
    #[arg(id = "of", value_name = "VERSION", value_parser = version())]
    pub(crate) version: i64,

    #[command(flatten)]
    pub(crate) resolution: Resolution,

    #[command(flatten)]
    pub(crate) database: Database,

    #[command(flatten)]
    pub(crate) lock: Lock,
}

/// What became of the statement.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Resolution {
    /// The statement took effect: the next run goes on after it
    #[arg(long)]
    pub(crate) applied: bool,

    /// The statement did not take effect: the next run runs it again
    #[arg(long)]
    pub(crate) retry: bool,
}

fn steps() -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(1..)
}
