//! Why a command failed: for people, for machines, and as an exit code.

use std::path::Path;

use graven::cli::__private as shared;
use graven_source::problem::{Problem, Style, render_all};
use serde_json::{Value, json};

use crate::exit::{self, Exit};
use crate::output::Output;

/// The most problems that are shown to people. Machines get all.
const SHOWN: usize = 10;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The directory breaks rules.
    Problems(Vec<Problem>),
    /// What was asked for makes no sense. Holds the message and what to do.
    Usage(String, String),
    /// A file or the system stood in the way. Holds the message and what to do.
    Failed(String, String),
    /// A verb of the library failed.
    Verb(shared::Failure),
}

impl From<shared::Failure> for Failure {
    fn from(failure: shared::Failure) -> Self {
        match failure {
            shared::Failure::Usage(message, hint) => Self::Usage(message, hint),
            shared::Failure::Failed(message, hint) => Self::Failed(message, hint),
            other => Self::Verb(other),
        }
    }
}

impl From<graven::Error> for Failure {
    fn from(error: graven::Error) -> Self {
        shared::Failure::from(error).into()
    }
}

impl Failure {
    /// A file that could not be read or written.
    pub(crate) fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::Failed(
            format!("cannot {doing} {}: {error}", path.display()),
            "see that the path is right and that you may write there".to_owned(),
        )
    }

    /// Tells of it, with what is to be typed in these words, and says how the command is to exit.
    pub(crate) fn tell(self, output: &Output, words: &shared::Words) -> Exit {
        let problems = match self {
            Self::Problems(problems) => problems,
            Self::Usage(message, hint) => return tell(&shared::Failure::Usage(message, hint), output, words),
            Self::Failed(message, hint) => return tell(&shared::Failure::Failed(message, hint), output, words),
            Self::Verb(failure) => return tell(&failure, output, words),
        };
        output.failure(
            || {
                json!({ "error": {
                    "kind": "problems",
                    "message": "the migrations directory breaks rules",
                    "problems": problems.iter().map(problem).collect::<Vec<_>>(),
                }})
            },
            || page(&problems),
        );
        exit::PROBLEMS
    }
}

/// Problems for people: as many as fit on a screen.
pub(crate) fn page(problems: &[Problem]) -> String {
    format!("{}\n\n{}", render_all(problems, SHOWN, Style::Ansi), explained(problems))
}

fn tell(failure: &shared::Failure, output: &Output, words: &shared::Words) -> Exit {
    output.failure(|| failure.json(words), || failure.page(words));
    failure.exit()
}

/// A problem for machines. Its keys are a promise to scripts: they are added to, and none changes its meaning.
pub(crate) fn problem(problem: &Problem) -> Value {
    json!({
        "rule": problem.rule.id,
        "message": problem.message,
        "file": problem.path,
        "line": problem.line,
        "column": problem.column,
        "details": problem.rows.iter().map(|row| json!({ "label": row.label, "text": row.text })).collect::<Vec<_>>(),
        "notes": problem.notes,
        "help": problem.help,
    })
}

/// How to learn more about the rules that were broken.
fn explained(problems: &[Problem]) -> String {
    let mut rules: Vec<&str> = problems.iter().map(|problem| problem.rule.id).collect();
    rules.sort_unstable();
    rules.dedup();
    format!("more: `graven explain {}`", rules.join(" "))
}
