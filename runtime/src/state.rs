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
    puts_back: PutsBack,
    /// What is put back only at the end of the run.
    last: Option<String>,
    limit: TransactionLimit,
}

/// Whether a session limits the length of a transaction: a setting that PostgreSQL 17 brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransactionLimit {
    /// It does, or would after a `RESET ALL` of a file's own.
    Set,
    /// It does not, or the server knows no such setting.
    None,
}

/// What it takes to put a session back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutsBack {
    /// What they were when the session began. That cannot fail.
    Defaults,
    /// Settings and a role of the session's own, which it may not be allowed to take any more.
    Settings,
}

/// How far a setting reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reaches {
    Transaction,
    Session,
}

/// graven reads SQL as the standard says, and as PostgreSQL does unless a role or database says otherwise: `\` is an
/// ordinary character of a plain string (PostgreSQL manual, 4.1.2.1).
const STANDARD_STRINGS: &str = "SET standard_conforming_strings = on";

impl SessionState {
    /// Reads what the session has set for itself, after it has become another role and before something else in the same
    /// message, and makes it read strings as the standard says.
    pub(crate) async fn capture<C: Connection>(
        session: &mut Session<'_, C>,
        become_role: Option<&str>,
        create: Option<&str>,
    ) -> Result<Self, Error> {
        // The function behind the view pg_settings: the view is one more that a session which has just begun must load.
        // `role` and `session_authorization` are not listed. The role comes last: settings that only a superuser may change
        // must be put back before a lesser role is.
        let ask = "SELECT s.name, s.setting FROM pg_catalog.pg_show_all_settings() s \
                   WHERE pg_catalog.texteq(s.source, 'session');\n\
                   SELECT session_user, pg_catalog.current_setting('role'), \
                   pg_catalog.current_setting('standard_conforming_strings'), \
                   pg_catalog.current_setting('transaction_timeout', true)";
        let message: Vec<&str> = become_role.into_iter().chain([ask]).chain(create).collect();
        let doing = if create.is_some() { "creating the history table" } else { "reading the session's settings" };
        let results = session.expect(doing, &message.join(";\n")).await?;
        let results = results.get(usize::from(become_role.is_some())..).unwrap_or_default();
        let mut statements = Vec::new();
        let mut last = None;
        let mut limit = TransactionLimit::None;
        let mut puts_back = PutsBack::Defaults;
        if let [settings, roles, ..] = results {
            let roles = roles.first();
            let user = roles.map_or("", |row| row.text(0));
            let role = roles.map_or("none", |row| row.text(1));
            statements.push(format!("SET SESSION AUTHORIZATION {}", literal(user)));
            statements.push("RESET ALL".to_owned());
            for row in settings {
                puts_back = PutsBack::Settings;
                statements.push(set_config(row.text(0), row.text(1)));
            }
            statements.push(format!("SET ROLE {}", literal(role)));
            if role != "none" {
                puts_back = PutsBack::Settings;
            }
            let is_named = settings.iter().any(|row| row.text(0) == "transaction_timeout");
            if roles.and_then(|row| row.optional(3)).is_some_and(|limit| limit != "0" || is_named) {
                limit = TransactionLimit::Set;
            }
            if roles.is_some_and(|row| row.text(2) == "off") {
                last = Some(set_config("standard_conforming_strings", "off"));
            }
            session.owes_settings(statements.iter().cloned().chain(last.clone()).collect::<Vec<_>>().join(";\n"));
            if last.is_some() {
                session.expect("setting standard_conforming_strings", STANDARD_STRINGS).await?;
                statements.push(STANDARD_STRINGS.to_owned());
            }
        }
        Ok(Self { restore: statements.join(";\n"), puts_back, last, limit })
    }

    /// The statements that put the session back between two migrations, joined by semicolons.
    pub(crate) fn restore(&self) -> &str {
        &self.restore
    }

    /// What that takes.
    pub(crate) fn puts_back(&self) -> PutsBack {
        self.puts_back
    }

    /// The statement that lifts the limit to the length of a transaction, which is meant for services; where there is one.
    /// It holds for a statement without a transaction as well, a concurrent build above all.
    pub(crate) fn no_transaction_timeout(&self, reaches: Reaches) -> Option<&'static str> {
        match (self.limit, reaches) {
            (TransactionLimit::None, _) => None,
            (TransactionLimit::Set, Reaches::Transaction) => Some("SET LOCAL transaction_timeout = 0"),
            (TransactionLimit::Set, Reaches::Session) => Some("SET transaction_timeout = 0"),
        }
    }

    /// Puts back what only the run itself needed.
    pub(crate) async fn finish<C: Connection>(&self, session: &mut Session<'_, C>) {
        if let Some(last) = &self.last
            && let Some(failure) = session.send(last).await.failure
        {
            tracing::warn!(target: "graven", ?failure, "standard_conforming_strings could not be put back");
        }
    }
}

fn set_config(name: &str, value: &str) -> String {
    format!("SELECT pg_catalog.set_config({}, {}, false)", literal(name), literal(value))
}
