//! A scratch database, and what it is like.

use std::path::PathBuf;

use graven::Migrations;
use tokio_postgres::Client;

use super::scratch::{Place, Scratch, said};
use crate::failure::Failure;
use crate::output::Output;
use crate::schema::{Contents, Rows, Schema};

/// A scratch database with a connection to it.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) client: Client,
    /// The history table, which is no part of the schema.
    pub(crate) history: String,
    scratch: Scratch,
}

impl Ground {
    /// Makes an empty one. The set says where it keeps its history.
    pub(crate) async fn make(embedded: Migrations, place: Place<'_>, output: Output) -> Result<Self, Failure> {
        let scratch = Scratch::make(place, output).await?;
        let mut client = scratch.connect().await?;
        let status = embedded.migrator().ignore_environment().status(&mut client).await?;
        Ok(Self { client, history: status.history.unwrap_or_default(), scratch })
    }

    /// Where it is. The connection string holds a password.
    pub(crate) fn url(&self) -> &str {
        self.scratch.url()
    }

    /// Where the server's programs are, if it is one that was started for this.
    pub(crate) fn programs(&self) -> Option<PathBuf> {
        self.scratch.programs()
    }

    pub(crate) async fn schema(&mut self) -> Result<Schema, Failure> {
        let read = Schema::read(&mut self.client, &self.history).await;
        read.map_err(|error| cannot_read("schema", &error, "connect as a role that may read the catalogs"))
    }

    pub(crate) async fn contents(&mut self) -> Result<Contents, Failure> {
        let read = Contents::read(&mut self.client, &self.history).await;
        read.map_err(|error| cannot_read("rows", &error, READ_ALL))
    }

    pub(crate) async fn rows(&mut self, table: &str, columns: &[&String]) -> Result<Rows, Failure> {
        let read = Rows::read(&mut self.client, table, columns).await;
        read.map_err(|error| cannot_read("rows", &error, READ_ALL))
    }
}

const READ_ALL: &str = "connect as a role that may read every table, past its row level security";

pub(crate) fn cannot_read(what: &str, error: &tokio_postgres::Error, hint: &str) -> Failure {
    Failure::Failed(format!("cannot read the {what} of the scratch database: {}", said(error)), hint.to_owned())
}
