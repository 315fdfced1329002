//! The exchange: a new database is made beside the old one, as the old one is; the old one is dropped, and the new one gets
//! its name.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::connection::{Connection, Failure, Reply};
use crate::driver::connect_to;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::options::Options;
use crate::sql::{identifier, literal};
use crate::verb::reset::facts::{Facts, Found, INVALID, Leftover, look, look_within};
use crate::verb::reset::place::Place;
use crate::verb::reset::{Refusal, Sessions, restore, rules};
use crate::verb::run::set_role;

/// How long to wait for sessions that are about to end, and how often to look.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(100);

const DROPPING: &str = "dropping the database";

/// A timeout of the role or the server would cut off what cannot be undone. Not every release has all of them. Nothing that is
/// asked then is named by the search path, nor must an operator in it be called.
const NO_TIMEOUTS: &str = "SET search_path = pg_catalog, pg_temp;\n\
    SELECT pg_catalog.set_config(s.name, '0', false) FROM pg_catalog.pg_settings s WHERE s.name IN \
    ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', \
    'transaction_timeout')";

/// What there was, and what of it was not made again.
pub(super) struct Rebuilt {
    pub(super) was_there: bool,
    pub(super) not_restored: Vec<String>,
    pub(super) extensions: Vec<String>,
}

/// Makes the database anew, empty.
pub(super) async fn rebuild(
    migrator: &mut Migrator,
    options: &Options,
    place: &Place,
    sessions: Sessions,
) -> Result<Rebuilt, Error> {
    let mut maintenance = connect_beside(place, options).await?;
    alone(&mut maintenance, place).await?;
    let beside = name_beside(&place.database);
    let mut facts = look_until_alone(&mut maintenance, place, &beside, sessions).await?;
    // What can be refused without a connection to the database itself is refused without.
    place.refused(rules::on_seeing(place, &facts, sessions))?;
    // Nobody can look into an invalid one any more, and what it held is lost.
    if let Some(found) = facts.found.as_mut().filter(|found| !found.is_invalid) {
        look_within(migrator, place, found).await?;
        place.refused(rules::on_seeing(place, &facts, sessions))?;
    }
    let mut exchange = Exchange { maintenance, place, facts: &facts, beside };
    match &facts.found {
        Some(found) => exchange.replace(found, sessions).await,
        None => exchange.make().await,
    }
}

struct Exchange<'a> {
    maintenance: Client,
    place: &'a Place,
    facts: &'a Facts,
    /// What the new one is called until it gets its name.
    beside: String,
}

