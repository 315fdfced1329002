//! What stands in the way of a run: each difference between set and history that must not be passed over, with its remedy.

use std::fmt;

use graven_source::statement::split;
use graven_source::{Checksum, Version};

use crate::history::{Doubt, Progress};
use crate::lock::Holder;
use crate::migrations::{Migration, Sealing};
use crate::options::in_shell;
use crate::plan::revert::redo_command;
use crate::plan::{Entry, resumable};
use crate::sql::literal;
use crate::verb::status::State;

/// A difference between the set and the history that a run refuses.
///
/// It displays as one line without the remedy; [`remedy`](Self::remedy) is what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// It was applied with other content than the set has now.
    #[non_exhaustive]
    Modified {
        /// Its version.
        version: Version,
        /// Its name in the set.
        name: String,
        /// Its name in the history.
        recorded_name: String,
        /// Its file, with the directory.
        file: String,
        /// The history table.
        history: String,
        /// The namespace within it.
        namespace: String,
        /// The checksum that the history holds.
        recorded: Checksum,
        /// The checksum that the set holds.
        embedded: Checksum,
        /// Whether the set has it sealed. If not, the edit was most likely a developer's own.
        sealing: Sealing,
        /// The command that reverts it and applies it again, where that is possible: it is not sealed, nothing is applied after
        /// it, and it has a reverse.
        redo: Option<String>,
    },
    /// It was applied, and the set does not have it although it has later ones.
    #[non_exhaustive]
    Orphaned {
        /// Its version; `None` for a repeatable.
        version: Option<Version>,
        /// Its name in the history.
        name: String,
    },
    /// It is pending, but a later one is applied.
    #[non_exhaustive]
    OutOfOrder {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
        /// Its file, with the directory.
        file: String,
        /// The highest version that is applied.
        highest: Version,
        /// Whether the set has it sealed. If so, its version must stay what it is.
        sealing: Sealing,
    },
    /// It runs outside of a transaction, and a run that began it never finished.
    #[non_exhaustive]
    Incomplete {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
        /// Its file, with the directory.
        file: String,
        /// How many statements are recorded as done.
        done: u32,
        /// How many statements it has.
        total: u32,
        /// Why it is not simply taken up again.
        reason: IncompleteReason,
        /// What the command line must be told besides, so that it finds this history; empty for the default one.
        flags: String,
    },
    /// It was applied, above everything that the set has, and the options refuse that.
    #[non_exhaustive]
    Future {
        /// Its version; `None` for a repeatable.
        version: Option<Version>,
        /// Its name in the history.
        name: String,
    },
}

/// Why an incomplete migration is not simply taken up again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IncompleteReason {
    /// The statement after the recorded ones may or may not have run.
    #[non_exhaustive]
    InDoubt {
        /// The line on which that statement begins, from 1. Of statements between a BEGIN and a COMMIT of the file's own,
        /// which take effect all or none, it is the first one.
        line: usize,
        /// Its beginning.
        statement: String,
    },
    /// The file has changed since.
    Modified,
    /// A run would take it up again, and this verb does not.
    Resumable,
    /// Another instance is running it right now.
    #[non_exhaustive]
    Running {
        /// Which one.
        by: String,
    },
}

/// The rows of a set: those of one namespace in one history table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) history: &'a str,
    pub(crate) namespace: &'a str,
}

impl Rows<'_> {
    /// The statement that takes a version's row away. Another set may have the same version in the same table.
    pub(crate) fn forgetting(self, version: Version) -> String {
        format!("DELETE FROM {} WHERE namespace = {} AND version = {version}", self.history, literal(self.namespace))
    }
}

impl Conflict {
    /// The conflict that an entry is for the strictest policy, if it is one.
    pub(crate) fn of(entry: &Entry<'_>) -> Option<Self> {
        let name = || entry.record.map(|record| record.name.clone()).unwrap_or_default();
        match (entry.state, entry.migration) {
            (State::Pending | State::Applied, _) => None,
            (State::Modified, Some(migration)) => Some(Self::Modified {
                version: migration.version,
                name: migration.name().to_owned(),
                recorded_name: name(),
                file: migration.file().to_owned(),
                history: String::new(),
                namespace: String::new(),
                recorded: entry.record?.checksum,
                embedded: migration.checksum(),
                sealing: migration.sealing,
                redo: redo_command(entry),
            }),
            (State::OutOfOrder, Some(migration)) => Some(Self::OutOfOrder {
                version: migration.version,
                name: migration.name().to_owned(),
                file: migration.file().to_owned(),
                highest: entry.highest?,
                sealing: migration.sealing,
            }),
            (State::Incomplete, Some(migration)) => Self::incomplete(migration, entry),
            (State::Future, _) => Some(Self::Future { version: entry.version, name: name() }),
            (State::Orphaned | State::Modified | State::OutOfOrder | State::Incomplete, _) => {
                Some(Self::Orphaned { version: entry.version, name: name() })
            }
        }
    }

