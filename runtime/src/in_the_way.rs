//! Whom a statement that gave up has waited for, as it is told right after: by the row that the server names, or else by the
//! locks that the statement is known to take, and who holds one that conflicts with them.
//!
//! `pg_blocking_pids` answers only while somebody waits; where another connection could ask it in time, that goes before
//! (see [`beside`](crate::in_the_way::beside)). Here nobody is named whose lock would have let the statement through.

#[cfg(feature = "tokio-postgres")]
pub(crate) mod beside;
mod row;

use std::collections::HashSet;
use std::time::Duration;

use graven_source::statement::{LockMode, Locked, QualifiedName, locks, split};

use self::row::RowWaitedFor;
use crate::connection::{Connection, Row};
use crate::lock::{Holder, SESSION};
use crate::session::Session;
use crate::sql::{EQ, NE, literal};

/// The most that are named.
const SHOWN: usize = 3;
/// The most names of a text that are looked up.
const NAMES: usize = 300;

/// A statement that gave up waiting.
pub(crate) struct Stuck<'s> {
    pub(crate) statement: &'s str,
    /// The whole file.
    pub(crate) file: &'s str,
    /// Where in functions it was, as the server says.
    pub(crate) context: Option<&'s str>,
    /// How long it had waited.
    pub(crate) waited: Duration,
}

/// The statement of a file that begins before a place and ends behind it; the whole file where it is not known.
pub(crate) fn statement_at(sql: &str, place: Option<usize>) -> &str {
    let found = place.and_then(|place| split(sql).ok()?.into_iter().find(|it| it.span.contains(&place)));
    found.and_then(|statement| sql.get(statement.span)).unwrap_or(sql)
}

/// Whether what it does waits for old snapshots, too, and not only for locks (PostgreSQL manual, CREATE INDEX, Building
/// Indexes Concurrently).
pub(crate) fn is_concurrent(statement: &str) -> bool {
    words(statement).take(8).any(|word| word.eq_ignore_ascii_case("concurrently"))
}

/// Who is in its way, the oldest transactions first. Never fails: it only serves a message.
pub(crate) async fn in_the_way<C: Connection>(session: &mut Session<'_, C>, stuck: Stuck<'_>) -> Vec<Holder> {
    if let Some(row) = stuck.context.and_then(RowWaitedFor::parse) {
        let holders = row.holders(session).await;
        if !holders.is_empty() {
            return holders;
        }
    }
    let found = told(session, &holders(&wanted(&stuck))).await;
    if found.is_empty() && is_concurrent(stuck.statement) {
        return told(session, &old_snapshots(stuck.waited)).await;
    }
    found
}

async fn told<C: Connection>(session: &mut Session<'_, C>, sql: &str) -> Vec<Holder> {
    let reply = session.send(sql).await;
    let rows = reply.completed.first().map(Vec::as_slice).unwrap_or_default();
    // What stands nearest to what the statement names: that is locked first.
    let depth = |row: &Row| row.number::<u32>(COLUMNS);
    let nearest = rows.iter().filter_map(depth).min();
    named(rows.iter().filter(|row| depth(row) == nearest))
}

/// How many columns [`named`] reads.
const COLUMNS: usize = 10;

/// The holders of some rows, each once.
pub(crate) fn named<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<Holder> {
    let mut seen = HashSet::new();
    let holders = rows.filter_map(Holder::in_the_way);
    holders.filter(|holder| seen.insert((holder.pid, holder.prepared.clone()))).take(SHOWN).collect()
}

/// What is asked of a session or a prepared transaction that holds `l`, a row of `pg_locks`: as [`Holder`] reads it. `a` is
/// its row of `pg_stat_activity`, `p` that of `pg_prepared_xacts`.
pub(crate) fn columns() -> String {
    format!(
        "COALESCE(l.pid, 0), {SESSION}, l.mode, CASE WHEN l.relation IS NOT NULL THEN l.relation::pg_catalog.regclass::pg_catalog.text END, p.gid"
    )
}

