//! The macro behind `graven::embed_migrations!`. Depend on [graven](https://docs.rs/graven), which documents it.
//!
//! It reads a directory, has [`graven_source`] check it, and turns the checked set into constant tokens. It decides
//! nothing about migrations itself, and nothing is left to do when the program starts.

mod errors;
mod expand;
mod input;
mod quote;

use proc_macro::TokenStream;

use crate::input::Input;

/// What `graven::embed_migrations!` expands to, with the path of the runtime crate in brackets before its arguments.
#[proc_macro]
#[doc(hidden)]
pub fn embed(tokens: TokenStream) -> TokenStream {
    match syn::parse::<Input>(tokens) {
        Ok(input) => expand::expand(&input).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
