//! The seal file: no input breaks what is promised of any.
#![no_main]

#[path = "../../source/tests/all/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| checks::seal(text));
