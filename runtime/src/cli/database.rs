//! The database that a verb is about, how long it waits there, and what else each verb with a database understands.

use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::cli::failure::Failure;
use crate::cli::verb::Scene;
use crate::migrator::Migrator;
use crate::options::Mode;

/// The heading under which `--help` lists where the database is.
const DATABASE: &str = "Database";
/// How long to wait for another instance by default.
const LOCK_TIMEOUT: &str = "30s";

/// The option that names the database.
pub(crate) const URL_OPTION: &str = "database-url";
const URL_ID: &str = "graven.database_url";
const LOCK_ID: &str = "graven.lock_timeout";

/// Where the database is, and where in it the history.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Database {
    #[command(flatten)]
    url: Url,

    /// The history table: `table` or `schema.table` [default: graven_history in the first schema of the search path]
    #[arg(id = "graven.history", long = "history", value_name = "TABLE", help_heading = DATABASE)]
    history: Option<String>,

    /// Keep this set of migrations apart from others in the same history table
    #[arg(id = "graven.namespace", long = "namespace", value_name = "NAME", help_heading = DATABASE)]
    namespace: Option<String>,

    /// The role to do it as, if not the one that connects: the owner of the tables, say (SET ROLE)
    #[arg(id = "graven.role", long = "role", value_name = "ROLE", help_heading = DATABASE)]
    role: Option<String>,
}

impl Database {
    /// The URL, or what to do where none was given: what was typed, what the application says, what its own option says, what
    /// the environment says.
    pub(crate) fn url<'s>(&'s self, scene: &Scene<'s>) -> Result<&'s str, Failure> {
        let of_the_environment = self.url.of_the_environment.as_deref();
        let url = match says_something([self.url.typed.as_deref(), scene.url]) {
            Some(url) => Some(url),
            None => match scene.own_url {
                Some(own) if own.is_default => says_something([of_the_environment, own.url()?]),
                Some(own) => says_something([own.url()?, of_the_environment]),
                None => says_something([of_the_environment]),
            },
        };
        let Some(url) = url else {
            return Err(Failure::Usage(
                "no database was named".to_owned(),
                "give --database-url postgres://user:password@host:5432/database, or set DATABASE_URL".to_owned(),
            ));
        };
        // What stands after an `@` in a password would be taken for the host, and shown as such.
        if url.contains("://") && url.matches('@').count() > 1 {
            return Err(Failure::Usage(
                "the connection URL holds more than one `@`".to_owned(),
                "write one that belongs to the user or the password as %40".to_owned(),
            ));
        }
        Ok(url)
    }

    /// The verbs for the set, with the application's options and what was said about the history.
    pub(crate) fn migrator(&self, scene: &Scene<'_>) -> Migrator {
        // GRAVEN_MODE is for services, and so is a mode in the code: who types `graven apply` has said what to do.
        let mut migrator = scene.configured(scene.set.migrator().ignore_environment()).mode(Mode::Apply);
        if let Some(history) = &self.history {
            migrator = migrator.history(history);
        }
        if let Some(namespace) = &self.namespace {
            migrator = migrator.namespace(namespace);
        }
        if let Some(role) = &self.role {
            migrator = migrator.role(role);
        }
        migrator
    }
}

/// The first that says something.
fn says_something<'u>(urls: impl IntoIterator<Item = Option<&'u str>>) -> Option<&'u str> {
    urls.into_iter().flatten().map(str::trim).find(|url| !url.is_empty())
}

/// What the application's own option of that name says, for which ours stands aside. Whoever types it means it, whether or not
/// the application hands it over.
#[derive(Clone, Default)]
pub(crate) struct OwnUrl {
    texts: Vec<String>,
    /// Whether nobody said it.
    is_default: bool,
}

impl OwnUrl {
    /// What was said to the option of that id, whatever type the application gives it.
    pub(crate) fn of(matches: &ArgMatches, id: &str) -> Self {
        // Only of an option that it knows clap may be asked who said it.
        let Ok(Some(texts)) = matches.try_get_raw(id) else { return Self::default() };
        let texts = texts.map(|text| text.to_string_lossy().into_owned()).collect();
        Self { texts, is_default: matches.value_source(id) == Some(ValueSource::DefaultValue) }
    }

