//! A checked set becomes constant tokens.

use std::fs::File;
use std::iter;
use std::path::{Path, PathBuf};

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::LitStr;
use syn::parse::{ParseStream, Parser};

use graven_source::digest;
use graven_source::file_name::SEAL_FILE;
use graven_source::set::{Migration, Paths, Sealing, Set, unsealed_release};

use crate::docs;
use crate::errors::compile_error;
use crate::input::{Head, Input, Unsealed};
use crate::quote::{included, items, option, parsed, push_include, with_other_kinds};
use crate::track;

/// Overrides the directory that paths are relative to, for tests that compile a crate somewhere else.
const OVERRIDE: &str = "GRAVEN_MANIFEST_DIR";

/// What the macro stands for, or the compile errors and an empty set, so that no error follows from them.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let expansion = expression(input);
    match &input.item {
        Some(item) => item.with(&input.runtime, &expansion.value, &expansion.documentation),
        None => expansion.value,
    }
}

/// What the macro stands for where its arguments make no sense.
pub(crate) fn refuse(arguments: TokenStream, error: &syn::Error) -> TokenStream {
    let head = |input: ParseStream<'_>| {
        let head: Head = input.parse()?;
        input.parse::<TokenStream>().map(|_| head)
    };
    let error = error.to_compile_error();
    match head.parse2(arguments) {
        // Other code names the static: without it, each place where it does would be another error.
        Ok(Head { runtime, item: Some(item) }) => {
            item.with(&runtime, &stub(&runtime, &error, &TokenStream::new()), &docs::nothing())
        }
        _ => error,
    }
}

/// The expression that makes a set, and what there is to say of the set.
struct Expansion {
    value: TokenStream,
    documentation: Vec<String>,
}

