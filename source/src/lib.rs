//! Reads a directory of PostgreSQL migrations into a checked set, without a database and without an async runtime.
//!
//! This is the part of [graven](https://docs.rs/graven) that its macro runs inside the compiler and that its command
//! line runs over a directory: file names, checksums, directives, statement boundaries, the seal file, and the rules
//! that find what is wrong with any of them.
//!
//! The plain types are always there. The feature `lexer` adds PostgreSQL's lexical rules, `snippet` shows a place in a
//! text with a caret, and `read` (the default) implies both and adds all the rest.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod checksum;
pub mod directive;
pub mod duration;
pub mod file_name;
pub mod history_name;
pub mod picture;
mod sha256;
mod version;

#[cfg(feature = "lexer")]
pub mod lexer;
#[cfg(feature = "lexer")]
pub mod statement;

#[cfg(feature = "snippet")]
pub mod position;
#[cfg(feature = "snippet")]
pub mod snippet;

#[cfg(feature = "read")]
pub mod digest;
#[cfg(feature = "read")]
pub mod problem;
#[cfg(feature = "read")]
pub mod read;
#[cfg(feature = "read")]
pub mod rule;
#[cfg(feature = "read")]
pub mod seal;
#[cfg(feature = "read")]
pub mod set;

pub use crate::checksum::{Checksum, ChecksumError, normalise};
pub use crate::directive::{Directives, Transaction};
pub use crate::duration::{DurationError, parse_duration};
pub use crate::file_name::Kind;
pub use crate::version::{Version, VersionError};
