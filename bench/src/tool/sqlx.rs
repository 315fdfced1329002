//! sqlx, with a set from `Migrator::new`: the same that `migrate!` embeds, checksums included.

use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};

use super::{GREETING, Loaded, Pending, Run, Tool, runtime};
use crate::Result;
use crate::set::Set;

pub(crate) struct Sqlx;

impl Tool for Sqlx {
    fn name(&self) -> &'static str {
        "sqlx"
    }

    fn package(&self) -> Option<&'static str> {
        Some("sqlx")
    }

    fn load(&self, set: &Set, _: Pending) -> Result<Option<Box<dyn Loaded>>> {
        Ok(Some(Box::new(Resolved(runtime()?.block_on(Migrator::new(set.plain()))?))))
    }
}

struct Resolved(Migrator);

impl Loaded for Resolved {
    fn connect<'a>(&'a self, url: &str) -> Result<Run<'a>> {
        let runtime = runtime()?;
        let mut connection = runtime.block_on(PgConnection::connect(url))?;
        runtime.block_on(sqlx::raw_sql(GREETING).execute(&mut connection))?;
        Ok(Box::new(move || Ok(runtime.block_on(self.0.run(&mut connection))?)))
    }
}
