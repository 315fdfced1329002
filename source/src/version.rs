//! The version of a migration: parse, order, display. It refuses everything that is not a plain number.

use std::fmt;
use std::str::FromStr;

/// The version of a migration: an integer from 0 to 9223372036854775807, compared as a number.
///
/// `0001` and the timestamp `20260131093000` both serve. Leading zeros do not matter: `1` and `0001` are one version,
/// and it is shown as `1`.
///
/// ```
/// # use graven_source as graven;
/// use graven::Version;
///
/// let version: Version = "0042".parse()?;
/// assert_eq!(version.value(), 42);
/// assert_eq!(version.to_string(), "42");
/// # Ok::<(), graven::VersionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// The smallest version.
    pub const ZERO: Self = Self(0);

    /// The largest version, what a `bigint` column holds.
    pub const MAX: Self = Self(i64::MAX);

    /// The version of that number, or `None` for a negative one.
    #[must_use]
    pub const fn new(value: i64) -> Option<Self> {
        if value < 0 { None } else { Some(Self(value)) }
    }

    /// The number, never negative.
    #[must_use]
    pub const fn value(self) -> i64 {
        self.0
    }

    /// The version after this one, or `None` after the largest.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(VersionError::NotANumber);
        }
        // Only digits are left, so that the one way to fail is being too large.
        text.parse().map(Self).map_err(|_| VersionError::TooLarge)
    }
}

/// Why a text is not a [`Version`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionError {
    /// It is empty or holds something other than the digits 0 to 9.
    NotANumber,
    /// It is larger than [`Version::MAX`].
    TooLarge,
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("a version is made of the digits 0 to 9 alone"),
            Self::TooLarge => write!(f, "a version is at most {}", Version::MAX),
        }
    }
}

impl std::error::Error for VersionError {}

#[cfg(test)]
mod tests {
    use super::{Version, VersionError};

    #[test]
    fn parses_numbers_only_and_orders_them_as_numbers() {
        for (text, wanted) in [
            ("0", Ok(0)),
            ("0001", Ok(1)),
            ("20260131093000", Ok(20_260_131_093_000)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("00000000000000000000000000000009", Ok(9)),
            ("9223372036854775808", Err(VersionError::TooLarge)),
            ("", Err(VersionError::NotANumber)),
            ("-1", Err(VersionError::NotANumber)),
            ("+1", Err(VersionError::NotANumber)),
            ("1_000", Err(VersionError::NotANumber)),
            ("٣", Err(VersionError::NotANumber)),
        ] {
            assert_eq!(text.parse::<Version>().map(Version::value), wanted, "{text:?}");
        }
        assert!("9".parse::<Version>().unwrap() < "10".parse().unwrap());
        assert_eq!(Version::new(-1), None);
        assert_eq!(Version::MAX.next(), None);
    }
}
