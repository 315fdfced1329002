//! A set as it would be with a baseline that is not written yet.

use super::{Migration, Sealing, Set, sql};
use crate::checksum::{Checksum, normalise};
use crate::file_name::Kind;
use crate::problem::Problem;
use crate::version::Version;

impl Set {
    /// The set as it would be with a baseline of this text in place of the one that it has for that version, if it has one,
    /// and what is wrong with the text. Nothing is written.
    ///
    /// Its file gets the version as the migration of that version spells it. That the name serves is the caller's to see to:
    /// [`crate::file_name::parse`] tells.
    #[must_use]
    pub fn with_baseline(&self, of: Version, name: &str, text: &str) -> (Self, Vec<Problem>) {
        let spelling = self.by_version(of).map_or_else(|| of.to_string(), |migration| migration.spelling.clone());
        let file = format!("{spelling}_{name}{}.sql", Kind::Baseline.suffix());
        let normal = normalise(text.to_owned());
        let mut problems = Vec::new();
        let (directives, control) = sql::check(&self.path_of(&file), Kind::Baseline, &normal, &mut problems);
        let mut set = self.clone();
        set.baselines.retain(|baseline| baseline.version != of);
        set.baselines.push(Migration {
            version: of,
            spelling,
            kind: Kind::Baseline,
            name: name.to_owned(),
            file,
            is_verbatim: normal == text,
            checksum: Checksum::of_text(&normal),
            text: normal,
            directives,
            control,
            sealing: Sealing::Unsealed,
            was: Vec::new(),
        });
        set.sort();
        (set, problems)
    }
}
