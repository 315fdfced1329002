//! squawk reads migrations. This is the only file that knows its crates.
//!
//! squawk's parser is not PostgreSQL's: what it cannot make sense of is left out and told of, and whatever happens in it, the
//! check goes on.

use std::collections::HashSet;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use graven_source::Transaction;
use graven_source::statement::Statement;
use squawk_linter::{Linter, Rule};
use squawk_syntax::{Parse, SourceFile};

use super::heard::{Heard, Hit};
use super::judge::{GENERAL, PARTICULAR};
use super::source::{Source, blank};

/// Whether there is a linter.
pub(super) const IS_THERE: bool = true;

/// The name of the thread on which squawk runs.
const THREAD: &str = "lints";
/// Its parser calls itself once for each level of nesting, and a thread's usual 2 MiB are soon used up. Of so much address
/// space only what is touched becomes memory.
const STACK: usize = 512 << 20;
/// The oldest PostgreSQL that graven knows. From there up to 18, squawk says the same.
const OLDEST: &str = "14";
/// How long one text may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How comments begin that squawk heeds.
const IGNORE: &str = "squawk-ignore";
/// How often a text is read anew without the statements that squawk made nothing of.
const ROUNDS: usize = 4;

/// As many statements of one text may be given up one by one. Those after them are, too.
const CULPRITS: usize = 4;

/// What squawk says of each text, by the rules of those names.
pub(super) fn read(sources: &[&Source<'_>], names: &[&str]) -> Vec<Heard> {
    read_patiently(sources, names, PATIENCE)
}

/// Gives a text up after that time: squawk's parser takes time by the square of the depth of what it reads.
fn read_patiently(sources: &[&Source<'_>], names: &[&str], patience: Duration) -> Vec<Heard> {
    keep_quiet();
    let rules: Vec<Rule> = names.iter().filter_map(|name| Rule::try_from(*name).ok()).collect();
    let texts: Vec<Text> = sources.iter().map(|source| Text::of(source)).collect();
    let heard = answers(&texts, &rules, patience, usize::MAX);
    let heard = texts.iter().zip(heard);
    heard.map(|(text, heard)| heard.unwrap_or_else(|| without_culprits(text, &rules, patience))).collect()
}

/// What is said of each text. `None` of one that is given up, and of all after so many of those.
fn answers(texts: &[Text], rules: &[Rule], patience: Duration, limit: usize) -> Vec<Option<Heard>> {
    let mut heard = Vec::with_capacity(texts.len());
    for _ in 0..limit {
        let Some(rest) = texts.get(heard.len()..).filter(|rest| !rest.is_empty()) else { break };
        let answers = reader(rest, rules);
        heard.extend(std::iter::from_fn(|| answers.recv_timeout(patience).ok()).take(rest.len()));
        // Those after one that takes too long get a reader of their own.
        if heard.len() < texts.len() {
            heard.push(None);
        }
    }
    heard.resize(texts.len(), None);
    heard
}

/// Reads a text that was given up without the statements that are to blame, so that none of them hides the others.
fn without_culprits(text: &Text, rules: &[Rule], patience: Duration) -> Heard {
    let parts: Vec<Text> = text.statements.iter().map(|statement| text.part(statement)).collect();
    let (mut rest, mut given_up) = (text.clone(), Vec::new());
    for (statement, heard) in text.statements.iter().zip(answers(&parts, rules, patience / 2, CULPRITS)) {
        let is_read = heard.as_ref().is_some_and(|heard| heard.unread.is_empty());
        if !is_read && !text.unread.contains(&statement.span) {
            blank(&mut rest.sql, statement.span.clone());
            if heard.is_some() { &mut rest.unread } else { &mut given_up }.push(statement.span.clone());
        }
    }
    match answers(&[rest], rules, patience, 1).pop().flatten() {
        Some(heard) => Heard { given_up, ..heard },
        None => text.given_up(),
    }
}

/// Reads one text after another, in a thread that nobody waits for at the end.
fn reader(texts: &[Text], rules: &[Rule]) -> Receiver<Option<Heard>> {
    let (say, hear) = channel();
    let (texts, rules) = (texts.to_vec(), rules.to_vec());
    let read = move || texts.iter().map(|text| text.read(&rules)).all(|heard| say.send(heard).is_ok());
    // Where there is no room for its stack, nothing is heard of it, and each text is told of as one that was given up.
    let _ = thread::Builder::new().name(THREAD.to_owned()).stack_size(STACK).spawn(read);
    hear
}

/// A panic of squawk is no concern of who checks migrations: the file is told of as one that could not be read. What panics
/// elsewhere is told as ever.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name() != Some(THREAD) {
                others(panic);
            }
        }));
    });
}

