//! Values of a checked set become constant tokens. Every path in them is absolute or the runtime's own.

mod details;

use std::collections::HashMap;
use std::path::Path;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use graven_source::Kind;
use graven_source::set::{Migration, Repeatable, Sealing, Set};

use self::details::{Parts, Which, special};

/// From how many migrations on the compiler may find that it takes long to put them together. Of four times as many it does
/// not yet.
const LONG: usize = 20_000;

/// The items that hold what a set embeds, a static `MIGRATIONS` among them.
///
/// Each kind of value is an array of its own, which the runtime puts together in a constant function: an expression a
/// migration would cost the compiler twice as much. Texts are included by the compiler itself, which has to read
/// the files in any case to notice when they change: as literals, they would be in its memory several times.
pub(crate) fn items(runtime: &TokenStream, set: &Set) -> TokenStream {
    let mut forward = Table::default();
    let mut backward = Table::default();
    for found in &set.migrations {
        let reverse = set.reverse_of(found).map(|reverse| {
            backward.add(reverse, special(runtime, reverse, None));
            backward.rows.len() - 1
        });
        let details = match (special(runtime, found, reverse), reverse) {
            (Which::Plain, Some(reverse)) => Which::Reversed(reverse),
            (details, _) => details,
        };
        forward.add(found, details);
    }
    let location = set.location.as_path();
    let (count, reverses) = (forward.rows.len(), backward.rows.len());
    let plain = option(None);
    let others = [baselines(runtime, set), repeatables(runtime, set)];
    let long = allow_long(count);
    if reverses == 0 {
        let table = forward.call(runtime, location, &plain, &quote! { &[] });
        return quote! {
            #long static MIGRATIONS: [#runtime::Migration; #count] = #table;
            #(#others)*
        };
    }
    let forward = forward.call(runtime, location, &plain, &quote! { &REVERSED });
    let backward =
        backward.call(runtime, location, &option(Some(quote! { &#runtime::__private::REVERSE })), &quote! { &[] });
    quote! {
        #long
        static REVERSES: [#runtime::Migration; #reverses] = #backward;
        #long
        static REVERSED: [#runtime::__private::Details; #reverses] = #runtime::__private::reversed(&REVERSES);
        #long
        static MIGRATIONS: [#runtime::Migration; #count] = #forward;
        #(#others)*
    }
}

/// The attribute for what is computed over so many migrations. Where an author forbids the lint, to allow it is an error.
fn allow_long(migrations: usize) -> Option<TokenStream> {
    (migrations >= LONG).then(|| quote! { #[allow(long_running_const_eval)] })
}

/// The expression of a set together with what its seal is called, and with its baselines and repeatables, which most sets have
/// none of.
pub(crate) fn with_other_kinds(runtime: &TokenStream, set: &Set, mut expression: TokenStream) -> TokenStream {
    if let Some(digest) = &set.seal_digest {
        let digest = Literal::byte_string(digest.as_bytes());
        expression = quote! { #runtime::__private::with_seal(#expression, #digest) };
    }
    if !set.baselines.is_empty() {
        expression = quote! { #runtime::__private::with_baselines(#expression, &BASELINES) };
    }
    if !set.repeatables.is_empty() {
        expression = quote! { #runtime::__private::with_repeatables(#expression, &REPEATABLES) };
    }
    expression
}

/// The static `BASELINES`, if there are any.
fn baselines(runtime: &TokenStream, set: &Set) -> Option<TokenStream> {
    if set.baselines.is_empty() {
        return None;
    }
    let mut table = Table::default();
    for found in &set.baselines {
        table.add(found, special(runtime, found, None));
    }
    let count = table.rows.len();
    let plain = option(Some(quote! { &#runtime::__private::BASELINE }));
    let table = table.call(runtime, &set.location, &plain, &quote! { &[] });
    Some(quote! { static BASELINES: [#runtime::Migration; #count] = #table; })
}

/// The static `REPEATABLES`, if there are any. They are few, so that each is an expression of its own, and short, so that
/// each text is a literal.
fn repeatables(runtime: &TokenStream, set: &Set) -> Option<TokenStream> {
    let repeatable = |found: &Repeatable| {
        // No file system knows names that do not fit.
        let [file, name] = [&found.file, &found.name].map(|it| u16::try_from(it.len()).unwrap_or(u16::MAX));
        let (embedded, text) = (format!("{}{}", found.file, found.text), &found.text);
        let checksum = Literal::byte_string(found.checksum.as_bytes());
        let parts = Parts {
            kind: Kind::Repeatable,
            text,
            large_file: None,
            directives: &found.directives,
            control: &found.control,
            was: &[],
        };
        let details = match parts.details(runtime, None) {
            Which::Special(details) => {
                quote! { { static DETAILS: #runtime::__private::Details = #details; &DETAILS } }
            }
            _ => quote! { &#runtime::__private::REPEATABLE },
        };
        quote! { #runtime::__private::repeatable(#embedded, #file, #name, #checksum, #details) }
    };
    let count = set.repeatables.len();
    let all = set.repeatables.iter().map(repeatable);
    (count > 0).then(|| quote! { static REPEATABLES: [#runtime::Repeatable; #count] = [#(#all),*]; })
}

/// Migrations on their way into one call of the runtime's `table`.
#[derive(Default)]
struct Table<'a> {
    rows: Vec<(&'a Migration, Place)>,
    special: Vec<TokenStream>,
    /// Where in it what stands: files that say the same at their head share it.
    places: HashMap<String, usize>,
}

/// Where the details of a migration stand.
enum Place {
    Plain,
    Reversed(usize),
    Special(usize),
}

impl<'a> Table<'a> {
    fn add(&mut self, found: &'a Migration, details: Which) {
        let place = match details {
            Which::Plain => Place::Plain,
            Which::Reversed(reverse) => Place::Reversed(reverse),
            Which::Special(tokens) => Place::Special(*self.places.entry(tokens.to_string()).or_insert_with(|| {
                self.special.push(tokens);
                self.special.len() - 1
            })),
        };
        self.rows.push((found, place));
    }

    fn call(&self, runtime: &TokenStream, location: &Path, plain: &TokenStream, reversed: &TokenStream) -> TokenStream {
        let mut checksums = Vec::with_capacity(self.rows.len() * 32);
        let mut which = Vec::new();
        let special = &self.special;
        for (found, place) in &self.rows {
            checksums.extend(found.checksum.as_bytes());
            which.push(match place {
                Place::Plain => 0,
                Place::Special(at) => 1 + at,
                Place::Reversed(reverse) => 1 + special.len() + reverse,
            });
        }
        let special = if special.is_empty() {
            quote! { &[] }
        } else {
            // A static of that size: what a slice without a name points to, the compiler would write down once more for each
            // migration that points into it.
            let count = special.len();
            quote! { { static SPECIAL: [#runtime::__private::Details; #count] = [#(#special),*]; &SPECIAL } }
        };
        let found = || self.rows.iter().map(|(found, _)| *found);
        let form = Form::of(found());
        let texts = array(found(), |tokens, found| push_text(tokens, form, location, found));
        let texts = match form {
            Form::Strings => quote! { #runtime::__private::Texts::Strings(&#texts) },
            Form::Bytes => quote! { #runtime::__private::Texts::Bytes(&#texts) },
        };
        let versions = array(found(), |tokens, found| tokens.push_str(&found.version.to_string()));
        let numbers = array(found(), |tokens, found| tokens.push_str(&numbers(found).to_string()));
        // Mostly nobody has any.
        if which.iter().all(|which| *which == 0) {
            which.clear();
        }
        let which = array(which.iter(), |tokens, which| tokens.push_str(&which.to_string()));
        let checksums = Literal::byte_string(&checksums);
        quote! {
            #runtime::__private::table(
                #texts, &#versions, &#numbers, #checksums, &#which, #plain, #special, #reversed
            )
        }
    }
}

/// The numbers of a migration in one, as the runtime's `table` has them. The compiler holds no text that does not fit, and
/// no file system knows names that don't.
fn numbers(found: &Migration) -> u64 {
    let fit = |number: usize, bits: u32| u64::try_from(number).unwrap_or(u64::MAX).min((1 << bits) - 1);
    let name = found.name_range();
    let sealed = u64::from(found.sealing == Sealing::Sealed);
    let file = if is_large(found) { 0 } else { found.file.len() };
    let places = fit(name.start, 10) << 32 | fit(name.end, 10) << 42 | fit(file, 10) << 52;
    fit(found.text.len(), 32) | places | sealed << 62
}

/// An array. It is written as text, for the compiler to read: its own build is optimised, that of a procedural macro is
/// mostly not.
fn array<T>(items: impl Iterator<Item = T>, push: impl Fn(&mut String, T)) -> TokenStream {
    let mut tokens = String::from("[");
    for item in items {
        push(&mut tokens, item);
        tokens.push(',');
    }
    tokens.push(']');
    parsed(&tokens)
}

/// As what the compiler is to take the texts of a set.
#[derive(Clone, Copy)]
enum Form {
    /// Each has the same type, and the compiler puts name and text together, which is less to do where there are thousands.
    Strings,
    /// Of a string the compiler makes a literal, escapes it, and takes it apart again: 90 instructions a byte.
    Bytes,
}

/// From how many bytes on a text is better taken as bytes.
const LARGE: usize = 1 << 18;

impl Form {
    fn of<'f>(mut found: impl Iterator<Item = &'f Migration>) -> Self {
        if found.any(|found| found.text.len() >= LARGE) { Self::Bytes } else { Self::Strings }
    }
}

/// Whether the compiler includes a file as bytes. Its name is one of its details: to put the two together would be to copy it.
fn is_large(found: &Migration) -> bool {
    included(found) && found.text.len() >= LARGE
}

/// The file's name and the text of a migration: what the compiler includes, or a literal for what git or an editor wrote with
/// other line ends, since the compiler takes a file as it is.
fn push_text(tokens: &mut String, form: Form, location: &Path, found: &Migration) {
    let path = location.join(&found.file);
    match (included(found), form) {
        _ if is_large(found) => push_include(tokens, "bytes", &path),
        (true, form) => {
            tokens.push_str("::core::concat!(");
            push_string(tokens, &found.file);
            tokens.push(',');
            push_include(tokens, "str", &path);
            tokens.push_str(match form {
                Form::Strings => ")",
                Form::Bytes => ").as_bytes()",
            });
        }
        (false, Form::Strings) => push_string(tokens, &format!("{}{}", found.file, found.text)),
        (false, Form::Bytes) => {
            let embedded = [found.file.as_bytes(), found.text.as_bytes()].concat();
            tokens.push_str(&Literal::byte_string(&embedded).to_string());
        }
    }
}

/// Whether the compiler includes the text of a migration from its file.
pub(crate) fn included(migration: &Migration) -> bool {
    migration.is_verbatim
}

/// Adds `include_str!` or `include_bytes!` of a file. The path is that of this machine: `concat!(env!(…), …)` would be two
/// more macros to expand for each file.
pub(crate) fn push_include(tokens: &mut String, what: &str, path: &Path) {
    // The package's own path is UTF-8, or else nothing would be read; so are the names of migrations.
    tokens.push_str("::core::include_");
    tokens.push_str(what);
    tokens.push_str("!(");
    push_string(tokens, &path.to_string_lossy());
    tokens.push(')');
}

/// Adds a string literal. Most names and paths need nothing but the quotes.
fn push_string(tokens: &mut String, text: &str) {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.len() <= 4_096 && text.as_bytes().iter().all(is_plain) {
        tokens.push('"');
        tokens.push_str(text);
        tokens.push('"');
    } else {
        tokens.push_str(&Literal::string(text).to_string());
    }
}

/// Tokens of the compiler's own making. It is asked itself: proc_macro2 would read the text first, without optimisation.
pub(crate) fn parsed(tokens: &str) -> TokenStream {
    let parsed: Result<proc_macro::TokenStream, _> = tokens.parse();
    match parsed {
        Ok(parsed) => parsed.into(),
        Err(_) => quote! { ::core::compile_error!("the expansion makes no sense to the compiler") },
    }
}

pub(crate) fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote! { ::core::option::Option::Some(#value) },
        None => quote! { ::core::option::Option::None },
    }
}