    fn url(&self) -> Result<Option<&str>, Failure> {
        match self.texts.as_slice() {
            [] => Ok(None),
            [url] => Ok(Some(url)),
            urls => Err(Failure::Usage(
                format!("{} databases were named", urls.len()),
                format!("say which one it is to be: --{URL_OPTION} URL"),
            )),
        }
    }
}

/// The argument for the URL.
#[derive(Args)]
#[group(skip)]
struct UrlArgument {
    /// Where to connect to: postgres://user:password@host:5432/database, with `sslmode` and `sslrootcert` as psql has
    /// them. The environment is the better place for a password: other users see command lines
    #[arg(id = URL_ID, long = URL_OPTION, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    #[arg(help_heading = DATABASE)]
    _url: Option<String>,
}

/// The URL, and who said it: an application's own goes between the two.
#[derive(Clone)]
struct Url {
    typed: Option<String>,
    of_the_environment: Option<String>,
}

impl FromArgMatches for Url {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let url = matches.get_one::<String>(URL_ID).cloned();
        Ok(match matches.value_source(URL_ID) {
            Some(ValueSource::EnvVariable) => Self { typed: None, of_the_environment: url },
            _ => Self { typed: url, of_the_environment: None },
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Url {
    fn augment_args(command: Command) -> Command {
        UrlArgument::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        UrlArgument::augment_args_for_update(command)
    }
}

impl std::fmt::Debug for Url {
    /// It may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_given = self.typed.is_some() || self.of_the_environment.is_some();
        f.write_str(if is_given { "Url(..)" } else { "Url" })
    }
}

/// The argument for how long to wait.
#[derive(Args)]
#[group(skip)]
struct LockArgument {
    /// How long to wait for another instance that is migrating: 30s, 500ms, 5min; a number alone counts
    /// milliseconds, and 0 tries once
    #[arg(id = LOCK_ID, long = "lock-timeout", env = "GRAVEN_LOCK_TIMEOUT", hide_env_values = true)]
    #[arg(value_name = "DURATION", default_value = LOCK_TIMEOUT, value_parser = duration)]
    _timeout: Duration,
}

/// How long to wait, where that was said.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    timeout: Option<Duration>,
}

impl Lock {
    /// With what was said about waiting. Otherwise the application's word stays, or the default.
    pub(crate) fn said_to(&self, migrator: Migrator) -> Migrator {
        match self.timeout {
            Some(timeout) => migrator.lock_timeout(timeout),
            None => migrator,
        }
    }
}

impl FromArgMatches for Lock {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let was_said = matches.value_source(LOCK_ID) != Some(ValueSource::DefaultValue);
        let text = matches.get_raw(LOCK_ID).and_then(|mut texts| texts.next());
        // An environment variable that is set to nothing says nothing.
        let says_something = text.is_some_and(|text| !text.to_string_lossy().trim().is_empty());
        let timeout = matches.get_one::<Duration>(LOCK_ID).copied().filter(|_| was_said && says_something);
        Ok(Self { timeout })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Lock {
    fn augment_args(command: Command) -> Command {
        LockArgument::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        LockArgument::augment_args_for_update(command)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(if text.trim().is_empty() { LOCK_TIMEOUT } else { text })
}

/// A duration on the command line.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    graven_source::parse_duration(text).map_err(|error| format!("{error}: write it as 30s, 500ms or 5min"))
}

/// A version on the command line.
pub(crate) fn version() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(0..)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::Lock;
    use crate::migrations::Migrations;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        lock: Lock,
    }

    #[test]
    fn how_long_an_application_waits_holds_unless_something_else_is_typed() {
        let set: Migrations = crate::private::migrations(&[], "migrations", None, None, "");
        let timeout = |arguments: &[&str]| {
            let arguments = Arguments::parse_from([&["myapp"][..], arguments].concat());
            let migrator = arguments.lock.said_to(set.migrator().lock_timeout(Duration::from_secs(7)));
            migrator.options().expect("they are good").lock_timeout
        };
        assert_eq!(timeout(&[]), Duration::from_secs(7));
        assert_eq!(timeout(&["--lock-timeout", "30s"]), Duration::from_secs(30));
        assert_eq!(timeout(&["--lock-timeout", "0"]), Duration::ZERO);
    }
}
