//! The glance: the least that must be asked to learn that everything is as the set says. One message; it changes nothing
//! that lasts.
//!
//! In a session that has just begun, each function, operator and table that a message names is a journey through cold
//! caches, and costs more than a hundred rows do. So it asks for rights and names only as keywords and settings tell them,
//! calls functions by name instead of operators, and compares nothing that the client can compare.

use graven_source::Version;

use super::{PATIENCE, Wanted};
use crate::migrations::Migrations;
use crate::sql::{identifier, literal};

/// Up to so many migrations, the rows themselves are what comes back soonest: they fit into what TCP sends at once, or
/// nearly. Beyond, the server compares, and says yes or sends the rows.
pub(crate) const MOST_ROWS: usize = 128;

/// How the rows of a glance are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asking<'a> {
    /// Every row.
    Rows,
    /// Whether they begin with this version and all of them have this digest; and every row if not.
    Digest(Version, &'a [u8; 32], Names),
}

/// Whether names are part of a digest: those of repeatables are, which have no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    None,
    OfRepeatables,
}

impl Asking<'_> {
    /// The way that suits a set.
    pub(crate) fn about(set: &Migrations) -> Self {
        match (set.digest, set.migrations.first()) {
            (Some(digest), Some(first)) if set.rows() > MOST_ROWS => {
                let names = if set.repeatables.is_empty() { Names::None } else { Names::OfRepeatables };
                Asking::Digest(first.version, digest, names)
            }
            _ => Asking::Rows,
        }
    }
}

/// Eight statements: whether this is a standby; the application's name; the two limits that are about to be changed; the change;
/// the moments at which transaction and message began, the database, the schema of the history, the table that this has of that
/// name and the one that the search path leads to, the process where it is not known; the rows.
///
/// Before the rows are read, the wait for a lock on their table is limited for the rest of the message, and nothing else is. A
/// transaction of the caller's own has to be given its limits back: see [`put_back`]. (To spare it by a condition, with
/// `set_config`, costs each start nearly a tenth of its time.)
///
/// Where the schema is not said, the rows are those of the latter table, which must be the former as well. A view is refused
/// before anything of it runs, since it cannot be sampled (PostgreSQL manual, SELECT, TABLESAMPLE), and a sample of 100 % is
/// all there is.
pub(crate) fn glance(wanted: &Wanted, namespace: &str, asking: Asking<'_>, process: Option<i32>) -> String {
    let process = if process.is_some() { "" } else { ", pg_catalog.pg_backend_pid()" };
    let name = identifier(&wanted.name);
    let (place, table) = match &wanted.schema {
        Some(schema) => (String::new(), format!("{}.{name}", identifier(schema))),
        // Of two tables with one name, at least one is shown with its schema as well.
        None => {
            let there = format!("pg_catalog.format('%I.%I', current_schema, {})", literal(&wanted.name));
            let met = literal(&name);
            (format!(", current_schema, pg_catalog.to_regclass({there}), pg_catalog.to_regclass({met})"), name)
        }
    };
    let from = format!(
        "FROM {table} h TABLESAMPLE pg_catalog.system('100') WHERE pg_catalog.texteq(h.namespace, {})",
        literal(namespace)
    );
    format!(
        "SHOW in_hot_standby;\nSHOW application_name;\nSHOW statement_timeout;\nSHOW lock_timeout;\n\
         SET LOCAL statement_timeout = 0;\nSET LOCAL lock_timeout = '{PATIENCE}';\n\
         SELECT CURRENT_TIMESTAMP, pg_catalog.statement_timestamp(), current_catalog{place}{process};\n{}",
        match asking {
            Asking::Rows => format!("SELECT {COLUMNS} {from}"),
            Asking::Digest(first, digest, names) => compare(first, digest, names, &from),
        }
    )
}

/// How many statements a [`glance`] has.
pub(crate) const GLANCE: usize = 8;

/// Gives a transaction of the caller's own the limits back that it had before a [`glance`].
pub(crate) fn put_back(statement_timeout: &str, lock_timeout: &str) -> String {
    format!(
        "SET LOCAL statement_timeout = {};\nSET LOCAL lock_timeout = {}",
        literal(statement_timeout),
        literal(lock_timeout)
    )
}

/// What is asked of each row.
const COLUMNS: &str = "h.version, h.name, h.checksum, h.state, h.format";

/// One row with a yes, or the rows with a no. The digest is that of graven-source.
fn compare(first: Version, digest: &[u8; 32], names: Names, from: &str) -> String {
    // What no migration needs is not asked for: see above.
    let (delimiter, order) = match names {
        Names::None => ("pg_catalog.int8send(h.version)", "h.version"),
        Names::OfRepeatables => (
            "COALESCE(pg_catalog.int8send(h.version), pg_catalog.convert_to(h.name, 'UTF8'))",
            "h.version, h.name COLLATE pg_catalog.\"C\"",
        ),
    };
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    // A delimiter goes before each value but the first, and none where the version is NULL. LATERAL and OFFSET keep the rows from being read before the verdict.
    format!(
        "SELECT d.same, x.version, x.name, x.checksum, x.state, x.format FROM (\
         SELECT pg_catalog.byteaeq(pg_catalog.sha256(\
         pg_catalog.string_agg(h.checksum, {delimiter} ORDER BY {order})), {digest}) \
         AND pg_catalog.int8eq(pg_catalog.min(h.version), '{first}') \
         AND pg_catalog.bool_and(pg_catalog.texteq(h.state, 'applied') AND pg_catalog.int2eq(h.format, '1')) AS same {from}) d \
         LEFT JOIN LATERAL (SELECT {COLUMNS} {from} AND d.same IS NOT TRUE OFFSET 0) x ON true",
        digest = literal(&format!("\\x{digest}")),
    )
}
