//! How many migrations are in each state, from a look at the history on through what a verb does to it. Pure.
//!
//! It counts what [`Health`](crate::Health) counts: versioned migrations and repeatables, those of the set and those that only
//! the history has, whatever a verb was told to leave alone. It knows nothing of what others do meanwhile.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use graven_source::Version;

use crate::history::Record;
use crate::migrations::Migrations;
use crate::plan::compare_all;
use crate::verb::status::State;

/// The state of each migration, and how many are in each.
#[derive(Debug, Default)]
pub(super) struct Tally {
    versioned: BTreeMap<Version, State>,
    repeatables: HashMap<String, State>,
    /// As many as [`State::ALL`] has.
    counts: [usize; State::ALL.len()],
    /// The highest version of which the history has a row.
    highest: Option<Version>,
}

impl Tally {
    /// What a look at the history has shown.
    pub(super) fn of(set: &Migrations, records: &[Record]) -> Self {
        let mut tally = Self::default();
        for entry in compare_all(set, records) {
            match (entry.version, entry.migration, entry.record) {
                (Some(version), _, _) => tally.put(version, entry.state),
                (None, Some(migration), _) => tally.put_repeatable(migration.name(), entry.state),
                (None, None, Some(record)) => tally.put_repeatable(&record.name, entry.state),
                (None, None, None) => {}
            }
        }
        tally
    }

    /// A history that has just what the set has. Nothing is going to change.
    pub(super) fn all_applied(set: &Migrations) -> Self {
        let counts = State::ALL.map(|state| if state == State::Applied { set.rows() } else { 0 });
        Self { counts, ..Self::default() }
    }

    pub(super) fn counts(&self) -> [(State, usize); State::ALL.len()] {
        State::ALL.map(|state| (state, self.counts.get(place(state)).copied().unwrap_or_default()))
    }

    /// One is applied now. It lies above all others that are, or those were out of order before: no other one's state changes.
    pub(super) fn applied(&mut self, version: Version) {
        self.put(version, State::Applied);
    }

    /// A baseline is applied, and with it all that it stands for.
    pub(super) fn covered(&mut self, baseline: Version) {
        let below: Vec<Version> = self.versioned.range(..=baseline).map(|(version, _)| *version).collect();
        below.into_iter().for_each(|version| self.put(version, State::Applied));
    }

    pub(super) fn applied_repeatable(&mut self, name: &str) {
        self.put_repeatable(name, State::Applied);
    }

    /// The history says that one has begun, without a transaction.
    pub(super) fn begun(&mut self, version: Version) {
        self.put(version, State::Incomplete);
    }

    /// The history has no row of it any more.
    pub(super) fn forgotten(&mut self, version: Version) {
        if Some(version) < self.highest {
            return self.put(version, State::OutOfOrder);
        }
        self.put(version, State::Pending);
        let mut below = self.versioned.range(..version).rev();
        self.highest = below.find(|(_, state)| is_recorded(**state)).map(|(version, _)| *version);
        // What was below it alone is out of order no more.
        let between = (self.highest.map_or(Bound::Unbounded, Bound::Excluded), Bound::Excluded(version));
        let between: Vec<Version> = self.versioned.range(between).map(|(version, _)| *version).collect();
        between.into_iter().for_each(|version| self.put(version, State::Pending));
    }

    /// One is reverted: the history has no row of it any more, and of no repeatable.
    pub(super) fn reverted(&mut self, version: Version) {
        self.forgotten(version);
        let applied = self.repeatables.iter().filter(|(_, state)| **state == State::Applied);
        let applied: Vec<String> = applied.map(|(name, _)| name.clone()).collect();
        applied.iter().for_each(|name| self.put_repeatable(name, State::Pending));
    }

    /// Whether the history says that one has begun.
    pub(super) fn is_begun(&self, version: Version) -> bool {
        self.versioned.get(&version) == Some(&State::Incomplete)
    }

    fn put(&mut self, version: Version, state: State) {
        if is_recorded(state) {
            self.highest = self.highest.max(Some(version));
        }
        let before = self.versioned.insert(version, state);
        self.change(before, state);
    }

    fn put_repeatable(&mut self, name: &str, state: State) {
        let before = self.repeatables.insert(name.to_owned(), state);
        self.change(before, state);
    }

    fn change(&mut self, before: Option<State>, after: State) {
        if let Some(count) = before.and_then(|state| self.counts.get_mut(place(state))) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.counts.get_mut(place(after)) {
            *count += 1;
        }
    }
}

/// Whether the history has a row of a versioned migration in that state.
fn is_recorded(state: State) -> bool {
    !matches!(state, State::Pending | State::OutOfOrder)
}

