//! A part of a comment, with its place.

use std::ops::Range;

/// A part of a comment and where it begins in the whole text, without blanks around it.
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    pub(super) start: usize,
}

impl<'t> Part<'t> {
    pub(super) fn new(text: &'t str, span: Range<usize>) -> Self {
        Self { start: span.start, text: text.get(span).unwrap_or_default() }
    }

    /// What is left after so many bytes.
    pub(super) fn skip(&self, bytes: usize) -> Self {
        let rest = self.text.get(bytes..).unwrap_or_default();
        let trimmed = rest.trim_start();
        Self { start: self.start + bytes + (rest.len() - trimmed.len()), text: trimmed.trim_end() }
    }

    fn until(&self, end: usize) -> Self {
        Self { start: self.start, text: self.text.get(..end).unwrap_or_default().trim_end() }
    }

    /// The rest, if it begins with that word, in any case.
    pub(super) fn after_word(&self, word: &str) -> Option<Self> {
        let begins = self.text.get(..word.len())?.eq_ignore_ascii_case(word);
        let ends = !self.text.get(word.len()..)?.starts_with(goes_on_with_a_word);
        (begins && ends).then(|| self.skip(word.len()))
    }

    pub(super) fn after_colon(&self) -> Option<Self> {
        self.text.starts_with(':').then(|| self.skip(1))
    }

    pub(super) fn split_at_equals(&self) -> Option<(Self, Self)> {
        let at = self.text.find('=')?;
        Some((self.until(at), self.skip(at + 1)))
    }

    pub(super) fn unquoted(self) -> Self {
        for quote in ['\'', '"'] {
            if let Some(inside) = self.text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
                return Self { start: self.start + 1, text: inside }.skip(0);
            }
        }
        self
    }

    /// Where it stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Its parts between commas, empty ones among them.
    pub(super) fn list(&self) -> impl Iterator<Item = Self> {
        let mut rest = Some(Self { text: self.text, start: self.start });
        std::iter::from_fn(move || {
            let whole = rest.take()?;
            let Some(comma) = whole.text.find(',') else { return Some(whole) };
            rest = Some(whole.skip(comma + 1));
            Some(whole.until(comma))
        })
    }
}

pub(super) fn goes_on_with_a_word(character: char) -> bool {
    character.is_alphanumeric() || character == '-' || character == '_'
}

/// As keys and rules are compared: without regard to case.
pub(super) fn normal(key: &str) -> String {
    key.to_lowercase()
}
