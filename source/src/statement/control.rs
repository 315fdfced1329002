//! Transaction blocks that a file brings along: which are absorbed, which are sent as one unit, and which are wrong.

use std::fmt;
use std::ops::Range;

use super::until_commit::until_commit;
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
    /// What ends with its transaction, in a block whose COMMIT is not sent, with a statement after that.
    OutlastsCommit {
        /// What does, as in `SET LOCAL`.
        what: &'static str,
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
            Self::OutlastsCommit { what } => write!(f, "{what} would outlast the COMMIT of its block"),
        }
    }
}

/// The places of BEGIN and COMMIT that are not sent in a transactional file, in order: those of plain, balanced blocks
/// that are not nested. The whole file is one transaction anyhow.
///
/// # Errors
///
/// Every statement that breaks that, in order; and where none does, every one whose effect would end with its block if
/// the COMMIT were sent, and would not end before the statements that follow.
pub fn absorb(text: &str, statements: &[Statement]) -> Result<Vec<Range<usize>>, Vec<ControlProblem>> {
    let blocks = blocks(statements, Within::Transaction)?;
    let outlasting = outlasting(text, statements, &blocks);
    if !outlasting.is_empty() {
        return Err(outlasting);
    }
    let ends = blocks.iter().flat_map(|block| [block.start, block.end - 1]);
    Ok(ends.filter_map(|index| statements.get(index)).map(|statement| statement.span.clone()).collect())
}

