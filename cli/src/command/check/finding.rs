//! What a check has found: problems, some of which are only warnings.

use graven::{Cause, Conflict, Error, Kind, MigrationFailed};
use graven_source::problem::Problem;
use graven_source::rule::Rule;
use graven_source::set::{Migration, Set};

use super::rules;
use crate::directory::words_on;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The check fails.
    Error,
    /// Somebody should read it.
    Warning,
    /// It may be of use to whoever looks for it.
    Note,
}

impl Level {
    /// As SARIF has it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A problem, and how bad it is.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    pub(crate) problem: Problem,
}

impl Finding {
    pub(crate) fn error(problem: Problem) -> Self {
        Self { level: Level::Error, problem }
    }

    pub(crate) fn warning(problem: Problem) -> Self {
        Self { level: Level::Warning, problem }
    }

    pub(crate) fn note(problem: Problem) -> Self {
        Self { level: Level::Note, problem }
    }

    /// A migration that may still change and does nothing.
    pub(crate) fn without_statement(set: &Set, stub: &Migration) -> Self {
        let message = format!("{} {} holds no statement", stub.version, stub.name);
        Self::warning(
            Problem::new(&rules::NO_STATEMENT, set.path_of(&stub.file), message)
                .note("once it is applied, what is written into it will not run"),
        )
    }

    /// What a run would refuse.
    pub(crate) fn conflict(set: &Set, conflict: &Conflict) -> Self {
        let file = conflict.version().and_then(|version| set.by_version(version)).map(|found| &found.file);
        let path = file.map_or_else(|| set.directory.clone(), |file| set.path_of(file));
        Self::error(
            Problem::new(&rules::CONFLICT, path, conflict.to_string())
                .help(words_on(&set.directory).typed(&conflict.remedy())),
        )
    }

    /// What a run would refuse before it compares anything, or has no right to.
    pub(crate) fn refused(set: &Set, refusal: &Error) -> Self {
        let problem = Problem::new(&rules::CONFLICT, set.directory.clone(), refusal.to_string());
        let hint = refusal.hint().map(|hint| words_on(&set.directory).typed(&hint));
        Self::error(hint.into_iter().fold(problem, Problem::help))
    }

    pub(crate) fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// All of it as plain text.
    pub(crate) fn text(&self) -> String {
        let Problem { message, rows, notes, help, .. } = &self.problem;
        let rows = rows.iter().map(|row| format!("{}: {}", row.label, row.text));
        let notes = notes.iter().map(|note| format!("note: {note}"));
        let help = help.iter().map(|help| format!("help: {help}"));
        std::iter::once(message.clone()).chain(rows).chain(notes).chain(help).collect::<Vec<_>>().join("\n")
    }

    /// A migration or a reverse that was refused. `None` for an error that is not about a file.
    pub(crate) fn failed(set: &Set, error: &Error) -> Option<Self> {
        match error {
            Error::MigrationFailed(failed) => Some(Self::error(of_failed(set, failed))),
            Error::Stopped { source, .. } => Self::failed(set, source),
            _ => None,
        }
    }
}

fn of_failed(set: &Set, failed: &MigrationFailed) -> Problem {
    let is_reverse = failed.kind == Kind::Reverse;
    let rule: &'static Rule = if is_reverse { &rules::REVERSE_FAILS } else { &rules::MIGRATION_FAILS };
    let what = if is_reverse { "the reverse of " } else { "" };
    let message = match &failed.cause {
        Cause::Server(server) => {
            let version = failed.version.map_or_else(String::new, |version| format!("{version} "));
            format!("{what}{version}{} fails: {server}", failed.name)
        }
        _ => failed.to_string(),
    };
    let mut problem =
        Problem::new(rule, failed.file.clone(), message).help(words_on(&set.directory).typed(&failed.hint()));
    if let (Some(line), Some(column)) = (failed.line, failed.column) {
        match text(set, failed).and_then(|text| Some((text, offset(text, line, column)?))) {
            Some((text, at)) => problem = problem.at(text, at..at + 1, ""),
            None => (problem.line, problem.column) = (Some(line), Some(column)),
        }
    }
    if let Cause::Server(server) = &failed.cause {
        let parts = [("detail", &server.detail), ("server's hint", &server.hint), ("context", &server.context)];
        for (label, text) in parts {
            if let Some(text) = text {
                problem = problem.row(label, text.replace('\n', " "));
            }
        }
    }
    problem
}

/// The text of the file that failed.
fn text<'s>(set: &'s Set, failed: &MigrationFailed) -> Option<&'s str> {
    let is_it = |file: &str| set.path_of(file) == failed.file;
    let versioned = set.migrations.iter().chain(&set.reverses).chain(&set.baselines);
    let versioned = versioned.map(|found| (&found.file, &found.text));
    let repeatables = set.repeatables.iter().map(|found| (&found.file, &found.text));
    versioned.chain(repeatables).find(|(file, _)| is_it(file)).map(|(_, text)| text.as_str())
}

/// Where in a text a line and a column are, in bytes. Both are counted from 1, columns in characters.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let (at, _) = text.get(before..)?.char_indices().nth(column.checked_sub(1)?)?;
    Some(before + at)
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn a_place_is_found_in_a_text_by_its_characters() {
        let text = "select 1;\nsélect 'x';\n";
        assert_eq!(offset(text, 1, 1), Some(0));
        assert_eq!(offset(text, 2, 2), Some(11));
        assert_eq!(offset(text, 2, 3), Some(13));
        for (line, column) in [(0, 1), (1, 0), (3, 2), (9, 1)] {
            assert_eq!(offset(text, line, column), None, "{line}:{column}");
        }
    }
}