impl Exchange<'_> {
    /// In place of one that is there.
    async fn replace(&mut self, found: &Found, sessions: Sessions) -> Result<Rebuilt, Error> {
        if found.is_invalid && self.facts.leftover == Leftover::Whole {
            // Cut off while it dropped the old one: the new one is ready.
            return self.finish(sessions).await;
        }
        if self.facts.leftover != Leftover::Absent {
            // Nobody else is at a reset: it is what one has left that was cut off before it dropped anything.
            self.succeed("dropping what an earlier reset left", &drop_database(&self.beside, Sessions::Refuse)).await?;
        }
        self.create(found).await?;
        let oid_of = literal(&self.place.database);
        let not_restored = match restore::restore(&mut self.maintenance, &oid_of, &self.beside, found).await {
            Ok(not_restored) => not_restored,
            Err(error) => return Err(self.give_up(error).await),
        };
        self.drop_old(sessions).await?;
        self.rename().await?;
        let extensions = found.extensions.clone();
        Ok(Rebuilt { was_there: true, not_restored, extensions })
    }

    /// Goes on where a reset was cut off in the drop of the old database.
    async fn finish(&mut self, sessions: Sessions) -> Result<Rebuilt, Error> {
        self.drop_again(sessions).await?;
        self.rename().await?;
        Ok(Rebuilt { was_there: true, not_restored: Vec::new(), extensions: Vec::new() })
    }

    /// Drops the old database, and takes the new one back only where the old one is whole.
    async fn drop_old(&mut self, sessions: Sessions) -> Result<(), Error> {
        let dropped = self.maintenance.send(&drop_database(&self.place.database, sessions)).await;
        match dropped.failure {
            None => Ok(()),
            Some(failure @ Failure::Connection(_)) => Err(self.unfinished(Error::from_failure(DROPPING, failure))),
            Some(failure) if self.is_whole().await => {
                let error = self.in_use(failure);
                Err(self.give_up(error).await)
            }
            Some(_) => self.drop_again(sessions).await,
        }
    }

    /// Drops what is left of the old database: a drop that was cut off cannot be undone, only repeated.
    async fn drop_again(&mut self, sessions: Sessions) -> Result<(), Error> {
        let drop = drop_rest(&self.place.database, sessions);
        self.succeed(DROPPING, &drop).await.map_err(|error| self.unfinished(error))
    }

    /// Whether the old database is there and can be used. Where that cannot be told, it is not.
    async fn is_whole(&mut self) -> bool {
        let ask = format!(
            "SELECT d.datconnlimit <> {INVALID} FROM pg_catalog.pg_database d WHERE d.datname = {}::name",
            literal(&self.place.database)
        );
        let reply = self.maintenance.send(&ask).await;
        reply.completed.first().and_then(|rows| rows.first()).is_some_and(|row| row.is_true(0))
    }

    /// Where there is none: made, or what an earlier reset has left is given its name.
    async fn make(&mut self) -> Result<Rebuilt, Error> {
        let leftover = self.facts.leftover;
        if leftover == Leftover::Invalid {
            self.succeed("dropping what an earlier reset left", &drop_database(&self.beside, Sessions::Refuse)).await?;
        }
        if leftover == Leftover::Whole {
            self.rename().await?;
        } else {
            let create = format!("CREATE DATABASE {}", identifier(&self.place.database));
            self.succeed("creating the database", &create).await?;
        }
        Ok(Rebuilt { was_there: leftover == Leftover::Whole, not_restored: Vec::new(), extensions: Vec::new() })
    }

    async fn create(&mut self, found: &Found) -> Result<(), Error> {
        const DOING: &str = "creating the new database";
        let from = |template| create_database(&self.beside, found, template, self.facts.version_number);
        if !found.is_like_template1 {
            let create = from(Template::Zero);
            return self.succeed(DOING, &create).await;
        }
        let (create, otherwise) = (from(Template::One), from(Template::Zero));
        match self.maintenance.send(&create).await.failure {
            None => Ok(()),
            // object_in_use: somebody is connected to template1.
            Some(Failure::Server(error)) if error.sqlstate == "55006" => self.succeed(DOING, &otherwise).await,
            Some(failure) => Err(Error::from_failure(DOING, failure)),
        }
    }

    /// Gives the new database its name. From the old one's drop until here there is none of that name.
    async fn rename(&mut self) -> Result<(), Error> {
        let rename = rename(&self.beside, &self.place.database);
        match self.succeed("giving the new database its name", &rename).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.unfinished(error)),
        }
    }

    /// Takes the new database back, as the old one stays.
    async fn give_up(&mut self, error: Error) -> Error {
        let reply = self.maintenance.send(&drop_database(&self.beside, Sessions::Refuse)).await;
        if let Some(failure) = reply.failure {
            tracing::warn!(target: "graven", ?failure, database = self.beside, "is left over, and can be dropped");
        }
        error
    }

    /// The error of a drop that was refused: mostly because somebody has come to be connected.
    fn in_use(&self, failure: Failure) -> Error {
        match failure {
            Failure::Server(error) if error.sqlstate == "55006" => {
                let detail = error.detail.map_or_else(String::new, |detail| format!(" ({detail})"));
                let refusal = Refusal {
                    rule: "sessions",
                    what: format!("it is in use{detail}"),
                    remedy:
                        "end what uses it, or say that sessions may be ended: `graven reset --yes --force` (in code, \
                             `Sessions::End`)"
                            .to_owned(),
                };
                Error::ResetRefused { database: self.place.database.clone(), refusals: vec![refusal] }
            }
            failure => Error::from_failure(DROPPING, failure),
        }
    }

    fn unfinished(&self, source: Error) -> Error {
        let left = format!(
            "by hand: `{}` first if it is listed still, and then the new one, which is called {}, gets its name: `{}`",
            drop_database(&self.place.database, Sessions::Refuse),
            self.beside,
            rename(&self.beside, &self.place.database)
        );
        Error::ResetUnfinished { database: self.place.database.clone(), left, source: Box::new(source) }
    }

    async fn succeed(&mut self, doing: &'static str, sql: &str) -> Result<(), Error> {
        succeeded(doing, self.maintenance.send(sql).await)
    }
}

/// A connection to the server, and to a database that nobody resets, as the role that is to do it.
async fn connect_beside(place: &Place, options: &Options) -> Result<Client, Error> {
    let (client, cancelling) = match connect_to(&place.maintenance("postgres")?).await {
        Err(Error::Connect { source, .. }) if is_closed_database(source.as_ref()) => {
            connect_to(&place.maintenance("template1")?).await?
        }
        other => other?,
    };
    // An exchange that is under way is not cut off in the middle.
    cancelling.disarm();
    let mut client = client;
    succeeded("switching timeouts off", client.send(NO_TIMEOUTS).await)?;
    if let Some(role) = &options.role {
        succeeded("becoming the role", client.send(&set_role(role)).await)?;
    }
    Ok(client)
}

/// Whether there is no such database, or this role may not connect to it.
fn is_closed_database(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let error = crate::error::server_error::ServerError::among(error);
    error.is_some_and(|error| matches!(error.sqlstate.as_str(), "3D000" | "42501" | "28000" | "55000"))
}

