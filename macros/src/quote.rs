//! Values of a checked set become constant tokens. Every path in them is absolute or the runtime's own.

use std::time::Duration;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use graven_source::directive::{Directives, Transaction};
use graven_source::set::{Control, Migration, Sealing, Unit};
use graven_source::statement::StatementKind;

/// One migration, as a call of the runtime's constructor.
pub(crate) fn migration(runtime: &TokenStream, found: &Migration) -> TokenStream {
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
        let effect = effect(runtime, unit, &found.text);
        quote! { #runtime::__private::unit(#start, #end, #effect) }
    });
    // Items: a borrow of what is computed lives for ever in an item's initialiser, and not everywhere else.
    quote! {
        {
            const WAS: &[[u8; 32]] = &[#(#was),*];
            const UNITS: &[#runtime::__private::Unit] = &[#(#units),*];
            static DETAILS: #runtime::__private::Details = #runtime::__private::details(
                #runtime::__private::Transaction::#transaction, #lock_timeout, #statement_timeout, #retries,
                WAS, &[#(#absorbed),*], UNITS,
            );
            &DETAILS
        }
    }
}

fn effect(runtime: &TokenStream, unit: &Unit, text: &str) -> TokenStream {
    let effect = quote! { #runtime::__private::Effect };
    match &unit.kind {
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
        _ if unit.commits_midway(text) => quote! { #effect::CommitsMidway },
        _ => quote! { #effect::Ordinary },
    }
}

fn duration(duration: Duration) -> TokenStream {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    quote! { ::core::time::Duration::new(#seconds, #nanoseconds) }
}

pub(crate) fn option(value: Option<TokenStream>) -> TokenStream {
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
