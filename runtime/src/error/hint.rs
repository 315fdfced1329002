//! What to do about each error.

use std::time::Duration;

use super::connecting::plainly;
use super::{Error, Holder, Membership, ServerError};
use crate::options::in_shell;
use crate::sql::{literal, plain};

/// What a connection URL can say, as libpq calls it.
pub(crate) const URL_SETTINGS: &str = "user, password, dbname, host, hostaddr, port, application_name, options, \
     sslmode, sslrootcert, sslnegotiation, channel_binding, target_session_attrs, load_balance_hosts, connect_timeout, \
     tcp_user_timeout, keepalives, keepalives_idle, keepalives_interval, keepalives_retries, client_encoding, gssencmode";

impl Error {
    /// What to do about it, where there is more to say than the error itself says.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Conflicts { .. } => None,
            Self::Stopped { source, .. } => source.hint(),
            Self::NotApplied { refusal: Some(refusal), .. } => {
                Some(format!("a run would refuse to apply them: {refusal}: {}", refusal.hint().unwrap_or_default()))
            }
            Self::NotApplied { .. } => {
                Some("apply them first: run this binary with GRAVEN_MODE=apply, or `graven apply`".to_owned())
            }
            Self::MigrationFailed(failed) => Some(failed.hint()),
            Self::LockTimeout { waited, holder, .. } => Some(match holder {
                Some(holder) => format!(
                    "let it finish and start again, or wait longer (GRAVEN_LOCK_TIMEOUT=5min){}; it may be what is left \
                     of one that was killed, whose statement runs on in the server; if it hangs, \
                     `SELECT pg_terminate_backend({})` ends it",
                    unit(*waited),
                    holder.pid
                ),
                None => format!("start again, or wait longer (GRAVEN_LOCK_TIMEOUT=5min){}", unit(*waited)),
            }),
            Self::Standby { .. } => Some(
                "connect to the primary: name all hosts in the URL with target_session_attrs=read-write".to_owned(),
            ),
            Self::NotEmpty { foreign, .. } => Some(format!(
                "{}if these tables are none of the migrations' business, allow it once with `graven apply --into-existing` \
                 (in code, `Migrator::into_existing`); if the URL is the wrong database, correct it",
                foreign.as_ref().map_or_else(stamp, |foreign| format!("{}; ", foreign.stamp(STAMP)))
            )),
            // Each obstacle has its own remedy.
            Self::NotRevertible { .. } => None,
            #[cfg(feature = "tokio-postgres")]
            Self::ResetRefused { .. } => None,
            #[cfg(feature = "tokio-postgres")]
            Self::ResetUnfinished { left, .. } => Some(format!("reset it again, which goes on from here; or, {left}")),
            Self::NotHighest { version, .. } => {
                Some(format!("revert those first: `graven revert --to {version}` (in code, `Migrator::revert`)"))
            }
            Self::NothingToRedo { .. } => Some("`graven apply` applies what is pending".to_owned()),
            Self::RedoSealed { version, .. } => Some(format!(
                "other databases may have run it, and would not get the change: put the change into a new migration; to redo \
                 it on this database alone, say so with `graven redo {version} --although-sealed` (in code, \
                 `Migrator::redo_sealed`)"
            )),
            Self::NoSuchVersion { nearest, .. } => Some(match nearest.as_slice() {
                [] => "the set has no migrations".to_owned(),
                nearest => {
                    let nearest: Vec<String> = nearest.iter().map(ToString::to_string).collect();
                    format!("the nearest that the set has: {}; `graven status` lists all", nearest.join(", "))
                }
            }),
            Self::EmptyRange { from, to } => Some(format!("the first version comes first: from {to} to {from}")),
            Self::HistoryElsewhere { foreign: Some(foreign), .. } => Some(format!(
                "if {} has made there what the migrations would make, let the search path begin with that schema \
                 (`ALTER ROLE … SET search_path = {}, …`) and record it: {}; if the migrations are to begin anew in the first \
                 schema, allow it once with `graven apply --into-existing` (in code, `Migrator::into_existing`)",
                foreign.tool,
                plain(&foreign.schema),
                foreign.stamp(STAMP)
            )),
            Self::HistoryElsewhere { found, history, .. } => Some(format!(
                "say which one is meant: `--history {}` goes on with that one, `--history {}` begins a new one (in code, \
                 `history = {found:?}` or `history = {history:?}`)",
                in_shell(found),
                in_shell(history)
            )),
            Self::NoSchema { search_path } => Some(match list_in_quotes(search_path) {
                Some(list) => format!("the quotes make one name of it: `ALTER ROLE … SET search_path = {list}`, without them"),
                None => "create a schema, or set the role's search_path to one that exists".to_owned(),
            }),
            Self::TemporarySchema { .. } => Some(
                "put pg_temp last in the search path, or leave it out: look at `options` in the URL, at `ALTER ROLE … SET \
                 search_path` and at `ALTER DATABASE … SET search_path`"
                    .to_owned(),
            ),
            Self::SchemaAbsent { schema } => {
                Some(format!("graven creates no schema of its own accord: `CREATE SCHEMA {}`", plain(schema)))
            }
            Self::MayNotCreate { role, schema, .. } => {
                Some(format!("`GRANT CREATE ON SCHEMA {} TO {}`", plain(schema), plain(role)))
            }
            Self::SchemaDenied { role, schema } => {
                Some(format!("`GRANT USAGE ON SCHEMA {} TO {}`", plain(schema), plain(role)))
            }
            Self::HistoryDenied { role, history, right } => {
                let more = match *right {
                    "SELECT" => "; INSERT, UPDATE and DELETE as well where this role is to apply migrations",
                    _ => "",
                };
                Some(format!("`GRANT {right} ON {history} TO {}`{more}", plain(role)))
            }
            Self::HistoryHidden { role, history } => Some(format!(
                "let it read and write them, `CREATE POLICY graven ON {history} TO {} USING (true)`, or take the protection off: \
                 `ALTER TABLE {history} DISABLE ROW LEVEL SECURITY`",
                plain(role)
            )),
            Self::HistoryLocked { holder, .. } => Some(match holder.as_deref() {
                Some(Holder { prepared: Some(prepared), .. }) => format!(
                    "`ROLLBACK PREPARED {0}` or `COMMIT PREPARED {0}` ends it, once you know which of both is right",
                    literal(prepared)
                ),
                Some(holder) => format!(
                    "migrations lock no more of it than their own rows: look at what that session does; \
                     `SELECT pg_terminate_backend({})` ends it",
                    holder.pid
                ),
                None => "start again when it is done, or wait longer (GRAVEN_LOCK_TIMEOUT=5min)".to_owned(),
            }),
            Self::HistoryUnreadable { .. } => {
                Some("a newer graven may have written it, or it is not graven's: nothing was changed".to_owned())
            }
            Self::HistoryChanging { .. } => Some(
                "another session writes to it without the lock: let it finish and start again; what had committed stays, and is \
                 not repeated"
                    .to_owned(),
            ),
            Self::Unanswered { .. } => Some(
                "`graven status` shows whether it was applied; then start again, over a connection that goes to the server \
                 itself: what had committed stays, and is not repeated"
                    .to_owned(),
            ),
            Self::Role { role, who: Some(who), source: Some(source), membership } if source.sqlstate == "42501" => {
                let with = match membership {
                    Membership::WithoutSet => " WITH SET TRUE",
                    Membership::None => "",
                };
                Some(format!("`GRANT {} TO {}{with}`", plain(role), plain(who)))
            }
            Self::Role { role, .. } if role == "none" => {
                Some("`none` is no role, it stands for the one that connects: name another, or none at all".to_owned())
            }
            Self::Role { .. } => Some("create that role, or correct its name".to_owned()),
            Self::Pooled { .. } => {
                Some("run migrations over a connection that goes to the server itself, past the pooler".to_owned())
            }
            Self::InTransaction => Some("commit or roll it back before running migrations".to_owned()),
            Self::HistoryName { .. } => Some("write `table` or `schema.table`, each part at most 63 bytes".to_owned()),
            Self::StaleBuild { directory, .. } => {
                let seal_file = in_shell(&format!("{directory}/seal.lock"));
                Some(format!("build again after `touch {seal_file}`, or add files with `graven new`"))
            }
            // It names what can be written.
            Self::Url { reason } if reason.ends_with(URL_SETTINGS) => None,
            Self::Url { .. } => Some("write it as postgres://user:password@host:5432/database".to_owned()),
            Self::Connect { grant: Some(grant), .. } => Some(grant.clone()),
            Self::Connect { source, .. } => Some(
                plainly(source.as_ref())
                    .map(|(_, remedy)| remedy)
                    .or_else(|| ServerError::among(source.as_ref()).and_then(ServerError::remedy))
                    .unwrap_or_else(|| "see that the server runs there and that the URL is right".to_owned()),
            ),
            Self::ConnectionLost { .. } => {
                Some("start again: what had committed stays, and is not repeated".to_owned())
            }
            Self::Server { source, .. } => source.remedy(),
            Self::AppliedUnder { namespace, .. } => Some(format!(
                "go on with it (`graven … --namespace {}`; in code, `namespace = {namespace:?}`); or, if they are to be \
                 applied once more, say so with `--into-existing` (in code, `Migrator::into_existing`)",
                in_shell(namespace)
            )),
            Self::NotIncomplete { .. } => Some("`graven status` lists the incomplete ones".to_owned()),
            Self::Namespace { .. } => Some("choose another namespace".to_owned()),
            Self::Environment { .. } => None,
        }
    }
}

