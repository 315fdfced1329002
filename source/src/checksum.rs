//! The checksum of a migration, and the rule by which a text is normalised before it is taken.

use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a migration's normalised text: a leading byte order mark dropped, CRLF turned into LF.
///
/// For a file with LF line ends it equals what `sha256sum FILE` prints, and a Windows checkout of it has the same one.
/// It is written `sha256:` and 64 lower-case hexadecimal digits.
///
/// ```
/// # use graven_source as graven;
/// use graven::Checksum;
///
/// let checksum = Checksum::of_text("select 1;\n");
/// assert_eq!(checksum.to_string().parse::<Checksum>(), Ok(checksum));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// The checksum that has these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The checksum of a text that is normalised already, as [`normalise`] leaves it.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self(crate::sha256::Sha256::digest(text.as_bytes()))
    }

    /// The first twelve digits, enough for a person to tell two apart: `sha256:815674e9c24e…`.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate("sha256:".len() + 12);
        text.push('…');
        text
    }
}

/// Drops a leading byte order mark and turns CRLF into LF, so that a checkout on any system has the same checksum.
///
/// A lone CR stays: it is content, not a line end that git would have made.
#[must_use]
pub fn normalise(text: String) -> String {
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    // Looking for one byte is fast even where this is built without optimisation, as procedural macros mostly are.
    if text.contains('\r') { text.replace("\r\n", "\n") } else { text }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        let mut at = 0;
        while at < 32 {
            digits[2 * at] = DIGITS[(self.0[at] >> 4) as usize];
            digits[2 * at + 1] = DIGITS[(self.0[at] & 15) as usize];
            at += 1;
        }
        f.write_str("sha256:")?;
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    fn from_str(text: &str) -> Result<Self, ChecksumError> {
        let digits = text.strip_prefix("sha256:").ok_or(ChecksumError)?.as_bytes();
        if digits.len() != 64 {
            return Err(ChecksumError);
        }
        let mut bytes = [0; 32];
        let mut at = 0;
        while at < 32 {
            let (high, low) = (digit(digits[2 * at]), digit(digits[2 * at + 1]));
            if high > 15 || low > 15 {
                return Err(ChecksumError);
            }
            bytes[at] = high << 4 | low;
            at += 1;
        }
        Ok(Self(bytes))
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// What a digit stands for, and a larger number where it is none.
const fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => u8::MAX,
    }
}

/// A text that is not `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChecksumError;

impl fmt::Display for ChecksumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a checksum is `sha256:` and 64 lower-case hexadecimal digits")
    }
}

impl std::error::Error for ChecksumError {}

#[cfg(test)]
mod tests {
    use super::{Checksum, ChecksumError, normalise};

    #[test]
    fn equals_sha256sum_for_a_file_with_lf() {
        assert_eq!(
            Checksum::of_text("").to_string(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn normalisation_makes_windows_and_linux_agree_and_touches_nothing_else() {
        for (text, wanted) in [
            ("\u{feff}a\r\nb\r\n", "a\nb\n"),
            ("a\rb", "a\rb"),
            ("a\r\r\nb", "a\r\nb"),
            ("a\u{feff}b", "a\u{feff}b"),
            ("", ""),
        ] {
            assert_eq!(normalise(text.to_owned()), wanted, "{text:?}");
        }
    }

    #[test]
    fn parses_only_what_it_prints() {
        let checksum = Checksum::of_text("x");
        assert_eq!(checksum.to_string().parse(), Ok(checksum));
        for text in ["", "sha256:", "sha256:00", &checksum.to_string().to_uppercase(), &format!("{checksum}0")] {
            assert_eq!(text.parse::<Checksum>(), Err(ChecksumError), "{text:?}");
        }
    }
}
