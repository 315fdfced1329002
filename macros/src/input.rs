//! The macro's arguments: a path, and options as `key = value`.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Ident, LitStr, Token, bracketed};

use crate::item::{self, Item};

/// Where migrations lie unless said otherwise.
const DEFAULT_PATH: &str = "migrations";

/// The keys that are understood.
const KEYS: &str = "`path`, `unsealed`, `history` and `namespace`";

/// What was said, with the defaults for what was not.
pub(crate) struct Input {
    /// The path of the runtime crate, as `$crate` of its own macro.
    pub(crate) runtime: TokenStream,
    /// The static to declare; none where the macro is an expression.
    pub(crate) item: Option<Item>,
    pub(crate) path: String,
    /// Where an error about the directory is to be shown.
    pub(crate) span: Span,
    pub(crate) unsealed: Unsealed,
    pub(crate) history: Option<String>,
    pub(crate) namespace: String,
}

/// Whether a build without debug assertions may embed migrations that are not sealed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsealed {
    Refuse,
    Allow,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let Head { runtime, item } = input.parse()?;
        let said = match &item {
            Some(_) => Said::read.parse2(item::arguments(input)?)?,
            None => Said::read(input)?,
        };
        Ok(Self {
            runtime,
            item,
            span: said.path.as_ref().map_or_else(Span::call_site, LitStr::span),
            path: said.path.map_or_else(|| DEFAULT_PATH.to_owned(), |path| path.value()),
            unsealed: said.unsealed.map_or(Unsealed::Refuse, |_| Unsealed::Allow),
            history: said.history.map(|history| history.value()),
            namespace: said.namespace.map_or_else(String::new, |namespace| namespace.value()),
        })
    }
}

/// What stands before the path and the options.
pub(crate) struct Head {
    pub(crate) runtime: TokenStream,
    pub(crate) item: Option<Item>,
}

impl Parse for Head {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let runtime;
        bracketed!(runtime in input);
        let item = Item::is_ahead(input).then(|| input.parse()).transpose()?;
        Ok(Self { runtime: runtime.parse()?, item })
    }
}

#[derive(Default)]
struct Said {
    path: Option<LitStr>,
    unsealed: Option<LitStr>,
    history: Option<LitStr>,
    namespace: Option<LitStr>,
}

impl Said {
    fn read(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut said = Self::default();
        if input.peek(LitStr) {
            said.path = Some(input.parse()?);
            comma_or_end(input)?;
        }
        while !input.is_empty() {
            said.option(input)?;
            comma_or_end(input)?;
        }
        Ok(said)
    }

    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if let Some((place, what)) = no_literal(input) {
            let message = format!("{what}: write the path, which is relative to the package");
            return Err(syn::Error::new(place, message));
        }
        let Ok(key) = Ident::parse_any(input) else {
            return Err(input.error(format!("expected the path as a string, or an option: {KEYS}")));
        };
        let place = match key.to_string().as_str() {
            "path" => &mut self.path,
            "unsealed" => &mut self.unsealed,
            "history" => &mut self.history,
            "namespace" => &mut self.namespace,
            other => {
                let message = format!("`{other}` is no option of embed_migrations!: there are {KEYS}");
                return Err(syn::Error::new(key.span(), message));
            }
        };
        if place.is_some() {
            return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
        }
        *place = Some(value(&key, input)?);
        Ok(())
    }
}

/// What stands after a key: `= "a string"`.
fn value(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    let example = format!("`{key} = \"{}\"`", if key == "unsealed" { "allow" } else { "…" });
    if !input.peek(Token![=]) {
        return Err(syn::Error::new(key.span(), format!("`{key}` has no value: write {example}")));
    }
    input.parse::<Token![=]>()?;
    if let Some((place, what)) = no_literal(input) {
        return Err(syn::Error::new(place, format!("{what}: write {example}")));
    }
    // The place of a value that is not there would be the whole macro.
    let place = if input.is_empty() { key.span() } else { input.span() };
    let no_string = |_| syn::Error::new(place, format!("the value of `{key}` is a string: write {example}"));
    let value: LitStr = input.parse().map_err(no_string)?;
    let refuse = |message| Err(syn::Error::new(value.span(), message));
    if key == "unsealed" && value.value() != "allow" {
        return refuse("the only value of `unsealed` is \"allow\"");
    }
    if key == "history" && graven_source::history_name::parse(&value.value()).is_none() {
        return refuse("not the name of a table: write \"table\" or \"schema.table\", each part at most 63 bytes");
    }
    if value.value().contains('\0') {
        return refuse("PostgreSQL knows no NUL character");
    }
    Ok(value)
}

/// What only becomes a string after this macro has been expanded, if that stands next: another macro, such as
/// `concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")`, or a constant.
fn no_literal(input: ParseStream<'_>) -> Option<(Span, String)> {
    let ahead = input.fork();
    let mut word = Ident::parse_any(&ahead).ok()?;
    let place = word.span();
    let mut is_qualified = false;
    while ahead.parse::<Token![::]>().is_ok() {
        is_qualified = true;
        word = Ident::parse_any(&ahead).ok()?;
    }
    if ahead.peek(Token![!]) {
        return Some((place, format!("`{word}!` is not expanded here")));
    }
    let name = word.to_string();
    let is_constant = is_qualified || (name.contains(char::is_uppercase) && !name.contains(char::is_lowercase));
    is_constant.then(|| (place, format!("what `{name}` stands for is not known here")))
}

fn comma_or_end(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() { Ok(()) } else { input.parse::<Token![,]>().map(drop) }
}
