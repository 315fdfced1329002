//! What the schema of a database is, as text, so that two of them can be compared.
//!
//! It asks the catalogs and needs no `pg_dump`. The text holds no number that a database has given out, and two schemas that
//! differ in anything but data give two texts. It knows nothing of what belongs to a whole server (roles, tablespaces), of
//! rows, of large objects, and of what an extension brings along: that follows from the extension's version.

mod contents;
mod difference;
mod reparsed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use tokio_postgres::{Client, IsolationLevel, Transaction};

pub(crate) use self::contents::{Contents, Rows, Table};
pub(crate) use self::difference::Difference;
use self::reparsed::reparsed;

/// Rows (object, rank, text) that say all there is to say.
const FACTS: &str = concat!(include_str!("schema/hidden.sql"), include_str!("schema/facts.sql"));

/// What decides how PostgreSQL prints an expression. `search_path` is empty, so that every name in one is qualified.
const SETTINGS: &str = "SET LOCAL search_path = ''; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres'; \
     SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1; SET LOCAL quote_all_identifiers = off; \
     SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; SET LOCAL jit = off; SET LOCAL row_security = off";

/// The schema of a database, as it was at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schema {
    /// What is said of each object, line by line.
    objects: BTreeMap<String, Vec<String>>,
}

impl Schema {
    /// Reads it in a transaction of its own that writes nothing. `history` is the history table as SQL has it, and is left
    /// out; it may be empty.
    pub(crate) async fn read(client: &mut Client, history: &str) -> Result<Self, tokio_postgres::Error> {
        let transaction = at_one_moment(client).await?;
        let mut facts: Vec<(String, i32, String)> = Vec::new();
        for row in transaction.query(FACTS, &[&history]).await? {
            facts.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        }
        transaction.commit().await?;
        Ok(Self::of(facts))
    }

    fn of(mut facts: Vec<(String, i32, String)>) -> Self {
        // The server's collation has no part in the order.
        for (_, _, text) in &mut facts {
            if let Some(same) = reparsed(text) {
                *text = same;
            }
        }
        facts.sort_unstable();
        let mut objects: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (object, _, text) in facts {
            objects.entry(object).or_default().extend(text.lines().map(str::to_owned));
        }
        Self { objects }
    }

    /// What is different in another schema.
    pub(crate) fn difference(&self, other: &Self) -> Difference {
        Difference::between(&self.objects, &other.objects)
    }
}

/// A transaction that sees one moment, writes nothing, and prints everything alike on every server.
pub(crate) async fn at_one_moment(client: &mut Client) -> Result<Transaction<'_>, tokio_postgres::Error> {
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    transaction.batch_execute(SETTINGS).await?;
    Ok(transaction)
}