fn expression(input: &Input) -> Expansion {
    let runtime = &input.runtime;
    let nothing = |errors: &TokenStream, tracked: &TokenStream| Expansion {
        value: stub(runtime, errors, tracked),
        documentation: docs::nothing(),
    };
    let root = match Root::find() {
        Ok(root) => root,
        Err(message) => {
            let error = syn::Error::new(input.span, message).into_compile_error();
            return nothing(&error, &TokenStream::new());
        }
    };
    let loaded = Set::load(&root.path, Path::new(&input.path), Paths::Relative);
    track::directory(&loaded.set.location);
    let problems = loaded.problems;
    if !problems.is_empty() {
        let tracked = tracked(&loaded.set, readable(&loaded.set));
        return nothing(&compile_error(&problems, root.package(), input.span), &tracked);
    }
    let tracked = tracked(&loaded.set, not_included(&loaded.set));
    let release = release_check(input, &loaded.set);
    let items = items(runtime, &loaded.set);
    let versioned = loaded.set.migrations.iter().map(|found| (found.version, found.checksum));
    let repeatables = loaded.set.repeatables.iter().map(|found| (found.name.as_str(), found.checksum));
    let digest = Literal::byte_string(&digest::of(versioned, repeatables));
    let directory = &loaded.set.directory;
    let built_from = root.join(directory);
    let history = option(input.history.as_ref().map(|history| quote! { #history }));
    let namespace = &input.namespace;
    let set = quote! {
        #runtime::__private::with_digest(#runtime::__private::migrations(
            &MIGRATIONS,
            #directory,
            // A release build holds no path of the machine that built it.
            if ::core::cfg!(debug_assertions) {
                ::core::option::Option::Some(#built_from)
            } else {
                ::core::option::Option::None
            },
            #history,
            #namespace,
        ), #digest)
    };
    let set = with_other_kinds(runtime, &loaded.set, set);
    // For the tests that compile a crate somewhere else, what cargo runs is no other copy of it.
    let set = match root.variable {
        OVERRIDE => set,
        _ => quote! { #runtime::__private::with_package(#set, ::core::option_env!("CARGO_PKG_NAME")) },
    };
    let value = quote! {
        {
            #tracked
            #release
            // Outside of a constant's initialiser the compiler makes no call of a function a constant by itself.
            #items
            #set
        }
    };
    Expansion { value, documentation: docs::lines(&loaded.set) }
}

/// An empty set beside the errors.
fn stub(runtime: &TokenStream, errors: &TokenStream, tracked: &TokenStream) -> TokenStream {
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
    /// The environment variable that says it.
    variable: &'static str,
    path: PathBuf,
    /// How the expansion says it.
    tokens: TokenStream,
}

impl Root {
    /// Asks the environment at each call: rust-analyzer serves many crates from one process.
    fn find() -> Result<Self, String> {
        let variable = if std::env::var_os(OVERRIDE).is_some() { OVERRIDE } else { "CARGO_MANIFEST_DIR" };
        let said = match std::env::var_os(variable).map(PathBuf::from) {
            Some(said) if said.as_os_str().is_empty() => {
                return Err(format!("{variable} is empty: build with cargo, or set it to the package's folder"));
            }
            Some(said) => said,
            None => {
                return Err(format!("{variable} is not set: build with cargo, or set it to the package's folder"));
            }
        };
        // The compiler takes the path of what it includes as relative to the source file that names it.
        let path = std::path::absolute(&said)
            .map_err(|error| format!("the folder of the package is not known, {}: {error}", said.display()))?;
        let Some(text) = path.to_str() else {
            return Err(format!(
                "the path of the package is not UTF-8, and rustc cannot track its files: {}",
                path.display()
            ));
        };
        // At run time a relative path would mean another folder.
        let tokens = if said.is_absolute() {
            quote! { ::core::env!(#variable) }
        } else {
            quote! { #text }
        };
        Ok(Self { variable, path, tokens })
    }

    /// The package that cargo builds. It is none in the tests that compile a crate somewhere else.
    fn package(&self) -> Option<&Path> {
        (self.variable != OVERRIDE).then_some(self.path.as_path())
    }

    /// A path below it, as a constant expression.
    fn join(&self, relative: &str) -> TokenStream {
        let root = &self.tokens;
        let relative = format!("/{relative}");
        quote! { ::core::concat!(#root, #relative) }
    }
}

/// Makes cargo rebuild when one of these files changes or goes away. The bytes end up in no binary.
fn tracked<'a>(set: &Set, files: impl Iterator<Item = &'a str>) -> TokenStream {
    let mut tokens = String::from("const _: () = {");
    for file in files {
        push_include(&mut tokens, "bytes", &set.location.join(file));
        tokens.push(';');
    }
    tokens.push_str("};");
    parsed(&tokens)
}

/// The files that the compiler can read as well. What it could not read it would say before all that is said here, once for
/// each file; and a build that has failed is repeated in any case.
fn readable(set: &Set) -> impl Iterator<Item = &str> {
    let is_readable = |path: &Path| path.is_file() && File::open(path).is_ok();
    set.files.iter().map(String::as_str).filter(move |file| is_readable(&set.location.join(file)))
}

/// The files that were read and whose text is not included.
fn not_included(set: &Set) -> impl Iterator<Item = &str> {
    let migrations = set.migrations.iter().chain(&set.reverses).chain(&set.baselines);
    let migrations = migrations.filter(|migration| !included(migration)).map(|migration| migration.file.as_str());
    let repeatables = set.repeatables.iter().map(|repeatable| repeatable.file.as_str());
    iter::once(SEAL_FILE).chain(migrations).chain(repeatables)
}

/// A build without debug assertions refuses what is not sealed, unless it was told to allow it.
///
/// What it says is for another macro to find out, which is not expanded in any other build: it holds the lines of a whole
/// seal file. The path goes to it by a third one, that every build expands: an editor shows as inactive what its author has
/// written below a `cfg`.
fn release_check(input: &Input, set: &Set) -> Option<TokenStream> {
    let is_unsealed = |migration: &Migration| migration.sealing == Sealing::Unsealed;
    if input.unsealed == Unsealed::Allow || !set.migrations.iter().chain(&set.baselines).any(is_unsealed) {
        return None;
    }
    let Input { runtime, path, span, .. } = input;
    let mut path = Literal::string(path);
    path.set_span(*span);
    Some(quote! {
        #[cfg(debug_assertions)]
        macro_rules! in_a_release { ($path:tt) => {}; }
        #[cfg(not(debug_assertions))]
        macro_rules! in_a_release { ($path:tt) => { #runtime::__private::refuse_unsealed! { $path } }; }
        in_a_release! { #path }
    })
}

/// The error of a release build that has unsealed migrations in the directory of that path.
pub(crate) fn refuse_unsealed(path: &LitStr) -> TokenStream {
    let Ok(root) = Root::find() else { return TokenStream::new() };
    let set = Set::load(&root.path, Path::new(&path.value()), Paths::Relative).set;
    unsealed_release(&set)
        .map_or_else(TokenStream::new, |problem| compile_error(&[problem], root.package(), path.span()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use graven_source::set::{Paths, Set};

    use super::readable;

    /// Its own errors, one a file, would come before what is said here.
    #[test]
    fn what_the_compiler_cannot_read_it_is_not_asked_to_include() {
        let directory = tempfile::tempdir().unwrap();
        for file in ["1_a.sql", "seal.lock"] {
            fs::write(directory.path().join(file), "").unwrap();
        }
        fs::create_dir(directory.path().join("3_c.sql")).unwrap();
        let mut set = Set::load(directory.path(), Path::new("."), Paths::Any).set;
        set.files.extend(["2_gone.sql", "3_c.sql"].map(str::to_owned));
        let mut readable: Vec<&str> = readable(&set).collect();
        readable.sort_unstable();
        assert_eq!(readable, ["1_a.sql", "seal.lock"]);
    }
}
