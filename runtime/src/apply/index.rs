//! What became of a statement that PostgreSQL works off in several transactions of its own, `CREATE INDEX CONCURRENTLY`
//! above all: the catalog knows. It asks, and changes nothing.

use crate::apply::non_transactional::{IfNotExists, NewIndex, Trace};
use crate::connection::{Connection, Failure};
use crate::error::Error;
use crate::history::Doubt;
use crate::migrations::Effect;
use crate::session::Session;
use crate::sql::{EQ, NE, identifier, literal};

/// What the catalog says about a unit that was begun before.
#[derive(Debug)]
pub(crate) struct Found {
    /// Indexes that it has left and that serve no query, qualified and quoted. Every write pays for them.
    pub(crate) invalid: Vec<String>,
    pub(crate) fate: Fate,
}

/// How a unit that was begun before goes on.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It is run again.
    Again,
    /// It has taken effect.
    Finished,
    /// It has taken effect but for this statement, which ends it.
    Unfinished(String),
    /// A session is at it at this moment.
    UnderWay,
    /// The catalog does not tell, since the server refuses the question.
    Untold(Failure),
}

impl Found {
    fn fate(fate: Fate) -> Self {
        Self { invalid: Vec::new(), fate }
    }
}

/// Asks what a unit has left. `noted` is what there was before it was sent, if it was.
pub(crate) async fn found<C: Connection>(
    session: &mut Session<'_, C>,
    effect: Effect,
    trace: &Trace,
    doubt: Doubt,
    noted: Option<&str>,
) -> Result<Found, Error> {
    match (trace, noted) {
        (Trace::NamedIndex { on }, _) => Ok(match index(session, effect, noted).await? {
            // It is none of this migration's, and PostgreSQL is to say that the name is taken.
            Index::Valid(Age::Before) => Found::fate(Fate::Again),
            Index::Invalid(Age::Before, _) if *on == IfNotExists::NotSaid => Found::fate(Fate::Again),
            Index::Invalid(_, index) => Found { invalid: vec![index], fate: Fate::Again },
            // The earlier run was cut off before it could say so.
            Index::Valid(Age::Since) if noted.is_some() || doubt == Doubt::InDoubt => Found::fate(Fate::Finished),
            Index::UnderWay => Found::fate(Fate::UnderWay),
            Index::Valid(Age::Since) | Index::Absent => Found::fate(Fate::Again),
        }),
        (Trace::NewIndex(index), Some(noted)) => new_index(session, index, noted).await,
        (Trace::DroppedIndex { .. }, Some(noted)) => dropped_index(session, noted).await,
        (Trace::Rebuilt { relation }, Some(noted)) => rebuilt(session, relation, noted).await,
        (Trace::Detached { table, partition }, Some(noted)) => detached(session, table, partition, noted).await,
        // It was not sent, or may be sent again.
        _ => Ok(Found::fate(Fate::Again)),
    }
}

/// What must be known before a unit is sent, as a query for one array of OIDs; `None` where nothing must.
pub(crate) fn before(effect: Effect, trace: &Trace) -> Option<String> {
    let (oids, from) = match trace {
        Trace::NamedIndex { .. } => ("c.oid", format!("{INDEX} WHERE {}", named(effect)?)),
        Trace::NewIndex(index) => {
            ("i.indexrelid", format!("pg_catalog.pg_index i WHERE i.indrelid {EQ} {}", oid(&index.table)))
        }
        Trace::DroppedIndex { index } => ("c.oid", format!("pg_catalog.pg_class c WHERE c.oid {EQ} {}", oid(index))),
        Trace::Rebuilt { relation } => ("i.indexrelid", invalid_indexes(relation)),
        Trace::Detached { table, partition } => ("h.inhrelid", partition_of(table, &oid(partition))),
        Trace::Nothing | Trace::Recorded(_) | Trace::Repeatable => return None,
    };
    Some(format!("SELECT COALESCE(pg_catalog.array_agg({oids}), '{{}}') FROM {from}"))
}

/// What the catalog says about an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    /// There is none of that name on that table, or the unit makes none that can be named.
    Absent,
    /// It is there and serves.
    Valid(Age),
    /// It is there and serves no query: its build was cut off or failed. Holds its name, qualified and quoted.
    Invalid(Age, String),
    /// It is there and serves no query yet: another session is building it at this moment.
    UnderWay,
}