/// Joins those two to `l`. A prepared transaction has no process (PostgreSQL manual, 54.12), and a lock on its own number.
pub(crate) const JOINED: &str = "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid \
    LEFT JOIN pg_catalog.pg_prepared_xacts p ON l.pid IS NULL AND EXISTS (SELECT FROM pg_catalog.pg_locks x \
    WHERE x.pid IS NULL AND x.locktype OPERATOR(pg_catalog.=) 'transactionid' \
    AND x.transactionid OPERATOR(pg_catalog.=) p.transaction \
    AND x.virtualtransaction OPERATOR(pg_catalog.=) l.virtualtransaction)";

/// Relations, and the modes of others that keep the statement from locking them.
struct Wanted {
    /// A query for their OIDs.
    relations: String,
    in_the_way: Vec<LockMode>,
    reach: Reach,
}

/// What is locked beside what was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Alone,
    /// Partitions and what inherits, too.
    Descendants,
}

fn wanted(stuck: &Stuck<'_>) -> Vec<Wanted> {
    let text = stuck.statement;
    // With another search path than the session's, all that is known of an unqualified name is the name.
    let anywhere = words(stuck.file).any(|word| word.eq_ignore_ascii_case("search_path"));
    let statements = split(text).unwrap_or_default();
    let texts = statements.iter().filter_map(|statement| text.get(statement.span.clone()));
    let within = quoted(stuck.context.unwrap_or_default());
    let mut wanted: Vec<Wanted> = texts.chain(within).flat_map(|statement| known(statement, anywhere)).collect();
    if wanted.is_empty() {
        // Whatever it locks and however: who lets nobody at a table is in the way.
        let context = stuck.context.unwrap_or_default();
        let names: Vec<String> = words(text).chain(words(context)).take(NAMES).map(literal).collect();
        wanted.push(Wanted {
            relations: format!(
                "SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname {EQ} ANY (ARRAY[{}]::pg_catalog.name[])",
                names.join(", ")
            ),
            in_the_way: vec![LockMode::AccessExclusive],
            reach: Reach::Alone,
        });
    }
    wanted
}

/// What one statement is known to lock.
fn known(statement: &str, anywhere: bool) -> Vec<Wanted> {
    let only = words(statement).any(|word| word.eq_ignore_ascii_case("only"));
    let concurrent = is_concurrent(statement);
    let drops = words(statement).next().is_some_and(|word| !word.eq_ignore_ascii_case("create"));
    let mut wanted: Vec<Wanted> = locks(statement)
        .into_iter()
        .map(|lock| {
            let relations = match &lock.on {
                Locked::TableOf(index) => format!(
                    "SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid {EQ} ANY ({})",
                    relation(index, anywhere)
                ),
                Locked::Relation(name) => relation(name, anywhere),
                _ => "SELECT NULL::pg_catalog.oid".to_owned(),
            };
            let in_the_way = match concurrent {
                // A build waits for all who write, a drop and a rebuild for all who use the table.
                true if drops => LockMode::ALL.to_vec(),
                true => conflicting(LockMode::Share),
                false => conflicting(lock.mode),
            };
            let reach = if only || lock.mode < LockMode::Share { Reach::Alone } else { Reach::Descendants };
            Wanted { relations, in_the_way, reach }
        })
        .collect();
    let schemas = dropped_schemas(statement);
    if !schemas.is_empty() {
        let names: Vec<String> = schemas.iter().map(|name| literal(name)).collect();
        wanted.push(Wanted {
            relations: format!(
                "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid {EQ} c.relnamespace \
                 WHERE n.nspname {EQ} ANY (ARRAY[{}]::pg_catalog.name[])",
                names.join(", ")
            ),
            in_the_way: LockMode::ALL.to_vec(),
            reach: Reach::Alone,
        });
    }
    wanted
}

