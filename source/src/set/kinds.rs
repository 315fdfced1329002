//! What is said of the kinds of migration that the runtime does not run yet.

use super::Set;
use super::place::join;
use crate::file_name::Kind;
use crate::problem::Problem;
use crate::rule;

impl Set {
    /// The migrations that are recognised, checked and not run yet, as problems: what [`rule::KIND_NOT_RUN`] says. For
    /// whoever would have to pass them over otherwise.
    #[must_use]
    pub fn not_run_yet(&self) -> Vec<Problem> {
        let baselines = self.baselines.iter().map(|found| (&found.file, &found.name, found.kind));
        let repeatables = self.repeatables.iter().map(|found| (&found.file, &found.name, Kind::Repeatable));
        baselines.chain(repeatables).map(|(file, name, kind)| self.refuse(file, name, kind)).collect()
    }

    fn refuse(&self, file: &str, name: &str, kind: Kind) -> Problem {
        let message = format!("{name} is a {kind} migration, which this version of graven does not run yet");
        Problem::new(&rule::KIND_NOT_RUN, join(&self.directory, file), message)
            .note("passed over in silence, its SQL would be absent from every database")
            .help("put what it does into a versioned migration (`graven new`)")
    }
}
