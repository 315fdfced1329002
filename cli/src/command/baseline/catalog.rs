//! The schema of a database as statements, by queries of PostgreSQL's catalogs: for where there is no pg_dump.
//!
//! It asks for whole kinds of objects, never for one object, and orders them by what needs what. What it does not know how to
//! write it names and refuses. It need not be trusted, since what it writes is proved like everything else.

mod order;

use std::collections::HashMap;

use tokio_postgres::{Client, Transaction};

use self::order::{Edge, Id, Node, Section, Tie, Wholes, ordered};
use super::writer::Dump;
use crate::command::check::ground::cannot_read;
use crate::failure::Failure;
use crate::schema::at_one_moment;

/// A query that knows what is none of a schema's business, and what there is else.
macro_rules! query {
    ($file:literal) => {
        concat!(
            include_str!("../../schema/hidden.sql"),
            include_str!("catalog/own.sql"),
            include_str!(concat!("catalog/", $file))
        )
    };
}

/// Of each object that is made by itself, how.
const NODES: [&str; 6] = [
    query!("spaces.sql"),
    query!("types.sql"),
    query!("routines.sql"),
    query!("others.sql"),
    query!("tables.sql"),
    query!("after.sql"),
];
const PUBLISHED: &str = query!("published.sql");
const EDGES: &str = query!("edges.sql");
const COMMENTS: &str = query!("comments.sql");
const RIGHTS: &str = query!("rights.sql");
const REFUSED: &str = query!("refused.sql");
const DEFAULTS: &str = include_str!("catalog/defaults.sql");

/// How many objects are named that cannot be written.
const NAMED: usize = 10;

const USE_PG_DUMP: &str = "write it with pg_dump, which knows them: install the client programs of PostgreSQL, or name a \
     pg_dump with `--pg-dump PATH`";

/// What makes the schema, but for `history`, which is the history table as SQL has it and may be empty.
pub(super) async fn dump(client: &mut Client, history: &str) -> Result<Dump, Failure> {
    let read = Read::all(client, history).await;
    let read = read.map_err(|error| cannot_read("schema", &error, "connect as a role that may read the catalogs"))?;
    if !read.refused.is_empty() {
        return Err(refusal("cannot be written by catalog queries", &read.refused));
    }
    read.dump()
}

fn refusal(why: &str, names: &[String]) -> Failure {
    let mut shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        shown.push_str(&format!(" and {} more", names.len() - NAMED));
    }
    Failure::Failed(format!("what the migrations make {why}: {shown}"), USE_PG_DUMP.to_owned())
}

/// What the catalogs say.
#[derive(Debug, Default)]
struct Read {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    comments: Vec<(Id, String)>,
    rights: Vec<(Id, String)>,
    defaults: Vec<String>,
    refused: Vec<String>,
}

impl Read {
    async fn all(client: &mut Client, history: &str) -> Result<Self, tokio_postgres::Error> {
        let transaction = at_one_moment(client).await?;
        let mut read = Self::default();
        for row in transaction.query(REFUSED, &[&history]).await? {
            read.refused.push(row.try_get(0)?);
        }
        for sql in NODES {
            read.nodes.extend(nodes(&transaction, sql, history).await?);
        }
        let number = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4";
        if transaction.query_one(number, &[]).await?.try_get::<_, i32>(0)? >= 150_000 {
            read.nodes.extend(nodes(&transaction, PUBLISHED, history).await?);
        }
        for row in transaction.query(EDGES, &[&history]).await? {
            let tie: String = row.try_get(4)?;
            read.edges.push(Edge {
                from: (row.try_get(0)?, row.try_get(1)?),
                to: (row.try_get(2)?, row.try_get(3)?),
                tie: match tie.as_str() {
                    "e" => Tie::OfExtension,
                    "i" => Tie::PartOf,
                    "a" => Tie::GoesWith,
                    _ => Tie::Needs,
                },
            });
        }
        read.comments = statements(&transaction, COMMENTS, history).await?;
        read.rights = statements(&transaction, RIGHTS, history).await?;
        for row in transaction.query(DEFAULTS, &[]).await? {
            read.defaults.push(row.try_get(0)?);
        }
        transaction.commit().await?;
        Ok(read)
    }

