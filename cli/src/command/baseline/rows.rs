//! Rows as INSERT statements, and where sequences stand.
//!
//! What foreign keys and triggers make of rows does not matter here: in a baseline they come after the rows.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Transaction};

use crate::schema::{Table as Held, at_one_moment};

const TABLES: &str = concat!(include_str!("../../schema/hidden.sql"), include_str!("tables.sql"));
const SEQUENCES: &str = include_str!("sequences.sql");

/// As many rows as are written in one statement.
const A_STATEMENT: usize = 100;

/// A table, and how its rows are written. Names are as SQL has them.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// The columns of its primary key, each with the collation to order by.
    key: Vec<(String, String)>,
    identity: Identity,
}

/// A column that takes values.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    form: Form,
    /// Its default, where that is another one from run to run.
    pub(super) varying: Option<String>,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Number,
    Boolean,
    /// A date or a time, as text.
    Moment,
    Text,
}

/// Whether a column takes values only if the statement insists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    Always,
    No,
}

/// The tables of a database that may hold rows, by name. `history` is left out.
pub(super) async fn tables(client: &mut Client, history: &str) -> Result<Vec<Table>, tokio_postgres::Error> {
    let transaction = at_one_moment(client).await?;
    let mut tables = Vec::new();
    for row in transaction.query(TABLES, &[&history]).await? {
        let (names, forms, defaults): (Vec<String>, Vec<String>, Vec<String>) =
            (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let (key, collations): (Vec<String>, Vec<String>) = (row.try_get(4)?, row.try_get(5)?);
        let columns = names.into_iter().zip(forms).zip(defaults).map(|((name, form), default)| Column {
            name,
            form: match form.as_str() {
                "number" => Form::Number,
                "boolean" => Form::Boolean,
                "moment" => Form::Moment,
                _ => Form::Text,
            },
            varying: Some(default).filter(|default| !default.is_empty()),
        });
        tables.push(Table {
            name: row.try_get(0)?,
            columns: columns.collect(),
            key: key.into_iter().zip(collations).collect(),
            identity: if row.try_get(6)? { Identity::Always } else { Identity::No },
        });
    }
    transaction.commit().await?;
    Ok(tables)
}

/// A table with the columns that are written; the others get their defaults.
#[derive(Debug)]
pub(super) struct Seeds<'t> {
    pub(super) table: &'t Table,
    pub(super) columns: Vec<&'t Column>,
}

/// INSERT statements for the rows of these tables, in the order of their primary keys or else of their texts.
pub(super) async fn inserts(client: &mut Client, seeds: &[Seeds<'_>]) -> Result<String, tokio_postgres::Error> {
    let transaction = at_one_moment(client).await?;
    let mut text = String::new();
    for seeds in seeds {
        let rows = seeds.rows(&transaction).await?;
        text.push_str(&seeds.statements(&rows));
    }
    transaction.commit().await?;
    Ok(text)
}

impl Seeds<'_> {
    /// Each row as it stands in VALUES.
    async fn rows(&self, transaction: &Transaction<'_>) -> Result<Vec<String>, tokio_postgres::Error> {
        let values: Vec<String> = self.columns.iter().map(|column| column.value()).collect();
        let values = if values.is_empty() { "''".to_owned() } else { values.join(" || ', ' || ") };
        let is_written = |name: &String| self.columns.iter().any(|column| column.name == *name);
        let key = &self.table.key;
        let order = if !key.is_empty() && key.iter().all(|(name, _)| is_written(name)) {
            key.iter().map(|(name, collation)| format!("it.{name}{collation}")).collect::<Vec<_>>().join(", ")
        } else {
            format!("({values}) COLLATE \"C\"")
        };
        let sql = format!("SELECT {values} FROM ONLY {} AS it ORDER BY {order}", self.table.name);
        transaction.query(&sql, &[]).await?.iter().map(|row| row.try_get(0)).collect()
    }

    fn statements(&self, rows: &[String]) -> String {
        let name = &self.table.name;
        if rows.is_empty() {
            return String::new();
        }
        let mut text = format!("\n-- Rows: {}\n", name.replace('\n', " "));
        if self.columns.is_empty() {
            text.push_str(&format!("INSERT INTO {name} DEFAULT VALUES;\n").repeat(rows.len()));
            return text;
        }
        let columns: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let overriding = if self.table.identity == Identity::Always { " OVERRIDING SYSTEM VALUE" } else { "" };
        for some in rows.chunks(A_STATEMENT) {
            let lines: Vec<String> = some.iter().map(|row| format!("    ({row})")).collect();
            let columns = columns.join(", ");
            text.push_str(&format!("INSERT INTO {name} ({columns}){overriding} VALUES\n{};\n", lines.join(",\n")));
        }
        text
    }
}

