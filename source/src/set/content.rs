//! A file's bytes become a text, its directives, and what of it is sent how; or problems that name the place.

use std::ops::Range;

use super::Control;
use super::names::Named;
use super::place::Place;
use crate::checksum::{Checksum, normalise};
use crate::directive::{self, DirectiveProblem, DirectiveReason, Directives, Transaction};
use crate::file_name::SEAL_FILE;
use crate::lexer::{LexError, LexErrorKind};
use crate::problem::Problem;
use crate::read;
use crate::rule;
use crate::seal::{DamageReason, Seal, SealDamage};
use crate::statement::{self, ControlProblem, ControlReason, Statement, StatementKind};

/// What a file holds.
pub(super) struct Content {
    pub(super) text: String,
    pub(super) checksum: Checksum,
    pub(super) directives: Directives,
    pub(super) control: Control,
}

/// Reads a migration. `None` where it is no text at all, and then a problem says so.
pub(super) fn load(place: &Place, named: &Named, problems: &mut Vec<Problem>) -> Option<Content> {
    let path = place.path_of(&named.file);
    let text = load_text(place, &named.file, problems)?;
    let checksum = Checksum::of_text(&text);
    let (directives, refused) = directive::parse(&text);
    let mut file = File { path: &path, text: &text, problems };
    let control = match statement::split(&text) {
        Ok(statements) => {
            refused.iter().for_each(|refused| file.directive(refused));
            file.statements(&statements, directives.transaction);
            file.control(&statements, directives.transaction)
        }
        Err(error) => {
            // Before the error everything is as it seems, and is reported; of the rest nothing can be told for certain.
            let before = error.span.start;
            refused.iter().filter(|refused| refused.span.start < before).for_each(|refused| file.directive(refused));
            let statements = statement::split(text.get(..before).unwrap_or_default()).unwrap_or_default();
            file.statements(&statements, directives.transaction);
            file.lexical(&error);
            Control::default()
        }
    };
    Some(Content { text, checksum, directives, control })
}

/// Reads the seal file. `None` where it is damaged, and then problems say so.
pub(super) fn load_seal(place: &Place, problems: &mut Vec<Problem>) -> Option<Seal> {
    let text = load_text(place, SEAL_FILE, problems)?;
    match Seal::parse(&text) {
        Ok(seal) => Some(seal),
        Err(damage) => {
            problems.extend(damage.iter().map(|damage| damaged(place, &text, damage)));
            None
        }
    }
}

fn load_text(place: &Place, file: &str, problems: &mut Vec<Problem>) -> Option<String> {
    let path = place.path_of(file);
    let bytes = match read::read(&place.location.join(file)) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.push(place.unreadable_file(file, &error.to_string()));
            return None;
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => Some(normalise(text)),
            Some(at) => {
                problems.push(nul_byte(&path, &text, at));
                None
            }
        },
        Err(error) => {
            problems.push(not_utf8(&path, error.as_bytes(), error.utf8_error().valid_up_to()));
            None
        }
    }
}

fn not_utf8(path: &str, bytes: &[u8], at: usize) -> Problem {
    let byte = bytes.get(at).copied().unwrap_or_default();
    let before = bytes.get(..at).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let problem = Problem::new(&rule::NOT_UTF8, path, "the file is not UTF-8").at_line(line);
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return problem
            .row("begins with", "the byte order mark of UTF-16")
            .help("save it as UTF-8; in PowerShell, `>` writes UTF-16, and `Out-File -Encoding utf8` does not");
    }
    problem
        .row("byte", format!("0x{byte:02x} at offset {at}"))
        .note("the text is sent to the server as UTF-8, and would put wrong characters into the database")
        .help("save it as UTF-8")
}

fn nul_byte(path: &str, text: &str, at: usize) -> Problem {
    let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    Problem::new(&rule::NUL_BYTE, path, "the file holds a NUL byte")
        .at_line(line)
        .row("byte", format!("0x00 at offset {at}"))
        .note("PostgreSQL takes it for the end of the message: what follows would not run")
        .help("delete it; no text in PostgreSQL can hold one")
}

