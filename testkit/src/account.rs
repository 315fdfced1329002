//! The account that the server runs under.
//!
//! PostgreSQL refuses to run as root, and containers run tests as root. The tests' own user is used in every other
//! case.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, IoContext as _};

/// Who the server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// The user that runs the tests.
    Own,
    /// Another one, because the tests run as root.
    Other { user: u32, group: u32 },
}

impl Account {
    pub(crate) fn choose() -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        let found = ["postgres", "nobody"].iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
        match found {
            Some((user, group)) if user != 0 => Ok(Self::Other { user, group }),
            _ => Err(Error::NoAccount),
        }
    }

    /// Makes a command run as this account. (The standard library drops root's supplementary groups along the way.)
    pub(crate) fn apply(self, command: &mut Command) {
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
    }

    /// Hands a file or directory over to this account.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Own => Ok(()),
            Self::Other { user, group } => {
                std::os::unix::fs::chown(path, Some(user), Some(group)).doing("change the owner of", path)
            }
        }
    }
}

/// `id` answers for every source of accounts, which reading /etc/passwd would not.
fn id(option: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([option, name]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
