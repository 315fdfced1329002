//! What a database holds beside its schema, so that two of them can be compared: the rows of its tables and of its
//! materialised views, and the next numbers of its sequences.
//!
//! Of a table it keeps the number of rows and digests; the rows themselves are asked for where they differ. It knows nothing
//! of large objects, of foreign tables, and of rows in tables that belong to an extension.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, Row, Transaction};

use super::at_one_moment;

const RELATIONS: &str = concat!(include_str!("hidden.sql"), include_str!("contents.sql"));

/// The most rows of a table that are read to show how they differ.
const MOST: usize = 10_000;

/// What a database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) tables: BTreeMap<String, Table>,
    /// The number that each sequence gives out next.
    pub(crate) sequences: BTreeMap<String, i64>,
}

/// What a table holds. Names are as SQL has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) rows: i64,
    /// Of all rows, whatever their order is.
    pub(crate) digest: String,
    /// Of the values of each column, whatever their order is.
    pub(crate) columns: BTreeMap<String, String>,
    /// Columns whose default is the time, a random number, or anything else that PostgreSQL does not take for constant.
    pub(crate) varying: BTreeSet<String>,
}

impl Contents {
    /// Reads it in a transaction of its own that writes nothing. `history` is the history table, which is left out.
    pub(crate) async fn read(client: &mut Client, history: &str) -> Result<Self, tokio_postgres::Error> {
        let transaction = at_one_moment(client).await?;
        let mut contents = Self::default();
        for row in transaction.query(RELATIONS, &[&history]).await? {
            let (name, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            if kind == "S" {
                let next = next_number(&transaction, &name).await?;
                contents.sequences.insert(name, next);
            } else {
                let table = table(&transaction, &name, &row).await?;
                contents.tables.insert(name, table);
            }
        }
        transaction.commit().await?;
        Ok(contents)
    }

    /// How many rows there are in all tables.
    pub(crate) fn rows(&self) -> i64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}

async fn next_number(transaction: &Transaction<'_>, name: &str) -> Result<i64, tokio_postgres::Error> {
    // A sequence that was never asked gives out `last_value` itself.
    let sql = format!(
        "SELECT CASE WHEN s.is_called THEN s.last_value + p.seqincrement ELSE s.last_value END \
         FROM {name} s, pg_catalog.pg_sequence p WHERE p.seqrelid = $1::text::regclass"
    );
    transaction.query_one(&sql, &[&name]).await?.try_get(0)
}

async fn table(transaction: &Transaction<'_>, name: &str, row: &Row) -> Result<Table, tokio_postgres::Error> {
    let columns: Vec<String> = row.try_get(2)?;
    let varying: Vec<String> = row.try_get(3)?;
    let counted = transaction.query_one(&counting(name, &columns), &[]).await?;
    let digests: Vec<String> = counted.try_get(2)?;
    Ok(Table {
        rows: counted.try_get(0)?,
        digest: counted.try_get(1)?,
        columns: columns.into_iter().zip(digests).collect(),
        varying: varying.into_iter().collect(),
    })
}

/// A query that counts a table's rows, and gives a digest of them and one of each column.
fn counting(name: &str, columns: &[String]) -> String {
    let all: Vec<&String> = columns.iter().collect();
    let each: Vec<String> = columns.iter().map(|column| digest(&[column])).collect();
    format!("SELECT count(*), {}, ARRAY[{}]::text[] FROM ONLY {name} AS it", digest(&all), each.join(", "))
}

/// An aggregate that is the same for the same rows in another order.
fn digest(columns: &[&String]) -> String {
    let text = as_text(columns);
    format!("md5(coalesce(string_agg(md5({text}), '' ORDER BY md5({text}) COLLATE \"C\"), ''))")
}

/// A row as text, which any type has, and in which NULL is not the empty text.
fn as_text(columns: &[&String]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| format!("it.{column}")).collect();
    format!("ROW({})::text", columns.join(", "))
}

/// Rows as text, in their order as text.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Of all of them.
    digest: String,
    rows: Vec<String>,
    /// Whether these are all.
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Reached,
    /// There are more, which come after these.
    Cut,
}

