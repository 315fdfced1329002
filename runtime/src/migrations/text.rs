//! A migration's text, as the compiler has included it.
//!
//! The macro has seen that the file is UTF-8. The compiler takes a large one in as bytes: of a string it would make a
//! literal, escape that, and take it apart again, at several times the cost of all else that it does with a migration. So
//! the bytes become a string here, when one asks for it.

use std::fmt;
use std::ops::Range;

/// A text that is UTF-8 unless its file was written to between the macro's look at it and the compiler's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text(&'static [u8]);

/// What stands for a text that is not UTF-8. No server takes it for SQL, so that nothing is applied in its place, and the
/// error shows it.
const REFUSED: &str = "this migration was written to while it was being compiled: build again";

impl Text {
    pub(crate) const EMPTY: Self = Self(&[]);

    pub(crate) const fn of_bytes(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }

    /// In bytes.
    pub(crate) const fn len(self) -> usize {
        self.0.len()
    }

    /// All of it. Each call looks at each byte.
    pub(crate) const fn whole(self) -> &'static str {
        match str::from_utf8(self.0) {
            Ok(text) => text,
            Err(_) => REFUSED,
        }
    }

    /// The bytes from there on, which costs nothing.
    pub(crate) fn bytes_from(self, start: usize) -> &'static [u8] {
        self.0.get(start..).unwrap_or_default()
    }

    /// A part of it, at no cost for the rest.
    pub(crate) fn part(self, part: Range<usize>) -> Option<&'static str> {
        self.0.get(part).map(|part| Self(part).whole())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.whole(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::{REFUSED, Text};

    #[test]
    fn a_text_and_its_parts_are_what_was_embedded() {
        let text = Text::of_bytes("a; — b;".as_bytes());
        assert_eq!((text.whole(), text.len()), ("a; — b;", 9));
        assert_eq!((text.part(0..2), text.part(3..6), text.part(8..10)), (Some("a;"), Some("—"), None));
        assert_eq!(format!("{text:?}"), r#""a; — b;""#);
    }

    #[test]
    fn what_is_not_utf_8_is_nothing_that_a_server_would_run() {
        let text = Text::of_bytes(b"a; \xff");
        assert_eq!((text.whole(), text.part(0..2), text.part(3..4)), (REFUSED, Some("a;"), Some(REFUSED)));
    }
}