    fn dump(mut self) -> Result<Dump, Failure> {
        self.comment();
        let Self { nodes, edges, rights, defaults, .. } = self;
        let nodes = ordered(nodes, &edges).map_err(|circle| {
            let names: Vec<String> = circle.iter().map(Node::called).collect();
            refusal("holds objects that need each other, which catalog queries cannot write", &names)
        })?;
        let rights: HashMap<Id, String> = rights.into_iter().collect();
        let (mut before_rows, mut after_rows) = (String::new(), String::new());
        for section in [Section::BeforeRows, Section::AfterRows] {
            let text = if section == Section::BeforeRows { &mut before_rows } else { &mut after_rows };
            let made = || nodes.iter().filter(|node| node.section == section && !node.statements.is_empty());
            for node in made() {
                push(text, node, "", &node.statements);
            }
            for node in made() {
                if let Some(rights) = rights.get(&node.id) {
                    push(text, node, "RIGHTS ON ", rights);
                }
            }
        }
        if !defaults.is_empty() {
            after_rows.push_str(&format!(
                "-- Name: DEFAULT PRIVILEGES; Type: DEFAULT ACL; Schema: -\n\n{}\n\n",
                defaults.join("\n")
            ));
        }
        for node in last(&nodes) {
            push(&mut after_rows, node, "", &node.statements);
        }
        Ok(Dump { before_rows, after_rows })
    }

    /// Puts comments where that is made of which they speak.
    fn comment(&mut self) {
        let wholes = Wholes::of(&self.nodes, &self.edges);
        for (id, comment) in &self.comments {
            if let Some(node) = wholes.node(id).and_then(|at| self.nodes.get_mut(at)) {
                if !node.statements.is_empty() {
                    node.statements.push_str("\n\n");
                }
                node.statements.push_str(comment);
            }
        }
    }
}

/// Rows of materialised views in the order in which these are made, and then event triggers, which would fire.
fn last(nodes: &[Node]) -> Vec<&Node> {
    let made: HashMap<&Id, usize> = nodes.iter().enumerate().map(|(at, node)| (&node.id, at)).collect();
    let mut last: Vec<&Node> = nodes.iter().filter(|node| node.section == Section::Last).collect();
    last.sort_by_key(|node| (node.rank, made.get(&("pg_class".to_owned(), node.id.1)).copied()));
    last
}

/// A heading as pg_dump has it, and what is below it.
fn push(text: &mut String, node: &Node, what: &str, statements: &str) {
    let Node { name, kind, schema, .. } = node;
    let heading = format!("Name: {name}; Type: {what}{kind}; Schema: {schema}").replace(['\n', '\r'], " ");
    text.push_str(&format!("-- {heading}\n\n{statements}\n\n"));
}

async fn nodes(transaction: &Transaction<'_>, sql: &str, history: &str) -> Result<Vec<Node>, tokio_postgres::Error> {
    let mut nodes = Vec::new();
    for row in transaction.query(sql, &[&history]).await? {
        let section: String = row.try_get(2)?;
        nodes.push(Node {
            id: (row.try_get(0)?, row.try_get(1)?),
            section: match section.as_str() {
                "before" => Section::BeforeRows,
                "after" => Section::AfterRows,
                _ => Section::Last,
            },
            rank: row.try_get(3)?,
            schema: row.try_get(4)?,
            name: row.try_get(5)?,
            kind: row.try_get(6)?,
            statements: row.try_get(7)?,
        });
    }
    Ok(nodes)
}

async fn statements(
    transaction: &Transaction<'_>,
    sql: &str,
    history: &str,
) -> Result<Vec<(Id, String)>, tokio_postgres::Error> {
    let mut statements = Vec::new();
    for row in transaction.query(sql, &[&history]).await? {
        statements.push(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?));
    }
    Ok(statements)
}
