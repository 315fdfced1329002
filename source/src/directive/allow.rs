//! `allow`: the rules that a file allows itself to break. It knows which ones are graven's own, and no others.

use std::ops::Range;

use super::parse::DirectiveReason;
use super::part::{Part, normal};
use crate::rule;

/// A lint that a file allows itself to break.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowed {
    /// The lint, in lower case: letters, digits, `-`, `_` and `/`.
    pub rule: String,
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
}

/// One rule of the list.
pub(super) fn rule(part: &Part<'_>) -> Result<Allowed, DirectiveReason> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/');
    if part.text.is_empty() || !part.text.bytes().all(is_part) {
        return Err(DirectiveReason::NotARule { value: part.text.to_owned() });
    }
    let rule = normal(part.text);
    match rule::by_id(&rule) {
        Some(own) => Err(DirectiveReason::OwnRule { rule: own.id }),
        None => Ok(Allowed { rule, span: part.span() }),
    }
}
