//! The session's state, as a caller left it: captured once, and put back after every migration.

use crate::connection::{Connection, Row};
use crate::error::Error;
use crate::session::{Reach, Session};
use crate::sql::literal;

/// The SQL that puts the session back.
///
/// Prepared statements, open cursors and LISTEN are left alone: only settings and roles are put back. What a migration has
/// made in the temporary schema is discarded where there was nothing in it before, since nothing else is to be told apart.
#[derive(Debug)]
pub(crate) struct SessionState {
    reach: Reach,
    own: Restore,
    /// The same in the sessions of a pooler.
    pooled: Restore,
    limit: TransactionLimit,
    temporary: Temporary,
}

/// What puts a session back.
#[derive(Debug, Default)]
struct Restore {
    statements: Vec<String>,
    /// What is put back only at the end of the run.
    last: Vec<String>,
    puts_back: PutsBack,
    itself: Vec<String>,
}

/// Whose the temporary objects of the session are: tables, and whatever else is in `pg_temp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Temporary {
    /// There were none before the run: what there is, migrations have made.
    Migrations,
    /// Some are the caller's own; or a pooler's session has them, whose next user may be anybody.
    Others,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PutsBack {
    /// What they were when the session began. That cannot fail.
    #[default]
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

/// What is sent is UTF-8, and so is what drivers read: whatever else a session says is wrong. PostgreSQL would store each byte of
/// `é` as a letter of its own.
const UTF8: &str = "SET client_encoding = 'UTF8'";

/// Drops all that the session has in its temporary schema. It fails for a table with an open cursor, unless the cursor's
/// transaction has committed: then PostgreSQL keeps a copy of the rows (PostgreSQL manual, DECLARE).
const DISCARD: &str = "DISCARD TEMP";

/// Lets a transaction write though its session says otherwise. It must be the first statement.
pub(crate) const WRITABLE: &str = "SET LOCAL transaction_read_only = off";

/// Settings that `SET TRANSACTION` makes, and that hold to the end of its transaction. PostgreSQL lists them as the session's
/// own ever after, and refuses to have them set once a transaction has begun to read.
const OF_A_TRANSACTION: [&str; 3] = ["transaction_isolation", "transaction_read_only", "transaction_deferrable"];

/// Settings that a pooler keeps for each of its clients, and makes again in whatever session it gives them (pgbouncer's manual,
/// `track_extra_parameters`). All else is what somebody has left in a session of the pool, and must not be carried into another.
const OF_A_CLIENT: [&str; 6] =
    ["application_name", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone", "standard_conforming_strings"];

/// The setting by which the server ends a session in which nothing was asked for so long. A run may pause for longer, between
/// two tries.
const IDLE_LIMIT: &str = "idle_session_timeout";

/// Lifts it.
const NO_IDLE_LIMIT: &str = "SET idle_session_timeout = 0";

impl SessionState {
    /// Reads what the session has set for itself, after it has become another role and before something else in the same
    /// message, and makes it read strings as the standard says, and text as UTF-8.
    pub(crate) async fn capture<C: Connection>(
        session: &mut Session<'_, C>,
        become_role: Option<&str>,
        create: Option<&str>,
    ) -> Result<Self, Error> {
        // The function behind the view pg_settings: the view is one more that a session which has just begun must load.
        // `role` and `session_authorization` are not listed.
        let ask = "SELECT s.name, s.setting FROM pg_catalog.pg_show_all_settings() s \
                   WHERE pg_catalog.texteq(s.source, 'session');\n\
                   SELECT session_user, pg_catalog.current_setting('role'), \
                   pg_catalog.current_setting('standard_conforming_strings'), \
                   pg_catalog.current_setting('transaction_timeout', true), pg_catalog.pg_my_temp_schema(), \
                   pg_catalog.current_setting('idle_session_timeout', true), pg_catalog.pg_backend_pid()";
        let message: Vec<&str> = become_role.into_iter().chain([ask]).chain(create).collect();
        let doing = if create.is_some() { "creating the history table" } else { "reading the session's settings" };
        let mut results = session.expect(doing, &message.join(";\n")).await?;
        results.drain(..usize::from(become_role.is_some()).min(results.len()));
        let mut last = Vec::new();
        if let Some(encoding) = other_encoding(results.first()) {
            last.push(set_config("client_encoding", &encoding));
            session.owes_settings(last.join(";\n"));
            session.expect("setting client_encoding", UTF8).await?;
            // What the settings are was told in the other encoding.
            results = session.expect(doing, ask).await?;
        }
        let [settings, roles, ..] = results.as_slice() else { return Ok(Self::unknown(session.reach(), last)) };
        let unnamed = Row::default();
        let roles = roles.first().unwrap_or(&unnamed);
        let mut state = Self {
            reach: session.reach(),
            own: Restore::of_own(settings, roles, last.clone()),
            pooled: Restore::of_pooled(settings, roles, last),
            limit: TransactionLimit::of(settings, roles),
            temporary: Temporary::Others,
        };
        state.make(session, settings, roles).await?;
        state.temporary = whose_temporary(session, roles.text(4)).await?;
        if state.temporary == Temporary::Migrations {
            session.owes_discard(DISCARD);
        }
        Ok(state)
    }

    /// What is known where the server has not answered what it was asked.
    fn unknown(reach: Reach, last: Vec<String>) -> Self {
        let known = || Restore { last: last.clone(), ..Restore::default() };
        let (own, pooled) = (known(), known());
        Self { reach, own, pooled, limit: TransactionLimit::None, temporary: Temporary::Others }
    }

    /// Makes the settings that hold for the run, and are made again whenever the session is put back.
    async fn make<C: Connection>(
        &mut self,
        session: &mut Session<'_, C>,
        settings: &[Row],
        roles: &Row,
    ) -> Result<(), Error> {
        let reads_otherwise = roles.text(2) == "off";
        // How long sessions of a pool may be idle is nothing to its clients.
        let ends_when_idle = self.reach == Reach::Own && roles.optional(5).is_some_and(|limit| limit != "0");
        if reads_otherwise {
            let put_back = set_config("standard_conforming_strings", "off");
            self.own.last.push(put_back.clone());
            self.pooled.last.push(put_back);
        }
        if ends_when_idle {
            let before = settings.iter().find(|row| row.text(0) == IDLE_LIMIT);
            let put_back = before.map(|row| set_config(IDLE_LIMIT, row.text(1)));
            self.own.last.push(put_back.unwrap_or_else(|| format!("RESET {IDLE_LIMIT}")));
        }
        let Restore { statements, last, .. } = self.restoring();
        session.owes_settings(statements.iter().chain(last).cloned().collect::<Vec<_>>().join(";\n"));
        if reads_otherwise {
            session.expect("setting standard_conforming_strings", STANDARD_STRINGS).await?;
            self.own.statements.push(STANDARD_STRINGS.to_owned());
            self.pooled.statements.push(STANDARD_STRINGS.to_owned());
        }
        if ends_when_idle {
            session.expect("setting idle_session_timeout", NO_IDLE_LIMIT).await?;
            self.own.statements.push(NO_IDLE_LIMIT.to_owned());
        }
        Ok(())
    }

    fn restoring(&self) -> &Restore {
        match self.reach {
            Reach::Own => &self.own,
            Reach::Pooled => &self.pooled,
        }
    }

    /// The statement that drops what an earlier migration has left in the temporary schema, before the next one: each sees
    /// what it would see alone.
    ///
    /// Not right behind the migration, in its transaction: there a cursor that it has left open would be in the way.
    pub(crate) fn discard(&self) -> Option<&'static str> {
        (self.temporary == Temporary::Migrations).then_some(DISCARD)
    }

    /// Takes note of what messages reach by now: that a pooler stands between may come out late. Nothing is dropped then.
    pub(crate) fn reaches(&mut self, reach: Reach) {
        self.reach = reach;
        if reach == Reach::Pooled {
            self.temporary = Temporary::Others;
        }
    }

    /// The statements that put the session back between two migrations, joined by semicolons.
    pub(crate) fn restore(&self) -> String {
        self.restoring().statements.join(";\n")
    }

    /// The statements that let a message of graven's own write as the role that runs migrations, whatever a function of a
    /// file has set for the session, and to its end only. They come first: a transaction that has begun to read stays what it
    /// is.
    pub(crate) fn as_itself(&self) -> impl Iterator<Item = String> {
        self.restoring().itself.iter().cloned()
    }

    /// How many statements that are.
    pub(crate) fn statements(&self) -> usize {
        self.restoring().statements.len()
    }

    /// What that takes.
    pub(crate) fn puts_back(&self) -> PutsBack {
        self.restoring().puts_back
    }

    /// The statement that lets the session be idle for as long as the run pauses, where it may not be.
    pub(crate) fn no_idle_limit(&self) -> Option<&'static str> {
        self.restoring().statements.iter().any(|statement| statement == NO_IDLE_LIMIT).then_some(NO_IDLE_LIMIT)
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
        let last = self.restoring().last.join(";\n");
        if !last.is_empty()
            && let Some(failure) = session.send(&last).await.failure
        {
            tracing::warn!(target: "graven", ?failure, sql = last, "settings of the session could not be put back");
        }
    }
}

