//! The lines that git writes into a file where a merge needs a decision.
//!
//! PostgreSQL would read them as operators, which could be called so and never are. It is no matter for the lexer: whether
//! one stands at the beginning of a line is not to be seen in a part of a text.

use std::ops::Range;

use crate::lexer::{Lexer, TokenKind};

/// As many signs as git makes a marker of.
const WIDTH: usize = 7;

/// The line that says that a merge is not done.
///
/// A conflict that both begins and ends in the text is one wherever it is, in a function's body, too. A marker by itself is
/// one outside of literals and comments: there it may be meant, as a line drawn below a heading.
pub(super) fn marker(text: &str) -> Option<Range<usize>> {
    let all = |sign: char| markers(text, sign);
    let (first, last) = (all('<').next(), all('>').last());
    let start = match (first, last) {
        (Some(first), Some(last)) if first < last => Some(first),
        _ => {
            let mut markers: Vec<usize> = ['<', '|', '=', '>'].into_iter().flat_map(all).collect();
            markers.sort_unstable();
            outside(text, &markers)
        }
    }?;
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    Some(start..start + line.len())
}

/// Where a line is a marker of that sign.
fn markers(text: &str, sign: char) -> impl Iterator<Item = usize> {
    let mut at = 0;
    // Looking for one character is fast even where this is built without optimisation, as procedural macros mostly are.
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let found = at + rest.find(sign)?;
            at = found + 1;
            if is_marker(text.as_bytes(), found, sign) {
                return Some(found);
            }
        }
    })
}

fn is_marker(bytes: &[u8], at: usize, sign: char) -> bool {
    let byte = |at: usize| bytes.get(at).copied();
    // Nearly none is doubled.
    if byte(at + 1) != Some(sign as u8) || (at > 0 && byte(at - 1) != Some(b'\n')) {
        return false;
    }
    let after = byte(at + WIDTH);
    let is_ended = if sign == '=' { matches!(after, None | Some(b'\n')) } else { after == Some(b' ') };
    is_ended && (1..WIDTH).all(|more| byte(at + more) == Some(sign as u8))
}

/// The first of these places that is in no literal and no comment.
fn outside(text: &str, places: &[usize]) -> Option<usize> {
    let last = *places.last()?;
    let tokens = Lexer::new(text).map_while(Result::ok).take_while(|token| token.start <= last);
    let mut operators = tokens.filter(|token| token.kind == TokenKind::Operator);
    operators.find(|token| places.binary_search(&token.start).is_ok()).map(|token| token.start)
}

#[cfg(test)]
mod tests {
    use super::marker;

    #[test]
    fn a_conflict_is_found_wherever_it_is_and_a_marker_by_itself_where_it_cannot_be_meant() {
        let function = |body: &str| format!("create function f() returns int language sql as $$\n{body}\n$$;\n");
        for (text, wanted) in [
            ("<<<<<<< HEAD\nselect 1;\n=======\nselect 2;\n>>>>>>> other\n", Some("<<<<<<< HEAD")),
            ("select 1;\n<<<<<<< HEAD\n||||||| base\n=======\n>>>>>>> other", Some("<<<<<<< HEAD")),
            (&function("<<<<<<< HEAD\nselect 1\n=======\nselect 2\n>>>>>>> other"), Some("<<<<<<< HEAD")),
            ("/*\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n*/", Some("<<<<<<< HEAD")),
            // Half of it was deleted.
            ("select 1;\n=======\nselect 2;\n>>>>>>> other\n", Some("=======")),
            ("select 1;\n||||||| base\nselect 2;\n", Some("||||||| base")),
            ("select 1;\n>>>>>>> other (a change)\n", Some(">>>>>>> other (a change)")),
            ("select 1;\n=======", Some("=======")),
            (&function("select 1\n=======\nselect 2"), None),
            ("/*\n=======\nUsers\n=======\n*/\nselect 1;", None),
            ("insert into pages values ('\n>>>>>>> quoted\n<<<<<<< quoted\n');", None),
            ("select 1 =======\n2", None),
            ("select 1\n======= 2", None),
            ("select 1\n======== 2", None),
            ("select 1\n<<<<<<<2", None),
            ("-- <<<<<<< a\n-- >>>>>>> b\nselect 1;", None),
            ("select 'a\n=======\n", None),
            ("", None),
        ] {
            assert_eq!(marker(text).map(|span| &text[span]), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_full_of_signs_is_read_in_no_time() {
        for sign in ["<", "=", ">", "|", "=======\n", "<<<<<<< a\n"] {
            let text = format!("select '{}", sign.repeat(1 << 20));
            assert_eq!(marker(&text), None, "{sign}");
        }
    }
}