impl Column {
    /// Whether its values are dates or times, of which one can tell when they were made.
    pub(super) fn is_moment(&self) -> bool {
        self.form == Form::Moment
    }

    /// An expression for a value as SQL has it. It goes by the type's own output, whatever casts there are.
    fn value(&self) -> String {
        let it = format!("it.{}", self.name);
        match self.form {
            // A line end of Windows would become one of Unix in a file.
            Form::Text | Form::Moment => format!(
                "CASE WHEN strpos(format('%L', {it}), chr(13)) = 0 THEN format('%L', {it}) \
                 ELSE 'E' || ltrim(replace(format('%L', {it}), chr(13), '\\r'), 'E') END"
            ),
            Form::Boolean => format!("CASE WHEN {it} THEN 'true' WHEN NOT {it} THEN 'false' ELSE 'NULL' END"),
            Form::Number => format!(
                "CASE WHEN format('%s', {it}) ~ '^-?[0-9]+([.][0-9]+)?$' THEN format('%s', {it}) ELSE format('%L', {it}) END"
            ),
        }
    }
}

/// How many rows of a table have in a column just what its default gives now, such as the name of a role or today's date.
/// `None` where the default cannot be had without writing anything.
pub(super) async fn by_default(client: &mut Client, table: &str, column: &str, default: &str) -> Option<i64> {
    let sql = format!(
        "SELECT count(*) FROM ONLY {table} AS it WHERE format('%L', it.{column}) = format('%L', (SELECT {default}))"
    );
    counted(client, &sql, &[]).await
}

/// How many rows of a table have in a column what its default gave at some time of a run, which ended then: as much before what
/// it gives now as that time is before now. `None` where that cannot be told, as of the time of a day.
pub(super) async fn by_default_in_run(
    client: &mut Client,
    table: &str,
    column: &str,
    default: &str,
    end: Option<&str>,
) -> Option<i64> {
    // The connection was made for the run. What a column rounds away is less than a second, but for a date: of that, whole
    // days are compared, since it stays the same however long ago the run ended on that day.
    let sql = format!(
        "SELECT count(*) FROM ONLY {table} AS it, \
           (SELECT ({default})::timestamp AS given, clock_timestamp() AS at, \
              coalesce($1::text::timestamptz, clock_timestamp()) + interval '1 s' AS until, \
              (SELECT backend_start - interval '1 s' FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS since) AS now \
         WHERE CASE WHEN NOT isfinite(it.{column}::timestamp) OR NOT isfinite(now.given) THEN false \
           WHEN pg_typeof(it.{column}) = 'date'::regtype THEN now.given - it.{column}::timestamp \
             BETWEEN date_trunc('day', now.at::timestamp) - date_trunc('day', now.until::timestamp) \
             AND date_trunc('day', now.at::timestamp) - date_trunc('day', now.since::timestamp) \
           ELSE now.given - it.{column}::timestamp BETWEEN now.at - now.until AND now.at - now.since END"
    );
    counted(client, &sql, &[&end]).await
}

/// When this connection was made, by the server's clock.
pub(super) async fn connected_at(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    let sql =
        "SELECT a.backend_start::text FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_catalog.pg_backend_pid()";
    client.query_opt(sql, &[]).await?.map_or(Ok(None), |row| row.try_get(0))
}