/// A text, in the hands of its reader.
#[derive(Clone)]
struct Text {
    sql: String,
    statements: Vec<Statement>,
    unread: Vec<Range<usize>>,
    transaction: Transaction,
}

impl Text {
    fn of(source: &Source<'_>) -> Self {
        Self {
            sql: source.sql.clone(),
            statements: source.statements.clone(),
            unread: source.unread.clone(),
            transaction: source.transaction,
        }
    }

    /// One statement of it.
    fn part(&self, statement: &Statement) -> Self {
        let sql = self.sql.get(statement.span.clone()).unwrap_or_default().to_owned();
        let whole = Statement { span: 0..sql.len(), kind: statement.kind.clone() };
        Self { sql, statements: vec![whole], unread: Vec::new(), transaction: self.transaction }
    }

    fn read(&self, rules: &[Rule]) -> Option<Heard> {
        // Its trees are made anew for each text and nothing of them is kept, so that a panic leaves nothing half done.
        panic::catch_unwind(AssertUnwindSafe(|| self.listen(rules))).ok().flatten()
    }

    /// What is said of a text of which nothing is known.
    fn given_up(&self) -> Heard {
        let spans = self.statements.iter().map(|statement| statement.span.clone());
        let given_up = spans.filter(|span| !self.unread.contains(span)).collect();
        Heard { hits: Vec::new(), unread: self.unread.clone(), given_up }
    }

    /// `None` where squawk makes nothing of the text, and no statement can be told that is to blame.
    fn listen(&self, rules: &[Rule]) -> Option<Heard> {
        let (mut sql, mut unread) = (self.sql.clone(), self.unread.clone());
        for _ in 0..ROUNDS {
            let parsed = SourceFile::parse(&sql);
            let errors = parsed.errors();
            if errors.is_empty() {
                unread.sort_by_key(|span| span.start);
                let hits = hits(&parsed, &sql, self.transaction, rules);
                return Some(Heard { hits, unread, given_up: Vec::new() });
            }
            // What follows an error may be misread: the statement goes, and the rest is read again.
            let offsets = errors.iter().map(|error| usize::from(error.range().start()));
            let mut broken: Vec<Range<usize>> = offsets.filter_map(|at| around(&self.statements, at)).collect();
            broken.dedup();
            broken.retain(|span| !unread.contains(span));
            if broken.is_empty() {
                return None;
            }
            broken.iter().for_each(|span| blank(&mut sql, span.clone()));
            unread.append(&mut broken);
        }
        None
    }
}

