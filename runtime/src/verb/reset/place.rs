//! Where a database is that is to be reset, as its URL says.

use std::net::IpAddr;

use tokio_postgres::config::Host;

use crate::driver::Target;
use crate::error::Error;
use crate::verb::reset::Refusal;

/// What the URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) url: String,
    pub(super) database: String,
    pub(super) user: Option<String>,
    /// The hosts of it that are not this machine.
    pub(super) elsewhere: Vec<String>,
    /// How many hosts it names.
    pub(super) hosts: usize,
    /// Whether it names Unix sockets alone.
    pub(super) over_unix: bool,
}

impl Place {
    pub(super) fn of(url: &str) -> Result<Self, Error> {
        let config = Target::parse(url)?.config;
        // Who names no database means the one of the user's name (PostgreSQL manual, 34.1.2).
        let database = config.get_dbname().or(config.get_user()).map(str::to_owned);
        let Some(database) = database else {
            return Err(Error::Url { reason: "it names no database".to_owned() });
        };
        let mut elsewhere: Vec<String> =
            config.get_hostaddrs().iter().filter(|address| !is_loopback(**address)).map(ToString::to_string).collect();
        // An address goes before the name that comes with it.
        if config.get_hostaddrs().is_empty() {
            elsewhere.extend(config.get_hosts().iter().filter_map(remote));
        }
        let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
        let over_unix =
            config.get_hostaddrs().is_empty() && config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
        let user = config.get_user().map(str::to_owned);
        Ok(Self { url: url.to_owned(), database, user, elsewhere, hosts, over_unix })
    }

    /// Where the server's own database of that name is.
    pub(super) fn maintenance(&self, database: &str) -> Result<Target, Error> {
        let mut target = Target::parse(&self.url)?;
        target.config.dbname(database);
        Ok(target)
    }

    /// The error for what the rules say, if they say anything.
    pub(super) fn refused(&self, refusals: Vec<Refusal>) -> Result<(), Error> {
        if refusals.is_empty() {
            return Ok(());
        }
        Err(Error::ResetRefused { database: self.database.clone(), refusals })
    }
}

/// A host that is not this machine.
fn remote(host: &Host) -> Option<String> {
    match host {
        Host::Tcp(name) => {
            let plain = name.trim_end_matches('.').to_ascii_lowercase();
            let is_local = plain == "localhost"
                || plain.ends_with(".localhost")
                || plain.trim_matches(['[', ']']).parse().is_ok_and(is_loopback);
            (!is_local).then(|| name.clone())
        }
        #[cfg(unix)]
        Host::Unix(_) => None,
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn only_this_machine_is_local() {
        for url in [
            "postgres://u@localhost/d",
            "postgres://u@LOCALHOST:6543/d",
            "postgres://u@127.0.0.1,127.1.2.3/d",
            "postgres://u@[::1]/d",
            "postgres://u@app.localhost/d",
            "postgres:///d?host=/run/postgresql&user=u",
            "host=db.example.com hostaddr=127.0.0.1 user=u dbname=d",
        ] {
            let place = Place::of(url).expect(url);
            assert_eq!((place.elsewhere.as_slice(), place.database.as_str()), (&[][..], "d"), "{url}");
        }
        for (url, elsewhere) in [
            ("postgres://u@db.example.com/d", "db.example.com"),
            ("postgres://u@localhost,10.0.0.1/d", "10.0.0.1"),
            ("postgres://u@localhost.example.com/d", "localhost.example.com"),
            ("postgres://u@db/d", "db"),
            ("host=localhost hostaddr=10.0.0.1 user=u dbname=d", "10.0.0.1"),
        ] {
            assert_eq!(Place::of(url).expect(url).elsewhere, [elsewhere], "{url}");
        }
    }

    #[test]
    fn hosts_are_counted_and_sockets_told_from_them() {
        for (url, hosts, over_unix) in [
            ("postgres://u@localhost/d", 1, false),
            ("postgres://u@127.0.0.1,127.1.2.3/d", 2, false),
            ("postgres:///d?host=/run/postgresql&user=u", 1, true),
            ("host=/run/postgresql,/tmp user=u dbname=d", 2, true),
            ("host=/run/postgresql,localhost user=u dbname=d", 2, false),
            ("hostaddr=127.0.0.1,::1 user=u dbname=d", 2, false),
        ] {
            let place = Place::of(url).expect(url);
            assert_eq!((place.hosts, place.over_unix), (hosts, over_unix), "{url}");
        }
    }

    #[test]
    fn a_url_without_a_database_means_that_of_the_user() {
        assert_eq!(Place::of("postgres://anna@localhost").expect("valid").database, "anna");
        assert!(Place::of("postgres://localhost").is_err());
    }
}
