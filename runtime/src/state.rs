//! The session's state, as a caller left it: captured once, and put back after every migration.

use crate::connection::Connection;
use crate::error::Error;
use crate::session::Session;
use crate::sql::literal;

/// The SQL that puts the session back.
///
/// Prepared statements, temporary tables and LISTEN are left alone: only settings and roles are put back.
#[derive(Debug)]
pub(crate) struct SessionState {
    restore: String,
}

impl SessionState {
    /// Reads what the session has set for itself.
    pub(crate) async fn capture<C: Connection>(session: &mut Session<'_, C>) -> Result<Self, Error> {
        // `role` and `session_authorization` are not listed in pg_settings. The role comes last: settings that only a
        // superuser may change must be put back before a lesser role is.
        let sql = "SELECT s.name, s.setting FROM pg_catalog.pg_settings s WHERE s.source = 'session';\n\
                   SELECT session_user, pg_catalog.current_setting('role')";
        let results = session.expect("reading the session's settings", sql).await?;
        let mut statements = Vec::new();
        if let [settings, roles] = results.as_slice() {
            let roles = roles.first();
            let user = roles.map_or("", |row| row.text(0));
            let role = roles.map_or("none", |row| row.text(1));
            statements.push(format!("SET SESSION AUTHORIZATION {}", literal(user)));
            statements.push("RESET ALL".to_owned());
            for row in settings {
                statements.push(set_config(row.text(0), row.text(1)));
            }
            statements.push(set_config("role", role));
        }
        Ok(Self { restore: statements.join(";\n") })
    }

    /// The statements that put the session back, joined by semicolons.
    pub(crate) fn restore(&self) -> &str {
        &self.restore
    }
}

fn set_config(name: &str, value: &str) -> String {
    format!("SELECT pg_catalog.set_config({}, {}, false)", literal(name), literal(value))
}
