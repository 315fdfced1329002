//! What is wrong with a directory, as compile errors.

use std::path::Path;

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use graven_source::problem::{Problem, Style, render_all};

/// At most as many problems are shown; the rest is counted.
const SHOWN: usize = 10;

/// All problems as one compile error, so that ten of them fit on a screen. `package` is the folder that paths are relative
/// to, if that need not be where cargo runs.
pub(crate) fn compile_error(problems: &[Problem], package: Option<&Path>, span: Span) -> TokenStream {
    let mut text = render_all(problems, SHOWN, Style::Plain);
    let here = std::env::current_dir();
    if let (Some(package), Ok(here)) = (package, here)
        && let Some(note) = whose(package, &here)
    {
        text.push_str("\n\n");
        text.push_str(&note);
    }
    quote_spanned! { span => ::core::compile_error! { #text } }
}

/// Of which package the paths are, where the compiler runs elsewhere: cargo starts it where the workspace begins.
fn whose(package: &Path, here: &Path) -> Option<String> {
    let within = package.strip_prefix(here).ok().filter(|within| !within.as_os_str().is_empty())?;
    let parts: Vec<_> = within.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    Some(format!("note: paths and commands are for the package {}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::whose;

    #[test]
    fn of_a_member_of_a_workspace_it_is_said_whose_the_paths_are() {
        let whose = |package: &str, here: &str| whose(Path::new(package), Path::new(here));
        let note = "note: paths and commands are for the package crates/web";
        assert_eq!(whose("/work/app/crates/web", "/work/app").as_deref(), Some(note));
        assert_eq!(whose("/work/app", "/work/app"), None);
        assert_eq!(whose("/registry/web", "/work/app"), None);
    }
}
