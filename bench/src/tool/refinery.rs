//! refinery, with a set from `load_sql_migrations`: the same that `embed_migrations!` makes of its files when its
//! `runner()` is called. What that costs is on nobody's clock here.

use refinery::Runner;

use super::{Loaded, Pending, Run, Tool, client, runtime};
use crate::Result;
use crate::set::Set;

/// In how many transactions it applies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transactions {
    /// One a migration, its default.
    Each,
    /// One for all.
    Grouped,
}

pub(crate) struct Refinery {
    transactions: Transactions,
}

impl Refinery {
    pub(crate) fn each() -> Self {
        Self { transactions: Transactions::Each }
    }

    pub(crate) fn grouped() -> Self {
        Self { transactions: Transactions::Grouped }
    }
}

impl Tool for Refinery {
    fn name(&self) -> &'static str {
        match self.transactions {
            Transactions::Each => "refinery",
            Transactions::Grouped => "refinery, grouped",
        }
    }

    fn package(&self) -> Option<&'static str> {
        Some("refinery")
    }

    fn load(&self, set: &Set, _: Pending) -> Result<Option<Box<dyn Loaded>>> {
        let mut migrations = refinery::load_sql_migrations(set.refinery())?;
        migrations.sort();
        let runner = Runner::new(&migrations).set_grouped(self.transactions == Transactions::Grouped);
        Ok(Some(Box::new(Made(runner))))
    }
}

struct Made(Runner);

impl Loaded for Made {
    fn connect<'a>(&'a self, url: &str) -> Result<Run<'a>> {
        let runtime = runtime()?;
        let mut client = client(&runtime, url)?;
        Ok(Box::new(move || {
            runtime.block_on(self.0.run_async(&mut client))?;
            Ok(())
        }))
    }
}