/// The query for a relation's OID.
fn relation(name: &QualifiedName, anywhere: bool) -> String {
    let place = match &name.schema {
        Some(schema) => format!(
            "c.relnamespace {EQ} ANY (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname {EQ} {}::pg_catalog.name)",
            literal(schema)
        ),
        None if anywhere => "true".to_owned(),
        None => "pg_catalog.pg_table_is_visible(c.oid)".to_owned(),
    };
    let name = literal(&name.name);
    format!("SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname {EQ} {name}::pg_catalog.name AND {place}")
}

/// The modes that a mode has to wait for (PostgreSQL manual, 13.3.1, table 13.2).
fn conflicting(mode: LockMode) -> Vec<LockMode> {
    use LockMode::{
        AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share, ShareRowExclusive, ShareUpdateExclusive,
    };

    match mode {
        AccessShare => vec![AccessExclusive],
        RowShare => vec![Exclusive, AccessExclusive],
        RowExclusive => vec![Share, ShareRowExclusive, Exclusive, AccessExclusive],
        ShareUpdateExclusive => vec![ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive],
        Share => vec![RowExclusive, ShareUpdateExclusive, ShareRowExclusive, Exclusive, AccessExclusive],
        ShareRowExclusive => {
            vec![RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive]
        }
        Exclusive => LockMode::ALL.into_iter().filter(|mode| *mode != AccessShare).collect(),
        // One that is not known here: what conflicts with every mode.
        AccessExclusive => LockMode::ALL.to_vec(),
        _ => vec![AccessExclusive],
    }
}

/// A mode as `pg_locks` has it: `ShareRowExclusiveLock`.
fn in_pg_locks(mode: LockMode) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        format!("{first}{}", rest.to_ascii_lowercase())
    };
    format!("{}Lock", mode.as_str().split(' ').map(word).collect::<String>())
}

/// The same the other way round; of what is no lock on a relation, as it is.
pub(crate) fn from_pg_locks(mode: &str) -> &str {
    LockMode::ALL.into_iter().find(|known| in_pg_locks(*known) == mode).map_or(mode, |known| known.as_str())
}

fn holders(wanted: &[Wanted]) -> String {
    let each = |wanted: &Wanted| {
        let modes: Vec<String> = wanted.in_the_way.iter().map(|mode| in_pg_locks(*mode)).collect();
        let descends = wanted.reach == Reach::Descendants;
        format!(
            "SELECT '{{{}}}'::pg_catalog.text[], {descends}, 0, r.oid FROM ({}) r (oid)",
            modes.join(","),
            wanted.relations
        )
    };
    let each: Vec<String> = wanted.iter().map(each).collect();
    format!(
        "WITH RECURSIVE t (modes, descends, depth, oid) AS (({}) UNION \
         SELECT t.modes, true, pg_catalog.int4pl(t.depth, 1), i.inhrelid \
         FROM t JOIN pg_catalog.pg_inherits i ON i.inhparent {EQ} t.oid \
         WHERE t.descends) \
         SELECT {columns}, t.depth FROM t JOIN pg_catalog.pg_locks l ON l.locktype {EQ} 'relation' AND l.granted \
         AND l.relation {EQ} t.oid AND l.mode {EQ} ANY (t.modes) AND COALESCE(l.pid, 0) {NE} pg_catalog.pg_backend_pid() \
         AND l.database {EQ} (SELECT d.oid FROM pg_catalog.pg_database d \
         WHERE d.datname {EQ} pg_catalog.current_database()) {JOINED} \
         ORDER BY COALESCE(a.xact_start, p.prepared), l.mode LIMIT 100",
        each.join(" UNION ALL "),
        columns = columns(),
    )
}

/// Who has a snapshot that is older than the wait.
fn old_snapshots(waited: Duration) -> String {
    format!(
        "SELECT a.pid, {SESSION}, 'an old snapshot', NULL, NULL, 0 FROM pg_catalog.pg_stat_activity a \
         WHERE a.backend_xmin IS NOT NULL AND a.datname {EQ} pg_catalog.current_database() \
         AND a.backend_type {EQ} 'client backend' AND a.pid {NE} pg_catalog.pg_backend_pid() \
         AND pg_catalog.timestamptz_lt(a.xact_start, pg_catalog.timestamptz_mi_interval(\
         pg_catalog.clock_timestamp(), pg_catalog.make_interval(secs => {}))) \
         ORDER BY a.xact_start",
        waited.as_secs_f64()
    )
}

