//! Integers for versions with dots, such as Flyway has them: `V1.1__a.sql` lies between `V1__b.sql` and `V2__c.sql`, where
//! no integer does. So all of them are numbered anew, in their order.
//!
//! It refuses to choose where something that keeps its version would come before what it came after.

use std::collections::HashMap;

use super::free::Free;
use super::moves::Basis;
use super::names::{Listing, Misnamed, Wanted};
use crate::file_name::{self, FileName, Kind};
use crate::version::Version;

/// A version of several numbers, compared as Flyway does it: part by part, and none stands for zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Dotted(Vec<(usize, String)>);

impl Dotted {
    fn new(parts: impl Iterator<Item = impl AsRef<str>>) -> Self {
        // Without leading zeros, the longer one of two numbers is the larger one.
        let number = |part: &str| (part.len(), part.to_owned());
        let mut parts: Vec<_> = parts.map(|part| number(part.as_ref().trim_start_matches('0'))).collect();
        while parts.pop_if(|(digits, _)| *digits == 0).is_some() {}
        Self(parts)
    }

    pub(super) fn of(version: Version) -> Self {
        Self::new(std::iter::once(version.to_string()))
    }

    /// What a file's version was meant to be, if it has one.
    pub(super) fn meant_by(misnamed: &Misnamed) -> Option<Self> {
        match &misnamed.wanted {
            Wanted::InPlace(parts, _) => Some(Self::new(parts.iter())),
            Wanted::NextVersion(_) => None,
            Wanted::Name(name) => match file_name::parse(name) {
                FileName::Migration(found) => found.version.map(Self::of),
                _ => None,
            },
        }
    }
}

/// The files that are numbered anew. Mostly none.
#[derive(Debug, Default)]
pub(super) struct InPlace {
    /// Ascending, each with its version as it is to be spelt.
    order: Vec<(Dotted, String)>,
    /// The same versions by where the files stand in the listing.
    by_place: HashMap<usize, String>,
}

impl InPlace {
    /// Numbers the versioned migrations with wrong names if one of them has a version with dots, above all that is taken.
    pub(super) fn of(listing: &Listing, basis: Basis<'_>) -> Self {
        let is_dotted = |misnamed: &Misnamed| matches!(misnamed.wanted, Wanted::InPlace(..));
        if matches!(basis, Basis::Unknown) || !listing.misnamed.iter().any(is_dotted) {
            return Self::default();
        }
        let floor = listing.taken(basis.seal()).max();
        let lowest = floor.map(|(version, _)| Dotted::of(version));
        let mut all: Vec<(Dotted, usize)> = Vec::new();
        for (at, misnamed) in listing.misnamed.iter().enumerate() {
            let Some(order) = Dotted::meant_by(misnamed).filter(|_| misnamed.kind() == Some(Kind::Versioned)) else {
                continue;
            };
            if lowest.as_ref().is_none_or(|lowest| order > *lowest) {
                all.push((order, at));
            } else if is_dotted(misnamed) {
                return Self::default();
            }
        }
        all.sort();
        let mut free = Free::above(floor.into_iter());
        let mut in_place = Self::default();
        for (order, at) in all {
            let Some(spelling) = free.next() else { return Self::default() };
            in_place.order.push((order, spelling.clone()));
            in_place.by_place.insert(at, spelling);
        }
        in_place
    }

    /// The version of a file, by where it stands in the listing.
    pub(super) fn version_of(&self, at: usize) -> Option<&str> {
        self.by_place.get(&at).map(String::as_str)
    }

    /// The version of the last migration that a baseline stands for, if that is one of those that are numbered anew.
    pub(super) fn last_of(&self, baseline: &Misnamed) -> Option<&str> {
        let order = Dotted::meant_by(baseline)?;
        let end = self.order.partition_point(|(other, _)| *other <= order);
        self.order.get(end.checked_sub(1)?).map(|(_, spelling)| spelling.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Dotted;

    #[test]
    fn parts_are_compared_as_numbers_and_none_is_zero() {
        let dotted = |version: &str| Dotted::new(version.split('.'));
        let ascending = ["0", "0.9", "1", "1.1", "1.2", "1.2.1", "1.10", "2", "10", "10.0.1", "99999999999999999999"];
        for pair in ascending.windows(2) {
            assert!(dotted(pair[0]) < dotted(pair[1]), "{pair:?}");
        }
        assert_eq!(dotted("01.0.0"), dotted("1"));
    }
}
