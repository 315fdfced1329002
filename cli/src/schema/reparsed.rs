//! An expression as PostgreSQL prints it once it was printed and read before.
//!
//! What the catalogs print is the same expression when it is read again, and not always the same text: a cast of an array
//! (`(ARRAY['a', 'b'])::text[]`, from `varchar_column IN ('a', 'b')`) becomes a cast of each of its elements. Whatever goes by way
//! of pg_dump has it in that form, so that both are compared in it.

use std::ops::Range;

use graven_source::lexer::{Lexer, Token, TokenKind};

/// The text with such casts moved to the elements; `None` where there is none.
pub(super) fn reparsed(text: &str) -> Option<String> {
    // What a function's author wrote is kept as it is, and nothing else is that long.
    if !text.contains("(ARRAY[") || text.starts_with("definition:\nCREATE ") {
        return None;
    }
    let tokens: Vec<Token> = Lexer::new(text).map_while(Result::ok).filter(|token| !token.is_blank()).collect();
    let reader = Reader { text, tokens: &tokens };
    let mut edits: Vec<Edit> = (0..tokens.len()).filter_map(|at| reader.moved(at)).flatten().collect();
    if edits.is_empty() {
        return None;
    }
    // A cast within an element of another one lies between two edits of that one: no two begin at one place, or overlap.
    edits.sort_unstable_by_key(|edit| edit.start);
    let (mut new, mut done) = (String::with_capacity(text.len()), 0);
    for edit in &edits {
        new.push_str(text.get(done..edit.start)?);
        new.push_str(&edit.by);
        done = edit.end;
    }
    new.push_str(text.get(done..)?);
    Some(new)
}

/// Something to put in place of a part of the text.
struct Edit {
    start: usize,
    end: usize,
    by: String,
}

struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
}

impl Reader<'_> {
    fn is(&self, at: usize, kind: TokenKind) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == kind)
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text(self.text))
    }

    /// Moves the cast that begins at this token to the elements, and leaves these as they are.
    fn moved(&self, at: usize) -> Option<Vec<Edit>> {
        let is_array = self.is(at, TokenKind::OpenParen)
            && self.word(at + 1) == "ARRAY"
            && self.is(at + 2, TokenKind::OpenBracket);
        if !is_array {
            return None;
        }
        let (elements, close) = self.elements(at + 3)?;
        let casts = self.is(close + 1, TokenKind::CloseParen)
            && self.is(close + 2, TokenKind::Colon)
            && self.is(close + 3, TokenKind::Colon);
        let (element, end) = if casts { self.element_of_array_type(close + 4)? } else { return None };
        let mut edits =
            vec![Edit { start: self.tokens.get(at)?.start, end: elements.first()?.start, by: "ARRAY[(".to_owned() }];
        let between = elements.iter().zip(elements.iter().skip(1));
        edits.extend(between.map(|(one, next)| Edit {
            start: one.end,
            end: next.start,
            by: format!(")::{element}, ("),
        }));
        edits.push(Edit { start: elements.last()?.end, end, by: format!(")::{element}]") });
        Some(edits)
    }

    /// Where the elements from this token on are, and the token that closes them.
    fn elements(&self, from: usize) -> Option<(Vec<Range<usize>>, usize)> {
        let (mut elements, mut depth, mut first) = (Vec::new(), 0_usize, from);
        for at in from..self.tokens.len() {
            match self.tokens.get(at)?.kind {
                TokenKind::OpenParen | TokenKind::OpenBracket => depth += 1,
                TokenKind::CloseBracket if depth == 0 => {
                    elements.push(self.element(first, at)?);
                    return Some((elements, at));
                }
                TokenKind::CloseParen | TokenKind::CloseBracket => depth = depth.checked_sub(1)?,
                TokenKind::Comma if depth == 0 => {
                    elements.push(self.element(first, at)?);
                    first = at + 1;
                }
                _ => {}
            }
        }
        None
    }

    /// An element from this token up to that one, if there is anything between them.
    fn element(&self, first: usize, after: usize) -> Option<Range<usize>> {
        let tokens = self.tokens.get(first..after)?;
        Some(tokens.first()?.start..tokens.last()?.end)
    }

    /// `character varying(10)[]`: the type of an element, and where the whole ends.
    fn element_of_array_type(&self, from: usize) -> Option<(&str, usize)> {
        let start = self.tokens.get(from)?.start;
        let (mut at, mut depth) = (from, 0_usize);
        while !self.is(at, TokenKind::OpenBracket) {
            match self.tokens.get(at)?.kind {
                TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::Dot => {}
                TokenKind::OpenParen => depth += 1,
                TokenKind::CloseParen => depth = depth.checked_sub(1)?,
                TokenKind::Number | TokenKind::Comma if depth > 0 => {}
                _ => return None,
            }
            at += 1;
        }
        let end = self.tokens.get(at + 1).filter(|token| token.kind == TokenKind::CloseBracket)?.end;
        Some((self.text.get(start..self.tokens.get(at)?.start)?, end))
    }
}

#[cfg(test)]
mod tests {
    use super::reparsed;

    #[test]
    fn a_cast_of_an_array_is_a_cast_of_each_element() {
        for (text, expected) in [
            (
                "CHECK (((a)::text = ANY ((ARRAY['x'::character varying, 'y,]'::character varying])::text[])))",
                Some(
                    "CHECK (((a)::text = ANY (ARRAY[('x'::character varying)::text, ('y,]'::character varying)::text])))",
                ),
            ),
            (
                "(ARRAY[f(a, 1), b[2]])::character varying(10)[] || (ARRAY['it''s'::text])::\"S x\".\"T\"[]",
                Some(
                    "ARRAY[(f(a, 1))::character varying(10), (b[2])::character varying(10)] || ARRAY[('it''s'::text)::\"S x\".\"T\"]",
                ),
            ),
            (
                "(ARRAY[ (ARRAY[a , b])::x[] ,f((ARRAY[c])::y[])])::z[]",
                Some("ARRAY[(ARRAY[(a)::x, (b)::x])::z, (f(ARRAY[(c)::y]))::z]"),
            ),
            ("= ANY (ARRAY['x'::text, 'y'::text])", None),
            ("(ARRAY[])::text[], (ARRAY[a, ])::text[], (ARRAY[a", None),
            ("(ARRAY[1, 2])", None),
            ("(ARRAY[1, 2])::text", None),
            ("((ARRAY[1, 2])::text), b[1]", None),
            ("'(ARRAY[1])::text[]'::text", None),
            ("definition:\nCREATE FUNCTION f() … (ARRAY[1])::text[]", None),
        ] {
            assert_eq!(reparsed(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_long_text_takes_no_longer_for_each_cast_in_it() {
        let cast = "a = ANY ((ARRAY['x'::character varying])::text[]) OR ";
        let moved = "a = ANY (ARRAY[('x'::character varying)::text]) OR ";
        assert_eq!(reparsed(&cast.repeat(20_000)), Some(moved.repeat(20_000)));
    }
}