/// A line of the seal file that cannot stay.
fn damaged(place: &Place, text: &str, damage: &SealDamage) -> Problem {
    let path = place.path_of(SEAL_FILE);
    let take_back = format!("take the file back from git: `git checkout -- {}`", super::quote(&path));
    let problem = Problem::new(&rule::SEAL_DAMAGED, path, damage.reason.to_string());
    let problem = problem.at(text, line_span(text, damage.line), "");
    match &damage.reason {
        DamageReason::ConflictMarker => match Seal::united(text) {
            Some(seal) => problem
                .note("two branches changed what is sealed, and `head` makes them conflict on purpose")
                .help(format!("keep the lines of both sides, in order of version, below this one:\n{}", seal.head())),
            None => problem
                .note("two branches changed what is sealed, and `head` makes them conflict on purpose")
                .help("delete the markers and keep one line a version; the next build then says what `head` should be"),
        },
        DamageReason::HeadAbsent { wanted } | DamageReason::HeadMismatch { wanted } => problem
            .note("it is a digest of all lines below it, so that they cannot be merged or edited unnoticed")
            .help(take_back)
            .help(format!("if the lines are what was agreed on, write this as the head:\nhead {wanted}")),
        _ => problem.help(take_back),
    }
}

/// Where a line stands that is counted from 1.
fn line_span(text: &str, line: usize) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let length = text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
    start..start + length
}

