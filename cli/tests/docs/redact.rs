//! What follows from the machine or the time, and what the pages show in its place.

use std::sync::LazyLock;

use regex::Regex;

const REDACTED: [(&str, &str); 15] = [
    (r"(127\.0\.0\.1|localhost):\d+", "localhost:5432"),
    (r"\b20\d{12}\b", "20260131120000"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00)", "2026-01-31T12:00:00Z"),
    (r"\b\d+\.\d(ns|µs|ms|s)\b", "…"),
    (r#"("(\w+_)?seconds": )[\d.e-]+"#, "${1}0.01"),
    (r#""run": "[0-9a-f-]{36}""#, r#""run": "0f8fad5b-d9cb-469f-a165-70867728950e""#),
    (r"\(os error \d+\)", "(os error 111)"),
    (r"graven/[\w.-]+", "graven/web-1"),
    (r"PostgreSQL \d+(\.\d+)?( \([^)]*\))?", "PostgreSQL 17.5"),
    (r"pg_dump \d+(\.\d+)?", "pg_dump 17.5"),
    // Where there is no pg_dump.
    ("written by catalog queries", "written by pg_dump 17.5"),
    (r"\d+ of \d+ connections", "12 of 97 connections"),
    (r"\bpid \d+", "pid 4242"),
    (r"\bpg_temp_\d+", "pg_temp_3"),
    (r"pg_terminate_backend\(\d+\)", "pg_terminate_backend(4242)"),
];

static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    REDACTED.iter().map(|(pattern, stand_in)| (Regex::new(pattern).expect("a pattern"), *stand_in)).collect()
});

/// Output as a page shows it, without spaces at the ends of lines and without empty lines at its end.
pub(crate) fn redact(output: &str) -> String {
    let mut text = output.to_owned();
    for (pattern, stand_in) in PATTERNS.iter() {
        text = pattern.replace_all(&text, *stand_in).into_owned();
    }
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    if text.trim_end().is_empty() { String::new() } else { lines.join("\n") + "\n" }
}

#[test]
fn what_differs_from_run_to_run_is_redacted_and_nothing_else() {
    for (output, shown) in [
        ("applied 1 create_users (3.1ms)\n", "applied 1 create_users (…)\n"),
        ("waited 1.5 s, sha256:815674e9c24e…\n", "waited 1.5 s, sha256:815674e9c24e…\n"),
        ("cannot connect to 127.0.0.1:33333/app\n\n", "cannot connect to localhost:5432/app\n"),
        (" id | name  \n----+------\n(0 rows)\n\n", " id | name\n----+------\n(0 rows)\n"),
        ("\n", ""),
    ] {
        assert_eq!(redact(output), shown);
    }
}
