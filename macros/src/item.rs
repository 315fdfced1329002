//! The form that declares the static itself: `pub static MIGRATIONS = "path", key = "value";`.
//!
//! An expression cannot carry documentation to the static that it initialises. An item can: that is what this form is for.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token};

/// What stands before the path and the options.
pub(crate) struct Item {
    attributes: TokenStream,
    visibility: TokenStream,
    name: Ident,
}

impl Item {
    /// Whether an item begins there.
    pub(crate) fn is_ahead(input: ParseStream<'_>) -> bool {
        input.peek(Token![#]) || input.peek(Token![pub]) || input.peek(Token![static]) || input.peek(Token![const])
    }

    /// The whole item, with documentation after that of its author.
    pub(crate) fn with(&self, runtime: &TokenStream, value: &TokenStream, documentation: &[String]) -> TokenStream {
        let Self { attributes, visibility, name } = self;
        quote! {
            #attributes
            #(#[doc = #documentation])*
            #visibility static #name: #runtime::Migrations = #value;
        }
    }
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = TokenStream::new();
        while input.peek(Token![#]) {
            input.parse::<TokenTree>()?.to_tokens(&mut attributes);
            group(input, Delimiter::Bracket)?.to_tokens(&mut attributes);
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
        input.parse::<Token![static]>().map_err(|error| {
            syn::Error::new(error.span(), "expected `static` and a name, as in `pub static MIGRATIONS;`")
        })?;
        Ok(Self { attributes, visibility, name: input.parse()? })
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
