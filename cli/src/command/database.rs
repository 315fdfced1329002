//! The verbs that act on a database: the library's own, on the set that a directory holds.

use graven::Repairable;
use graven::cli::__private::{Scene, Verb, block_on};

use crate::arguments::Common;
use crate::directory::{load_to_run, words_on};
use crate::embed::embed;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::recorded;

pub(crate) fn run(common: &Common, verb: &Verb, output: &Output) -> Result<Exit, Failure> {
    let set = load_to_run(common, verb.demands_seals().into(), output)?;
    let location = set.location.clone();
    let words = words_on(&set.directory);
    let set = embed(set);
    let review = |found: &Repairable, now: &str| recorded::difference(&location, found, now);
    Ok(block_on(verb.run(&Scene::new(&set, *output, &words).reviewed(&review)))??)
}
