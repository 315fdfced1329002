//! The macro's arguments: a path, and options as `key = value`.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token, bracketed};

/// Where migrations lie unless said otherwise.
const DEFAULT_PATH: &str = "migrations";

/// The keys that are understood.
const KEYS: &str = "`path`, `unsealed`, `history` and `namespace`";

/// What was said, with the defaults for what was not.
pub(crate) struct Input {
    /// The path of the runtime crate, as `$crate` of its own macro.
    pub(crate) runtime: TokenStream,
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
        let runtime;
        bracketed!(runtime in input);
        let runtime = runtime.parse()?;
        let mut said = Said::default();
        if input.peek(LitStr) {
            said.path = Some(input.parse()?);
            comma_or_end(input)?;
        }
        while !input.is_empty() {
            said.option(input)?;
            comma_or_end(input)?;
        }
        Ok(Self {
            runtime,
            span: said.path.as_ref().map_or_else(Span::call_site, LitStr::span),
            path: said.path.map_or_else(|| DEFAULT_PATH.to_owned(), |path| path.value()),
            unsealed: said.unsealed.map_or(Unsealed::Refuse, |_| Unsealed::Allow),
            history: said.history.map(|history| history.value()),
            namespace: said.namespace.map_or_else(String::new, |namespace| namespace.value()),
        })
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
    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let Ok(key) = Ident::parse_any(input) else {
            return Err(input.error(format!("expected the path as a string, or an option: {KEYS}")));
        };
        let place = match key.to_string().as_str() {
            "path" => &mut self.path,
            "unsealed" => &mut self.unsealed,
            "history" => &mut self.history,
            "namespace" => &mut self.namespace,
            // `concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")`, as other macros want it.
            other if input.peek(Token![!]) => {
                let message =
                    format!("`{other}!` is not expanded here: write the path, which is relative to the package");
                return Err(syn::Error::new(key.span(), message));
            }
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

fn comma_or_end(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() { Ok(()) } else { input.parse::<Token![,]>().map(drop) }
}
