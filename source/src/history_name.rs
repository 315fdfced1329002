//! The name of a history table, as people write it: `table` or `schema.table`.

/// A name, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryName {
    /// The schema, where one is named.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

/// The longest identifier that the server does not cut, in bytes (PostgreSQL manual, 4.1.1).
const LONGEST: usize = 63;

/// Reads `table` or `schema.table`, each part plain or in double quotes, as PostgreSQL would (manual, 4.1.1): what is
/// not quoted is folded to lower case.
///
/// ```
/// use graven_source::history_name::parse;
///
/// let name = parse(r#"Ops."My History""#).expect("a name");
/// assert_eq!((name.schema.as_deref(), name.table.as_str()), (Some("ops"), "My History"));
/// assert_eq!(parse("a.b.c"), None);
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<HistoryName> {
    let (first, rest) = identifier(text)?;
    if rest.is_empty() {
        return Some(HistoryName { schema: None, table: first });
    }
    match identifier(rest.strip_prefix('.')?)? {
        (table, "") => Some(HistoryName { schema: Some(first), table }),
        _ => None,
    }
}

/// The identifier at the head of a text, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => plain(text)?,
    };
    // A longer name would be cut by the server, and then not be found under the name that was given.
    let serves = !name.is_empty() && name.len() <= LONGEST && !name.contains('\0');
    serves.then_some((name, rest))
}

fn unquote(mut rest: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

fn plain(text: &str) -> Option<(String, &str)> {
    if text.starts_with(|first: char| first.is_ascii_digit() || first == '$') {
        return None;
    }
    let ordinary = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let (name, rest) = text.split_at(text.find(|c| !ordinary(c)).unwrap_or(text.len()));
    Some((name.to_ascii_lowercase(), rest))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_name_is_read_as_postgresql_would() {
        for (text, wanted) in [
            ("history", Some((None, "history"))),
            ("Ops.History", Some((Some("ops"), "history"))),
            (r#""Ops"."a.b""#, Some((Some("Ops"), "a.b"))),
            (r#""a""b""#, Some((None, "a\"b"))),
            ("größe", Some((None, "größe"))),
            ("", None),
            ("a.", None),
            (".a", None),
            ("a.b.c", None),
            ("a b", None),
            ("1a", None),
            (r#""open"#, None),
            (r#""""#, None),
            ("a;drop", None),
        ] {
            let parsed = parse(text).map(|name| (name.schema, name.table));
            let wanted = wanted.map(|(schema, table)| (schema.map(str::to_owned), table.to_owned()));
            assert_eq!(parsed, wanted, "{text}");
        }
        assert!(parse(&"x".repeat(64)).is_none());
    }
}