    fn incomplete(migration: &'static Migration, entry: &Entry<'_>) -> Option<Self> {
        let record = entry.record?;
        let Progress::Started { done, total, doubt } = record.progress else { return None };
        let unit = usize::try_from(done).ok().and_then(|done| migration.details().units.get(done));
        let reason = match (unit, doubt) {
            _ if resumable(migration, entry.record).is_some() => IncompleteReason::Resumable,
            (Some(unit), Doubt::InDoubt) if migration.accepts(&record.checksum) => {
                let sql = unit.sql(migration);
                let behind = behind_begin(sql);
                let start = unit.start as usize + behind;
                IncompleteReason::InDoubt {
                    line: migration.sql().get(..start).map_or(1, |before| before.matches('\n').count() + 1),
                    statement: first_line(sql.get(behind..).unwrap_or(sql)),
                }
            }
            _ => IncompleteReason::Modified,
        };
        Some(Self::Incomplete {
            version: migration.version,
            name: migration.name().to_owned(),
            file: migration.file().to_owned(),
            done,
            total,
            reason,
            flags: String::new(),
        })
    }

    /// With what the plan does not know of, so that the remedy can be typed as it stands: the directory before its file's
    /// name, the history table, and the flags that lead the command line to it.
    pub(crate) fn located(mut self, directory: &str, rows: Rows<'_>, command_line: &str) -> Self {
        match &mut self {
            Self::Modified { file, history, namespace, redo, .. } => {
                *file = format!("{directory}/{file}");
                rows.history.clone_into(history);
                rows.namespace.clone_into(namespace);
                if let Some(redo) = redo {
                    redo.push_str(command_line);
                }
            }
            Self::OutOfOrder { file, .. } => *file = format!("{directory}/{file}"),
            Self::Incomplete { file, flags, .. } => {
                *file = format!("{directory}/{file}");
                command_line.clone_into(flags);
            }
            Self::Orphaned { .. } | Self::Future { .. } => {}
        }
        self
    }

    /// With the instance that is running it right now, where it is incomplete.
    pub(crate) fn running(mut self, holder: &Holder) -> Self {
        if let Self::Incomplete { reason, .. } = &mut self {
            *reason = IncompleteReason::Running { by: holder.to_string() };
        }
        self
    }

