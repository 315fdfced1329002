//! Which grant a migration lacks, where the server's message names nothing but a schema.

use crate::connection::Connection;
use crate::session::Session;
use crate::sql::{literal, plain};

/// What to grant so that what was refused is allowed, if it is about a schema. Never fails: it only serves a message.
///
/// The message is in the server's language: it names the schema, and the server is asked what this role lacks there.
pub(crate) async fn lacking<C: Connection>(session: &mut Session<'_, C>, message: &str) -> Option<String> {
    // In English it says what the name is that of.
    if message.starts_with("permission denied for ") && !message.starts_with("permission denied for schema ") {
        return None;
    }
    let sql = format!(
        "SELECT n.nspname, pg_catalog.has_schema_privilege(n.oid, 'USAGE'), current_user FROM pg_catalog.pg_namespace n \
         WHERE pg_catalog.strpos({}, n.nspname::text) > 0 AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
         AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')) ORDER BY pg_catalog.length(n.nspname::text) DESC",
        literal(message)
    );
    let reply = session.send(&sql).await;
    let row = reply.completed.first()?.iter().find(|row| is_named_in(row.text(0), message))?;
    let (schema, role) = (plain(row.text(0)), plain(row.text(2)));
    Some(match row.is_true(1) {
        true => {
            format!("`GRANT CREATE ON SCHEMA {schema} TO {role}`, or run migrations with a role that has this right")
        }
        false => format!(
            "`GRANT USAGE ON SCHEMA {schema} TO {role}`, with CREATE as well where it is to make something there; or run \
             migrations with a role that has these rights"
        ),
    })
}

/// Whether a name stands in a text for itself, and is no part of another word.
fn is_named_in(name: &str, text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    text.match_indices(name).any(|(at, found)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::is_named_in;

    #[test]
    fn a_name_is_found_as_a_whole_word_in_any_language() {
        assert!(is_named_in("public", "permission denied for schema public"));
        assert!(is_named_in("my ops", "keine Berechtigung für Schema my ops"));
        assert!(is_named_in("app", "スキーマappへのアクセスが拒否されました"));
        assert!(!is_named_in("app", "permission denied for schema app_2"));
    }
}
