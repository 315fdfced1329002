//! Offsets and what people and PostgreSQL say instead: lines, columns, characters. It keeps no table, looks at the text
//! once per question (or once for all, where they come in the order of the text), and answers for every offset, also
//! one beyond the end or inside of a character.

/// A place in a text, as editors count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1. A line ends with LF.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

/// Where that byte lies. Beyond the end, it is the place after the last character.
///
/// ```
/// use graven_source::position::{Position, position};
///
/// assert_eq!(position("ä;\nselect", 3), Position { line: 1, column: 3 });
/// assert_eq!(position("ä;\nselect", 4), Position { line: 2, column: 1 });
/// ```
#[must_use]
pub fn position(text: &str, offset: usize) -> Position {
    Places::new(text).position(offset)
}

/// Answers for one offset after another, and counts only the lines from the one before. An unoptimised build, as that of
/// a procedural macro mostly is, counts a hundred times slower than it searches.
pub(crate) struct Places<'t> {
    text: &'t str,
    at: usize,
    /// How many lines end before `at`.
    lines: usize,
}

impl<'t> Places<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0, lines: 0 }
    }

    /// As [`position`] has it. Offsets that do not descend are fast.
    pub(crate) fn position(&mut self, offset: usize) -> Position {
        let offset = boundary(self.text, offset);
        if offset < self.at {
            *self = Self::new(self.text);
        }
        self.lines += self.text.get(self.at..offset).unwrap_or_default().matches('\n').count();
        self.at = offset;
        let before = self.text.get(..offset).unwrap_or_default();
        let column = before.get(line_start(before)..).unwrap_or_default().chars().count();
        Position { line: self.lines + 1, column: column + 1 }
    }
}

/// The line that holds that byte, without its line end.
#[must_use]
pub fn line_at(text: &str, offset: usize) -> &str {
    let (before, after) = text.split_at(boundary(text, offset));
    let end = before.len() + after.find('\n').unwrap_or(after.len());
    let line = text.get(line_start(before)..end).unwrap_or_default();
    line.strip_suffix('\r').unwrap_or(line)
}

/// The byte offset of the character that PostgreSQL counts as `number`, from 1, as its errors do in the field POSITION.
/// Beyond the last one, it is the end of the text.
#[must_use]
pub fn offset_of_character(text: &str, number: usize) -> usize {
    text.char_indices().nth(number.saturating_sub(1)).map_or(text.len(), |(offset, _)| offset)
}

/// The offset itself, or where the character begins that it lies in.
fn boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn line_start(before: &str) -> usize {
    before.rfind('\n').map_or(0, |found| found + 1)
}

#[cfg(test)]
mod tests {
    use super::{Places, Position, line_at, offset_of_character, position};

    #[test]
    fn lines_and_columns_count_from_one_and_columns_in_characters() {
        let text = "a;\nä👍 b\r\n\nlast";
        for (offset, line, column, wanted) in [
            (0, 1, 1, "a;"),
            (1, 1, 2, "a;"),
            (2, 1, 3, "a;"),
            (3, 2, 1, "ä👍 b"),
            (4, 2, 1, "ä👍 b"),
            (5, 2, 2, "ä👍 b"),
            (8, 2, 2, "ä👍 b"),
            (9, 2, 3, "ä👍 b"),
            (10, 2, 4, "ä👍 b"),
            (13, 3, 1, ""),
            (14, 4, 1, "last"),
            (18, 4, 5, "last"),
            (99, 4, 5, "last"),
        ] {
            assert_eq!(position(text, offset), Position { line, column }, "{offset}");
            assert_eq!(line_at(text, offset), wanted, "{offset}");
        }
        assert_eq!(position("", 0), Position { line: 1, column: 1 });
        assert_eq!(line_at("", 7), "");
        assert_eq!(position("a\n", 2), Position { line: 2, column: 1 });
    }

    #[test]
    fn places_are_the_same_in_any_order() {
        let text = "a;\nä👍 b\r\n\nlast";
        let orders: [Vec<usize>; 2] = [(0..25).collect(), (0..25).rev().collect()];
        for offsets in orders {
            let mut places = Places::new(text);
            for offset in offsets {
                assert_eq!(places.position(offset), position(text, offset), "{offset}");
            }
        }
    }

    #[test]
    fn characters_are_counted_as_postgresql_counts_them() {
        for (number, offset) in [(0, 0), (1, 0), (2, 1), (3, 3), (4, 7), (5, 8), (99, 8)] {
            assert_eq!(offset_of_character("aä👍b", number), offset, "{number}");
        }
    }
}