async fn counted(client: &mut Client, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Option<i64> {
    // Whatever a default does, it is taken back.
    let transaction = at_one_moment(client).await.ok()?;
    // The migrations had the session's, by which today is another day than by UTC.
    transaction.batch_execute("SET LOCAL TimeZone TO DEFAULT").await.ok()?;
    transaction.query_one(sql, parameters).await.ok()?.try_get(0).ok()
}

/// Whether a column holds other values in another run, where both have rows.
pub(super) fn differs(column: &str, first: &Held, again: Option<&Held>) -> bool {
    again.is_some_and(|again| first.columns.get(column) != again.columns.get(column))
}

/// Statements that bring sequences to where they are, if that is not where they begin.
pub(super) async fn sequences(client: &mut Client) -> Result<String, tokio_postgres::Error> {
    let transaction = at_one_moment(client).await?;
    let mut text = String::new();
    for row in transaction.query(SEQUENCES, &[]).await? {
        let (name, start): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let sql = format!("SELECT last_value, is_called, format('%L', $1::text) FROM {name}");
        let at = transaction.query_one(&sql, &[&name]).await?;
        let (last, is_called, literal): (i64, bool, String) = (at.try_get(0)?, at.try_get(1)?, at.try_get(2)?);
        if is_called || last != start {
            text.push_str(&format!("SELECT pg_catalog.setval({literal}, {last}, {is_called});\n"));
        }
    }
    transaction.commit().await?;
    Ok(if text.is_empty() { text } else { format!("\n-- Where sequences stand\n{text}") })
}

/// The names of tables, and of the partitions of these, by what people call them. `None` where there is no such table.
pub(super) async fn named(client: &Client, name: &str) -> Result<Option<Vec<String>>, tokio_postgres::Error> {
    let sql = "SELECT i.identity FROM ( \
           SELECT to_regclass($1::text)::oid AS oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(to_regclass($1::text)) \
         ) t CROSS JOIN pg_catalog.pg_identify_object('pg_catalog.pg_class'::regclass, t.oid, 0) i WHERE t.oid IS NOT NULL";
    let rows = match client.query(sql, &[&name]).await {
        Ok(rows) => rows,
        // It is no name at all.
        Err(error) if error.as_db_error().is_some() => return Ok(None),
        Err(error) => return Err(error),
    };
    let names: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(Some(names).filter(|names| !names.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::{Column, Form, Identity, Seeds, Table};

    fn table(columns: &[&str], identity: Identity) -> Table {
        let column = |name: &&str| Column { name: (*name).to_owned(), form: Form::Text, varying: None };
        let columns = columns.iter().map(column).collect();
        Table { name: "public.\"T x\"".to_owned(), columns, key: Vec::new(), identity }
    }

    fn statements(table: &Table, rows: &[&str]) -> String {
        let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        Seeds { table, columns: table.columns.iter().collect() }.statements(&rows)
    }

    #[test]
    fn rows_are_written_in_statements_of_a_hundred() {
        let table = table(&["a", "\"b c\""], Identity::No);
        assert_eq!(statements(&table, &[]), "");
        assert_eq!(
            statements(&table, &["1, 'x'", "2, NULL"]),
            "\n-- Rows: public.\"T x\"\nINSERT INTO public.\"T x\" (a, \"b c\") VALUES\n    (1, 'x'),\n    (2, NULL);\n"
        );
        assert_eq!(statements(&table, &["1"; 101]).matches("INSERT").count(), 2);
    }

    #[test]
    fn an_identity_is_overridden_and_a_row_without_columns_is_all_defaults() {
        let always = statements(&table(&["id"], Identity::Always), &["1"]);
        assert!(always.contains("(id) OVERRIDING SYSTEM VALUE VALUES\n    (1);"), "{always}");
        let none = statements(&table(&[], Identity::No), &["", ""]);
        assert_eq!(none.matches("INSERT INTO public.\"T x\" DEFAULT VALUES;\n").count(), 2);
    }
}
