//! Cargo, run over a package of a test's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Cargo with a command, in a folder, without a network.
pub(crate) fn cargo(folder: &Path, command: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([command, "--offline", "--color", "never"]).current_dir(folder);
    // Those of the workspace may be others from run to run, and everything would be compiled anew.
    for variable in
        ["GRAVEN_MANIFEST_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTDOCFLAGS"]
    {
        cargo.env_remove(variable);
    }
    // Nor does what is built there need anything for a debugger, which would name the folder that it was built in.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false");
    cargo
}

/// Beside the packages, which are written anew at each run: what was compiled is not.
pub(crate) fn target(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// What cargo said.
pub(crate) struct Built(Output);

impl Built {
    pub(crate) fn by(mut command: Command) -> Self {
        Self(command.output().unwrap())
    }

    /// What went to the terminal.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// It succeeded, and without a warning.
    #[track_caller]
    pub(crate) fn succeeds(&self) {
        assert!(self.0.status.success(), "{}", self.text());
        assert!(!self.text().contains("warning: "), "{}", self.text());
    }

    /// It failed with this error and no other.
    #[track_caller]
    pub(crate) fn fails_with(&self, message: &str) {
        assert!(!self.0.status.success(), "it builds, and should say: {message}");
        assert!(self.text().contains(&format!("error: {message}")), "{}", self.text());
        assert_eq!(self.text().matches("error: ").count(), 2, "another error follows:\n{}", self.text());
    }
}
