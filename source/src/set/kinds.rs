//! What is said of the kinds of migration that the runtime does not run yet.

use std::collections::HashMap;

use super::Set;
use super::place::join;
use crate::file_name::Kind;
use crate::problem::Problem;
use crate::rule;

impl Set {
    /// The migrations that are recognised, checked and not run yet, as problems: what [`rule::KIND_NOT_RUN`] says. For
    /// whoever would have to pass them over otherwise.
    ///
    /// Of a file whose name is a problem already nothing more is said: baselines of no migration, and repeatables of
    /// one name.
    #[must_use]
    pub fn not_run_yet(&self) -> Vec<Problem> {
        let mut alike: HashMap<String, usize> = HashMap::new();
        for repeatable in &self.repeatables {
            *alike.entry(repeatable.name.to_lowercase()).or_default() += 1;
        }
        let is_alone = |name: &str| alike.get(&name.to_lowercase()).is_none_or(|count| *count == 1);
        let baselines = self.baselines.iter().filter(|found| self.by_version(found.version).is_some());
        let baselines = baselines.map(|found| (&found.file, &found.name, found.kind));
        let repeatables = self.repeatables.iter().filter(|found| is_alone(&found.name));
        let repeatables = repeatables.map(|found| (&found.file, &found.name, Kind::Repeatable));
        baselines.chain(repeatables).map(|(file, name, kind)| self.refuse(file, name, kind)).collect()
    }

    fn refuse(&self, file: &str, name: &str, kind: Kind) -> Problem {
        let message = format!("{name} is a {kind} migration, which this version of graven does not run yet");
        Problem::new(&rule::KIND_NOT_RUN, join(&self.directory, file), message)
            .note("passed over in silence, its SQL would be absent from every database")
            .help("put what it does into a versioned migration (`graven new`)")
    }
}
