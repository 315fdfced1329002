//! What is wrong in the SQL of a file: directives, literals, and statements that cannot run in a migration.
//!
//! It knows PostgreSQL's lexical rules and a few commands. It does not check grammar: that takes a real PostgreSQL.

use std::ops::Range;

use super::place::quote;
use super::{Control, conflict};
use crate::directive::{self, DirectiveProblem, DirectiveReason, Directives, Transaction};
use crate::file_name::Kind;
use crate::lexer::{LexError, LexErrorKind};
use crate::position::Places;
use crate::problem::{Problem, brief};
use crate::rule::{self, Rule};
use crate::snippet::Excerpt;
use crate::statement::{self, ControlProblem, ControlReason, Statement, StatementKind};

/// As many problems of one file as are told of one by one. Nobody reads more, and each takes its time to be put into
/// words.
pub(super) const ENOUGH: usize = 100;

/// Reads a text, which is shown under `path`, and adds what is wrong with it to `problems`.
pub(super) fn check(path: &str, kind: Kind, text: &str, problems: &mut Vec<Problem>) -> (Directives, Control) {
    let (directives, refused) = directive::parse(text);
    let transaction = directives.transaction;
    let mut file = File { path, kind, text, found: Vec::new(), left_out: 0 };
    // From a merge that is not done, what else is wrong may follow.
    let split = match conflict::marker(text) {
        Some(span) => Err(Stop::Conflict(span)),
        None => statement::split_noting_comments(text).map_err(Stop::Lexical),
    };
    // Nearly no file has such a comment.
    if !matches!(&split, Ok((_, comments)) if !directive::divides(text, comments)) {
        file.section(kind);
    }
    if transaction == Transaction::Off {
        file.needs_transaction();
    }
    let control = match split {
        Ok((statements, _)) => {
            refused.iter().for_each(|refused| file.directive(refused));
            file.statements(&statements, transaction);
            file.control(&statements, transaction)
        }
        Err(stop) => {
            // Before that all is as it seems, and is reported; of the rest nothing can be told for certain.
            let before = stop.span().start;
            refused.iter().filter(|refused| refused.span.start < before).for_each(|refused| file.directive(refused));
            let statements = statement::split(text.get(..before).unwrap_or_default()).unwrap_or_default();
            file.statements(&statements, transaction);
            match &stop {
                Stop::Conflict(span) => file.conflict_marker(span),
                Stop::Lexical(error) => file.lexical(error),
            }
            Control::default()
        }
    };
    file.report(problems);
    (directives, control)
}

/// Where it cannot be told any more what the statements are.
enum Stop {
    /// At a line that git wrote.
    Conflict(Range<usize>),
    Lexical(LexError),
}

impl Stop {
    fn span(&self) -> &Range<usize> {
        match self {
            Self::Conflict(span) => span,
            Self::Lexical(error) => &error.span,
        }
    }
}

struct File<'a> {
    path: &'a str,
    kind: Kind,
    text: &'a str,
    /// What is wrong, where, and what stands beside the caret.
    found: Vec<(Range<usize>, &'static str, Problem)>,
    /// How much more is wrong.
    left_out: usize,
}

