//! Durations as PostgreSQL writes them: `500ms`, `2 s`, `1.5min`. Nothing negative, nothing that PostgreSQL's own
//! timeouts could not hold.

use std::fmt;
use std::time::Duration;

/// Reads a duration as PostgreSQL's timeout settings do: a number, with or without a fraction, and a unit, one of `us`,
/// `ms`, `s`, `min`, `h` and `d`. Without a unit it counts milliseconds. It comes out in whole milliseconds; `0` stands
/// for no timeout.
///
/// ```
/// use std::time::Duration;
///
/// use graven_source::parse_duration;
///
/// assert_eq!(parse_duration("2s"), Ok(Duration::from_secs(2)));
/// assert_eq!(parse_duration("1.5 min"), Ok(Duration::from_secs(90)));
/// assert_eq!(parse_duration("250"), Ok(Duration::from_millis(250)));
/// assert!(parse_duration("soon").is_err());
/// ```
///
/// # Errors
///
/// It is no such number, the unit is unknown, or it lies beyond what PostgreSQL takes: 2147483647 ms, close to 25 days.
/// A duration that is not zero but would be rounded to it is refused, too: PostgreSQL would switch the timeout off.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return Err(DurationError::NotANumber);
    }
    let nanoseconds_each: u128 = match unit.trim_start() {
        "us" => 1_000,
        "" | "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return Err(DurationError::UnknownUnit),
    };
    let whole = whole.trim_start_matches('0');
    // Even in microseconds, more digits are more than PostgreSQL takes.
    if whole.len() > 13 {
        return Err(DurationError::TooLong);
    }
    let (kept, cut) = fraction.split_at(fraction.len().min(9));
    let digits = |text: &str| text.bytes().fold(0_u128, |value, byte| value * 10 + u128::from(byte - b'0'));
    let scale = kept.bytes().fold(1_u128, |scale, _| scale * 10);
    // Of the digits that are cut off, it only matters whether there is anything at all.
    let rest = u128::from(cut.bytes().any(|digit| digit != b'0'));
    milliseconds((digits(whole) * scale + digits(kept)) * nanoseconds_each + rest, scale * 1_000_000)
}

/// The quotient, rounded as PostgreSQL does: to the nearest, and from the very middle to the even one.
fn milliseconds(exact: u128, divisor: u128) -> Result<Duration, DurationError> {
    let (below, rest) = (exact / divisor, exact % divisor);
    let up = rest * 2 > divisor || (rest * 2 == divisor && below % 2 == 1);
    let rounded = if up { below + 1 } else { below };
    if rounded == 0 && exact > 0 {
        return Err(DurationError::TooShort);
    }
    match i32::try_from(rounded) {
        Ok(value) => Ok(Duration::from_millis(u64::from(value.unsigned_abs()))),
        Err(_) => Err(DurationError::TooLong),
    }
}

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DurationError {
    /// It does not begin with a number that is zero or more.
    NotANumber,
    /// The unit is none that PostgreSQL knows. Units are written in lower case.
    UnknownUnit,
    /// It is not zero, but shorter than half a millisecond.
    TooShort,
    /// It is longer than 2147483647 ms.
    TooLong,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "a duration is a number and a unit, such as 500ms or 2s",
            Self::UnknownUnit => "the unit of a duration is one of us, ms, s, min, h and d",
            Self::TooShort => "this duration rounds to 0 ms, which would switch the timeout off",
            Self::TooLong => "a duration is at most 2147483647 ms, close to 25 days",
        })
    }
}

impl std::error::Error for DurationError {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{DurationError, parse_duration};

    #[test]
    fn reads_what_postgresql_reads() {
        for (text, milliseconds) in [
            ("0", 0),
            ("0s", 0),
            ("000", 0),
            ("250", 250),
            (" 250 ", 250),
            ("250ms", 250),
            ("250 ms", 250),
            ("2s", 2_000),
            ("2\ts", 2_000),
            ("1.5s", 1_500),
            (".5s", 500),
            ("5.s", 5_000),
            ("1min", 60_000),
            ("0.5h", 1_800_000),
            ("24d", 2_073_600_000),
            ("1000us", 1),
            ("1500us", 2),
            ("2500us", 2),
            ("2501us", 3),
            ("0.5001", 1),
            ("0000000000000000000000000000001s", 1_000),
            ("1.00000000000000000000000000000000000000000000s", 1_000),
            ("2147483647", 2_147_483_647),
            ("2147483647.4", 2_147_483_647),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text:?}");
        }
    }

    #[test]
    fn refuses_everything_else_and_never_rounds_to_no_timeout() {
        for (text, wanted) in [
            ("", DurationError::NotANumber),
            ("s", DurationError::NotANumber),
            (".", DurationError::NotANumber),
            (".s", DurationError::NotANumber),
            ("1.2.3", DurationError::NotANumber),
            ("-1s", DurationError::NotANumber),
            ("+1s", DurationError::NotANumber),
            ("off", DurationError::NotANumber),
            ("٣s", DurationError::NotANumber),
            ("1S", DurationError::UnknownUnit),
            ("1m", DurationError::UnknownUnit),
            ("1 sec", DurationError::UnknownUnit),
            ("1s 2", DurationError::UnknownUnit),
            ("1e3", DurationError::UnknownUnit),
            ("1\u{a0}s\u{0}", DurationError::UnknownUnit),
            ("500us", DurationError::TooShort),
            ("1us", DurationError::TooShort),
            ("0.000000000000000001", DurationError::TooShort),
            ("0.5", DurationError::TooShort),
            ("2147483648", DurationError::TooLong),
            ("2147483647.6", DurationError::TooLong),
            ("25d", DurationError::TooLong),
            ("99999999999999999999999999999999999999999999999d", DurationError::TooLong),
            ("999999999999999999.999999999999999999d", DurationError::TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(wanted), "{text:?}");
        }
    }
}
