//! graven, with the set that its macro would have embedded.

use std::path::Path;

use graven_source::set::{Loaded as Read, Paths, Set as Checked};

use super::{Loaded, Pending, Run, Tool, client, runtime};
use crate::Result;
use crate::set::Set;

// The command line's own way of doing at run time what the macro does at compile time: one that is kept in step with
// the runtime.
#[path = "../../../cli/src/embed.rs"]
mod embed;

pub(crate) struct Graven;

impl Tool for Graven {
    fn name(&self) -> &'static str {
        "graven"
    }

    fn package(&self) -> Option<&'static str> {
        Some("graven")
    }

    fn load(&self, set: &Set, _: Pending) -> Result<Option<Box<dyn Loaded>>> {
        Ok(Some(Box::new(Embedded(embedded(set)?))))
    }
}

/// The set as the macro would embed it.
pub(crate) fn embedded(set: &Set) -> Result<graven::Migrations> {
    let Read { set: checked, problems, .. } = Checked::load(&set.root(), Path::new("plain"), Paths::Any);
    // The set lives for one run: nobody seals it.
    if let Some(problem) = problems.iter().find(|problem| problem.rule.id != "seal-absent") {
        return Err(format!("{}: {}", problem.place(), problem.message).into());
    }
    Ok(embed::embed(checked))
}

struct Embedded(graven::Migrations);

impl Loaded for Embedded {
    fn connect<'a>(&'a self, url: &str) -> Result<Run<'a>> {
        let runtime = runtime()?;
        let mut client = client(&runtime, url)?;
        Ok(Box::new(move || {
            runtime.block_on(self.0.run(&mut client))?;
            Ok(())
        }))
    }
}
