//! Why a connection cannot be made, in plain words, and what to do: for the hint of the error, and for `doctor`.

use std::error::Error as StdError;
use std::io;

#[cfg(feature = "tokio-postgres")]
use crate::driver::before_the_last;
use crate::error::ServerError;

const NO_POSTGRESQL: (&str, &str) =
    ("what listens there hung up: it may be no PostgreSQL, or want TLS", "correct the port, or try another sslmode");

#[cfg(feature = "tls")]
const NO_NAME: &str = "give the server a certificate whose subjectAltName has this host (`openssl req -x509 … -addext \
                       subjectAltName=DNS:db.example`), or say sslmode=verify-ca with sslrootcert=FILE if the name may differ";

#[cfg(feature = "tls")]
const OLD_VERSION: &str = "give the server a certificate of version 3, with its host in subjectAltName (`openssl x509 -req … -extfile FILE`), \
                           or name this certificate itself with sslrootcert=FILE and sslmode=verify-ca";

/// What it comes down to, and what to do.
pub(crate) fn plainly(error: &(dyn StdError + 'static)) -> Option<(String, String)> {
    if let Some((why, remedy)) = unwanted_server(error) {
        return Some((why.to_owned(), remedy.to_owned()));
    }
    // Of several hosts, the words of the earlier ones come before those of the last.
    #[cfg(feature = "tokio-postgres")]
    let error = match error.source() {
        Some(last) if before_the_last(error).is_some() => last,
        _ => error,
    };
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
fn of_server(error: &ServerError) -> Option<(String, String)> {
    let said = |why: &str| format!("{why} ({error})");
    let (why, remedy) = match error.sqlstate.as_str() {
        "28P01" => (
            "the password is wrong, or there is no such user",
            "correct user and password in the URL; `@`, `/`, `:`, `?`, `#` and `%` in them are written as %40, %2F, %3A, %3F, \
             %23 and %25",
        ),
        "28000" if error.message.contains("pg_hba.conf") => (
            "the server lets nobody in like that: no line of its pg_hba.conf fits this user, database, address and encryption",
            "add such a line to pg_hba.conf, or try another sslmode",
        ),
        "28000" => (
            "the server does not let this user in",
            "see that the role is there and may LOGIN, and how pg_hba.conf wants it to prove who it is",
        ),
        "3D000" => ("there is no such database", "create it (`createdb`) or correct the URL: graven makes no database"),
        // Without a detail it is a setting of the URL's `options` that is refused.
        "42501" if error.detail.is_some() => {
            ("this user may not connect to that database", "`GRANT CONNECT ON DATABASE … TO …`")
        }
        "53300" => return Some((said("there is no connection left"), error.remedy()?)),
        "57P03" => return Some((said("the server is starting up or shutting down"), error.remedy()?)),
        // PostgreSQL marks a database before it drops it, and there is no way back.
        "55000" if error.message.contains("invalid database") => (
            "a DROP DATABASE of it was cut off: what it held is lost",
            "finish it with `DROP DATABASE`, and create the database anew",
        ),
        "55000" => ("that database takes no connections", "`ALTER DATABASE … ALLOW_CONNECTIONS true`"),
        _ => return None,
    };
    Some((said(why), remedy.to_owned()))
}

fn of_system(error: &io::Error) -> Option<(String, String)> {
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
    // Of graven's own limit, the text is as plain.
    let why = if text.starts_with(why) { text } else { format!("{why} ({text})") };
    Some((why, remedy.to_owned()))
}

#[cfg(feature = "tls")]
fn of_tls(error: &rustls::Error) -> (String, String) {
    use rustls::CertificateError as Bad;
    let (why, remedy) = match error {
        rustls::Error::InvalidCertificate(Bad::NotValidForNameContext { presented, .. }) if presented.is_empty() => {
            ("the server's certificate names no host in its subjectAltName, and its CN does not count", NO_NAME)
        }
        rustls::Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => (
            "the server's certificate is for another name",
            "connect by the name that it is for, or with sslmode=verify-ca if the name may differ",
        ),
        rustls::Error::InvalidCertificate(Bad::UnknownIssuer) => (
            "nobody that is trusted here has signed the server's certificate",
            "name the authority's certificate, or the server's own, with sslrootcert=FILE",
        ),
        rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            ("the server's certificate has expired", "renew it on the server")
        }
        rustls::Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            ("the server's certificate is not valid yet", "see that the clock of this machine is right")
        }
        // webpki's own errors have no other form here.
        rustls::Error::InvalidCertificate(Bad::Other(other)) if other.to_string() == "UnsupportedCertVersion" => {
            ("the server's certificate is of X.509 version 1 or 2", OLD_VERSION)
        }
        rustls::Error::InvalidCertificate(Bad::Other(other)) if other.to_string() == "CaUsedAsEndEntity" => (
            "the server's certificate is an authority's (CA:TRUE)",
            "name this certificate itself with sslrootcert=FILE, or give the server one that is not an authority's",
        ),
        rustls::Error::InvalidCertificate(_) => (
            "the server's certificate is not accepted",
            "give the server another one; sslmode=require encrypts and does not check it",
        ),
        _ => {
            ("no TLS connection could be agreed on", "see which versions of TLS the server offers: it takes 1.2 or 1.3")
        }
    };
    (format!("{why} ({error})"), remedy.to_owned())
}

/// What tokio-postgres and graven's own preparations say in words alone.
fn of_text(text: &str) -> Option<(String, String)> {
    let (why, remedy) = if text.contains("server does not support TLS") {
        ("the server offers no TLS", "switch it on there (`ssl = on`), or say sslmode=disable where the way is safe")
    } else if text.contains("invalid configuration: password") {
        (
            "the server asks for a password, and the URL has none",
            "write it into the URL: postgres://user:password@host/database",
        )
    } else if text.starts_with("sslrootcert ") {
        (text, "see that this file is there, that this user may read it, and that it holds certificates in PEM")
    } else if text.starts_with("the system has no root certificates") {
        (
            text,
            "name the authority's certificate with sslrootcert=FILE, or install those of the system (ca-certificates)",
        )
    } else if text.contains("needs graven's feature `tls`") {
        (text, "build with that feature, or say sslmode=disable where the way is safe")
    } else if text.contains("connection closed") || text.contains("unexpected message") {
        NO_POSTGRESQL
    } else {
        return None;
    };
    Some((why.to_owned(), remedy.to_owned()))
}

pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Why none of the servers that a URL names is one that its `target_session_attrs` asks for, and what to do. Of several,
/// tokio-postgres tells of the last one, in an [`io::Error`] of a kind that the system has for other things, too.
pub(crate) fn unwanted_server(error: &(dyn StdError + 'static)) -> Option<(&'static str, &'static str)> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<io::Error>().map(ToString::to_string).as_deref() {
            Some("database does not allow writes") => {
                return Some((
                    "none of the servers takes writes",
                    "each that answers is a standby, or has default_transaction_read_only switched on: name the one that takes writes, \
                     promote a standby or wait until one is promoted, or switch that setting off for the database or the role",
                ));
            }
            Some("database is not read only") => {
                return Some((
                    "none of the servers is read-only, and the URL asks for one that is",
                    "migrations need one that takes writes: say target_session_attrs=read-write, or leave it out",
                ));
            }
            _ => cause = error.source(),
        }
    }
    None
}
