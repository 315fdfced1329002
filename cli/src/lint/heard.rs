//! What the linter says of a file.
#![cfg_attr(not(feature = "lint"), allow(dead_code, reason = "without a linter, nothing is ever said"))]

use std::ops::Range;

/// What it says of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// In the order of the text.
    pub(super) hits: Vec<Hit>,
    /// The statements that it could make nothing of.
    pub(super) unread: Vec<Range<usize>>,
    /// The statements over which it took too long, or broke down.
    pub(super) given_up: Vec<Range<usize>>,
}

/// How much of a file the linter has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All.
    Whole,
    /// Not every statement.
    Part,
}

impl Heard {
    pub(super) fn extent(&self) -> Extent {
        if self.unread.is_empty() && self.given_up.is_empty() { Extent::Whole } else { Extent::Part }
    }
}

/// A place at which a lint found something.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    /// squawk's name of the lint.
    pub(super) name: String,
    /// What squawk says of it.
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

impl Hit {
    /// Whether the other one is about a part of what this one is about.
    pub(super) fn holds(&self, other: &Self) -> bool {
        self.span.start <= other.span.start && other.span.end <= self.span.end
    }
}