impl Rows {
    /// Reads rows with these columns alone.
    pub(crate) async fn read(
        client: &mut Client,
        name: &str,
        columns: &[&String],
    ) -> Result<Self, tokio_postgres::Error> {
        let transaction = at_one_moment(client).await?;
        let text = as_text(columns);
        let sql = format!("SELECT {text} FROM ONLY {name} AS it ORDER BY {text} COLLATE \"C\" LIMIT {}", MOST + 1);
        let mut rows = Vec::new();
        for row in transaction.query(&sql, &[]).await? {
            rows.push(row.try_get(0)?);
        }
        let sql = format!("SELECT {} FROM ONLY {name} AS it", digest(columns));
        let digest = transaction.query_one(&sql, &[]).await?.try_get(0)?;
        transaction.commit().await?;
        Ok(Self::of(digest, rows, MOST))
    }

    fn of(digest: String, mut rows: Vec<String>, most: usize) -> Self {
        let end = if rows.len() > most { End::Cut } else { End::Reached };
        rows.truncate(most);
        Self { digest, rows, end }
    }

    /// Whether all rows are the same, also those that were not read.
    pub(crate) fn are_as(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Whether a row is in both, or may be, since not all were read.
    pub(crate) fn may_share_a_row(&self, other: &Self) -> bool {
        let is_cut = self.end == End::Cut || other.end == End::Cut;
        is_cut || self.rows.iter().any(|row| other.rows.binary_search(row).is_ok())
    }

    /// What one of them has and the other has not, each row as often as it is there too often.
    pub(crate) fn difference<'r>(&'r self, other: &'r Self) -> (Vec<&'r str>, Vec<&'r str>) {
        let (mut mine, mut theirs) = (self.rows.iter().peekable(), other.rows.iter().peekable());
        let (mut only_mine, mut only_theirs) = (Vec::new(), Vec::new());
        loop {
            match (mine.peek(), theirs.peek()) {
                (Some(a), Some(b)) if a == b => {
                    mine.next();
                    theirs.next();
                }
                (Some(a), Some(b)) if a < b => only_mine.extend(mine.next().map(String::as_str)),
                (Some(_), Some(_)) => only_theirs.extend(theirs.next().map(String::as_str)),
                // Nobody knows what comes after a cut.
                (Some(_), None) if other.end == End::Reached => only_mine.extend(mine.next().map(String::as_str)),
                (None, Some(_)) if self.end == End::Reached => only_theirs.extend(theirs.next().map(String::as_str)),
                _ => return (only_mine, only_theirs),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;

    fn rows(rows: &[&str], most: usize) -> Rows {
        Rows::of(String::new(), rows.iter().map(|row| (*row).to_owned()).collect(), most)
    }

    #[test]
    fn a_row_that_one_side_has_more_often_differs_as_often() {
        for (first, second, expected) in [
            (&["a", "b"][..], &["a", "b"][..], (vec![], vec![])),
            (&["a", "a", "c"], &["a", "b"], (vec!["a", "c"], vec!["b"])),
            (&[], &["a", "a"], (vec![], vec!["a", "a"])),
        ] {
            assert_eq!(rows(first, 9).difference(&rows(second, 9)), expected);
        }
    }

    #[test]
    fn rows_of_which_some_were_not_read_may_share_one_of_these() {
        let (ab, cd) = (rows(&["a", "b"], 2), rows(&["c", "d"], 2));
        assert!(!ab.may_share_a_row(&cd));
        assert!(ab.may_share_a_row(&rows(&["b", "c"], 2)));
        assert!(ab.may_share_a_row(&rows(&["c", "d"], 1)) && rows(&["c", "d"], 1).may_share_a_row(&ab));
    }

    #[test]
    fn what_lies_behind_a_cut_is_not_said_to_differ() {
        let cut = rows(&["a", "c", "d"], 2);
        assert_eq!(cut.difference(&rows(&["a", "b", "c", "e"], 9)), (vec![], vec!["b"]));
        assert_eq!(rows(&["a", "b", "c", "e"], 9).difference(&cut), (vec!["b"], vec![]));
    }
}