/// A file whose statements are looked at.
struct File<'a> {
    path: &'a str,
    text: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl File<'_> {
    fn directive(&mut self, refused: &DirectiveProblem) {
        let (label, help) = match &refused.reason {
            DirectiveReason::UnknownKey { nearest: Some(nearest), .. } => ("", format!("write `{nearest}`")),
            DirectiveReason::AfterFirstStatement => {
                ("", "move it above the first statement, to the head of the file".to_owned())
            }
            DirectiveReason::SaidTwice { .. } => ("", "delete one of the two".to_owned()),
            _ => ("", rule::DIRECTIVE.remedy.to_owned()),
        };
        let problem = Problem::new(&rule::DIRECTIVE, self.path, refused.reason.to_string());
        self.problems.push(problem.at(self.text, refused.span.clone(), label).help(help));
    }

    /// What is wrong with a statement wherever it stands in the file.
    fn statements(&mut self, statements: &[Statement], transaction: Transaction) {
        for statement in statements {
            if statement.kind == StatementKind::CopyFromStdin {
                self.copy_from_stdin(statement);
            }
            if let (Transaction::On, Some(command)) = (transaction, statement.kind.needs_no_transaction()) {
                self.needs_no_transaction(statement, command, statements.len());
            }
        }
    }

    fn copy_from_stdin(&mut self, statement: &Statement) {
        let problem = Problem::new(&rule::COPY_FROM_STDIN, self.path, "COPY … FROM STDIN cannot be in a migration");
        let problem = problem
            .at(self.text, statement.span.clone(), "")
            .note("its rows do not travel inside of SQL: the server would take them for statements")
            .help("write INSERT instead; `pg_dump --rows-per-insert=1000` does");
        self.problems.push(problem);
    }

    fn needs_no_transaction(&mut self, statement: &Statement, command: &str, beside: usize) {
        let message = format!("{command} cannot run inside a transaction");
        let problem = Problem::new(&rule::NEEDS_NO_TRANSACTION, self.path, message)
            .at(self.text, statement.span.clone(), "")
            .note("a migration is one transaction unless it says otherwise, and PostgreSQL would refuse the statement");
        self.problems.push(if beside == 1 {
            problem.help("write `-- graven: transaction = off` as the first line of the file")
        } else {
            problem.help(
                "put it into a migration of its own, with `-- graven: transaction = off` as the first line of the file",
            )
        });
    }

    fn lexical(&mut self, error: &LexError) {
        let found = self.text.get(error.span.clone()).unwrap_or_default();
        let (message, help) = match error.kind {
            LexErrorKind::PsqlCommand => return self.psql_command(error, found),
            LexErrorKind::UnterminatedString => (
                "a string never ends",
                "end it with a quote; inside of a string, a quote is written twice (`''`)".to_owned(),
            ),
            LexErrorKind::UnterminatedIdentifier => (
                "a quoted identifier never ends",
                "end it with a double quote; inside of an identifier, that is written twice (`\"\"`)".to_owned(),
            ),
            LexErrorKind::UnterminatedDollarQuote => {
                ("a dollar-quoted string never ends", format!("end it with `{found}`, spelt exactly so"))
            }
            LexErrorKind::UnterminatedComment => (
                "a block comment never ends",
                "end it with `*/`; block comments nest, and each `/*` inside of one needs its own `*/`".to_owned(),
            ),
        };
        let problem = Problem::new(&rule::UNTERMINATED, self.path, message);
        self.problems.push(problem.at(self.text, error.span.clone(), "it begins here").help(help));
    }

    fn psql_command(&mut self, error: &LexError, found: &str) {
        let command = found.split_whitespace().next().unwrap_or(found);
        let help = match command {
            "\\i" | "\\ir" | "\\include" | "\\include_relative" => {
                "put what it includes in its place, or into a migration of its own"
            }
            "\\restrict" | "\\unrestrict" => "delete the line: `pg_dump` writes it for psql alone",
            "\\set" => "write the value where the variable stands",
            "\\." => "delete the line: it ends the rows of a COPY … FROM STDIN, which is not there",
            _ => "delete the line, or write SQL that does the same",
        };
        let problem =
            Problem::new(&rule::PSQL_COMMAND, self.path, format!("`{command}` is a command of psql, not SQL"));
        let problem = problem.at(self.text, error.span.clone(), "");
        self.problems.push(problem.note("psql runs such a command itself; a server does not know it").help(help));
    }

    fn control(&mut self, statements: &[Statement], transaction: Transaction) -> Control {
        let control = match transaction {
            Transaction::On => statement::absorb(statements).map(Control::Absorbed),
            Transaction::Off => statement::units(statements).map(|units| Control::units(units, statements)),
        };
        control.unwrap_or_else(|refused| {
            refused.iter().for_each(|refused| self.transaction_control(refused, transaction));
            Control::default()
        })
    }

    fn transaction_control(&mut self, refused: &ControlProblem, transaction: Transaction) {
        let (rule, help) = match (refused.reason, transaction) {
            (ControlReason::RefusedInBlock { .. }, _) => {
                (&rule::NEEDS_NO_TRANSACTION, "take it out of the block, before BEGIN or after COMMIT")
            }
            (ControlReason::NeverClosed, Transaction::On) => {
                (&rule::TRANSACTION_CONTROL, "delete it: the migration is one transaction anyhow")
            }
            (ControlReason::NeverClosed, Transaction::Off) => (&rule::TRANSACTION_CONTROL, "end the block with COMMIT"),
            (ControlReason::Options, _) => (
                &rule::TRANSACTION_CONTROL,
                "delete the options, or write `-- graven: transaction = off` as the first line of the file: \
                 the block is then sent as it stands",
            ),
            (ControlReason::Chain, _) => (&rule::TRANSACTION_CONTROL, "write COMMIT, and BEGIN for the next block"),
            (ControlReason::Rollback, _) => (&rule::TRANSACTION_CONTROL, "delete it, and what it takes back"),
            (_, Transaction::On) => (&rule::TRANSACTION_CONTROL, "delete it: the migration is one transaction anyhow"),
            (_, Transaction::Off) => (&rule::TRANSACTION_CONTROL, "delete it"),
        };
        let problem = Problem::new(rule, self.path, refused.reason.to_string());
        self.problems.push(problem.at(self.text, refused.span.clone(), "").help(help));
    }
}