/// What ends with its block, and is not in the last one that is followed by nothing but empty ones.
fn outlasting(text: &str, statements: &[Statement], blocks: &[Range<usize>]) -> Vec<ControlProblem> {
    let is_sent =
        |statement: &Statement| !matches!(statement.kind, StatementKind::Begin { .. } | StatementKind::Commit { .. });
    let Some(last_sent) = statements.iter().rposition(is_sent) else { return Vec::new() };
    let followed = blocks.iter().filter(|block| block.end <= last_sent);
    let members = followed.filter_map(|block| statements.get(block.clone())).flatten();
    members
        .filter_map(|statement| {
            let what = until_commit(text.get(statement.span.clone()).unwrap_or_default())?;
            Some(ControlProblem { reason: ControlReason::OutlastsCommit { what }, span: statement.span.clone() })
        })
        .collect()
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
    /// How many blocks begun in it are not closed yet.
    nested: usize,
    /// A block was begun in it, which is reported already: whose the last COMMIT is, nobody can tell.
    doubtful: bool,
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
                open.doubtful = true;
                Some(ControlReason::Nested)
            }
            (StatementKind::Begin { plain }, None) => {
                open = Some(Open { begin: index, nested: 0, doubtful: false });
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
    if let Some(begin) = open.filter(|open| !open.doubtful).and_then(|open| statements.get(open.begin)) {
        problems.push(ControlProblem { reason: ControlReason::NeverClosed, span: begin.span.clone() });
        problems.sort_by_key(|problem| problem.span.start);
    }
    if problems.is_empty() { Ok(blocks) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::super::split;
    use super::{ControlReason, absorb, units};

    #[test]
    fn balanced_plain_blocks_are_absorbed_wherever_they_stand() {
        for (text, wanted) in [
            ("", &[] as &[&str]),
            ("a; b;", &[]),
            ("begin; a; commit;", &["begin;", "commit;"]),
            (
                "a; begin work; b; end; c; start transaction; d; commit",
                &["begin work;", "end;", "start transaction;", "commit"],
            ),
            ("begin; commit;", &["begin;", "commit;"]),
            ("begin; savepoint a; rollback to a; release a; commit and no chain;", &["begin;", "commit and no chain;"]),
            ("vacuum;", &[]),
        ] {
            let statements = split(text).unwrap();
            let absorbed = absorb(text, &statements).unwrap();
            assert_eq!(absorbed.into_iter().map(|span| &text[span]).collect::<Vec<_>>(), wanted, "{text}");
        }
    }

    #[test]
    fn a_block_is_one_unit_and_so_is_every_other_statement() {
        for (text, wanted) in [
            ("", &[] as &[&str]),
            ("a; /* */ b", &["a;", "b"]),
            ("a; begin; b; c; commit; d;", &["a;", "begin; b; c; commit;", "d;"]),
            (
                "begin; commit; begin isolation level serializable; a; end",
                &["begin; commit;", "begin isolation level serializable; a; end"],
            ),
            ("vacuum; create index concurrently i on t (a);", &["vacuum;", "create index concurrently i on t (a);"]),
        ] {
            let statements = split(text).unwrap();
            let units = units(&statements).unwrap();
            assert_eq!(units.iter().map(|unit| &text[unit.span.clone()]).collect::<Vec<_>>(), wanted, "{text}");
            let members: Vec<_> = units.into_iter().flat_map(|unit| unit.statements).collect();
            assert_eq!(members, (0..statements.len()).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn every_statement_out_of_place_is_reported_once() {
        use ControlReason::*;
        for (text, wanted) in [
            ("commit;", &[(CommitWithoutBegin, "commit;")] as &[_]),
            ("a; end; end;", &[(CommitWithoutBegin, "end;"), (CommitWithoutBegin, "end;")]),
            ("a; begin; b;", &[(NeverClosed, "begin;")]),
            ("begin; commit; begin", &[(NeverClosed, "begin")]),
            ("begin; begin; a; commit; commit;", &[(Nested, "begin;")]),
            ("begin; begin; a; commit;", &[(Nested, "begin;")]),
            ("begin; commit and chain; commit;", &[(Chain, "commit and chain;")]),
            ("commit and chain;", &[(Chain, "commit and chain;")]),
            ("begin; a; rollback;", &[(Rollback, "rollback;")]),
            ("abort;", &[(Rollback, "abort;")]),
            ("begin; a; prepare transaction 'x';", &[(PrepareTransaction, "prepare transaction 'x';")]),
            ("begin; rollback; begin;", &[(Rollback, "rollback;"), (NeverClosed, "begin;")]),
            (
                "begin; a; begin; b; rollback; commit;",
                &[(Nested, "begin;"), (Rollback, "rollback;"), (CommitWithoutBegin, "commit;")],
            ),
        ] {
            let statements = split(text).unwrap();
            let shown = |problems: Vec<super::ControlProblem>| -> Vec<_> {
                problems.into_iter().map(|problem| (problem.reason, &text[problem.span])).collect()
            };
            assert_eq!(shown(absorb(text, &statements).unwrap_err()), wanted, "{text}");
            assert_eq!(shown(units(&statements).unwrap_err()), wanted, "{text}");
        }
    }

    #[test]
    fn options_are_refused_in_a_transactional_file_only() {
        let text = "begin read only; a; commit;";
        let statements = split(text).unwrap();
        let problems = absorb(text, &statements).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.reason).collect::<Vec<_>>(), [ControlReason::Options]);
        assert_eq!(units(&statements).map(|units| units.len()), Ok(1));
    }

    #[test]
    fn what_postgresql_refuses_in_a_block_is_refused_in_a_block_of_a_non_transactional_file() {
        let text = "vacuum; begin; vacuum; create index concurrently on t (a); commit;";
        let problems = units(&split(text).unwrap()).unwrap_err();
        assert_eq!(
            problems.into_iter().map(|problem| problem.reason).collect::<Vec<_>>(),
            [
                ControlReason::RefusedInBlock { command: "VACUUM" },
                ControlReason::RefusedInBlock { command: "CREATE INDEX CONCURRENTLY" },
            ]
        );
    }
    #[test]
    fn what_ends_with_a_block_is_refused_where_the_commit_is_not_sent_and_a_statement_follows() {
        for (text, wanted) in [
            ("a; begin; set local x to y; b; commit; c;", &["set local x to y;"] as &[&str]),
            (
                "begin; set local x to y; commit; begin; set constraints all deferred; b; commit; begin; commit;",
                &["set local x to y;"],
            ),
            (
                "begin; set local x to y; create temp table t () on commit drop; commit; begin; set local x to z; commit; c",
                &["set local x to y;", "create temp table t () on commit drop;", "set local x to z;"],
            ),
            ("a; begin; set local x to y; b; commit;", &[]),
            ("begin; set local x to y; b; commit; ; /* c */ begin; commit; -- d", &[]),
            ("set local x to y; begin; a; commit; set local x to z; b;", &[]),
            ("begin; set x to y; a; commit; b;", &[]),
        ] {
            let statements = split(text).unwrap();
            let problems = absorb(text, &statements).err().unwrap_or_default();
            assert_eq!(problems.into_iter().map(|problem| &text[problem.span]).collect::<Vec<_>>(), wanted, "{text}");
            // There, the block is sent as it stands.
            assert!(units(&statements).is_ok(), "{text}");
        }
    }
}
