//! A folder with migrations, a database where one is needed, and the built command.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use graven_testkit::Database;
use serde_json::Value;
use tempfile::TempDir;

/// What follows from the machine or the time, and what stands for it in snapshots.
const REDACTED: [(&str, &str); 17] = [
    (r"127\.0\.0\.1:\d+/\w+", "[DATABASE]"),
    (r"of database \w+", "of database [NAME]"),
    (r"20\d{12}", "[TIMESTAMP]"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[WHEN]"),
    (r"\b\d+\.\d(ns|µs|ms|s)\b", "[TIME]"),
    (r#"("(\w+_)?seconds": )[\d.e-]+"#, "$1[SECONDS]"),
    (r#""run": "[0-9a-f-]{36}""#, r#""run": "[RUN]""#),
    (r#""applied_as": "graven/[^"]+""#, r#""applied_as": "[INSTANCE]""#),
    (r"\(graven/[^)]+\)", "([INSTANCE])"),
    (r"pg_dump \d[\w.]*", "pg_dump [VERSION]"),
    (r"on PostgreSQL [^,]+", "on PostgreSQL [VERSION]"),
    (r#""server_version": "[^"]+""#, r#""server_version": "[VERSION]""#),
    (r"\(<code>[0-9a-f]{10}</code>\)", "(<code>[COMMIT]</code>)"),
    (r#""commit": "[0-9a-f]{40,64}""#, r#""commit": "[COMMIT]""#),
    (r"pid \d+", "pid [PID]"),
    (r"pg_terminate_backend\(\d+\)", "pg_terminate_backend([PID])"),
    (r"\(os error \d+\)", "(os error [NUMBER])"),
];

/// What the environment may say that the command, or git for it, heeds: of the machine, a pipeline or a hook that the tests
/// run in.
const ENVIRONMENT: [&str; 13] = [
    "DATABASE_URL",
    "GRAVEN_ENV",
    "GRAVEN_LOCK_TIMEOUT",
    "GRAVEN_MODE",
    "COLUMNS",
    "CLICOLOR_FORCE",
    "NO_COLOR",
    "GITHUB_BASE_REF",
    "GITHUB_WORKSPACE",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
];

/// Git, in the folder of a world, whatever its user has configured and whatever hook the tests run in.
pub(crate) fn git(world: &World) -> Command {
    in_world(world, "git")
}

/// A program that may run git, likewise.
pub(crate) fn in_world(world: &World, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(world.folder()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for variable in ENVIRONMENT {
        command.env_remove(variable);
    }
    command
}

/// Compares what a command printed, and how it exited, with the snapshot of that name.
macro_rules! snapshot {
    ($name:literal, $ran:expr) => {
        $crate::world::settings().bind(|| insta::assert_snapshot!($name, $ran.page()))
    };
}
pub(crate) use snapshot;

pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, stand_in) in REDACTED {
        settings.add_filter(pattern, stand_in);
    }
    settings
}

/// A folder in which the command runs.
pub(crate) struct World {
    folder: TempDir,
    database: Option<Database>,
}

impl World {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a temporary directory"), database: None }
    }

    /// An empty folder, and an empty database that `DATABASE_URL` names.
    pub(crate) fn with_database() -> Self {
        Self { database: Some(Database::create().expect("a database")), ..Self::new() }
    }

    /// Files in `migrations/`, beside an empty seal file.
    pub(crate) fn with(self, files: &[(&str, &str)]) -> Self {
        self.write("seal.lock", "");
        for (file, text) in files {
            self.write(file, text);
        }
        self
    }

    pub(crate) fn database(&self) -> &Database {
        self.database.as_ref().expect("this world has a database")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn migration(&self, file: &str) -> PathBuf {
        self.folder().join("migrations").join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::create_dir_all(self.folder().join("migrations")).expect("a directory");
        fs::write(self.migration(file), text).expect("a file");
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.migration(file)).expect("the file is there")
    }

    pub(crate) fn delete(&self, file: &str) {
        fs::remove_file(self.migration(file)).expect("the file is there");
    }

    /// The names of all files in `migrations/`, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder().join("migrations")).expect("the directory is there");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    /// The command, not yet started, in an environment that says nothing but where the database is.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_graven"));
        command.args(arguments).current_dir(self.folder()).stdin(Stdio::null());
        for variable in ENVIRONMENT {
            command.env_remove(variable);
        }
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database.url());
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.finish(self.command(arguments))
    }

    pub(crate) fn finish(&self, mut command: Command) -> Ran {
        self.ran(command.output().expect("the command starts"))
    }

    pub(crate) fn ran(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            // On some systems a temporary directory is named by way of a symbolic link.
            let real = self.folder().canonicalize().expect("the folder is there");
            text.replace(&real.display().to_string(), "[FOLDER]")
                .replace(&self.folder().display().to_string(), "[FOLDER]")
        };
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs what must succeed.
    pub(crate) fn done(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}\n{}", ran.page());
        ran
    }
}

/// What came of a command.
pub(crate) struct Ran {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// All of it, as snapshots have it.
    pub(crate) fn page(&self) -> String {
        let mut page = format!("exit code: {}\n", self.code.map_or_else(|| "none".to_owned(), |code| code.to_string()));
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                let _ = write!(page, "----- {name} -----\n{text}");
            }
        }
        page
    }

    /// What it printed on stdout, which must be JSON and nothing else.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}", self.page()))
    }
}
