//! What is wrong with a directory, as compile errors.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use graven_source::problem::{Problem, Style, render_all};

/// At most as many problems are shown; the rest is counted.
const SHOWN: usize = 10;

/// All problems as one compile error, so that ten of them fit on a screen.
pub(crate) fn compile_error(problems: &[Problem], span: Span) -> TokenStream {
    let text = render_all(problems, SHOWN, Style::Plain);
    quote_spanned! { span => ::core::compile_error! { #text } }
}
