//! What stands before the SQL of a transactional migration: its transaction, its limits, and the claim.

use std::time::Duration;

use graven_source::{Kind, Version};

use crate::apply::Applying;
use crate::apply::sent::{Sent, name_for_dba};
use crate::history;
use crate::migrations::Migration;
use crate::plan::{Start, Step};
use crate::session::settings::Reaches;
use crate::sql::milliseconds;

impl Applying<'_> {
    /// What stands before the SQL of a transactional migration.
    pub(crate) fn head(self, step: &Step, opening: &[&str]) -> Head {
        self.head_with(step.migration, opening, &self.claim(step))
    }

    /// The statement that makes it this run's to apply.
    pub(crate) fn claim(self, step: &Step) -> String {
        let Step { migration, start } = step;
        match start {
            Start::Again { recorded } => history::claim_again(self.table, migration, recorded, self.claimant),
            _ if migration.kind() == Kind::Baseline => {
                let covered = covered(self.versioned, migration.version);
                history::claim_covered(self.table, covered, migration.version, self.claimant)
            }
            _ => history::claim(self.table, migration, self.claimant),
        }
    }

    pub(crate) fn head_with(self, migration: &Migration, opening: &[&str], claim: &str) -> Head {
        let details = migration.details();
        let lock_timeout = details.lock_timeout.or(self.options.table_lock_timeout).unwrap_or_default();
        let statement_timeout = details.statement_timeout.or(self.options.statement_timeout).unwrap_or_default();
        let mut head = Head { text: name_for_dba(migration), statements: 0, claim: 0 };
        head.push("BEGIN");
        for statement in opening {
            head.push(&format!("{}\n", statement.trim_end_matches(';')));
        }
        self.state.no_transaction_timeout(Reaches::Transaction).into_iter().for_each(|lift| head.push(lift));
        self.patience().iter().for_each(|limit| head.push(limit));
        self.state.discard().into_iter().for_each(|discard| head.push(discard));
        head.claim = head.statements;
        head.push(claim);
        head.push(&format!("SET LOCAL lock_timeout = {}", milliseconds(lock_timeout)));
        // It is off by then.
        if !statement_timeout.is_zero() {
            head.push(&format!("SET LOCAL statement_timeout = {}", milliseconds(statement_timeout)));
        }
        head
    }

    /// The timeouts for a claim, in two statements. It may have to wait for another run's transaction, which is no table
    /// lock that blocks a service; and a role's own limit is meant for queries.
    pub(crate) fn patience(self) -> [String; 2] {
        // Zero would be no limit.
        let lock_timeout = self.options.lock_timeout.max(Duration::from_millis(1));
        [
            "SET LOCAL statement_timeout = 0".to_owned(),
            format!("SET LOCAL lock_timeout = {}", milliseconds(lock_timeout)),
        ]
    }
}

/// What stands before the SQL of a transactional migration.
pub(crate) struct Head {
    text: String,
    statements: usize,
    /// How many of its statements have completed where the claim fails.
    pub(crate) claim: usize,
}

impl Head {
    pub(crate) fn push(&mut self, statement: &str) {
        self.statements += 1;
        self.text.push_str(statement);
        self.text.push_str(";\n");
    }

    /// Puts it there.
    pub(crate) fn precede(&self, sent: &mut Sent) {
        sent.precede(&self.text, self.statements);
    }
}

/// What a baseline of that version stands for.
pub(crate) fn covered(versioned: &'static [Migration], baseline: Version) -> &'static [Migration] {
    let count = versioned.partition_point(|migration| migration.version <= baseline);
    versioned.get(..count).unwrap_or_default()
}
