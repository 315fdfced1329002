//! Many transactional migrations as one message, and what a reply says about each.

use std::time::Duration;

use crate::apply::Applying;
use crate::apply::recording::{Plans, Recording};
use crate::apply::sent::{COMMENT, Pieces, Sent, name_in_comment};
use crate::connection::{Reply, Row};
use crate::history;
use crate::lock;
use crate::migrations::Migration;
use crate::plan::Step;

/// Migrations on their way to the server.
pub(crate) struct Batch {
    pub(crate) text: String,
    parts: Vec<Part>,
    /// What the server says when it has written a duration, which is the statement before a COMMIT.
    finished: String,
    /// Whether it ends by giving back the lock.
    gives_back: bool,
    /// What forgets the statement that the first transaction prepares, where the message ends before it does so itself.
    forget: Option<String>,
}

/// One migration of a batch.
pub(crate) struct Part {
    pub(crate) migration: &'static Migration,
    pub(crate) sent: Sent,
    /// How many of its statements have completed where its claim fails.
    pub(crate) claim: usize,
    /// How many statements write that it is done.
    pub(crate) recording: usize,
}

/// What of a batch has committed.
pub(crate) struct Done {
    /// How long each migration took.
    pub(crate) durations: Vec<Duration>,
    /// How many statements that were.
    pub(crate) statements: usize,
}

impl Batch {
    /// Joins the transactions of some steps, each of which goes into one message.
    pub(crate) fn of(applying: Applying<'_>, steps: &[Step], plans: Plans) -> Self {
        let recording = Recording::of(plans, steps);
        let prepares = recording.clone().any(|it| it == Recording::Preparing);
        let parts = steps.iter().zip(recording).filter_map(|(step, recording)| Part::of(applying, step, recording));
        let mut parts: Vec<Part> = parts.collect();
        let mut text = match parts.as_mut_slice() {
            // A large file goes alone, and is not copied.
            [one] => std::mem::take(&mut one.sent.text),
            several => {
                let texts = several.iter().map(|part| part.sent.text.as_str()).collect::<Vec<_>>();
                format!("{}{}", name_for_dba(several), texts.join(SEPARATOR))
            }
        };
        if prepares {
            text.extend([SEPARATOR, &history::deallocate_finish(applying.claimant)]);
        }
        let forget = prepares.then(|| history::deallocate_finish_if_there(applying.claimant));
        Self { text, parts, finished: applying.claimant.mark(), gives_back: false, forget }
    }

    /// What forgets the statement that it prepares, if it does, however far it came.
    pub(crate) fn forget(&self) -> Option<String> {
        self.forget.clone()
    }

    /// Gives the lock back as well, once everything has committed, where this is the last message of a run that needs it.
    pub(crate) fn give_back_the_lock(&mut self, applying: Applying<'_>) {
        if self.parts.last().is_some_and(|part| std::ptr::eq(part.migration, applying.last)) {
            self.gives_back = true;
            let statements = applying.state.discard().map(str::to_owned).into_iter();
            for statement in statements.chain([lock::give_back(applying.table)]) {
                self.text.push_str(SEPARATOR);
                self.text.push_str(&statement);
            }
        }
    }

    /// Whether it gives the lock back.
    pub(crate) fn gives_back(&self) -> bool {
        self.gives_back
    }

    /// What the server has said of the lock, if the message came so far.
    pub(crate) fn lock_given_back<'r>(&self, reply: &'r Reply) -> Option<&'r Row> {
        if !self.gives_back || reply.failure.is_some() {
            return None;
        }
        reply.completed.last()?.first()
    }

    /// What has committed, as the reply says.
    pub(crate) fn done(&self, reply: &Reply) -> Done {
        let mut done = Done { durations: Vec::new(), statements: 0 };
        for (at, rows) in reply.completed.iter().enumerate() {
            let finished = rows.first().filter(|row| row.text(0) == self.finished);
            // The COMMIT after it has completed as well.
            if let Some(row) = finished
                && at + 1 < reply.completed.len()
            {
                let seconds = row.number(1).unwrap_or(0.0_f64).max(0.0);
                done.durations.push(Duration::try_from_secs_f64(seconds).unwrap_or_default());
                done.statements = at + 2;
            }
        }
        done
    }

    /// The migration at which the batch ended, after so many that committed, with its place in the message.
    pub(crate) fn failed(mut self, committed: usize) -> Option<Part> {
        if committed >= self.parts.len() {
            return None;
        }
        let name = if self.parts.len() > 1 { name_for_dba(&self.parts).chars().count() } else { 0 };
        let before = self.parts.drain(..committed);
        let characters = before.map(|part| part.sent.text.chars().count() + SEPARATOR.len()).sum::<usize>() + name;
        let mut failed = self.parts.drain(..).next()?;
        failed.sent.shift(characters);
        Some(failed)
    }
}

/// A comment that says what is in the message: each part says its own name, of which a DBA sees only the first.
fn name_for_dba(parts: &[Part]) -> String {
    match (parts.first(), parts.last()) {
        (Some(first), Some(last)) => {
            format!("{COMMENT}migrations {} to {} */ ", place(first.migration), place(last.migration))
        }
        _ => String::new(),
    }
}

/// A migration by its version or, where it has none, by its name.
fn place(migration: &Migration) -> String {
    migration.number().map_or_else(|| name_in_comment(migration), |version| version.to_string())
}

/// What stands between two transactions.
const SEPARATOR: &str = ";\n";

impl Part {
    fn of(applying: Applying<'_>, step: &Step, recording: Recording) -> Option<Self> {
        let migration = step.migration;
        let Pieces { opening, sent } = Pieces::of(migration);
        let mut sent = sent.into_iter().next()?;
        let head = applying.head(step, &opening);
        head.precede(&mut sent);
        let (tail, recording) = applying.tail(migration, recording);
        sent.follow(&tail);
        Some(Self { migration, sent, claim: head.claim, recording })
    }
}
