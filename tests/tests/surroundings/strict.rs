//! A crate that allows nothing: whatever a lint says of the expansion stops the build.
#![no_std]
#![no_implicit_prelude]
#![forbid(long_running_const_eval, unsafe_code)]
#![deny(warnings)]
#![deny(future_incompatible, keyword_idents, let_underscore, nonstandard_style, rust_2018_idioms)]
#![deny(rust_2024_compatibility, unused)]
#![deny(ambiguous_negative_literals, elided_lifetimes_in_paths, explicit_outlives_requirements, macro_use_extern_crate)]
#![deny(meta_variable_misuse, missing_copy_implementations, missing_debug_implementations, missing_docs)]
#![deny(non_ascii_idents, redundant_imports, redundant_lifetimes, single_use_lifetimes, trivial_casts)]
#![deny(trivial_numeric_casts, unit_bindings, unnameable_types, unreachable_pub, unused_crate_dependencies)]
#![deny(unused_import_braces, unused_lifetimes, unused_macro_rules, unused_qualifications, unused_results)]
#![deny(variant_size_differences)]
#![deny(clippy::all, clippy::cargo, clippy::nursery, clippy::pedantic, clippy::restriction)]
#![allow(
    clippy::blanket_clippy_restriction_lints,
    clippy::implicit_return,
    clippy::multiple_crate_versions,
    reason = "said of this file and of what the lock file holds, and not of the expansion"
)]

/// In a static.
pub static MIGRATIONS: ::graven::Migrations = ::graven::embed_migrations!();

::graven::embed_migrations! {
    /// As an item.
    pub static ITEM;
}

/// Whatever a migration may have that makes its expansion longer.
pub const EVERYTHING: ::graven::Migrations = ::graven::embed_migrations!("everything");

/// In a function.
#[inline]
#[must_use]
pub const fn in_a_function() -> ::graven::Migrations {
    ::graven::embed_migrations!("migrations")
}
