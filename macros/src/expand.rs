//! A checked set becomes constant tokens.

use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use graven_source::set::{Paths, Set, unsealed_release};

use crate::errors::compile_error;
use crate::input::{Input, Unsealed};
use crate::quote::{migration, option};

/// Overrides the directory that paths are relative to, for tests that compile a crate somewhere else.
const OVERRIDE: &str = "GRAVEN_MANIFEST_DIR";

/// The expression that the macro stands for, or the compile errors and an empty set, so that no error follows from them.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let root = match Root::find() {
        Ok(root) => root,
        Err(message) => {
            let error = syn::Error::new(input.span, message).into_compile_error();
            return stub(input, &error, &TokenStream::new());
        }
    };
    let loaded = Set::load(&root.path, Path::new(&input.path), Paths::Relative);
    let tracked = tracked(&root, input, &loaded.set);
    let mut problems = loaded.problems;
    problems.extend(loaded.set.not_run_yet());
    if !problems.is_empty() {
        return stub(input, &compile_error(&problems, input.span), &tracked);
    }
    let runtime = &input.runtime;
    let release = release_check(input, &loaded.set);
    let migrations = loaded.set.migrations.iter().map(|found| migration(runtime, found));
    let directory = &loaded.set.directory;
    let built_from = root.join(directory);
    let history = option(input.history.as_ref().map(|history| quote! { #history }));
    let namespace = &input.namespace;
    quote! {
        {
            #tracked
            #release
            // Outside of a constant's initialiser the compiler makes no call of a function a constant by itself.
            static MIGRATIONS: &[#runtime::Migration] = &[#(#migrations),*];
            #runtime::__private::migrations(
                MIGRATIONS,
                #directory,
                // A release build holds no path of the machine that built it.
                if ::core::cfg!(debug_assertions) {
                    ::core::option::Option::Some(#built_from)
                } else {
                    ::core::option::Option::None
                },
                #history,
                #namespace,
            )
        }
    }
}

/// An empty set beside the errors.
fn stub(input: &Input, errors: &TokenStream, tracked: &TokenStream) -> TokenStream {
    let runtime = &input.runtime;
    quote! {
        {
            #tracked
            #errors
            #runtime::__private::migrations(&[], "", ::core::option::Option::None, ::core::option::Option::None, "")
        }
    }
}

/// The folder that paths are relative to.
struct Root {
    path: PathBuf,
    /// How the expansion says it.
    tokens: TokenStream,
}

impl Root {
    /// Asks the environment at each call: rust-analyzer serves many crates from one process.
    fn find() -> Result<Self, String> {
        let variable = if std::env::var_os(OVERRIDE).is_some() { OVERRIDE } else { "CARGO_MANIFEST_DIR" };
        let Some(path) = std::env::var_os(variable).map(PathBuf::from) else {
            return Err("CARGO_MANIFEST_DIR is not set: build with cargo, or set it to the package's folder".to_owned());
        };
        if path.to_str().is_none() {
            return Err(format!(
                "the path of the package is not UTF-8, and rustc cannot track its files: {}",
                path.display()
            ));
        }
        Ok(Self { path, tokens: quote! { ::core::env!(#variable) } })
    }

    /// A path below it, as a constant expression.
    fn join(&self, relative: &str) -> TokenStream {
        let root = &self.tokens;
        let relative = format!("/{relative}");
        quote! { ::core::concat!(#root, #relative) }
    }
}

/// Makes cargo rebuild when one of the files that were read changes or goes away. The bytes end up in no binary.
fn tracked(root: &Root, input: &Input, set: &Set) -> TokenStream {
    let files = set.files.iter().map(|file| {
        let path = root.join(&format!("{}/{file}", set.directory));
        quote! { ::core::include_bytes!(#path) }
    });
    quote_spanned! { input.span => const _: &[&[u8]] = &[#(#files),*]; }
}

/// A build without debug assertions refuses what is not sealed, unless it was told to allow it.
fn release_check(input: &Input, set: &Set) -> Option<TokenStream> {
    if input.unsealed == Unsealed::Allow {
        return None;
    }
    let error = compile_error(&[unsealed_release(set)?], input.span);
    Some(quote! {
        #[cfg(not(debug_assertions))]
        #error
    })
}
