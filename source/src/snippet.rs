//! A place in a text, shown as compilers show it: path, line and column, the line itself, and a caret under the place.
//!
//! Only the one line is kept and rendered, so that a text of 50 MB costs no more than a short one. It refuses to say
//! what is wrong: that is the caller's to put before and after.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::position::{self, Places, Position};

/// How a text for people is dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// Nothing but characters, for a compiler's message, a log or a file.
    Plain,
    /// With ANSI escape sequences, for a terminal.
    Ansi,
}

/// A place in a text, cut out of it.
///
/// ```
/// use graven_source::snippet::{Excerpt, Style};
///
/// let excerpt = Excerpt::cut("select 1;\nselect 'two;\n", 17..18, "it begins here");
/// assert_eq!((excerpt.line(), excerpt.column()), (2, 8));
/// assert_eq!(
///     excerpt.render("migrations/0001_a.sql", Style::Plain),
///     " --> migrations/0001_a.sql:2:8
///   |
/// 2 | select 'two;
///   |        ^ it begins here",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    line: usize,
    column: usize,
    /// The line, or the part of a very long one that is worth showing.
    text: String,
    /// In `text`.
    span: Range<usize>,
    label: String,
}

/// How many characters of a long line are shown before and after the place.
const AROUND: usize = 60;

impl Excerpt {
    /// Cuts the line in which `span` begins out of `text`.
    ///
    /// `span` is in bytes. What lies outside of the text, inside of a character or beyond the line is clipped. `label`
    /// is written beside the caret and may be empty.
    #[must_use]
    pub fn cut(text: &str, span: Range<usize>, label: &str) -> Self {
        Self::cut_next(&mut Places::new(text), text, span, label)
    }

    /// The same, for one of several places of a text.
    pub(crate) fn cut_next(places: &mut Places<'_>, text: &str, span: Range<usize>, label: &str) -> Self {
        let start = floor(text, span.start);
        let Position { line, column } = places.position(start);
        let whole = position::line_at(text, start);
        let before = text.get(..start).unwrap_or_default();
        let in_line = start - before.rfind('\n').map_or(0, |at| at + 1);
        let length = span.end.saturating_sub(start);
        let (shown, cut) = shorten(whole, floor(whole, in_line)..floor(whole, in_line.saturating_add(length)));
        Self { line, column, text: shown, span: cut, label: label.to_owned() }
    }

    /// The line of the place, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column of the place, in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The line's text; of a long line the part around the place, with `…` for what was left out.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is written beside the caret.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The place, without a line end after it.
    #[must_use]
    pub fn render(&self, path: &str, style: Style) -> String {
        let (renderer, arrow) = match style {
            Style::Plain => (Renderer::plain(), "--> ".to_owned()),
            Style::Ansi => {
                let blue = annotate_snippets::renderer::DEFAULT_LINE_NUM_STYLE;
                (Renderer::styled(), format!("{blue}--> {blue:#}"))
            }
        };
        let annotation = AnnotationKind::Primary.span(self.span.clone());
        let annotation = if self.label.is_empty() { annotation } else { annotation.label(self.label.as_str()) };
        let snippet = Snippet::source(self.text.as_str()).line_start(self.line).annotation(annotation);
        // The renderer would count the column in the shortened line, so that the heading is written here.
        let body = renderer.render(&[Group::with_level(Level::ERROR).element(snippet)]);
        let indent = " ".repeat(self.line.to_string().len());
        format!("{indent}{arrow}{path}:{}:{}\n{}", self.line, self.column, body.trim_end())
    }
}

/// Cuts a place out of a text and renders it: see [`Excerpt`].
#[must_use]
pub fn render(path: &str, text: &str, span: Range<usize>, label: &str, style: Style) -> String {
    Excerpt::cut(text, span, label).render(path, style)
}

/// The part of a line around a place, and the place in it.
fn shorten(line: &str, span: Range<usize>) -> (String, Range<usize>) {
    let before = line.get(..span.start).unwrap_or_default();
    let within = line.get(span).unwrap_or_default();
    let after = line.get(before.len() + within.len()..).unwrap_or_default();

    let head = before.char_indices().rev().nth(AROUND).map_or(0, |(at, c)| at + c.len_utf8());
    let marked = within.char_indices().nth(AROUND).map_or(within.len(), |(at, _)| at);
    let tail = after.char_indices().nth(AROUND).map_or(after.len(), |(at, _)| at);
    // Past the end of a place that is cut itself there is nothing worth showing.
    let tail = if marked < within.len() { 0 } else { tail };

    let mut shown = String::new();
    if head > 0 {
        shown.push('…');
    }
    shown.push_str(before.get(head..).unwrap_or_default());
    let start = shown.len();
    shown.push_str(within.get(..marked).unwrap_or_default());
    let end = shown.len();
    shown.push_str(after.get(..tail).unwrap_or_default());
    if marked < within.len() || tail < after.len() {
        shown.push('…');
    }
    (shown, start..end)
}

/// The nearest character boundary at or below a byte offset.
fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{Excerpt, Style, render};

    #[test]
    fn the_caret_stands_under_the_place_whatever_precedes_it() {
        for (text, span, wanted) in [
            ("a", 0..1, "1 | a\n  | ^ x"),
            ("\tsel", 1..4, "1 |     sel\n  |     ^^^ x"),
            ("表 b", 4..5, "1 | 表 b\n  |    ^ x"),
            ("select 'x\ny'", 7..12, "1 | select 'x\n  |        ^^ x"),
            ("", 0..0, "1 |\n  | ^ x"),
            ("ab", 2..2, "1 | ab\n  |   ^ x"),
            ("é", 1..2, "1 | é\n  | ^ x"),
            ("ab", 90..100, "1 | ab\n  |   ^ x"),
        ] {
            let rendered = render("p", text, span.clone(), "x", Style::Plain);
            let (_, body) = rendered.split_once("  |\n").unwrap();
            assert_eq!(body, wanted, "{text:?} {span:?}");
        }
    }

    #[test]
    fn the_column_counts_characters_of_the_whole_line_even_where_it_is_shortened() {
        let text = format!("\n{} ' {}", "é".repeat(5_000), "x".repeat(5_000));
        let at = text.find('\'').unwrap();
        let excerpt = Excerpt::cut(&text, at..at + 1, "here");
        assert_eq!((excerpt.line(), excerpt.column()), (2, 5_002));
        assert!(excerpt.text().chars().count() < 130, "{}", excerpt.text());
        assert!(excerpt.render("p", Style::Plain).lines().all(|line| line.chars().count() < 140));
    }

    #[test]
    fn the_arrow_and_the_bars_are_aligned_for_any_line_number() {
        let text = format!("{}a", "\n".repeat(99_999));
        assert_eq!(
            render("p/q.sql", &text, 99_999..100_000, "", Style::Plain),
            "      --> p/q.sql:100000:1\n       |\n100000 | a\n       | ^"
        );
    }

    #[test]
    fn only_the_style_for_a_terminal_has_escape_sequences() {
        assert!(!render("p", "a", 0..1, "x", Style::Plain).contains('\u{1b}'));
        assert!(render("p", "a", 0..1, "x", Style::Ansi).contains('\u{1b}'));
    }
}