impl Restore {
    /// A session of the caller's own becomes what it was again. The role comes last: settings that only a superuser may change
    /// must be put back before a lesser role is.
    fn of_own(settings: &[Row], roles: &Row, last: Vec<String>) -> Self {
        let (user, role) = (literal(roles.text(0)), literal(roles.optional(1).unwrap_or("none")));
        let mut restore = Self { last, ..Self::default() };
        restore.statements.extend([format!("SET SESSION AUTHORIZATION {user}"), "RESET ALL".to_owned()]);
        for row in settings.iter().filter(|row| !OF_A_TRANSACTION.contains(&row.text(0))) {
            restore.puts_back = PutsBack::Settings;
            restore.statements.push(set_config(row.text(0), row.text(1)));
        }
        restore.statements.push(format!("SET ROLE {role}"));
        if role != "'none'" {
            restore.puts_back = PutsBack::Settings;
        }
        // Not the session's authorization: at the end of a SET LOCAL of it, releases before 17.1, 16.5, 15.9 and 14.14 fall
        // back to no role at all.
        restore.itself = vec![WRITABLE.to_owned(), format!("SET LOCAL ROLE {role}")];
        restore
    }

    /// A session of a pool becomes what it was when it began, but for what the pooler keeps for the caller. The one whose settings
    /// were read becomes what it was: where the pooler gives its clients a session for good, that is the caller's.
    fn of_pooled(settings: &[Row], roles: &Row, last: Vec<String>) -> Self {
        let here = format!("pg_catalog.int4eq(pg_catalog.pg_backend_pid(), {})", roles.number::<i32>(6).unwrap_or(0));
        let only_here = |name: &str, value: &str| format!("{} WHERE {here}", set_config(name, value));
        let role = roles.optional(1).unwrap_or("none");
        let mut restore = Self { last, ..Self::default() };
        restore.statements.push("SET SESSION AUTHORIZATION DEFAULT".to_owned());
        restore.statements.push(only_here("session_authorization", roles.text(0)));
        restore.statements.push("RESET ALL".to_owned());
        for row in settings.iter().filter(|row| !OF_A_TRANSACTION.contains(&row.text(0))) {
            let (name, value) = (row.text(0), row.text(1));
            let is_the_clients = OF_A_CLIENT.contains(&name);
            restore.statements.push(if is_the_clients { set_config(name, value) } else { only_here(name, value) });
        }
        restore.statements.extend(["RESET ROLE".to_owned(), only_here("role", role)]);
        restore.itself = vec![
            WRITABLE.to_owned(),
            "SET LOCAL role TO DEFAULT".to_owned(),
            format!("SELECT pg_catalog.set_config('role', {}, true) WHERE {here}", literal(role)),
        ];
        restore
    }
}

