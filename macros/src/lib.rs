//! The macro behind `graven::embed_migrations!`. Depend on [graven](https://docs.rs/graven), which documents it.
//!
//! It reads a directory, has [`graven_source`] check it, and turns the checked set into constant tokens. It decides
//! nothing about migrations itself, and nothing is left to do when the program starts.
#![cfg_attr(feature = "nightly", feature(proc_macro_tracked_path))]

mod docs;
mod errors;
mod expand;
mod input;
mod item;
mod quote;
#[cfg_attr(feature = "nightly", path = "track/nightly.rs")]
#[cfg_attr(not(feature = "nightly"), path = "track/stable.rs")]
mod track;

use proc_macro::TokenStream;

use crate::input::Input;

/// What `graven::embed_migrations!` expands to, with the path of the runtime crate in brackets before its arguments.
#[proc_macro]
#[doc(hidden)]
pub fn embed(tokens: TokenStream) -> TokenStream {
    match syn::parse::<Input>(tokens.clone()) {
        Ok(input) => expand::expand(&input).into(),
        Err(error) => expand::refuse(tokens.into(), &error).into(),
    }
}

/// What the expansion calls in a release build, if there are migrations that are not sealed, with the directory's path.
#[proc_macro]
#[doc(hidden)]
pub fn refuse_unsealed(tokens: TokenStream) -> TokenStream {
    match syn::parse(tokens) {
        Ok(path) => expand::refuse_unsealed(&path).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