    /// The version it is about; `None` for a repeatable.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::Modified { version, .. } | Self::OutOfOrder { version, .. } | Self::Incomplete { version, .. } => {
                Some(*version)
            }
            Self::Orphaned { version, .. } | Self::Future { version, .. } => *version,
        }
    }

    /// The state that makes it a conflict.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self::Modified { .. } => State::Modified,
            Self::Orphaned { .. } => State::Orphaned,
            Self::OutOfOrder { .. } => State::OutOfOrder,
            Self::Incomplete { .. } => State::Incomplete,
            Self::Future { .. } => State::Future,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Modified { version, name, recorded_name, .. } if name != recorded_name => format!(
                "another branch has used the version {version} for `{recorded_name}`: bring that file back, and give \
                 `{name}` the next free version"
            ),
            Self::Modified { redo: Some(redo), file, .. } => format!(
                "it is not sealed, so this is most likely your own edit: `{redo}` takes it back with its reverse and applies \
                 it as it is now (in code, `Migrator::redo`); or undo the edit (`git checkout -- {}`)",
                in_shell(file)
            ),
            Self::Modified { sealing: Sealing::Unsealed, version, file, history, namespace, .. } => format!(
                "it is not sealed, so this is most likely your own edit: `graven reset` makes a development database anew \
                 and applies it as it is now (in code, `Migrator::reset_url`); to keep the database, undo by hand what the \
                 old text did, forget it with `{}`, and start again; or, where the old text is committed, undo the edit \
                 (`git checkout -- {}`) and write a new migration",
                Rows { history, namespace }.forgetting(*version),
                in_shell(file)
            ),
            Self::Modified { file, version, .. } => format!(
                "bring the applied text back (`git log -- {}` finds it) and put the change into a new migration; \
                 if the edit was harmless, accept it with `graven seal --accept-edit {version}` before building",
                in_shell(file)
            ),
            Self::Orphaned { version: Some(version), .. } => format!(
                "bring its file back into the set (`git log --diff-filter=D -- '*{version}_*'` finds where it went); \
                 a binary built from another branch may have applied it"
            ),
            Self::Orphaned { version: None, .. } => "bring its file back into the set".to_owned(),
            Self::OutOfOrder { sealing: Sealing::Sealed, .. } => "allow it with `graven apply --out-of-order` \
                 (in code, `Migrator::allow_out_of_order`) if no later migration depends on the order"
                .to_owned(),
            Self::OutOfOrder { highest, .. } => format!(
                "give it a version above {highest}, or allow it with `graven apply --out-of-order` \
                 (in code, `Migrator::allow_out_of_order`) if no later migration depends on the order"
            ),
            Self::Incomplete { reason: IncompleteReason::Running { .. }, .. } => "wait until it is done".to_owned(),
            Self::Incomplete { version, flags, reason: IncompleteReason::Resumable, .. } => format!(
                "let a run finish it first: `graven apply --to {version}{flags}`, or a start of a service that goes as far"
            ),
            Self::Incomplete { version, flags, reason: IncompleteReason::InDoubt { .. }, .. } => format!(
                "look whether that statement took effect; then `graven resolve {version} --applied{flags}` goes on after \
                 it, `graven resolve {version} --retry{flags}` runs it again (in code, `Migrator::resolve`)"
            ),
            Self::Incomplete { file, .. } => format!(
                "bring the text back with which it was begun (`git log -- {file}` finds it), so that it can be \
                 finished; put any change into a new migration"
            ),
            Self::Future { .. } => {
                "start a binary that has it, or do not ask for `strict` to let an older one start".to_owned()
            }
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Modified { version, name, recorded_name, recorded, .. } if name != recorded_name => write!(
                f,
                "{version} {name} is modified: version {version} was applied as {recorded_name}, {}",
                recorded.short()
            ),
            Self::Modified { version, name, recorded, embedded, .. } => {
                write!(f, "{version} {name} is modified: applied as {}, now {}", recorded.short(), embedded.short())
            }
            Self::Orphaned { version: Some(version), name } => {
                write!(f, "{version} {name} is orphaned: it was applied, and is not in the set")
            }
            Self::Orphaned { version: None, name } => {
                write!(f, "{name} is orphaned: it was applied, and is not in the set")
            }
            Self::OutOfOrder { version, name, highest, .. } => {
                write!(f, "{version} {name} is out of order: {highest} is applied already")
            }
            Self::Incomplete { version, name, file, done, total, reason, .. } => {
                write!(f, "{version} {name} is incomplete: {done} of {total} statements are done, ")?;
                match reason {
                    IncompleteReason::InDoubt { line, statement } => {
                        write!(f, "and the next may or may not have run ({file}:{line}: {statement})")
                    }
                    IncompleteReason::Modified => f.write_str("and its file has changed since"),
                    IncompleteReason::Resumable => f.write_str("and a run would go on after them"),
                    IncompleteReason::Running { by } => write!(f, "and another instance is running it: {by}"),
                }
            }
            Self::Future { version: Some(version), name } => {
                write!(f, "{version} {name} is future: a newer binary applied it")
            }
            Self::Future { version: None, name } => write!(f, "{name} is future: a newer binary applied it"),
        }
    }
}

/// Where in a unit the first statement stands that does something: several are one unit, which begins with a BEGIN.
fn behind_begin(sql: &str) -> usize {
    match split(sql).unwrap_or_default().as_slice() {
        [_begin, first, _, ..] => first.span.start,
        _ => 0,
    }
}

/// The first line of what a unit does, cut to what fits a message.
pub(crate) fn first_line_of_unit(sql: &str) -> String {
    first_line(sql.get(behind_begin(sql)..).unwrap_or(sql))
}

/// The first line of a statement, cut to what fits a message.
pub(crate) fn first_line(sql: &str) -> String {
    let line = sql.lines().next().unwrap_or_default().trim_end();
    match line.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or(line)),
        None => line.to_owned(),
    }
}