/// Whether an index was there before the unit was sent, as far as that was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    Before,
    Since,
}

/// Looks for the index of a name that a unit builds.
pub(crate) async fn index<C: Connection>(
    session: &mut Session<'_, C>,
    effect: Effect,
    noted: Option<&str>,
) -> Result<Index, Error> {
    let Some(named) = named(effect) else { return Ok(Index::Absent) };
    let sql = format!("{INDEXES}, c.oid {EQ} ANY ({}) FROM {INDEX} WHERE {named}", oids(noted.unwrap_or(NONE)));
    let results = session.expect(LOOKING, &sql).await?;
    let Some(row) = results.first().and_then(|rows| rows.first()) else { return Ok(Index::Absent) };
    let age = if row.is_true(3) { Age::Before } else { Age::Since };
    Ok(match row {
        row if row.is_true(0) => Index::Valid(age),
        row if row.is_true(2) => Index::UnderWay,
        row => Index::Invalid(age, row.text(1).to_owned()),
    })
}

/// The index that a unit builds, among those of [`INDEX`], where it says its name and table.
fn named(effect: Effect) -> Option<String> {
    let Effect::ConcurrentIndex { name: Some(name), schema, table } = effect else { return None };
    let table = match schema {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(table)),
        None => identifier(table),
    };
    // An index lies in its table's schema. That of a partitioned table is none that can be built concurrently.
    Some(format!(
        "c.relname {EQ} {}::pg_catalog.name AND c.relkind {EQ} 'i' AND i.indrelid {EQ} {}",
        literal(name),
        oid(&table)
    ))
}

const LOOKING: &str = "looking for an index";

/// Whether indexes are valid, their names, and whether somebody is building them. `indisvalid` turns true as the last step
/// of a concurrent build (PostgreSQL manual, 52.26).
const INDEXES: &str = "SELECT i.indisvalid, \
     pg_catalog.format('%I.%I', n.nspname, c.relname), \
     EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid OPERATOR(pg_catalog.=) i.indexrelid)";

const INDEX: &str = "pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace";

/// An index that PostgreSQL names is recognised by its definition, as PostgreSQL itself writes it: the same index is made
/// on an empty copy of the table, in a transaction that is rolled back.
async fn new_index<C: Connection>(session: &mut Session<'_, C>, index: &NewIndex, noted: &str) -> Result<Found, Error> {
    let NewIndex { unique, table, table_name, definition } = index;
    let new = format!(
        "SELECT pg_catalog.array_agg(i.indexrelid)::pg_catalog.text FROM pg_catalog.pg_index i \
         WHERE i.indrelid {EQ} {} AND i.indexrelid {NE} ALL ({})",
        oid(table),
        oids(noted)
    );
    let results = session.expect(LOOKING, &new).await?;
    let Some(new) = results.first().and_then(|rows| rows.first()).and_then(|row| row.optional(0)) else {
        return Ok(Found::fate(Fate::Again));
    };
    // The copy has the table's own name, since a condition may say it.
    let compare = format!(
        "BEGIN;\nCREATE TEMPORARY TABLE {table_name} (LIKE {table});\n\
         CREATE {unique}INDEX ON pg_temp.{table_name} {definition}\n;\n\
         {INDEXES} FROM {INDEX} JOIN pg_catalog.pg_index k ON k.indrelid {EQ} {copy} AND k.indisunique {EQ} i.indisunique \
         AND {described_k} {EQ} {described_i} WHERE i.indexrelid {EQ} ANY ({new});\nROLLBACK",
        copy = oid(&format!("pg_temp.{table_name}")),
        described_k = described("k"),
        described_i = described("i"),
        new = oids(new),
    );
    let reply = session.send(&compare).await;
    if let Some(failure) = reply.failure {
        if let Failure::Connection(_) = failure {
            return Err(Error::from_failure(LOOKING, failure));
        }
        session.expect(LOOKING, "ROLLBACK").await?;
        return Ok(Found::fate(Fate::Untold(failure)));
    }
    let alike = reply.completed.get(3).map(Vec::as_slice).unwrap_or_default();
    let invalid = alike.iter().filter(|row| !row.is_true(0));
    Ok(Found {
        invalid: invalid.clone().filter(|row| !row.is_true(2)).map(|row| row.text(1).to_owned()).collect(),
        fate: if alike.iter().any(|row| row.is_true(0)) {
            Fate::Finished
        } else if invalid.clone().any(|row| row.is_true(2)) {
            Fate::UnderWay
        } else {
            Fate::Again
        },
    })
}

