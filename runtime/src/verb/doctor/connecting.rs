//! Making a connection, and why it cannot be made, in plain words.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use tokio_postgres::Client;

use crate::error::server_error::ServerError;
use crate::error::{Error, unwanted_server};
use crate::verb::doctor::Finding;

/// How long an answer may take: where packets are dropped on the way, the system would try for minutes.
const PATIENCE: Duration = Duration::from_secs(15);

const NO_POSTGRESQL: (&str, &str) =
    ("what listens there hung up: it may be no PostgreSQL, or want TLS", "correct the port, or try another sslmode");

/// A client, or what is wrong.
pub(super) async fn connect(url: &str) -> Result<Client, Finding> {
    match tokio::time::timeout(PATIENCE, crate::driver::connect(url)).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(finding(&error)),
        Err(_) => Err(Finding::error(
            "connection",
            format!("no answer within {} s", PATIENCE.as_secs()),
            "see that host and port are right, and that no firewall stands between",
        )),
    }
}

fn finding(error: &Error) -> Finding {
    let Error::Connect { target, source, grant } = error else { return Finding::refused(error) };
    match plainly(source.as_ref()) {
        Some((why, remedy)) => {
            let remedy = grant.as_deref().unwrap_or(remedy);
            Finding::error("connection", format!("cannot connect to {target}: {why}"), remedy)
        }
        None => Finding::refused(error),
    }
}

/// What it comes down to, and what to do.
fn plainly(error: &(dyn StdError + 'static)) -> Option<(String, &'static str)> {
    if let Some((why, remedy)) = unwanted_server(error) {
        return Some((why.to_owned(), remedy));
    }
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<ServerError>() {
            return of_server(error);
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            #[cfg(feature = "tls")]
            if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return Some(of_tls(error));
            }
            if let Some(found) = of_system(error) {
                return Some(found);
            }
        }
        #[cfg(feature = "tls")]
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(of_tls(error));
        }
        cause = error.source();
    }
    of_text(&chain(error))
}

/// What the server answers to whom it does not let in.
fn of_server(error: &ServerError) -> Option<(String, &'static str)> {
    let (why, remedy) = match error.sqlstate.as_str() {
        "28P01" => ("the password is wrong, or there is no such user", "correct the password in the URL"),
        "28000" if error.message.contains("pg_hba.conf") => (
            "the server lets nobody in like that: no line of its pg_hba.conf fits this user, database, address and encryption",
            "add such a line, or try another sslmode",
        ),
        "28000" => ("the server does not let this user in", "see that the role is there and may LOGIN"),
        "3D000" => ("there is no such database", "`CREATE DATABASE` it, or correct its name in the URL"),
        "42501" => ("this user may not connect to that database", "`GRANT CONNECT ON DATABASE … TO …`"),
        "53300" => ("the server has no connection left", "use fewer, or raise max_connections"),
        "57P03" => ("the server is starting up or shutting down", "try again when it is ready"),
        // PostgreSQL marks a database before it drops it, and there is no way back.
        "55000" if error.message.contains("invalid database") => (
            "a DROP DATABASE of it was cut off: what it held is lost",
            "finish it with `DROP DATABASE`, and create the database anew",
        ),
        "55000" => ("that database takes no connections", "`ALTER DATABASE … ALLOW_CONNECTIONS true`"),
        _ => return None,
    };
    Some((format!("{why} ({error})"), remedy))
}

fn of_system(error: &io::Error) -> Option<(String, &'static str)> {
    let text = error.to_string();
    let (why, remedy) = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            ("nothing listens there", "start the server, or correct host and port; a container must publish its port")
        }
        io::ErrorKind::NotFound => {
            ("there is no such Unix socket", "start the server, or correct the socket's directory")
        }
        io::ErrorKind::PermissionDenied => {
            ("the socket may not be used by this user", "run as another, or connect by TCP")
        }
        io::ErrorKind::TimedOut => {
            ("no answer", "see that host and port are right, and that no firewall stands between")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ("there is no way to that host", "see that the network is up, and the VPN if it takes one")
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => NO_POSTGRESQL,
        _ if text.contains("failed to lookup address") => {
            ("nobody knows a host of that name", "correct the name; a container's name is known to its network alone")
        }
        _ => return None,
    };
    Some((format!("{why} ({text})"), remedy))
}

#[cfg(feature = "tls")]
fn of_tls(error: &rustls::Error) -> (String, &'static str) {
    use rustls::CertificateError as Bad;
    let (why, remedy) = match error {
        rustls::Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => (
            "the server's certificate is for another name",
            "connect by the name that it is for, or with sslmode=verify-ca if the name may differ",
        ),
        rustls::Error::InvalidCertificate(Bad::UnknownIssuer) => (
            "nobody that is trusted here has signed the server's certificate",
            "name the authority's certificate with sslrootcert=FILE",
        ),
        rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            ("the server's certificate has expired", "renew it on the server")
        }
        rustls::Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            ("the server's certificate is not valid yet", "see that the clock of this machine is right")
        }
        rustls::Error::InvalidCertificate(_) => ("the server's certificate is not accepted", "renew it on the server"),
        _ => {
            ("no TLS connection could be agreed on", "see which versions of TLS the server offers: it takes 1.2 or 1.3")
        }
    };
    (format!("{why} ({error})"), remedy)
}

/// What tokio-postgres says in words alone.
fn of_text(text: &str) -> Option<(String, &'static str)> {
    let (why, remedy) = if text.contains("server does not support TLS") {
        ("the server offers no TLS", "switch it on there (`ssl = on`), or say sslmode=disable where the way is safe")
    } else if text.contains("invalid configuration: password") {
        (
            "the server asks for a password, and the URL has none",
            "write it into the URL: postgres://user:password@host/database",
        )
    } else if text.contains("connection closed") || text.contains("unexpected message") {
        NO_POSTGRESQL
    } else {
        return None;
    };
    Some((why.to_owned(), remedy))
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
