//! Cargo over a package, and what it took.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tempfile::NamedTempFile;

use super::scratch::Package;
use super::seconds;
use super::wrapper::{LIMIT, NOTE, Note, Usage};
use crate::Result;

/// What is done before cargo is called, and what it is called for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    CheckAfterEdit,
    /// The edit is that before the check: cargo keeps what they made apart.
    BuildAfterEdit,
    CheckAfterTouch,
    BuildAfterTouch,
}

impl Step {
    /// In the order in which they are done.
    pub(super) const ALL: [Self; 4] =
        [Self::CheckAfterEdit, Self::BuildAfterEdit, Self::CheckAfterTouch, Self::BuildAfterTouch];
}

/// What a step took: cargo as a whole by the clock, and the compiler within.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Took {
    pub(super) seconds: f64,
    pub(super) compiler: Usage,
}

impl Took {
    /// The shorter times; of memory the larger, since nothing of it is the machine's other business.
    pub(super) fn best(self, other: Self) -> Self {
        Self {
            seconds: self.seconds.min(other.seconds),
            compiler: Usage {
                processor: self.compiler.processor.min(other.compiler.processor),
                memory: self.compiler.memory.max(other.compiler.memory),
            },
        }
    }
}

/// How cargo is called.
#[derive(Debug)]
pub(super) struct Cargo {
    /// This program, which stands in for the compiler.
    wrapper: PathBuf,
    note: NamedTempFile,
    /// What a package may take.
    limit: Duration,
    /// It stays from one call of the benchmark to the next, so that dependencies are built once.
    target: PathBuf,
}

impl Cargo {
    pub(super) fn new(limit: Duration) -> Result<Self> {
        let wrapper = std::env::current_exe()?;
        let target = wrapper.ancestors().nth(2).ok_or("this program lies in no target directory")?.join("embeds");
        Ok(Self { wrapper, note: NamedTempFile::new()?, limit, target })
    }

    pub(super) fn compiler(&self) -> Result<String> {
        let output = Command::new("rustc").arg("--version").output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// `None` where the compiler took longer than it may.
    pub(super) fn run(&self, package: &Package, step: Step) -> Result<Option<Took>> {
        let command = match step {
            Step::CheckAfterEdit | Step::CheckAfterTouch => "check",
            Step::BuildAfterTouch | Step::BuildAfterEdit => "build",
        };
        if matches!(step, Step::CheckAfterEdit) {
            package.edit()?;
        }
        // After an edit, too: it is not the question here which files a tool has cargo watch.
        fs::File::open(package.source())?.set_modified(SystemTime::now())?;
        fs::write(&self.note, "")?;
        let started = Instant::now();
        let built = self.cargo(package, &[command, "--lib"]);
        let seconds = seconds(started.elapsed());
        match serde_json::from_slice(&fs::read(&self.note)?) {
            Ok(Note::Stopped) => Ok(None),
            noted => {
                built?;
                match noted {
                    Ok(Note::Done(compiler)) => Ok(Some(Took { seconds, compiler })),
                    _ => Err(format!("{}: cargo had nothing to compile", package.tool.name()).into()),
                }
            }
        }
    }

    /// The size of a program that embeds the set and has no symbols.
    pub(super) fn program(&self, package: &Package) -> Result<u64> {
        self.cargo(package, &["build", "--bin", "program", "--config", "profile.dev.strip=true"])?;
        let program = self.target(package).join("debug").join(format!("program{}", std::env::consts::EXE_SUFFIX));
        Ok(fs::metadata(program)?.len())
    }

    fn cargo(&self, package: &Package, arguments: &[&str]) -> Result<()> {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).arg("--target-dir").arg(self.target(package)).current_dir(package.path());
        cargo.env("RUSTC_WRAPPER", &self.wrapper).env(NOTE, self.note.path());
        cargo.env(LIMIT, self.limit.as_secs().to_string());
        // What this program was built with is not what a user builds with.
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR", "RUSTC"] {
            cargo.env_remove(variable);
        }
        let output = cargo.output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{}: {}", package.tool.name(), String::from_utf8_lossy(&output.stderr)).into())
    }

    fn target(&self, package: &Package) -> PathBuf {
        self.target.join(package.tool.name())
    }
}