impl File<'_> {
    fn report(mut self, problems: &mut Vec<Problem>) {
        // In the order of the text, its lines are counted once for all.
        self.found.sort_by_key(|(span, ..)| span.start);
        let mut places = Places::new(self.text);
        let (text, left_out) = (self.text, self.left_out);
        problems.extend(
            self.found
                .into_iter()
                .map(|(span, label, problem)| problem.at_excerpt(Excerpt::cut_next(&mut places, text, span, label))),
        );
        if let Some(last) = problems.last_mut().filter(|_| left_out > 0) {
            last.left_out = left_out;
            last.notes.push(format!("the file has {left_out} more problems, which are left out"));
        }
    }

    /// Whether as much is told of the file as will be, of what it may hold any number of times. It counts the rest.
    fn is_enough(&mut self) -> bool {
        let is_enough = self.found.len() >= ENOUGH;
        self.left_out += usize::from(is_enough);
        is_enough
    }

    fn problem(&self, rule: &'static Rule, message: impl Into<String>) -> Problem {
        Problem::new(rule, self.path, message)
    }

    fn directive(&mut self, refused: &DirectiveProblem) {
        if self.is_enough() {
            return;
        }
        let help = match &refused.reason {
            DirectiveReason::UnknownKey { nearest: Some(nearest), .. } => format!("write `{nearest}`"),
            DirectiveReason::UnknownKey { nearest: None, .. } => {
                "the directives are `transaction`, `lock_timeout`, `statement_timeout`, `retries` and `allow`"
                    .to_owned()
            }
            DirectiveReason::Malformed => {
                "write `-- graven: key = value`, such as `-- graven: lock_timeout = 2s`".to_owned()
            }
            // It is copied from here, so that it is whole.
            DirectiveReason::Misspelt { meant } => format!("write `{meant}`, on a line of its own"),
            DirectiveReason::NotOnOrOff { .. } => "write `on` or `off`".to_owned(),
            DirectiveReason::NotADuration { .. } => "write it as in `200ms`, `5s` or `1min`; `0` is none".to_owned(),
            DirectiveReason::NotANumberOfRetries { .. } => "write a number from 0 to 100".to_owned(),
            DirectiveReason::NotARule { .. } => {
                "write the names of lints with commas between them, such as `ban-drop-column, renaming-table`"
                    .to_owned()
            }
            DirectiveReason::OwnRule { rule } => {
                format!("delete it, and keep the rule (`graven explain {rule}`): only lints can be allowed")
            }
            DirectiveReason::SaidTwice { .. } => "delete one of the two".to_owned(),
            DirectiveReason::AfterFirstStatement => "move it above the first statement".to_owned(),
        };
        let problem = self.problem(&rule::DIRECTIVE, refused.reason.to_string());
        let problem = problem.note(match refused.reason {
            DirectiveReason::OwnRule { .. } => {
                "a lint is a warning, which a file may allow; a build and a run rely on the rules"
            }
            _ => "not heeded, it would leave the migration without what its author decided on",
        });
        self.found.push((refused.span.clone(), "", problem.help(help)));
    }

    /// What is wrong with a statement wherever it stands in the file.
    fn statements(&mut self, statements: &[Statement], transaction: Transaction) {
        for statement in statements {
            match statement.kind {
                StatementKind::CopyFromStdin => self.copy_from_stdin(statement),
                StatementKind::CopyToStdout => self.copy_to_stdout(statement),
                _ => {}
            }
            if let (Transaction::On, Some(command)) = (transaction, statement.kind.needs_no_transaction()) {
                self.needs_no_transaction(statement, command, statements.len());
            }
        }
    }

    fn copy_from_stdin(&mut self, statement: &Statement) {
        if self.is_enough() {
            return;
        }
        let problem = self
            .problem(&rule::COPY_FROM_STDIN, "COPY … FROM STDIN cannot be in a migration")
            .note("its rows do not travel inside of SQL: the server would take them for statements")
            .help("write INSERT instead; `pg_dump --rows-per-insert=1000` does");
        self.found.push((statement.span.clone(), "", problem));
    }

    fn copy_to_stdout(&mut self, statement: &Statement) {
        if self.is_enough() {
            return;
        }
        let problem = self
            .problem(&rule::COPY_TO_STDOUT, "COPY … TO STDOUT cannot be in a migration")
            .note("its rows would be sent to whoever migrates, and nobody reads them there")
            .help("delete it; psql is for taking rows out of a database");
        self.found.push((statement.span.clone(), "", problem));
    }

    /// A part that another tool would run only to go the other way.
    fn section(&mut self, kind: Kind) {
        let Some(section) = directive::opposite_section(self.text, kind) else { return };
        let what = if kind == Kind::Reverse { "what it takes back" } else { "its own reverse" };
        let problem = self
            .problem(&rule::REVERSE_IN_FILE, format!("the file holds {what}, as {} has it", section.tool))
            .note("graven runs a file whole, and would undo at once what the other section does");
        let problem = match kind {
            Kind::Versioned => {
                let file = self.path.rsplit('/').next().unwrap_or_default();
                let stem = file.strip_suffix(".up.sql").or(file.strip_suffix(".sql")).unwrap_or(file);
                problem.help(format!("move what follows into `{stem}.down.sql`")).help("delete it")
            }
            Kind::Reverse => problem.help("delete that section: the migration that it takes back has it"),
            Kind::Baseline | Kind::Repeatable => {
                problem.help("delete that section: only a versioned migration has a reverse")
            }
        };
        self.found.push((section.span, "what follows would run, too", problem));
    }

    /// What is applied with a row that stands for all of it cannot be applied by halves.
    fn needs_transaction(&mut self) {
        if !matches!(self.kind, Kind::Baseline | Kind::Repeatable) {
            return;
        }
        let message = format!("a {} migration cannot run without a transaction", self.kind);
        let problem = self
            .problem(&rule::NEEDS_TRANSACTION, message)
            .note("cut off in the middle, it would leave a database of which the history says nothing true")
            .help("delete the directive")
            .help(self.instead_of_no_transaction());
        self.found.push((directive_span(self.text), "", problem));
    }

    /// What to do where a baseline or a repeatable holds what cannot run in a transaction.
    fn instead_of_no_transaction(&self) -> &'static str {
        match self.kind {
            Kind::Baseline => "leave out CONCURRENTLY: nobody is at work on a fresh database",
            _ => "put what cannot run in a transaction into a versioned migration",
        }
    }

    fn needs_no_transaction(&mut self, statement: &Statement, command: &str, beside: usize) {
        if self.is_enough() {
            return;
        }
        let problem = self
            .problem(&rule::NEEDS_NO_TRANSACTION, format!("{command} cannot run inside a transaction"))
            .note("a migration is one transaction unless it says otherwise, and PostgreSQL would refuse the statement")
            .help(match beside {
                _ if matches!(self.kind, Kind::Baseline | Kind::Repeatable) => self.instead_of_no_transaction(),
                1 => "write `-- graven: transaction = off` as the first line of the file",
                _ => "put it into a migration of its own whose first line is `-- graven: transaction = off`",
            });
        self.found.push((statement.span.clone(), "", problem));
    }

    fn lexical(&mut self, error: &LexError) {
        let opening = self.text.get(error.span.clone()).unwrap_or_default();
        let (message, help) = match error.kind {
            LexErrorKind::PsqlCommand => return self.psql_command(error, opening),
            LexErrorKind::UnterminatedString => (
                "a string never ends",
                "end it with a quote; inside of a string, a quote is written twice (`''`)".to_owned(),
            ),
            LexErrorKind::UnterminatedIdentifier => (
                "a quoted identifier never ends",
                "end it with a double quote; inside of an identifier, that is written twice (`\"\"`)".to_owned(),
            ),
            LexErrorKind::UnterminatedDollarQuote => {
                ("a dollar-quoted string never ends", format!("end it with `{}`, spelt exactly so", brief(opening)))
            }
            LexErrorKind::UnterminatedComment => (
                "a block comment never ends",
                "end it with `*/`; block comments nest, and each `/*` inside of one needs its own `*/`".to_owned(),
            ),
        };
        let problem = self
            .problem(&rule::UNTERMINATED, message)
            .note("PostgreSQL would refuse the file, and where its statements end cannot be told")
            .help(help);
        self.found.push((error.span.clone(), "it begins here", problem));
    }

    fn psql_command(&mut self, error: &LexError, line: &str) {
        let command = line.split_whitespace().next().unwrap_or(line);
        let help = match command {
            "\\i" | "\\ir" | "\\include" | "\\include_relative" => {
                "put what it includes in its place, or into a migration of its own"
            }
            "\\restrict" | "\\unrestrict" => "delete the line: `pg_dump` writes it for psql alone",
            "\\set" => "write the value where the variable stands",
            "\\." => "delete the line: it ends the rows of a COPY … FROM STDIN, and there is none",
            _ => "delete it, or write SQL that does the same",
        };
        let problem = self
            .problem(&rule::PSQL_COMMAND, format!("`{}` is a command of psql, not SQL", brief(command)))
            .note("psql runs such a command itself; a server does not know it")
            .help(help);
        self.found.push((error.span.clone(), "", problem));
    }

    fn conflict_marker(&mut self, span: &Range<usize>) {
        let checkout = |side: &str| format!("`git checkout --{side} -- {}`", quote(self.path));
        let problem = self
            .problem(&rule::CONFLICT_MARKER, "the file holds a merge conflict marker")
            .note("git wrote it where two branches changed the same lines, and nobody has decided yet")
            .help("keep what is meant of the two, and delete the lines that git wrote")
            .help(format!(
                "keep one side whole while the merge is going on: {} or {}",
                checkout("ours"),
                checkout("theirs")
            ));
        self.found.push((span.clone(), "", problem));
    }

    fn control(&mut self, statements: &[Statement], transaction: Transaction) -> Control {
        let control = match transaction {
            Transaction::On => statement::absorb(self.text, statements).map(Control::Absorbed),
            Transaction::Off => statement::units(statements).map(|units| Control::units(units, statements)),
        };
        control.unwrap_or_else(|refused| {
            refused.iter().for_each(|refused| self.transaction_control(refused, transaction));
            Control::default()
        })
    }

    fn transaction_control(&mut self, refused: &ControlProblem, transaction: Transaction) {
        if self.is_enough() {
            return;
        }
        let rule = match refused.reason {
            ControlReason::RefusedInBlock { .. } => &rule::NEEDS_NO_TRANSACTION,
            _ => &rule::TRANSACTION_CONTROL,
        };
        let help = match (refused.reason, transaction) {
            (ControlReason::RefusedInBlock { .. }, _) => "take it out of the block, before BEGIN or after COMMIT",
            (ControlReason::NeverClosed, Transaction::Off) => "end the block with COMMIT",
            (ControlReason::Options, _) if matches!(self.kind, Kind::Baseline | Kind::Repeatable) => {
                "delete the options"
            }
            (ControlReason::Options, _) => {
                "delete the options, or write `-- graven: transaction = off` as the first line of the file: the block \
                 is then sent as it stands"
            }
            (ControlReason::OutlastsCommit { .. }, _) if matches!(self.kind, Kind::Baseline | Kind::Repeatable) => {
                "delete BEGIN and COMMIT, and undo it where it shall end"
            }
            (ControlReason::OutlastsCommit { .. }, _) => {
                "put the block into a file of its own, or write `-- graven: transaction = off` as the first line of \
                 the file: the block is then sent as it stands"
            }
            (ControlReason::Chain, _) => "write COMMIT, and BEGIN for the next block",
            (ControlReason::Rollback, _) => "delete it, and what it takes back",
            (_, Transaction::On) => "delete it: the migration is one transaction anyhow",
            (_, Transaction::Off) => "delete it",
        };
        let note = match (refused.reason, transaction) {
            (ControlReason::RefusedInBlock { .. }, _) => "PostgreSQL would refuse it when the migration runs",
            (ControlReason::OutlastsCommit { .. }, _) => {
                "the whole file is one transaction, and the pair is left out: what should end there would hold for the \
                 statements that follow, too"
            }
            (_, Transaction::On) => "a migration and its row in the history are one transaction, which it would spoil",
            (_, Transaction::Off) => "a block is sent whole and resumed whole, so that it must be clear where it ends",
        };
        let problem = self.problem(rule, refused.reason.to_string()).note(note).help(help);
        self.found.push((refused.span.clone(), "", problem));
    }
}

/// The line of the head that switches the transaction off.
fn directive_span(text: &str) -> Range<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.to_ascii_lowercase().contains("transaction") {
            return start..start + line.trim_end().len();
        }
        start += line.len();
    }
    0..text.lines().next().map_or(0, str::len)
}
