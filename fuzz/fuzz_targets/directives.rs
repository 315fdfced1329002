//! Directives, and the sections of other tools' files: no input breaks what is promised of any.
#![no_main]

#[path = "../../source/tests/all/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| checks::directives(text));
