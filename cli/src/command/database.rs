//! The verbs that act on a database: the library's own, on the set that a directory holds.

use graven::Repairable;
use graven::cli::__private::{Scene, Verb, Words, block_on};

use crate::arguments::Common;
use crate::directory::load_to_run;
use crate::embed::embed;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::recorded;

pub(crate) fn run(common: &Common, verb: &Verb, output: &Output) -> Result<Exit, Failure> {
    let set = load_to_run(common, verb.demands_seals().into(), output)?;
    let location = set.location.clone();
    let set = embed(set);
    let words = Words::of_the_command();
    let review = |found: &Repairable, now: &str| recorded::difference(&location, found, now);
    Ok(block_on(verb.run(&Scene::new(&set, *output, &words).reviewed(&review)))??)
}
