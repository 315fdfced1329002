//! A URL made to lead elsewhere. Everything but its host and port stays as it is.

use std::net::Ipv4Addr;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::error::Error;

/// Where a URL leads, and its text before and after that.
#[derive(PartialEq, Eq)]
pub(super) struct Route {
    pub(super) host: String,
    pub(super) port: u16,
    before: String,
    after: String,
}

impl Route {
    pub(super) fn to(url: &str) -> Result<Self, Error> {
        let config: Config = url.parse().map_err(|_| unusable("it does not parse"))?;
        let [Host::Tcp(host)] = config.get_hosts() else { return Err(unusable("it does not name one host by TCP")) };
        let port = match config.get_ports() {
            [] => 5432,
            [port] => *port,
            _ => return Err(unusable("it names several ports")),
        };
        let start = url.find("://").ok_or_else(|| unusable("it has no scheme"))? + "://".len();
        let (scheme, rest) = url.split_at(start);
        let (authority, after) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // What stands before the last @ is the user, perhaps with a password.
        let user = authority.rfind('@').and_then(|at| authority.get(..=at)).unwrap_or_default();
        Ok(Self { host: host.clone(), port, before: format!("{scheme}{user}"), after: after.to_owned() })
    }

    /// The URL with that port of this machine in its host's place.
    pub(super) fn through(&self, port: u16) -> Result<String, Error> {
        let local = Ipv4Addr::LOCALHOST;
        let url = format!("{}{local}:{port}{}", self.before, self.after);
        let leads: Config = url.parse().map_err(|_| unusable("it does not parse"))?;
        // Its parameters may name a host or a port as well.
        let only = leads.get_hosts() == [Host::Tcp(local.to_string())] && leads.get_ports() == [port];
        if only && leads.get_hostaddrs().is_empty() {
            Ok(url)
        } else {
            Err(unusable("its parameters name a host or a port"))
        }
    }
}

fn unusable(reason: &'static str) -> Error {
    Error::Url { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_and_port_change() {
        let cases = [
            ("postgres://u:p@127.0.0.1:20001/d", ("127.0.0.1", 20_001), "postgres://u:p@127.0.0.1:7/d"),
            (
                "postgresql://db.example/d?sslmode=disable",
                ("db.example", 5432),
                "postgresql://127.0.0.1:7/d?sslmode=disable",
            ),
            ("postgres://u%40x@[::1]:5433/d", ("::1", 5433), "postgres://u%40x@127.0.0.1:7/d"),
            ("postgres://u@h?application_name=a@b/c", ("h", 5432), "postgres://u@127.0.0.1:7?application_name=a@b/c"),
        ];
        for (url, (host, port), through) in cases {
            let route = Route::to(url).unwrap();
            assert_eq!((route.host.as_str(), route.port), (host, port), "{url}");
            assert_eq!(route.through(7).unwrap(), through);
        }
    }

    #[test]
    fn a_url_that_leads_elsewhere_too_is_refused_without_its_password() {
        for url in [
            "postgres://u:secret@one,two/d",
            "postgres://u:secret@%2Ftmp/d",
            "postgres://u:secret@h/d?host=other",
            "postgres://u:secret@h/d?port=1",
            "postgres://u:secret@h/d?hostaddr=127.0.0.2",
            "host=h user=u password=secret",
            "secret",
        ] {
            let error = Route::to(url).and_then(|route| route.through(7)).unwrap_err();
            assert!(matches!(error, Error::Url { .. }), "{url}: {error:?}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
