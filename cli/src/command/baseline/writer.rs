//! Who writes the schema down: pg_dump, or where there is none queries of the catalogs.

use clap::ValueEnum;

use super::arguments::Baseline;
use super::catalog;
use super::pg_dump::PgDump;
use crate::command::check::ground::Ground;
use crate::failure::Failure;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wish {
    /// pg_dump, or catalog queries if there is none that knows the server
    #[default]
    Auto,
    /// pg_dump, and nothing else
    #[value(name = "pg_dump")]
    PgDump,
    /// Queries of PostgreSQL's catalogs
    Catalog,
}

/// What makes a schema: before rows are in its tables, and after.
#[derive(Debug)]
pub(super) struct Dump {
    pub(super) before_rows: String,
    pub(super) after_rows: String,
}

/// Who writes.
#[derive(Clone, Debug)]
pub(super) enum Writer {
    PgDump(PgDump),
    Catalog,
}

impl Writer {
    /// Who is to write the schema of a server of this major version, as the arguments want it.
    pub(super) fn choose(arguments: &Baseline, ground: &Ground, server: u32) -> Result<Self, Failure> {
        let named = arguments.pg_dump.as_deref();
        match arguments.schema_by {
            Wish::Catalog if named.is_some() => Err(Failure::Usage(
                "`--schema-by catalog` needs no pg_dump, and `--pg-dump` names one".to_owned(),
                "leave one of them away".to_owned(),
            )),
            Wish::Catalog => Ok(Self::Catalog),
            // Who names one wants it.
            Wish::PgDump => PgDump::find(named, ground.programs(), server).map(Self::PgDump),
            Wish::Auto if named.is_some() => PgDump::find(named, ground.programs(), server).map(Self::PgDump),
            Wish::Auto => Ok(PgDump::find(None, ground.programs(), server).map_or(Self::Catalog, Self::PgDump)),
        }
    }

    pub(super) async fn dump(&self, ground: &mut Ground) -> Result<Dump, Failure> {
        match self {
            Self::PgDump(pg_dump) => pg_dump.run(ground.url(), &ground.history).await,
            Self::Catalog => {
                let history = ground.history.clone();
                catalog::dump(&mut ground.client, &history).await
            }
        }
    }

    /// As people read it: `pg_dump 15.14`.
    pub(super) fn called(&self) -> String {
        match self {
            Self::PgDump(pg_dump) => format!("pg_dump {}", pg_dump.release),
            Self::Catalog => "catalog queries".to_owned(),
        }
    }

    /// What to try where its schema is not the one of the migrations.
    pub(super) fn other(&self) -> Option<&'static str> {
        match self {
            Self::PgDump(_) => None,
            Self::Catalog => Some(
                "the schema was written by catalog queries; pg_dump knows more: install the client programs of PostgreSQL, \
                 or name a pg_dump with `--pg-dump PATH`",
            ),
        }
    }
}
