//! Comments that are meant as directives and are none: `-- graven; transaction = off`, `/* graven: retries = 3 */`.
//!
//! Passed over in silence, they would do the harm that a misspelt key would do. A comment that only speaks of graven is
//! none: the name stands first in it, a key next, and a value after that.

use std::ops::Range;

use super::parse::{holds, known};
use super::part::Part;

const NAME: &str = "graven";

/// The directive that is meant by a `--` comment, and the place of what is written instead.
pub(super) fn in_line(text: &str, comment: Range<usize>) -> Option<(String, Range<usize>)> {
    let whole = Part::new(text, comment);
    // A directive with `-- --` before it has been put out of action by hand.
    let dashes = whole.text.bytes().take_while(|byte| *byte == b'-').count();
    meant(&whole.skip(dashes))
}

/// Those that are meant by the lines of a block comment.
pub(super) fn in_block(text: &str, comment: Range<usize>) -> impl Iterator<Item = (String, Range<usize>)> {
    let inside = comment.start..comment.end - "*/".len();
    let mut start = inside.start;
    text.get(inside).unwrap_or_default().split_inclusive('\n').filter_map(move |line| {
        let span = start..start + line.len();
        start = span.end;
        let frame = |character: char| character.is_whitespace() || matches!(character, '/' | '*' | '!');
        let drawn = line.len() - line.trim_start_matches(frame).len();
        meant(&Part::new(text, span).skip(drawn))
    })
}

fn meant(comment: &Part<'_>) -> Option<(String, Range<usize>)> {
    let (name, rest) = word(comment.text);
    let rest = rest.trim_start();
    let is_name = name.eq_ignore_ascii_case(NAME);
    let is_nearly = || name.len() <= 2 * NAME.len() && strsim::osa_distance(&name.to_lowercase(), NAME) == 1;
    let is_meant = is_name || rest.starts_with([':', '：']) && is_nearly();
    if !is_meant {
        return None;
    }
    let divides = |character: char| {
        character.is_whitespace()
            || matches!(character, ':' | '：' | ';' | '；' | ',' | '.' | '-' | '_' | '/' | '=' | '>')
    };
    let (key, rest) = word(rest.trim_start_matches(divides));
    let key = known(key)?;
    let rest = rest.trim();
    let value = match rest.strip_prefix(['=', '＝']) {
        // A value ends in none of these; as a part of it, it would be refused again.
        Some(value) => value.trim_start().trim_end_matches([';', '.', ',']).trim_end(),
        // Without that sign, it may be a sentence.
        None => Some(rest.trim_start_matches([':', '：']).trim_start()).filter(|value| holds(key, value))?,
    };
    (!value.is_empty()).then(|| (format!("-- {NAME}: {key} = {value}"), comment.span()))
}

/// The first word of a text, and the rest.
fn word(text: &str) -> (&str, &str) {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let end = text.find(|character| !is_part(character)).unwrap_or(text.len());
    text.split_at(end)
}
