//! `psql` running the same files in one transaction: what people do without a tool, and what ratios refer to.
//!
//! It is started and has connected before the clock starts, and is then told by its standard input what to do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{GREETING, Loaded, Pending, Run, Tool};
use crate::Result;
use crate::set::Set;

pub(crate) const NAME: &str = "psql";

/// What psql prints when it has come so far. No migration prints anything.
const DONE: &str = "done";

pub(crate) struct Psql;

impl Tool for Psql {
    fn name(&self) -> &'static str {
        NAME
    }

    fn package(&self) -> Option<&'static str> {
        None
    }

    /// It has no notion of nothing pending.
    fn load(&self, set: &Set, pending: Pending) -> Result<Option<Box<dyn Loaded>>> {
        if pending == Pending::Nothing {
            return Ok(None);
        }
        let include = |file| format!("\\i '{}'\n", set.plain_file(file).display());
        let files: String = set.files.files.iter().map(include).collect();
        Ok(Some(Box::new(Script(format!("BEGIN;\n{files}COMMIT;\n\\echo {DONE}\n")))))
    }
}

struct Script(String);

impl Loaded for Script {
    fn connect<'a>(&'a self, url: &str) -> Result<Run<'a>> {
        let mut session = Session::start(url)?;
        // It connects before it reads the first line.
        session.send(&format!("{GREETING} \\g /dev/null\n\\echo {DONE}\n"))?;
        Ok(Box::new(move || session.send(&self.0)))
    }
}

/// A running psql. It ends when its input does.
struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Session {
    fn start(url: &str) -> Result<Self> {
        let mut command = Command::new("psql");
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("psql does not start: {error}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("psql has no output")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Sends a script and waits for it to end.
    fn send(&mut self, script: &str) -> Result<()> {
        // When psql has stopped at an error it reads no more, and what it says about it is the better error.
        let _ = self.input.as_mut().ok_or("psql has no input")?.write_all(script.as_bytes());
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.trim_end() == DONE { Ok(()) } else { Err(self.complaint(&line).into()) }
    }

    fn complaint(&mut self, line: &str) -> String {
        self.input = None;
        let mut said = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = errors.read_to_string(&mut said);
        }
        format!("psql stopped: {}{}", line, said.trim_end())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}