/// What all rules say, in the order of the text.
fn hits(parsed: &Parse<SourceFile>, sql: &str, transaction: Transaction, rules: &[Rule]) -> Vec<Hit> {
    // In a transaction squawk passes over all tables that the text makes, those with IF NOT EXISTS and namesakes in other schemas
    // among them. Who judges the hits knows better which tables are new.
    let mut hits = said(parsed, sql, Transaction::Off, rules);
    if transaction == Transaction::On && rules.contains(&Rule::ConstraintMissingNotValid) {
        // It finds NOT VALID and its validation in one transaction only where it knows of that.
        let known: HashSet<(usize, usize)> =
            hits.iter().filter(|hit| hit.name == GENERAL).map(|hit| (hit.span.start, hit.span.end)).collect();
        let more = said(parsed, sql, Transaction::On, &[Rule::ConstraintMissingNotValid]).into_iter();
        hits.extend(more.filter(|hit| hit.name == GENERAL && !known.contains(&(hit.span.start, hit.span.end))));
    }
    if sql.contains(IGNORE) {
        // What a comment ignores is not to be told in general, either.
        let sql = sql.replace(IGNORE, &" ".repeat(IGNORE.len()));
        let rules: Vec<Rule> = PARTICULAR.iter().filter_map(|name| Rule::try_from(*name).ok()).collect();
        let particular = said(&SourceFile::parse(&sql), &sql, Transaction::Off, &rules);
        hits.retain(|hit| hit.name != GENERAL || !particular.iter().any(|inner| hit.holds(inner)));
    }
    hits.sort_by_key(|hit| hit.span.start);
    hits
}

fn said(parsed: &Parse<SourceFile>, sql: &str, transaction: Transaction, rules: &[Rule]) -> Vec<Hit> {
    let mut linter = Linter::from(rules.iter().copied());
    linter.settings.assume_in_transaction = transaction == Transaction::On;
    if let Ok(version) = OLDEST.parse() {
        linter.settings.pg_version = version;
    }
    let violations = linter.lint(parsed, sql).into_iter();
    let hit = |violation: squawk_linter::Violation| Hit {
        name: violation.code.to_string(),
        message: violation.message,
        span: violation.text_range.start().into()..violation.text_range.end().into(),
    };
    violations.map(hit).collect()
}

/// The statement that holds that byte, or else the one before it: what is absent at a statement's end is noticed after it.
fn around(statements: &[Statement], at: usize) -> Option<Range<usize>> {
    let begun = statements.partition_point(|statement| statement.span.start <= at);
    statements.get(begun.saturating_sub(1)).map(|statement| statement.span.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use graven_source::Transaction;
    use graven_source::statement::split;

    use super::read_patiently;
    use crate::lint::source::{Source, Standing};

    fn source(text: &str) -> Source<'_> {
        Source {
            path: "migrations/7_change.sql".to_owned(),
            text,
            is_linted: true,
            is_new: true,
            standing: Standing::Open,
            accept_edit: String::new(),
            transaction: Transaction::On,
            statements: split(text).expect("statements"),
            sql: text.to_owned(),
            unread: Vec::new(),
        }
    }

    #[test]
    fn a_statement_that_takes_too_long_is_given_up_and_all_others_are_read() {
        let drop = "alter table t drop column a;";
        let slow = format!("{drop}\nselect {}1;\n{drop}", "not ".repeat(12_000));
        let (slow, quick) = (source(&slow), source(drop));
        let heard = read_patiently(&[&quick, &slow, &quick], &["ban-drop-column"], Duration::from_secs(2));
        let told: Vec<_> = heard.iter().map(|it| (it.hits.len(), it.unread.len(), it.given_up.clone())).collect();
        let given_up = slow.statements[1].span.clone();
        assert_eq!(told, [(1, 0, vec![]), (2, 0, vec![given_up]), (1, 0, vec![])]);
    }

    #[test]
    fn where_there_is_no_time_at_all_everything_is_given_up() {
        // Each takes a while, so that no answer is there before it is asked for.
        let nots = "not ".repeat(4_000);
        let text = format!("select {nots}1;\nselect {nots}2;");
        let source = source(&text);
        let heard = read_patiently(&[&source], &["ban-drop-column"], Duration::ZERO);
        assert_eq!((heard[0].hits.len(), heard[0].unread.len(), heard[0].given_up.len()), (0, 0, 2));
    }
}
