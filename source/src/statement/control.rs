//! Transaction blocks that a file brings along: which are absorbed, which are sent as one unit, and which are wrong.

use std::fmt;
use std::ops::Range;

use super::{Statement, StatementKind};

/// What is sent as one message in a non-transactional file, and resumed as one: a statement, or a block from BEGIN to
/// COMMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its place in the text.
    pub span: Range<usize>,
    /// Which of the statements it is made of: one, or several in a block.
    pub statements: Range<usize>,
}

/// A statement that a file must not hold, or not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlProblem {
    /// Why.
    pub reason: ControlReason,
    /// The place of the statement.
    pub span: Range<usize>,
}

/// Why a statement must not stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlReason {
    /// A COMMIT, with no BEGIN before it.
    CommitWithoutBegin,
    /// A BEGIN whose block never ends.
    NeverClosed,
    /// A BEGIN inside of a block.
    Nested,
    /// A BEGIN with options in a transactional file, where graven begins the transaction.
    Options,
    /// A COMMIT AND CHAIN.
    Chain,
    /// A ROLLBACK.
    Rollback,
    /// A PREPARE TRANSACTION.
    PrepareTransaction,
    /// A statement inside of a block of a non-transactional file that PostgreSQL refuses there.
    RefusedInBlock {
        /// The command, as PostgreSQL's messages name it.
        command: &'static str,
    },
}

impl fmt::Display for ControlReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommitWithoutBegin => f.write_str("a COMMIT without a BEGIN before it"),
            Self::NeverClosed => f.write_str("a BEGIN that no COMMIT ends"),
            Self::Nested => f.write_str("a BEGIN inside of a transaction block"),
            Self::Options => f.write_str("a BEGIN with options in a transactional migration"),
            Self::Chain => f.write_str("a COMMIT AND CHAIN"),
            Self::Rollback => f.write_str("a ROLLBACK in a migration"),
            Self::PrepareTransaction => f.write_str("a PREPARE TRANSACTION in a migration"),
            Self::RefusedInBlock { command } => {
                write!(f, "{command} inside of a transaction block")
            }
        }
    }
}

/// The places of BEGIN and COMMIT that are not sent in a transactional file, in order: those of plain, balanced blocks
/// that are not nested. The whole file is one transaction anyhow.
///
/// # Errors
///
/// Every statement that breaks that, in order.
pub fn absorb(statements: &[Statement]) -> Result<Vec<Range<usize>>, Vec<ControlProblem>> {
    let blocks = blocks(statements, Within::Transaction)?;
    let ends = blocks.iter().flat_map(|block| [block.start, block.end - 1]);
    Ok(ends.filter_map(|index| statements.get(index)).map(|statement| statement.span.clone()).collect())
}

/// What to send one by one in a non-transactional file, in order. A block from BEGIN to COMMIT is one unit; there, BEGIN
/// may have options.
///
/// # Errors
///
/// Every statement that stands where it must not, in order.
pub fn units(statements: &[Statement]) -> Result<Vec<Unit>, Vec<ControlProblem>> {
    let mut blocks = blocks(statements, Within::Nothing)?.into_iter().peekable();
    let mut units = Vec::with_capacity(statements.len());
    let mut index = 0;
    while let Some(first) = statements.get(index) {
        let members = blocks.next_if(|block| block.start == index).unwrap_or(index..index + 1);
        index = members.end;
        let end = statements.get(index - 1).map_or(first.span.end, |last| last.span.end);
        units.push(Unit { span: first.span.start..end, statements: members });
    }
    Ok(units)
}

/// What surrounds the file when it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Transaction,
    Nothing,
}

/// The block that is being read.
struct Open {
    begin: usize,
    /// Blocks begun in it, which are reported already.
    nested: usize,
}

/// The blocks, each from its BEGIN to its COMMIT.
fn blocks(statements: &[Statement], within: Within) -> Result<Vec<Range<usize>>, Vec<ControlProblem>> {
    let mut blocks = Vec::new();
    let mut problems = Vec::new();
    let mut open: Option<Open> = None;
    for (index, statement) in statements.iter().enumerate() {
        let reason = match (&statement.kind, &mut open) {
            (StatementKind::Begin { .. }, Some(open)) => {
                open.nested += 1;
                Some(ControlReason::Nested)
            }
            (StatementKind::Begin { plain }, None) => {
                open = Some(Open { begin: index, nested: 0 });
                (!plain && within == Within::Transaction).then_some(ControlReason::Options)
            }
            // The block goes on after it.
            (StatementKind::Commit { plain: false }, _) => Some(ControlReason::Chain),
            (StatementKind::Commit { plain: true }, None) => Some(ControlReason::CommitWithoutBegin),
            (StatementKind::Commit { plain: true }, Some(inner)) if inner.nested > 0 => {
                inner.nested -= 1;
                None
            }
            (StatementKind::Commit { plain: true }, Some(closed)) => {
                blocks.push(closed.begin..index + 1);
                open = None;
                None
            }
            (StatementKind::Rollback, _) => {
                open = None;
                Some(ControlReason::Rollback)
            }
            (StatementKind::PrepareTransaction, _) => {
                open = None;
                Some(ControlReason::PrepareTransaction)
            }
            // In a transactional file, such a statement is wrong everywhere: that is another rule.
            (kind, Some(_)) if within == Within::Nothing => {
                kind.needs_no_transaction().map(|command| ControlReason::RefusedInBlock { command })
            }
            _ => None,
        };
        problems.extend(reason.map(|reason| ControlProblem { reason, span: statement.span.clone() }));
    }
    if let Some(begin) = open.filter(|open| open.nested == 0).and_then(|open| statements.get(open.begin)) {
        problems.push(ControlProblem { reason: ControlReason::NeverClosed, span: begin.span.clone() });
        problems.sort_by_key(|problem| problem.span.start);
    }
    if problems.is_empty() { Ok(blocks) } else { Err(problems) }
}
