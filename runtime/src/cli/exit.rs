//! The exit codes. They are a promise to scripts: none is ever given another meaning.

use std::process::ExitCode;

/// How the command ended, as a number for the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

/// It did what it was asked to.
pub const DONE: Exit = Exit(0);
/// It failed in a way that has no code of its own.
pub const FAILED: Exit = Exit(1);
/// It was not understood. clap uses this one, too.
pub const USAGE: Exit = Exit(2);
/// A migration or its reverse failed; those before it stay applied or reverted.
pub const MIGRATION_FAILED: Exit = Exit(3);
/// The directory and the database disagree: modified, orphaned, out of order, incomplete; or what was to be reverted or redone
/// cannot be. Nothing was changed.
pub const CONFLICTS: Exit = Exit(4);
/// Another instance was migrating for longer than this one was to wait.
pub const LOCK_TIMEOUT: Exit = Exit(5);
/// The directory breaks a rule. The database was not touched.
pub const PROBLEMS: Exit = Exit(6);
/// No connection could be made.
pub const CANNOT_CONNECT: Exit = Exit(7);
/// `verify`: migrations are pending.
pub const NOT_APPLIED: Exit = Exit(8);

/// The codes as `--help` shows them.
pub const HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  not understood (usage), or no such version
  3  a migration or its reverse failed; those before it stay applied or reverted
  4  directory and database in conflict, or a revert, redo or reset refused; nothing was changed
  5  another instance held the lock for too long
  6  problems in the migrations directory
  7  cannot connect
  8  verify: migrations are pending";

/// The codes for a program that has its migrations embedded: it has no directory that could break a rule.
pub(crate) fn help_of_a_program() -> String {
    HELP.replace("  4  directory and database", "  4  program and database")
        .replace("  6  problems in the migrations directory", "  6  apply --sealed: a migration is not sealed")
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        CANNOT_CONNECT, CONFLICTS, DONE, FAILED, HELP, LOCK_TIMEOUT, MIGRATION_FAILED, NOT_APPLIED, PROBLEMS, USAGE,
        help_of_a_program,
    };

    #[test]
    fn every_code_is_its_own_and_is_documented() {
        let codes =
            [DONE, FAILED, USAGE, MIGRATION_FAILED, CONFLICTS, LOCK_TIMEOUT, PROBLEMS, CANNOT_CONNECT, NOT_APPLIED];
        for (expected, code) in codes.iter().enumerate() {
            assert_eq!(usize::from(code.0), expected);
            assert!(HELP.contains(&format!("\n  {expected}  ")), "{expected}");
        }
        assert_eq!(HELP.lines().count(), codes.len() + 1);
    }

    #[test]
    fn a_program_speaks_of_no_directory() {
        let help = help_of_a_program();
        assert!(!help.contains("directory"), "{help}");
        assert_eq!(help.lines().count(), HELP.lines().count());
    }
}
