//! The row that a statement waited for, which the server names in the error's CONTEXT, and whose transaction has it.

use crate::connection::Connection;
use crate::in_the_way::{JOINED, QUOTES, columns, named};
use crate::lock::Holder;
use crate::session::Session;
use crate::sql::{EQ, NE, literal};

/// `while updating tuple (0,5) in relation "orders"`, in whatever language.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RowWaitedFor<'c> {
    /// Where it is in its table, as PostgreSQL writes it: `(0,5)`.
    tuple: String,
    table: &'c str,
}

impl<'c> RowWaitedFor<'c> {
    /// Reads the first line: the wait itself is what the server was at last.
    pub(super) fn parse(context: &'c str) -> Option<Self> {
        let line = context.lines().next()?;
        let (open, quote) = line.char_indices().find(|(_, c)| QUOTES.contains(c))?;
        let (close, last) = line.char_indices().rfind(|(_, c)| QUOTES.contains(c))?;
        let table = line.get(open + quote.len_utf8()..close).filter(|table| !table.is_empty())?;
        let (before, behind) = (line.get(..open)?, line.get(close + last.len_utf8()..)?);
        let tuple = tuple(before).or_else(|| tuple(behind))?;
        Some(Self { tuple, table })
    }

    /// Whose transaction has changed or locked it and is open still. Never fails: it only serves a message.
    pub(super) async fn holders<C: Connection>(&self, session: &mut Session<'_, C>) -> Vec<Holder> {
        // Of two tables of one name, either may be meant.
        let ask = format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid {EQ} c.relnamespace \
             WHERE c.relname {EQ} {}::pg_catalog.name AND c.relkind {EQ} 'r' LIMIT 2",
            literal(self.table)
        );
        let reply = session.send(&ask).await;
        let Some([table]) = reply.completed.first().map(Vec::as_slice) else { return Vec::new() };
        // One message is one transaction (PostgreSQL manual, 55.2.2.1). Who holds a whole table must not be waited for.
        let ask = format!("SET LOCAL lock_timeout = 200;\n{}", self.question(table.text(0), table.text(1)));
        let reply = session.send(&ask).await;
        reply.completed.get(1).map(|rows| named(rows.iter())).unwrap_or_default()
    }

    /// A version of a row has the number of the transaction that changes or locks it (PostgreSQL manual, 5.5), and that holds
    /// the lock on its own number as long as it is open. Of several that share a row, another kind of number stands there: where
    /// that happens to be a transaction's, too, it is none that writes to this table.
    fn question(&self, table: &str, oid: &str) -> String {
        format!(
            "SELECT {columns} FROM ONLY {table} t JOIN pg_catalog.pg_locks w ON w.locktype {EQ} 'transactionid' \
             AND w.transactionid {EQ} t.xmax AND w.mode {EQ} 'ExclusiveLock' AND w.granted \
             AND EXISTS (SELECT FROM pg_catalog.pg_locks r WHERE r.locktype {EQ} 'relation' \
             AND r.relation {EQ} {oid} AND r.granted \
             AND r.database {EQ} (SELECT d.oid FROM pg_catalog.pg_database d \
             WHERE d.datname {EQ} pg_catalog.current_database()) \
             AND r.mode {NE} 'AccessShareLock' AND r.virtualtransaction {EQ} w.virtualtransaction \
             AND COALESCE(r.pid, 0) {EQ} COALESCE(w.pid, 0)) \
             CROSS JOIN LATERAL (SELECT w.pid, 'a row' AS mode, NULL::pg_catalog.oid AS relation, \
             w.virtualtransaction) l {JOINED} \
             WHERE t.ctid {EQ} {tuple}::pg_catalog.tid",
            columns = columns(),
            tuple = literal(&self.tuple),
        )
    }
}

/// The first `(block,item)` of a text.
fn tuple(text: &str) -> Option<String> {
    text.split('(').skip(1).find_map(|rest| {
        let (block, item) = rest.split_once(')')?.0.split_once(',')?;
        Some(format!("({},{})", block.parse::<u32>().ok()?, item.parse::<u16>().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::RowWaitedFor;

    #[test]
    fn the_row_is_found_in_any_language_and_never_in_a_statement() {
        for (context, expected) in [
            ("while updating tuple (0,5) in relation \"ord\"", Some(("(0,5)", "ord"))),
            (
                "while locking tuple (12,1) in relation \"My Ord\"\nSQL statement \"SELECT 1\"",
                Some(("(12,1)", "My Ord")),
            ),
            ("beim Aktualisieren von Tupel (0,5) in Relation »ord«", Some(("(0,5)", "ord"))),
            ("リレーション\"ord\"のタプル(0,5)の更新中", Some(("(0,5)", "ord"))),
            ("SQL statement \"INSERT INTO ord VALUES (0,5)\"", None),
            ("PL/pgSQL function f(integer) line 3 at SQL statement", None),
            ("while updating tuple (0,5)", None),
            ("\"", None),
            ("", None),
        ] {
            let row = RowWaitedFor::parse(context);
            let found = row.as_ref().map(|row| (row.tuple.as_str(), row.table));
            assert_eq!(found, expected, "{context}");
        }
    }
}