/// The identifiers and words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).filter(|word| !word.is_empty())
}

/// How the languages of the server quote.
const QUOTES: [char; 7] = ['"', '»', '«', '„', '“', '”', '’'];

/// What may be the statements of functions in the server's CONTEXT, which quotes them in the manner of its language:
/// `SQL statement "ALTER TABLE …"`.
fn quoted(context: &str) -> impl Iterator<Item = &str> {
    context.char_indices().filter(|(_, c)| QUOTES.contains(c)).filter_map(move |(at, quote)| {
        let text = context.get(at + quote.len_utf8()..)?;
        let ends_line = |(end, c): &(usize, char)| {
            QUOTES.contains(c) && text.get(end + c.len_utf8()..).is_some_and(|it| it.is_empty() || it.starts_with('\n'))
        };
        let (end, _) = text.char_indices().find(ends_line)?;
        text.get(..end)
    })
}

/// The schemas that a statement takes away.
fn dropped_schemas(statement: &str) -> Vec<String> {
    let mut rest = statement.trim_start();
    for (word, optional) in [("drop", false), ("schema", false), ("if", true), ("exists", true)] {
        match rest.get(..word.len()).filter(|found| found.eq_ignore_ascii_case(word)) {
            Some(_) => rest = rest.get(word.len()..).unwrap_or_default().trim_start(),
            None if optional => {}
            None => return Vec::new(),
        }
    }
    let name = |part: &str| match part.trim().strip_prefix('"').and_then(|part| part.split_once('"')) {
        Some((quoted, _)) => Some(quoted.to_owned()),
        None => words(part).next().map(str::to_lowercase),
    };
    rest.split(',').filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::{conflicting, dropped_schemas, from_pg_locks, in_pg_locks, is_concurrent, quoted, statement_at};
    use graven_source::statement::{LockMode, locks};

    #[test]
    fn the_statement_of_a_place_is_found_and_the_whole_file_otherwise() {
        let sql = "SELECT 1; -- x\nCREATE INDEX i\nON t (x);";
        assert_eq!(statement_at(sql, Some(17)), "CREATE INDEX i\nON t (x);");
        assert_eq!(statement_at(sql, None), sql);
    }

    #[test]
    fn modes_conflict_both_ways() {
        for one in LockMode::ALL {
            for other in LockMode::ALL {
                assert_eq!(conflicting(one).contains(&other), conflicting(other).contains(&one), "{one} {other}");
            }
        }
        assert_eq!(in_pg_locks(LockMode::ShareRowExclusive), "ShareRowExclusiveLock");
        assert_eq!(from_pg_locks("AccessShareLock"), "ACCESS SHARE");
        assert_eq!(from_pg_locks("an old snapshot"), "an old snapshot");
    }

    #[test]
    fn the_statement_of_a_function_is_found_in_any_language() {
        for context in [
            "SQL statement \"ALTER TABLE \"Ord\" ADD x int\"\nPL/pgSQL function inline_code_block line 1 at EXECUTE",
            "SQL-Anweisung »ALTER TABLE \"Ord\" ADD x int«\nPL/pgSQL-Funktion inline_code_block Zeile 1",
        ] {
            let found: Vec<_> = quoted(context).flat_map(locks).collect();
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].mode, LockMode::AccessExclusive);
        }
    }

    #[test]
    fn schemas_that_are_dropped_are_named() {
        assert_eq!(dropped_schemas("DROP SCHEMA IF EXISTS App, \"My Ops\" CASCADE"), ["app", "My Ops"]);
        assert_eq!(dropped_schemas("DROP TABLE a"), [""; 0]);
        assert!(
            is_concurrent("create unique index concurrently i on t (x)") && !is_concurrent("CREATE INDEX i ON t (x)")
        );
    }
}
