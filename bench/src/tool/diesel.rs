//! diesel, with the set that its `embed_migrations!` emits. Its `FileBasedMigrations` would read each file within the
//! run, which who embeds them does not pay for.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use diesel_migrations::{
    EmbeddedMigration, EmbeddedMigrations, EmbeddedName, MigrationHarness as _, TomlMetadataWrapper,
};

use super::{GREETING, Loaded, Pending, Run, Tool};
use crate::Result;
use crate::files::File;
use crate::set::Set;

pub(crate) struct Diesel;

impl Tool for Diesel {
    fn name(&self) -> &'static str {
        "diesel"
    }

    fn package(&self) -> Option<&'static str> {
        Some("diesel")
    }

    /// diesel takes embedded sets only: this one is given to it for good.
    fn load(&self, set: &Set, _: Pending) -> Result<Option<Box<dyn Loaded>>> {
        let migrations: Vec<_> = set.files.files.iter().map(embed).collect();
        Ok(Some(Box::new(Embedded(migrations.leak()))))
    }
}

fn embed(file: &File) -> EmbeddedMigration {
    let name = format!("{:05}_{}", file.version, file.name).leak();
    EmbeddedMigration::new(file.sql.clone().leak(), None, EmbeddedName::new(name), TomlMetadataWrapper::new(true))
}

struct Embedded(&'static [EmbeddedMigration]);

impl Loaded for Embedded {
    fn connect<'a>(&'a self, url: &str) -> Result<Run<'a>> {
        let mut connection = PgConnection::establish(url)?;
        connection.batch_execute(GREETING)?;
        Ok(Box::new(move || {
            connection.run_pending_migrations(EmbeddedMigrations::new(self.0))?;
            Ok(())
        }))
    }
}