impl TransactionLimit {
    fn of(settings: &[Row], roles: &Row) -> Self {
        let is_named = settings.iter().any(|row| row.text(0) == "transaction_timeout");
        match roles.optional(3) {
            Some(limit) if limit != "0" || is_named => Self::Set,
            _ => Self::None,
        }
    }
}

/// The encoding of the client, where that is another one.
fn other_encoding(settings: Option<&Vec<Row>>) -> Option<String> {
    let row = settings?.iter().find(|row| row.text(0) == "client_encoding")?;
    Some(row.text(1)).filter(|encoding| *encoding != "UTF8").map(str::to_owned)
}

/// Whose temporary objects there may be, in a session that has the schema for them, or has not (0).
async fn whose_temporary<C: Connection>(session: &mut Session<'_, C>, schema: &str) -> Result<Temporary, Error> {
    if session.reach() == Reach::Pooled {
        return Ok(Temporary::Others);
    }
    if schema == "0" {
        return Ok(Temporary::Migrations);
    }
    // The schema stays with the session once it has had a temporary object.
    let ask = "SELECT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refobjid OPERATOR(pg_catalog.=) \
               pg_catalog.pg_my_temp_schema() AND d.refclassid OPERATOR(pg_catalog.=) \
               'pg_catalog.pg_namespace'::pg_catalog.regclass)";
    let results = session.expect("looking for temporary tables", ask).await?;
    let has_some = results.first().and_then(|rows| rows.first()).is_none_or(|row| row.is_true(0));
    Ok(if has_some { Temporary::Others } else { Temporary::Migrations })
}

fn set_config(name: &str, value: &str) -> String {
    format!("SELECT pg_catalog.set_config({}, {}, false)", literal(name), literal(value))
}
