//! The built application, and a database where one is needed.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use graven_testkit::Database;
use serde_json::Value;

/// What follows from the machine or the time, and what stands for it in snapshots.
const REDACTED: [(&str, &str); 7] = [
    (r"of database \w+", "of database [NAME]"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[WHEN]"),
    (r"\b\d+\.\d(ns|µs|ms|s)\b", "[TIME]"),
    (r#"("(\w+_)?seconds": )[\d.e-]+"#, "$1[SECONDS]"),
    (r#""run": "[0-9a-f-]{36}""#, r#""run": "[RUN]""#),
    (r#""applied_as": "[^"]+""#, r#""applied_as": "[INSTANCE]""#),
    (r"\((graven|myapp)/[^)]+\)", "([INSTANCE])"),
];

pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, stand_in) in REDACTED {
        settings.add_filter(pattern, stand_in);
    }
    settings
}

/// The application, in an environment that says nothing but where the database is.
pub(crate) struct App {
    database: Option<Database>,
    environment: Vec<(&'static str, String)>,
}

impl App {
    /// On an empty database that `DATABASE_URL` names.
    pub(crate) fn new() -> Self {
        let database = Database::create().unwrap();
        Self { environment: vec![("DATABASE_URL", database.url().to_owned())], database: Some(database) }
    }

    pub(crate) fn without_database() -> Self {
        Self { database: None, environment: Vec::new() }
    }

    pub(crate) fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.environment.push((variable, value.to_owned()));
        self
    }

    /// The application's settings name the database, and `DATABASE_URL` one that nobody can reach.
    pub(crate) fn with_url_of_the_application(mut self) -> Self {
        let url = self.database().url().to_owned();
        self.environment.clear();
        self.with("MYAPP_DATABASE", &url).with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
    }

    fn database(&self) -> &Database {
        self.database.as_ref().unwrap()
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.database().execute(sql).unwrap();
    }

    pub(crate) fn value(&self, sql: &str) -> String {
        self.database().value(sql).unwrap().unwrap_or_else(|| "NULL".to_owned())
    }

    /// The verbs that the application lists.
    pub(crate) fn verbs(&self) -> Vec<String> {
        let help = self.done("migrate --help").stdout;
        let (_, after) = help.split_once("Commands:\n").unwrap();
        let lines = after.lines().take_while(|line| !line.is_empty());
        let words = lines.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
        let verbs: Vec<String> = words.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        assert!(verbs.len() > 7, "{help}");
        verbs.into_iter().filter(|verb| verb != "help").collect()
    }

    pub(crate) fn url(&self) -> &str {
        self.database().url()
    }

    /// Runs a command line whose words hold no spaces.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_of(env!("CARGO_BIN_EXE_myapp"), line)
    }

    /// Likewise, of the application that has options of graven's names.
    pub(crate) fn ferry(&self, line: &str) -> Ran {
        self.run_of(env!("CARGO_BIN_EXE_ferry"), line)
    }

    fn run_of(&self, program: &str, line: &str) -> Ran {
        let mut command = Command::new(program);
        command.args(line.split(' ')).stdin(Stdio::null());
        let cleared =
            ["DATABASE_URL", "MYAPP_DATABASE", "FERRY_DATABASE", "GRAVEN_LOCK_TIMEOUT", "GRAVEN_MODE", "COLUMNS"];
        for variable in cleared {
            command.env_remove(variable);
        }
        let output = command.envs(self.environment.iter().cloned()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs what must succeed.
    pub(crate) fn done(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, Some(0), "{line}\n{}", ran.page());
        ran
    }
}

/// What came of it.
pub(crate) struct Ran {
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
