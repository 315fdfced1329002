//! Versions that are free.

use crate::version::Version;

/// Hands out versions that are free, spelt as wide as those that are taken; each only once, so that no two messages
/// of one build name the same.
#[derive(Clone, Debug)]
pub(super) struct Free {
    next: Option<Version>,
    width: usize,
}

impl Free {
    /// The versions above all of these, which are given with the width of their spelling.
    pub(super) fn above(taken: impl Iterator<Item = (Version, usize)>) -> Self {
        match taken.max() {
            Some((version, width)) => Self { next: version.next(), width },
            None => Self { next: Version::ZERO.next(), width: 4 },
        }
    }

    /// None at all.
    pub(super) fn none() -> Self {
        Self { next: None, width: 0 }
    }

    /// The next one, with leading zeros as its neighbours have them. `None` above [`Version::MAX`].
    pub(super) fn next(&mut self) -> Option<String> {
        let version = self.next?;
        self.next = version.next();
        Some(self.spell(version, None))
    }

    /// The one that would be next.
    pub(super) fn peek(&self) -> Option<String> {
        self.next.map(|version| self.spell(version, None))
    }

    /// A version with as many leading zeros as it takes for the width, or as those that are handed out have.
    pub(super) fn spell(&self, version: Version, width: Option<usize>) -> String {
        format!("{:0width$}", version.value(), width = width.unwrap_or(self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::{Free, Version};

    #[test]
    fn each_free_version_is_named_once_and_spelt_like_its_neighbours() {
        for (taken, wanted) in [
            (&[][..], ["0001", "0002"]),
            (&[("0009", 9), ("0003", 3)], ["0010", "0011"]),
            (&[("9", 9)], ["10", "11"]),
            (&[("0001", 1), ("20260131093000", 20_260_131_093_000)], ["20260131093001", "20260131093002"]),
        ] {
            let taken = taken.iter().map(|(spelling, version)| (Version::new(*version).unwrap(), spelling.len()));
            let mut free = Free::above(taken);
            assert_eq!(free.peek().as_deref(), Some(wanted[0]));
            assert_eq!([free.next(), free.next()], wanted.map(|version| Some(version.to_owned())));
        }
        assert_eq!(Free::above([(Version::MAX, 19)].into_iter()).next(), None);
    }
}