/// Where in [`State::ALL`] a state stands.
fn place(state: State) -> usize {
    State::ALL.iter().position(|it| *it == state).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use graven_source::{Checksum, Version};

    use super::Tally;
    use crate::history::{Doubt, Progress, Record};
    use crate::migrations::{Migrations, Sealing};
    use crate::private;

    fn version(number: i64) -> Version {
        Version::new(number).expect("not negative")
    }

    /// Versions 1 to `last`, and a repeatable.
    fn set(last: i64) -> Migrations {
        let one =
            |number| private::migration(number, "1_m.sql", (2, 3), Sealing::Sealed, "", &[7; 32], &private::DEFAULT);
        let repeatable = private::repeatable("views", 5, 5, &[7; 32], &private::REPEATABLE);
        let set = private::migrations((1..=last).map(one).collect::<Vec<_>>().leak(), "migrations", None, None, "");
        private::with_repeatables(set, vec![repeatable].leak())
    }

    fn row(version: Option<i64>, checksum: u8, progress: Progress) -> Record {
        Record {
            version: version.and_then(Version::new),
            name: if version.is_some() { "m" } else { "views" }.to_owned(),
            kind: String::new(),
            checksum: Checksum::from_bytes([checksum; 32]),
            progress,
            format: 1,
            started_by: None,
            origin: None,
        }
    }

    /// A history with these versions applied, and with the repeatable as these bytes say.
    fn history(versions: &[i64], repeatable: Option<u8>) -> Vec<Record> {
        let versioned = versions.iter().map(|number| row(Some(*number), 7, Progress::Applied));
        versioned.chain(repeatable.map(|checksum| row(None, checksum, Progress::Applied))).collect()
    }

    #[test]
    fn what_a_verb_does_comes_to_the_same_as_another_look() {
        /// What is applied before, the repeatable's text there, what happens, and both after it.
        type Row = (&'static str, &'static [i64], Option<u8>, fn(&mut Tally), &'static [i64], Option<u8>);
        let table: [Row; 10] = [
            ("nothing", &[1, 2], None, |_| {}, &[1, 2], None),
            ("the next", &[1], None, |tally| tally.applied(version(2)), &[1, 2], None),
            ("one out of order", &[1, 4], None, |tally| tally.applied(version(2)), &[1, 2, 4], None),
            ("a baseline", &[], None, |tally| tally.covered(version(3)), &[1, 2, 3], None),
            ("a repeatable", &[1], None, |tally| tally.applied_repeatable("views"), &[1], Some(7)),
            ("a repeatable again", &[1], Some(6), |tally| tally.applied_repeatable("views"), &[1], Some(7)),
            ("the last is reverted", &[1, 2, 3], Some(7), |tally| tally.reverted(version(3)), &[1, 2], None),
            ("one is given back", &[1, 2, 3], Some(7), |tally| tally.forgotten(version(3)), &[1, 2], Some(7)),
            ("what was below it alone", &[1, 4], None, |tally| tally.forgotten(version(4)), &[1], None),
            ("one within, and a later one", &[1, 2, 9], None, |tally| tally.forgotten(version(2)), &[1, 9], None),
        ];
        let set = set(5);
        for (what, before, repeatable, change, after, repeatable_after) in table {
            let mut tally = Tally::of(&set, &history(before, repeatable));
            change(&mut tally);
            let again = Tally::of(&set, &history(after, repeatable_after));
            assert_eq!(tally.counts(), again.counts(), "{what}");
        }
        let everything = Tally::of(&set, &history(&[1, 2, 3, 4, 5], Some(7)));
        assert_eq!(everything.counts(), Tally::all_applied(&set).counts());
    }

    #[test]
    fn one_that_has_begun_is_incomplete_until_it_is_applied_or_given_back() {
        let set = set(3);
        let begun = Progress::Started { done: 0, total: 2, doubt: Doubt::InDoubt };
        let look = Tally::of(&set, &[row(Some(1), 7, Progress::Applied), row(Some(2), 7, begun)]);
        let mut tally = Tally::of(&set, &history(&[1], None));
        tally.begun(version(2));
        assert_eq!(tally.counts(), look.counts());
        assert!(tally.is_begun(version(2)) && !tally.is_begun(version(1)));
        tally.forgotten(version(2));
        assert_eq!(tally.counts(), Tally::of(&set, &history(&[1], None)).counts());
        tally.begun(version(2));
        tally.applied(version(2));
        assert_eq!(tally.counts(), Tally::of(&set, &history(&[1, 2], None)).counts());
    }
}