/// Looks; where others are connected, for a while again: who has stopped a service a moment ago is not refused for it.
async fn look_until_alone(
    maintenance: &mut Client,
    place: &Place,
    beside: &str,
    sessions: Sessions,
) -> Result<Facts, Error> {
    let began = Instant::now();
    loop {
        let facts = look(maintenance, place, beside).await?;
        let is_alone = facts.found.as_ref().is_none_or(|found| found.sessions.is_empty());
        if is_alone || sessions == Sessions::End || began.elapsed() > PATIENCE {
            return Ok(facts);
        }
        maintenance.pause(PAUSE).await;
    }
}

/// Keeps other resets of this database away for as long as the connection lasts.
async fn alone(maintenance: &mut Client, place: &Place) -> Result<(), Error> {
    let key = literal(&format!("graven reset {}", name_beside(&place.database)));
    let attempt = format!("SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended({key}, 0))");
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let reply = maintenance.send(&attempt).await;
        let row = reply.completed.first().and_then(|rows| rows.first());
        if row.is_some_and(|row| row.is_true(0)) {
            return Ok(());
        }
        succeeded("keeping other resets away", reply)?;
        maintenance.pause(PAUSE).await;
    }
    place.refused(vec![Refusal {
        rule: "sessions",
        what: "another reset of it is under way".to_owned(),
        remedy: "wait until it is done".to_owned(),
    }])
}

fn succeeded(doing: &'static str, reply: Reply) -> Result<(), Error> {
    reply.failure.map_or(Ok(()), |failure| Err(Error::from_failure(doing, failure)))
}

/// Which template a database is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Template {
    /// With what the owner of the server wants in every database. It brings its own locale.
    One,
    /// As PostgreSQL came, in any locale.
    Zero,
}

fn create_database(name: &str, found: &Found, template: Template, version: u32) -> String {
    let mut sql = format!(
        "CREATE DATABASE {} OWNER {} CONNECTION LIMIT {}",
        identifier(name),
        identifier(&found.owner),
        found.connection_limit
    );
    // Whoever names one needs the right CREATE on it, which a role has on none by default.
    if let Some(tablespace) = &found.tablespace {
        sql.push_str(&format!(" TABLESPACE {}", identifier(tablespace)));
    }
    if template == Template::One {
        return sql + " TEMPLATE template1";
    }
    let locale = &found.locale;
    sql.push_str(&format!(
        " TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
        literal(&locale.encoding),
        literal(&locale.collate),
        literal(&locale.ctype)
    ));
    let own = locale.locale.as_deref().map(literal);
    match (locale.provider.as_deref(), own) {
        (Some("i"), Some(own)) => sql.push_str(&format!(" LOCALE_PROVIDER icu ICU_LOCALE {own}")),
        (Some("b"), Some(own)) => sql.push_str(&format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {own}")),
        (Some("c"), _) => sql.push_str(" LOCALE_PROVIDER libc"),
        _ => {}
    }
    if let Some(rules) = locale.rules.as_deref().filter(|_| version >= 160_000) {
        sql.push_str(&format!(" ICU_RULES {}", literal(rules)));
    }
    sql
}

fn drop_database(name: &str, sessions: Sessions) -> String {
    let force = match sessions {
        Sessions::Refuse => "",
        Sessions::End => " WITH (FORCE)",
    };
    format!("DROP DATABASE {}{force}", identifier(name))
}

/// The same for one that may be gone already.
fn drop_rest(name: &str, sessions: Sessions) -> String {
    drop_database(name, sessions).replacen("DROP DATABASE", "DROP DATABASE IF EXISTS", 1)
}

fn rename(from: &str, to: &str) -> String {
    format!("ALTER DATABASE {} RENAME TO {}", identifier(from), identifier(to))
}

/// What the new database is called until it gets its name: where there is no room for the whole of it, with a digest, so that
/// no two databases share one.
fn name_beside(database: &str) -> String {
    const SUFFIX: &str = "_graven_reset";
    const DIGITS: usize = 8;
    // FNV-1a: it has to be the same in every release, and nobody is kept out by it.
    let digest =
        |text: &str| text.bytes().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // PostgreSQL cuts names after 63 bytes (PostgreSQL manual, 4.1.1), in a URL's as well.
    let database = cut(database, 63);
    if database.len() + SUFFIX.len() <= 63 {
        return format!("{database}{SUFFIX}");
    }
    format!("{}_{:08x}{SUFFIX}", cut(database, 63 - SUFFIX.len() - DIGITS - 1), digest(database))
}

/// The first characters of a text that take no more than so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::name_beside;

    #[test]
    fn names_that_begin_alike_have_names_of_their_own_beside() {
        assert_eq!(name_beside("app"), "app_graven_reset");
        let fifty = "x".repeat(50);
        assert_eq!(name_beside(&fifty), format!("{fifty}_graven_reset"));
        let long = [format!("{fifty}a"), format!("{fifty}b"), "ü".repeat(30)].map(|name| name_beside(&name));
        assert!(long.iter().all(|name| name.len() <= 63 && name.ends_with("_graven_reset")), "{long:?}");
        assert!(long[0] != long[1] && long[0] != name_beside(&fifty), "{long:?}");
        assert_eq!(name_beside(&"y".repeat(63)), name_beside(&"y".repeat(70)));
    }
}