/// A search path of one name that looks like several: `SET search_path = 'app, public'`.
fn list_in_quotes(search_path: &str) -> Option<&str> {
    let name = search_path.strip_prefix('"')?.strip_suffix('"')?;
    (name.contains(',') && !name.contains('"')).then_some(name)
}

/// The command that records what another tool has applied.
const STAMP: &str = "`graven stamp --to VERSION` (in code, `Migrator::stamp`)";

/// For whom `60` was to be a minute: how PostgreSQL and graven read a duration without a unit.
pub(crate) fn unit(waited: Duration) -> &'static str {
    if waited < Duration::from_secs(1) { ", where a number without a unit counts milliseconds" } else { "" }
}

/// What to do where the tables may be those that the migrations would make.
fn stamp() -> String {
    "if the migrations have made these tables by other means, record that with `graven stamp` (in code, `Migrator::stamp`); "
        .to_owned()
}

#[cfg(test)]
mod tests {
    use crate::error::Error;

    #[test]
    fn what_is_to_be_typed_is_quoted_for_a_shell_and_for_code() {
        let found = "\"App\".graven_history".to_owned();
        let history = "public.graven_history".to_owned();
        let elsewhere = Error::HistoryElsewhere { found, history, foreign: None };
        assert_eq!(
            elsewhere.hint().expect("a hint"),
            "say which one is meant: `--history '\"App\".graven_history'` goes on with that one, \
             `--history public.graven_history` begins a new one (in code, `history = \"\\\"App\\\".graven_history\"` or \
             `history = \"public.graven_history\"`)"
        );
        let under = Error::AppliedUnder { namespace: "it's".to_owned(), history: "public.graven_history".to_owned() };
        let hint = under.hint().expect("a hint");
        assert!(hint.contains(r#"`graven … --namespace 'it'\''s'`; in code, `namespace = "it's"`"#), "{hint}");
    }
}
