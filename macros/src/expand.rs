//! A checked set becomes constant tokens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};

use graven_source::directive::{Directives, Transaction};
use graven_source::set::{Control, Migration, Paths, Sealing, Set, unsealed_release};
use graven_source::statement::StatementKind;

use crate::errors::compile_error;
use crate::input::{Input, Unsealed};

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
    let namespace = input.namespace.as_ref().map_or_else(String::new, syn::LitStr::value);
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

fn migration(runtime: &TokenStream, found: &Migration) -> TokenStream {
    let version = Literal::i64_unsuffixed(found.version.value());
    let file = found.file.as_str();
    let name = found.name_range();
    let (start, end) = (bound(name.start), bound(name.end));
    let sealing = match found.sealing {
        Sealing::Sealed => quote! { Sealed },
        _ => quote! { Unsealed },
    };
    let sql = Literal::string(&found.text);
    let checksum = Literal::byte_string(found.checksum.as_bytes());
    let details = details(runtime, found);
    quote! {
        #runtime::__private::migration(
            #version, #file, (#start, #end), #runtime::__private::Sealing::#sealing, #sql, #checksum, #details
        )
    }
}

/// What few migrations have. All others share one static of it.
fn details(runtime: &TokenStream, found: &Migration) -> TokenStream {
    let (absorbed, units) = match &found.control {
        Control::Absorbed(absorbed) => (absorbed.as_slice(), [].as_slice()),
        Control::Units(units) => ([].as_slice(), units.as_slice()),
        _ => ([].as_slice(), [].as_slice()),
    };
    if found.directives == Directives::default() && found.was.is_empty() && absorbed.is_empty() {
        return quote! { &#runtime::__private::DEFAULT };
    }
    let transaction = match found.directives.transaction {
        Transaction::On => quote! { On },
        Transaction::Off => quote! { Off },
    };
    let lock_timeout = option(found.directives.lock_timeout.map(duration));
    let statement_timeout = option(found.directives.statement_timeout.map(duration));
    let retries = option(found.directives.retries.map(|retries| quote! { #retries }));
    let was = found.was.iter().map(|checksum| {
        let bytes = Literal::byte_string(checksum.as_bytes());
        quote! { *#bytes }
    });
    let absorbed = absorbed.iter().map(|span| {
        let (start, end) = (offset(span.start), offset(span.end));
        quote! { (#start, #end) }
    });
    let units = units.iter().map(|unit| {
        let (start, end) = (offset(unit.span.start), offset(unit.span.end));
        let effect = effect(runtime, &unit.kind);
        quote! { #runtime::__private::unit(#start, #end, #effect) }
    });
    quote! {
        &#runtime::__private::details(
            #runtime::__private::Transaction::#transaction, #lock_timeout, #statement_timeout, #retries,
            &[#(#was),*], &[#(#absorbed),*], &[#(#units),*],
        )
    }
}

fn effect(runtime: &TokenStream, kind: &StatementKind) -> TokenStream {
    let effect = quote! { #runtime::__private::Effect };
    match kind {
        StatementKind::Session => quote! { #effect::Session },
        StatementKind::CreateIndexConcurrently(index) => {
            // Without its table an index cannot be looked for, just as without its name.
            let Some(on) = &index.table else {
                return quote! { #effect::ConcurrentIndex { name: ::core::option::Option::None, schema: ::core::option::Option::None, table: "" } };
            };
            let name = option(index.name.as_ref().map(|name| quote! { #name }));
            let schema = option(on.schema.as_ref().map(|schema| quote! { #schema }));
            let table = &on.name;
            quote! { #effect::ConcurrentIndex { name: #name, schema: #schema, table: #table } }
        }
        _ => quote! { #effect::Ordinary },
    }
}

fn duration(duration: Duration) -> TokenStream {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    quote! { ::core::time::Duration::new(#seconds, #nanoseconds) }
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote! { ::core::option::Option::Some(#value) },
        None => quote! { ::core::option::Option::None },
    }
}

fn bound(at: usize) -> Literal {
    Literal::u16_unsuffixed(u16::try_from(at).unwrap_or(u16::MAX))
}

fn offset(at: usize) -> Literal {
    Literal::u32_unsuffixed(u32::try_from(at).unwrap_or(u32::MAX))
}
