//! What a migration has beside its text: most have nothing.

use std::time::Duration;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use graven_source::directive::{Directives, Transaction};
use graven_source::set::{Control, Migration, Unit};
use graven_source::statement::StatementKind;
use graven_source::{Checksum, Kind};

use super::{is_large, option};

/// What a migration has beside its text.
pub(super) enum Which {
    /// Nothing in particular: all such share one static.
    Plain,
    /// A reverse, that one, and nothing else.
    Reversed(usize),
    /// What few migrations have.
    Special(TokenStream),
}

/// What few migrations have, if this one does. `reverse` is the place of its reverse in `REVERSES`.
pub(super) fn special(runtime: &TokenStream, found: &Migration, reverse: Option<usize>) -> Which {
    let Migration { kind, text, directives, control, was, .. } = found;
    let large_file = is_large(found).then_some(found.file.as_str());
    Parts { kind: *kind, text, large_file, directives, control, was }.details(runtime, reverse)
}

/// What of a migration of any kind makes it special.
pub(super) struct Parts<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// The name of a file that is large.
    pub(super) large_file: Option<&'a str>,
    pub(super) directives: &'a Directives,
    pub(super) control: &'a Control,
    pub(super) was: &'a [Checksum],
}

impl Parts<'_> {
    pub(super) fn details(&self, runtime: &TokenStream, reverse: Option<usize>) -> Which {
        let (absorbed, units) = match self.control {
            Control::Absorbed(absorbed) => (absorbed.as_slice(), [].as_slice()),
            Control::Units(units) => ([].as_slice(), units.as_slice()),
            _ => ([].as_slice(), [].as_slice()),
        };
        let is_short = self.large_file.is_none();
        if is_short && *self.directives == Directives::default() && self.was.is_empty() && absorbed.is_empty() {
            return Which::Plain;
        }
        let transaction = match self.directives.transaction {
            Transaction::On => quote! { On },
            Transaction::Off => quote! { Off },
        };
        let lock_timeout = option(self.directives.lock_timeout.map(duration));
        let statement_timeout = option(self.directives.statement_timeout.map(duration));
        let retries = option(self.directives.retries.map(|retries| quote! { #retries }));
        let was: Vec<_> = self.was.iter().map(|checksum| Literal::byte_string(checksum.as_bytes())).collect();
        let absorbed = absorbed.iter().map(|span| {
            let (start, end) = (offset(span.start), offset(span.end));
            quote! { (#start, #end) }
        });
        let unit = |unit: &Unit| {
            let (start, end) = (offset(unit.span.start), offset(unit.span.end));
            let effect = effect(runtime, unit, self.text);
            quote! { #runtime::__private::unit(#start, #end, #effect) }
        };
        let units: Vec<_> = units.iter().map(unit).collect();
        // Items: a borrow of what is computed lives for ever in an item's initialiser, and not everywhere else. Most need none.
        let was_item = (!was.is_empty()).then(|| quote! { const WAS: &[[u8; 32]] = &[#(*#was),*]; });
        let was = was_item.as_ref().map_or_else(|| quote! { &[] }, |_| quote! { WAS });
        let units_item =
            (!units.is_empty()).then(|| quote! { const UNITS: &[#runtime::__private::Unit] = &[#(#units),*]; });
        let units = units_item.as_ref().map_or_else(|| quote! { &[] }, |_| quote! { UNITS });
        let mut details = quote! {
            #runtime::__private::details(
                #runtime::__private::Transaction::#transaction, #lock_timeout, #statement_timeout, #retries,
                #was, &[#(#absorbed),*], #units,
            )
        };
        details = match self.kind {
            Kind::Reverse => quote! { #runtime::__private::of_reverse(#details) },
            Kind::Baseline => quote! { #runtime::__private::of_baseline(#details) },
            Kind::Repeatable => quote! { #runtime::__private::of_repeatable(#details) },
            _ => details,
        };
        if let Some(file) = self.large_file {
            details = quote! { #runtime::__private::of_large_file(#details, &#file) };
        }
        if let Some(reverse) = reverse {
            details = quote! { #runtime::__private::with_reverse(#details, &REVERSES[#reverse]) };
        }
        // An item for each: in one initialiser for all, the compiler would go through all of them again for each.
        Which::Special(quote! {
            {
                #was_item
                #units_item
                const DETAILS: #runtime::__private::Details = #details;
                DETAILS
            }
        })
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

fn offset(at: usize) -> Literal {
    Literal::u32_unsuffixed(long(at))
}

/// The compiler holds no text that does not fit.
fn long(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
