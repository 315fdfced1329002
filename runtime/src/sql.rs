//! The one place where values and names become SQL text.

use std::time::Duration;

/// A string as a literal, safe whatever `standard_conforming_strings` says (PostgreSQL manual, 4.1.2.2).
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A string as a quoted identifier.
pub(crate) fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A name as a person would write it: quoted only where it must be.
pub(crate) fn plain(name: &str) -> String {
    let ordinary = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if ordinary { name.to_owned() } else { identifier(name) }
}

/// Bytes as a `bytea` literal in the hex format, which does not depend on a setting (PostgreSQL manual, 8.4.1).
pub(crate) fn bytes(bytes: &[u8]) -> String {
    use std::fmt::Write;

    let mut hex = String::with_capacity(bytes.len() * 2 + 16);
    // Not `'\x…'`: with standard_conforming_strings off its backslash would be eaten.
    hex.push_str("pg_catalog.decode('");
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex.push_str("', 'hex')");
    hex
}

/// Operators by their full names: without the schema, one that somebody else has put before `pg_catalog` in the search path would
/// be called (PostgreSQL manual, 4.2.5). They bind tighter than `IN`, `IS` and `NOT`, and as tight as `||`. Types are named in full
/// for the same reason; `IN`, `NULLIF`, `IS DISTINCT FROM` and `CASE … WHEN …` look for `=` along the path, and serve only where
/// that is confined.
pub(crate) const EQ: &str = "OPERATOR(pg_catalog.=)";
pub(crate) const NE: &str = "OPERATOR(pg_catalog.<>)";

/// Confines the search path for the rest of the message to what is the server's own, unless the message is part of a transaction
/// of the caller's own: for questions that name nothing by the path.
pub(crate) const CONFINE: &str = "SELECT CASE WHEN pg_catalog.timestamptz_eq(CURRENT_TIMESTAMP, \
    pg_catalog.statement_timestamp()) THEN pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true) END";

/// A duration as the value of a timeout setting, in whole milliseconds rounded up; zero switches it off.
pub(crate) fn milliseconds(duration: Duration) -> String {
    let whole = duration.as_nanos().div_ceil(1_000_000);
    // The settings are 32-bit integers of milliseconds: 24 days at the most.
    format!("'{}ms'", whole.min(i32::MAX as u128))
}

#[cfg(test)]
mod tests {
    use super::{bytes, identifier, literal, milliseconds};
    use std::time::Duration;

    #[test]
    fn quotes_what_needs_quoting() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
        assert_eq!(identifier(r#"a"b"#), r#""a""b""#);
        assert_eq!(bytes(&[0, 255]), "pg_catalog.decode('00ff', 'hex')");
    }

    #[test]
    fn a_timeout_is_never_rounded_down_to_off() {
        assert_eq!(milliseconds(Duration::ZERO), "'0ms'");
        assert_eq!(milliseconds(Duration::from_micros(1)), "'1ms'");
        assert_eq!(milliseconds(Duration::MAX), "'2147483647ms'");
    }
}