/// An index's definition without its own name and its table's.
fn described(index: &str) -> String {
    let definition = format!("pg_catalog.pg_get_indexdef({index}.indexrelid)");
    format!("pg_catalog.substr({definition}, pg_catalog.strpos({definition}, ' USING '))")
}

/// A `DROP INDEX CONCURRENTLY` that is cut off leaves the index, valid or not, and is run again.
async fn dropped_index<C: Connection>(session: &mut Session<'_, C>, noted: &str) -> Result<Found, Error> {
    let sql = format!("SELECT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid {EQ} ANY ({}))", oids(noted));
    let results = session.expect(LOOKING, &sql).await?;
    let is_there = results.first().and_then(|rows| rows.first()).is_some_and(|row| row.is_true(0));
    // Without one there was nothing to drop, and PostgreSQL is to say so.
    Ok(Found::fate(if is_there || noted == NONE { Fate::Again } else { Fate::Finished }))
}

/// A `REINDEX CONCURRENTLY` that is cut off leaves invalid indexes named after those that it rebuilds (PostgreSQL manual,
/// REINDEX).
async fn rebuilt<C: Connection>(session: &mut Session<'_, C>, relation: &str, noted: &str) -> Result<Found, Error> {
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), \
         EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.relid {EQ} i.indrelid) \
         FROM {} AND i.indexrelid {NE} ALL ({}) AND pg_catalog.nameregexeq(c.relname, '_cc(new|old)[0-9]*$')",
        invalid_indexes(relation),
        oids(noted)
    );
    let results = session.expect(LOOKING, &sql).await?;
    let left = results.into_iter().next().unwrap_or_default();
    if left.iter().any(|row| row.is_true(1)) {
        return Ok(Found::fate(Fate::UnderWay));
    }
    Ok(Found { invalid: left.iter().map(|row| row.text(0).to_owned()).collect(), fate: Fate::Again })
}

/// The first of its two transactions marks the partition, and only FINALIZE ends what was cut off after it (PostgreSQL
/// manual, ALTER TABLE).
async fn detached<C: Connection>(
    session: &mut Session<'_, C>,
    table: &str,
    partition: &str,
    noted: &str,
) -> Result<Found, Error> {
    let from = partition_of(table, &format!("ANY ({})", oids(noted)));
    let results = session.expect("looking for a partition", &format!("SELECT h.inhdetachpending FROM {from}")).await?;
    Ok(Found::fate(match results.first().and_then(|rows| rows.first()) {
        Some(row) if row.is_true(0) => {
            Fate::Unfinished(format!("ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE"))
        }
        None if noted != NONE => Fate::Finished,
        Some(_) | None => Fate::Again,
    }))
}

/// An array of OIDs that holds none.
pub(crate) const NONE: &str = "{}";

/// The invalid indexes of a table, or of an index's table, with its partitions and what they keep out of line.
fn invalid_indexes(relation: &str) -> String {
    let relation = oid(relation);
    let table = format!(
        "SELECT COALESCE((SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid {EQ} {relation}), {relation}) AS oid"
    );
    let tables = format!(
        "SELECT t.oid FROM ({table}) t UNION \
         SELECT p.relid::pg_catalog.oid FROM ({table}) t, pg_catalog.pg_partition_tree(t.oid::pg_catalog.regclass) p"
    );
    format!(
        "pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid {EQ} i.indexrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid {EQ} c.relnamespace \
         WHERE NOT i.indisvalid AND c.relkind {EQ} 'i' AND EXISTS (SELECT FROM ({tables}) t \
         JOIN pg_catalog.pg_class r ON r.oid {EQ} t.oid WHERE i.indrelid {EQ} t.oid OR i.indrelid {EQ} r.reltoastrelid)"
    )
}

fn partition_of(table: &str, partition: &str) -> String {
    format!("pg_catalog.pg_inherits h WHERE h.inhparent {EQ} {} AND h.inhrelid {EQ} {partition}", oid(table))
}

/// The OID of a relation as an SQL text names it; NULL where there is none.
fn oid(relation: &str) -> String {
    format!("pg_catalog.to_regclass({})::pg_catalog.oid", literal(relation))
}

fn oids(array: &str) -> String {
    format!("{}::pg_catalog.oid[]", literal(array))
}
