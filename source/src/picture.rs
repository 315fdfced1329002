//! Text that somebody else wrote, as it may be printed: what a file, a name or a server says moves no cursor and is no colour.
//!
//! Nothing is taken out: each character that a terminal would obey stands there as a picture of itself.

use std::borrow::Cow;

/// A text whose control characters are pictures (`␛` for an escape). Line ends and tabs stay.
#[must_use]
pub fn pictured(text: &str) -> Cow<'_, str> {
    pictured_but(text, |_| 0)
}

/// The same, but for the sequences that are to be kept: of a text that begins with a control character, `kept` says how many
/// of its bytes are one.
#[must_use]
pub fn pictured_but(text: &str, kept: impl Fn(&str) -> usize) -> Cow<'_, str> {
    let Some(first) = text.find(|c| picture(c).is_some()) else { return text.into() };
    let (before, mut rest) = text.split_at(first);
    let mut pictured = before.to_owned();
    while let Some(c) = rest.chars().next() {
        let picture = picture(c);
        let length = if picture.is_some() { kept(rest) } else { 0 };
        let (shown, after) = rest.split_at_checked(length.max(c.len_utf8())).unwrap_or((rest, ""));
        match picture {
            Some(picture) if length == 0 => pictured.push(picture),
            _ => pictured.push_str(shown),
        }
        rest = after;
    }
    pictured.into()
}

/// What stands for a character that a terminal obeys, or that turns the order of the others round.
fn picture(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => None,
        '\u{7f}' => Some('\u{2421}'),
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{pictured, pictured_but};

    #[test]
    fn what_a_terminal_would_obey_is_a_picture() {
        for (text, shown) in [
            ("two\n\tlines é", "two\n\tlines é"),
            ("\u{1b}[31mred", "␛[31mred"),
            ("\u{1b}]0;owned\u{7}\r\n", "␛]0;owned␇␍\n"),
            ("\u{9b}31m\u{7f}\u{202e}", "\u{fffd}31m␡\u{fffd}"),
        ] {
            assert_eq!(pictured(text), shown, "{text:?}");
        }
    }

    #[test]
    fn what_is_to_be_kept_is_kept_and_never_more_than_there_is() {
        assert_eq!(
            pictured_but("a\u{1b}[mb\u{7}", |rest| if rest.starts_with('\u{1b}') { 3 } else { 0 }),
            "a\u{1b}[mb␇"
        );
        assert_eq!(pictured_but("a\u{1b}", |_| 9), "a\u{1b}");
    }
}
