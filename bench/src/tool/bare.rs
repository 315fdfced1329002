//! No tool at all: one message. With everything pending it is all files in one transaction, with nothing pending
//! `SELECT 1`. Nothing that asks PostgreSQL can be faster, and it keeps no history and takes no lock.

use super::{Loaded, Pending, Run, Tool, client, runtime};
use crate::Result;
use crate::set::Set;

pub(crate) const NAME: &str = "one bare message";

pub(crate) struct Bare;

impl Tool for Bare {
    fn name(&self) -> &'static str {
        NAME
    }

    fn package(&self) -> Option<&'static str> {
        None
    }

    fn load(&self, set: &Set, pending: Pending) -> Result<Option<Box<dyn Loaded>>> {
        let message = match pending {
            Pending::Everything => {
                let all: Vec<&str> = set.files.files.iter().map(|file| file.sql.as_str()).collect();
                format!("BEGIN;\n{}\nCOMMIT;", all.join("\n"))
            }
            Pending::Nothing => "SELECT 1".to_owned(),
        };
        Ok(Some(Box::new(Message(message))))
    }
}

struct Message(String);

impl Loaded for Message {
    fn connect<'a>(&'a self, url: &str) -> Result<Run<'a>> {
        let runtime = runtime()?;
        let client = client(&runtime, url)?;
        Ok(Box::new(move || Ok(runtime.block_on(client.batch_execute(&self.0))?)))
    }
}
