//! Tests of graven against compilers and real servers. The tests themselves are in `tests/`.

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The examples of the pages for production, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/production.md")]
struct Production;
