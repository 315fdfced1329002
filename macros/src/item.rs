//! The form that declares the static itself: `pub static MIGRATIONS = "path", key = "value";`.
//!
//! An expression cannot carry documentation to the static that it initialises. An item can: that is what this form is for.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token};

/// What stands before the path and the options.
pub(crate) struct Item {
    attributes: TokenStream,
    /// Those of the attributes that decide whether the item is there at all.
    conditions: TokenStream,
    visibility: TokenStream,
    /// Where it says `static`.
    keyword: Span,
    name: Ident,
}

impl Item {
    /// Whether an item begins there.
    pub(crate) fn is_ahead(input: ParseStream<'_>) -> bool {
        input.peek(Token![#]) || input.peek(Token![pub]) || input.peek(Token![static]) || input.peek(Token![const])
    }

    /// The whole item, with documentation after that of its author.
    ///
    /// The value is a constant of its own, since an editor shows a static with its initialiser as it is written: that
    /// would be all of the set, again and again for each place that names the static.
    pub(crate) fn with(&self, runtime: &TokenStream, value: &TokenStream, documentation: &[String]) -> TokenStream {
        let Self { attributes, conditions, visibility, keyword, name } = self;
        // It is nothing that the author has written, and has no place of its own.
        let constant = Ident::new(&hidden(&name.unraw().to_string()), Span::call_site());
        // The static itself is the author's, and nobody's macro's: else rustc would not say that nothing uses it.
        let keyword = quote_spanned! { *keyword => static };
        let place = name.span();
        let (with_type, end) = (quote_spanned! { place => : #runtime::Migrations = }, quote_spanned! { place => ; });
        quote! {
            #conditions
            #[doc(hidden)]
            const #constant: #runtime::Migrations = #value;
            #attributes
            #(#[doc = #documentation])*
            #visibility #keyword #name #with_type #constant #end
        }
    }
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (mut attributes, mut conditions) = (TokenStream::new(), TokenStream::new());
        while input.peek(Token![#]) {
            input.parse::<TokenTree>()?.to_tokens(&mut attributes);
            let attribute = group(input, Delimiter::Bracket)?;
            if let Some(condition) = condition(within(&attribute)) {
                quote! { #[#condition] }.to_tokens(&mut conditions);
            }
            attribute.to_tokens(&mut attributes);
        }
        let mut visibility = TokenStream::new();
        if input.peek(Token![pub]) {
            input.parse::<TokenTree>()?.to_tokens(&mut visibility);
            if input.peek(syn::token::Paren) {
                group(input, Delimiter::Parenthesis)?.to_tokens(&mut visibility);
            }
        }
        if input.peek(Token![const]) {
            return Err(input.error("write `static`: each use of a constant would be a copy"));
        }
        let keyword = input.parse::<Token![static]>().map_err(|error| {
            syn::Error::new(error.span(), "expected `static` and a name, as in `pub static MIGRATIONS;`")
        })?;
        Ok(Self { attributes, conditions, visibility, keyword: keyword.span, name: input.parse()? })
    }
}

/// The name of the constant beside a static. No lint has anything to say of it: it is in upper case, and begins with `_`, so
/// that nobody has to use it. (An `#[allow]` would be an error where the author forbids.) Two statics have two of them.
fn hidden(name: &str) -> String {
    let is_changed = |(_, c): &(usize, char)| !c.to_uppercase().eq([*c]);
    let changed: String = name.chars().enumerate().filter(is_changed).map(|(at, _)| format!("_{at}")).collect();
    // No name begins with a digit, so that it is plain where the places end.
    format!("__EMBEDDED{changed}_{}", name.to_uppercase())
}

/// Of an attribute without its brackets, what decides whether its item is there at all: a `cfg`, or those in a `cfg_attr`.
fn condition(attribute: TokenStream) -> Option<TokenStream> {
    let mut tokens = attribute.clone().into_iter();
    match tokens.next()? {
        TokenTree::Ident(name) if name == "cfg" => Some(attribute),
        TokenTree::Ident(name) if name == "cfg_attr" => {
            let arguments: Vec<TokenTree> = within(&tokens.next()?).into_iter().collect();
            let is_comma = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
            let mut arguments = arguments.split(is_comma).map(|tokens| tokens.iter().cloned().collect::<TokenStream>());
            let predicate = arguments.next()?;
            let conditions: Vec<TokenStream> = arguments.filter_map(condition).collect();
            (!conditions.is_empty()).then(|| quote! { cfg_attr(#predicate, #(#conditions),*) })
        }
        // What came through a macro of the author's own.
        group @ TokenTree::Group(_) => condition(within(&group)),
        _ => None,
    }
}

fn within(tree: &TokenTree) -> TokenStream {
    match tree {
        TokenTree::Group(group) => group.stream(),
        _ => TokenStream::new(),
    }
}

fn group(input: ParseStream<'_>, delimiter: Delimiter) -> syn::Result<TokenTree> {
    let wanted = |tree: &TokenTree| matches!(tree, TokenTree::Group(group) if group.delimiter() == delimiter);
    let place = input.span();
    input.parse().ok().filter(wanted).ok_or_else(|| syn::Error::new(place, "expected an attribute or a visibility"))
}

/// The path and the options of an item: what stands between its name and its `;`, as the other form has it.
pub(crate) fn arguments(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    if input.peek(Token![:]) {
        return Err(input.error("leave the type out: it is `graven::Migrations`"));
    }
    let place = input.span();
    let has_path = input.parse::<Token![=]>().is_ok();
    if has_path && !input.peek(LitStr) {
        return Err(syn::Error::new(place, "expected the path as a string after `=`"));
    }
    if !has_path && input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    }
    let mut rest: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
    rest.pop_if(|last| matches!(last, TokenTree::Punct(punct) if punct.as_char() == ';'));
    Ok(rest.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::{TokenStream, condition, hidden};

    #[test]
    fn each_name_has_a_hidden_one_in_upper_case() {
        let all =
            ["MIGRATIONS", "migrations", "Migrations", "MIGRATIONs", "größe", "GRÖSSE", "_A1", "a", "A_0", "_0_A"]
                .map(hidden);
        assert_eq!(all[..2], ["__EMBEDDED_MIGRATIONS", "__EMBEDDED_0_1_2_3_4_5_6_7_8_9_MIGRATIONS"]);
        for (at, name) in all.iter().enumerate() {
            assert!(!name.contains(char::is_lowercase) && !all[..at].contains(name), "{all:?}");
        }
    }

    #[test]
    fn of_the_attributes_the_conditions_alone_hold_for_the_value() {
        for (attribute, wanted) in [
            ("cfg(test)", "cfg(test)"),
            ("cfg_attr(unix, cfg(feature = \"a\"))", "cfg_attr(unix, cfg(feature = \"a\"))"),
            ("cfg_attr(all(unix, test), doc = \"x\", cfg(a), unsafe(no_mangle))", "cfg_attr(all(unix, test), cfg(a))"),
            ("cfg_attr(a, cfg_attr(b, cfg(c), deprecated))", "cfg_attr(a, cfg_attr(b, cfg(c)))"),
            ("cfg_attr(docsrs, doc(cfg(feature = \"a\")))", ""),
            ("cfg_attr(a)", ""),
            ("cfg_attr", ""),
            ("doc = \"cfg\"", ""),
            ("deprecated", ""),
            ("", ""),
        ] {
            let parsed = |text: &str| text.parse::<TokenStream>().unwrap();
            let found = condition(parsed(attribute)).unwrap_or_default();
            assert_eq!(found.to_string(), parsed(wanted).to_string(), "{attribute}");
        }
    }
}
