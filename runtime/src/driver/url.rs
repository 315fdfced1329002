//! A connection URL, with the settings and values that libpq knows and tokio-postgres does not.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::driver::hosts;
use crate::error::{Error, URL_SETTINGS};

/// Settings of libpq that ask for what is so anyhow, with the values of which that is true.
const MET: [(&str, &[&str]); 6] = [
    // tokio-postgres asks the server for UTF8, whatever the locale.
    ("client_encoding", &["utf8", "utf-8", "unicode", "auto"]),
    ("gssencmode", &["disable", "prefer"]),
    ("gssdelegation", &["0"]),
    // No certificate is sent, and none could be.
    ("sslcertmode", &["disable", "allow"]),
    // Where there is none, libpq does without, too.
    ("sslcompression", &["0", "1"]),
    ("sslsni", &["1"]),
];

/// Where to connect to, and how.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    /// How long each address may take, TLS and log-in included. `None` is for ever.
    pub(crate) limit: Option<Duration>,
    /// Whether the URL says so.
    pub(crate) limit_is_said: bool,
}

/// How much of TLS is wanted (PostgreSQL manual, 34.19.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// None at all.
    Off,
    /// Encrypted, whoever answers. Whether clear text serves too is tokio-postgres's to heed.
    Unverified,
    /// Only with whom the authority vouches for.
    VerifyAuthority { root: PathBuf },
    /// Only with whom the authority vouches for under this host name.
    VerifyFull { root: Option<PathBuf> },
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let Settings { rest, ssl_mode, root, session_attrs, name, limit_is_said } = Settings::of(url)?;
        let mut config: Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            use std::error::Error as _;
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Error::Url { reason }
        })?;
        if config.get_application_name().is_none() {
            config.application_name(name.as_deref().unwrap_or("graven"));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(Error::Url { reason: "it names no host".to_owned() });
        }
        let root = root.filter(|root| !root.as_os_str().is_empty());
        let system = root.as_deref().is_some_and(|root| root.as_os_str() == "system");
        let over_unix =
            config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_))) && config.get_hostaddrs().is_empty();
        let (mode, tls) = match ssl_mode.as_deref().unwrap_or(if system { "verify-full" } else { "prefer" }) {
            // A Unix socket never speaks TLS, and libpq then takes no notice of the mode.
            _ if over_unix => (SslMode::Disable, Tls::Off),
            "verify-full" if system => (SslMode::Require, Tls::VerifyFull { root: None }),
            // Anybody can have a certificate of a public authority: only with the name it says who answers.
            mode if system => {
                let reason = format!("sslrootcert=system goes with sslmode=verify-full alone, not with {mode}");
                return Err(Error::Url { reason });
            }
            "disable" => (SslMode::Disable, Tls::Off),
            "allow" | "prefer" => (SslMode::Prefer, Tls::Unverified),
            // With a root certificate `require` means `verify-ca`: so it is in libpq.
            "require" => match root {
                Some(root) => (SslMode::Require, Tls::VerifyAuthority { root }),
                None => (SslMode::Require, Tls::Unverified),
            },
            "verify-ca" => match root {
                Some(root) => (SslMode::Require, Tls::VerifyAuthority { root }),
                None => return Err(Error::Url { reason: "sslmode=verify-ca needs sslrootcert=FILE".to_owned() }),
            },
            "verify-full" => (SslMode::Require, Tls::VerifyFull { root }),
            other => {
                return Err(Error::Url {
                    reason: format!(
                        "sslmode={other} is none of disable, allow, prefer, require, verify-ca and verify-full"
                    ),
                });
            }
        };
        config.ssl_mode(mode);
        if let Some(session_attrs) = session_attrs {
            config.target_session_attrs(session_attrs);
        }
        // What is not above zero is no limit, and tokio-postgres then has none (PostgreSQL manual, 34.1.2).
        let limit = config.get_connect_timeout().copied().or((!limit_is_said).then_some(hosts::UNLESS_SAID));
        Ok(Self { config, tls, limit, limit_is_said })
    }

    /// Where it leads, for people: never with the password.
    pub(crate) fn shown(&self) -> String {
        let count = self.config.get_hosts().len().max(self.config.get_hostaddrs().len());
        let hosts: Vec<String> = (0..count).map(|at| self.host_shown(at)).collect();
        let mut shown = hosts.join(",");
        if let Some(database) = self.config.get_dbname() {
            shown.push('/');
            shown.push_str(database);
        }
        shown
    }

    /// One of its hosts, for people.
    pub(crate) fn host_shown(&self, at: usize) -> String {
        let port = self.port(at);
        match (self.config.get_hosts().get(at), self.config.get_hostaddrs().get(at)) {
            (Some(Host::Tcp(name)), _) => format!("{name}:{port}"),
            #[cfg(unix)]
            (Some(Host::Unix(path)), _) => format!("{}:{port}", path.display()),
            (None, Some(address)) => format!("{address}:{port}"),
            (None, None) => String::new(),
        }
    }

    pub(crate) fn port(&self, at: usize) -> u16 {
        let ports = self.config.get_ports();
        ports.get(at).or(ports.first()).copied().unwrap_or(5432)
    }
}

/// What is taken out of a URL before tokio-postgres sees it.
#[derive(Default)]
struct Settings {
    rest: String,
    ssl_mode: Option<String>,
    root: Option<PathBuf>,
    session_attrs: Option<TargetSessionAttrs>,
    /// The application's, where nothing else says it.
    name: Option<String>,
    limit_is_said: bool,
}

impl Settings {
    fn of(url: &str) -> Result<Self, Error> {
        let mut settings = Self::default();
        let url = url.trim();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            settings.read_url(url)?;
        } else if url.contains("://") {
            return Err(Error::Url { reason: "it does not begin with postgres:// or postgresql://".to_owned() });
        } else {
            settings.read_pairs(url)?;
        }
        Ok(settings)
    }

    fn read_url(&mut self, url: &str) -> Result<(), Error> {
        refuse_unescaped(url)?;
        let Some((head, query)) = url.split_once('?') else {
            url.clone_into(&mut self.rest);
            return Ok(());
        };
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !self.take(key, &percent_decode_str(value).decode_utf8_lossy())? {
                kept.push(pair);
            }
        }
        head.clone_into(&mut self.rest);
        if !kept.is_empty() {
            self.rest.push('?');
            self.rest.push_str(&kept.join("&"));
        }
        Ok(())
    }

    /// The form `key=value key='va lue'` (PostgreSQL manual, 34.1.1.1).
    fn read_pairs(&mut self, text: &str) -> Result<(), Error> {
        let spaced = "a value that holds spaces must be quoted: password='two words'";
        let mut left = text.trim_start();
        while !left.is_empty() {
            let Some((key, after)) = left.split_once('=') else {
                return Err(Error::Url { reason: "it is neither a URL nor a list of key=value".to_owned() });
            };
            if key.trim().contains(char::is_whitespace) {
                // The rest of a password may stand there: it is not shown.
                return Err(Error::Url { reason: spaced.to_owned() });
            }
            let after = after.trim_start();
            let (value, raw, rest) = value(after)
                .ok_or_else(|| Error::Url { reason: format!("the quoted value of {} never ends", key.trim()) })?;
            if !self.take(key.trim(), &value)? {
                self.rest.push_str(&format!("{}={raw} ", key.trim()));
            }
            left = rest.trim_start();
        }
        Ok(())
    }

    /// Whether a setting was taken out.
    fn take(&mut self, key: &str, value: &str) -> Result<bool, Error> {
        match key {
            "sslmode" => self.ssl_mode = Some(value.to_owned()),
            "sslrootcert" => self.root = Some(PathBuf::from(value)),
            "target_session_attrs" => self.session_attrs = Some(session_attrs(value)?),
            "connect_timeout" => {
                self.limit_is_said = true;
                return Ok(false);
            }
            "fallback_application_name" => self.name = Some(value.to_owned()),
            "ssl" if value == "true" => self.ssl_mode = Some("require".to_owned()),
            "sslcert" | "sslkey" | "sslcrl" | "sslcrldir" | "sslpassword" => {
                return Err(Error::Url {
                    reason: format!("{key} is not supported: connect yourself and use `run` for client certificates"),
                });
            }
            _ => return is_left(key, value).map(|is_left| !is_left),
        }
        Ok(true)
    }
}

/// Whether a setting is left to tokio-postgres. Refused is one that neither knows.
fn is_left(key: &str, value: &str) -> Result<bool, Error> {
    let met = MET.iter().find(|(setting, _)| *setting == key).map(|(_, values)| *values);
    let reason = match met {
        Some(values) if values.iter().any(|met| met.eq_ignore_ascii_case(value)) => return Ok(false),
        Some(values) => format!("{key}={value} is not supported, only {}", values.join(" and ")),
        None if URL_SETTINGS.split(", ").any(|setting| setting == key) => return Ok(true),
        None => format!("graven knows no setting `{key}`: it knows {URL_SETTINGS}"),
    };
    Err(Error::Url { reason })
}

/// Which of several servers is taken (PostgreSQL manual, 34.1.2).
///
/// tokio-postgres asks a server whether its transactions are read-only, not whether it is a standby. A standby's are; a
/// primary's may be, by default_transaction_read_only, and then no migration can be applied there either.
fn session_attrs(value: &str) -> Result<TargetSessionAttrs, Error> {
    match value {
        "any" => Ok(TargetSessionAttrs::Any),
        "read-write" | "primary" => Ok(TargetSessionAttrs::ReadWrite),
        "read-only" | "standby" => Ok(TargetSessionAttrs::ReadOnly),
        other => {
            let none = "is none of any, read-write, primary, read-only and standby";
            Err(Error::Url { reason: format!("target_session_attrs={other} {none}") })
        }
    }
}

/// Refuses a URL in which a character of the password is taken for the end of it: what follows would be shown as a host
/// or an option.
fn refuse_unescaped(url: &str) -> Result<(), Error> {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (before_query, query) = after_scheme.split_once('?').unwrap_or((after_scheme, ""));
    let path = before_query.split_once('/').map_or("", |(_, path)| path);
    let option =
        |pair: &str| pair.split('=').next().is_some_and(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    let refused = |character, escaped| {
        let reason = format!("an `{character}` in the user or password must be written {escaped}");
        Err(Error::Url { reason })
    };
    if path.contains('@') {
        return refused('/', "%2F");
    }
    if before_query.matches('@').count() > 1 {
        return refused('@', "%40");
    }
    if !query.split('&').all(option) {
        return refused('?', "%3F");
    }
    Ok(())
}

/// A value at the head of a text: read, as it stands there, and what follows.
fn value(text: &str) -> Option<(String, &str, &str)> {
    let mut read = String::new();
    let mut escaped = false;
    let quoted = text.starts_with('\'');
    for (at, c) in text.char_indices().skip(usize::from(quoted)) {
        match c {
            _ if escaped => {
                read.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '\'' if quoted => return Some((read, text.get(..=at)?, text.get(at + 1..)?)),
            c if c.is_whitespace() && !quoted => return Some((read, text.get(..at)?, text.get(at..)?)),
            c => read.push(c),
        }
    }
    (!quoted).then_some((read, text, ""))
}

#[cfg(test)]
mod tests {
    use super::{Target, Tls};
    use tokio_postgres::config::{SslMode, TargetSessionAttrs};

    #[test]
    fn sslmode_means_what_it_means_to_libpq() {
        let root = || std::path::PathBuf::from("/etc/ca.pem");
        for (query, mode, tls) in [
            ("", SslMode::Prefer, Tls::Unverified),
            ("?", SslMode::Prefer, Tls::Unverified),
            ("?sslmode=disable", SslMode::Disable, Tls::Off),
            ("?sslmode=require", SslMode::Require, Tls::Unverified),
            ("?sslmode=require&sslrootcert=%2Fetc%2Fca.pem", SslMode::Require, Tls::VerifyAuthority { root: root() }),
            ("?sslmode=verify-ca&sslrootcert=/etc/ca.pem", SslMode::Require, Tls::VerifyAuthority { root: root() }),
            ("?sslmode=verify-full", SslMode::Require, Tls::VerifyFull { root: None }),
            ("?sslrootcert=system", SslMode::Require, Tls::VerifyFull { root: None }),
            ("?sslrootcert=system&sslmode=verify-full", SslMode::Require, Tls::VerifyFull { root: None }),
        ] {
            let target = Target::parse(&format!("postgres://u:p@h/d{query}")).expect(query);
            assert_eq!((target.config.get_ssl_mode(), target.tls), (mode, tls), "{query}");
        }
        let target = Target::parse("postgres:///d?host=/run/postgresql&sslmode=verify-full").expect("a Unix socket");
        assert_eq!(target.tls, Tls::Off);
    }

    #[test]
    fn which_server_is_asked_for_in_libpqs_words() {
        for (value, expected) in [
            ("any", TargetSessionAttrs::Any),
            ("read-write", TargetSessionAttrs::ReadWrite),
            ("primary", TargetSessionAttrs::ReadWrite),
            ("read-only", TargetSessionAttrs::ReadOnly),
            ("standby", TargetSessionAttrs::ReadOnly),
        ] {
            for url in [
                format!("postgres://u:p@a,b/d?connect_timeout=3&target_session_attrs={value}"),
                format!("host=a,b user=u target_session_attrs = '{value}' connect_timeout=3"),
            ] {
                let config = Target::parse(&url).expect(value).config;
                assert_eq!(config.get_target_session_attrs(), expected, "{url}");
                assert_eq!(config.get_connect_timeout(), Some(&std::time::Duration::from_secs(3)), "{url}");
            }
        }
        let config = Target::parse("postgres://u@h/d").expect("valid").config;
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::Any);
    }

    #[test]
    fn settings_of_libpq_that_ask_for_what_is_so_anyhow_are_taken() {
        let query =
            "client_encoding=UTF8&gssencmode=prefer&sslcompression=0&sslsni=1&fallback_application_name=app&ssl=true";
        for url in [format!("postgres://u@h/d?{query}"), format!("host=h user=u dbname=d {}", query.replace('&', " "))]
        {
            let config = Target::parse(&url).expect("valid").config;
            let expected = (Some("app"), SslMode::Require);
            assert_eq!((config.get_application_name(), config.get_ssl_mode()), expected, "{url}");
        }
        let config =
            Target::parse("postgres://u@h/d?fallback_application_name=a&application_name=b").expect("valid").config;
        assert_eq!(config.get_application_name(), Some("b"));
        let error = Target::parse("postgres://u@h/d?service=x").expect_err("not known");
        assert_eq!(error.hint(), None, "what can be written is said already");
    }

    #[test]
    fn every_setting_that_is_named_is_known() {
        for setting in crate::error::URL_SETTINGS.split(", ") {
            let value = match setting {
                "sslmode" | "channel_binding" => "prefer",
                "sslnegotiation" => "postgres",
                "load_balance_hosts" => "random",
                "target_session_attrs" => "any",
                "hostaddr" => "10.0.0.1",
                "client_encoding" => "utf8",
                "gssencmode" => "disable",
                _ => "1",
            };
            let url = format!("host=h user=u {setting}={value}").replace("host=h user=u host=", "user=u host=");
            assert!(Target::parse(&url).is_ok(), "{url}: {:?}", Target::parse(&url));
        }
    }

    #[test]
    fn a_list_of_pairs_serves_as_well() {
        let target =
            Target::parse(r"host=h port=6432 user='a b' password='it\'s' sslmode=verify-full dbname=d").expect("valid");
        assert_eq!(target.tls, Tls::VerifyFull { root: None });
        assert_eq!(target.config.get_user(), Some("a b"));
        assert_eq!(target.config.get_password(), Some(&b"it's"[..]));
        assert_eq!(target.shown(), "h:6432/d");
    }

    #[test]
    fn what_is_no_url_is_refused_without_the_password() {
        for (url, reason) in [
            ("mysql://u:secret@h/d", "it does not begin with postgres:// or postgresql://"),
            ("postgres://u:secret@h/d?sslmode=maybe", "sslmode=maybe is none of"),
            ("postgres://u:secret@h/d?sslmode=require&sslrootcert=system", "with sslmode=verify-full alone"),
            ("postgres://u:secret@h/d?sslmode=verify-ca", "needs sslrootcert=FILE"),
            ("postgres://u:secret@h:port/d", "port"),
            ("postgres://u:secret@h/d?nonsense=1", "graven knows no setting `nonsense`: it knows user, password"),
            ("postgres://u:secret@h/d?passfile=x", "graven knows no setting `passfile`"),
            ("host=h password=secret service=x", "graven knows no setting `service`"),
            (
                "postgres://u:secret@h/d?client_encoding=LATIN1",
                "client_encoding=LATIN1 is not supported, only utf8 and",
            ),
            (
                "postgres://u:secret@h/d?gssencmode=require",
                "gssencmode=require is not supported, only disable and prefer",
            ),
            ("postgres:///d", "it names no host"),
            ("hello", "neither a URL nor a list"),
            ("host=h password='secret", "the quoted value of password never ends"),
            (
                "postgres://u:secret@h/d?target_session_attrs=prefer-standby",
                "target_session_attrs=prefer-standby is none of any, read-write, primary, read-only and standby",
            ),
            ("postgres://u:secret@h/d?sslcert=x", "sslcert is not supported"),
            ("postgres://u:p@secret@h/d", "written %40"),
            ("postgres://u:1/secret@h/d", "written %2F"),
            ("postgres://u:1?secret@h/d", "written %3F"),
            ("host=h password=a secret user=u", "must be quoted"),
        ] {
            let error = Target::parse(url).expect_err(url).explain();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(!error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn where_it_leads_is_shown_without_the_password() {
        let target = Target::parse("postgres://u:secret@a:1,b:2/d?target_session_attrs=read-write").expect("valid");
        assert_eq!(target.shown(), "a:1,b:2/d");
        assert_eq!(target.config.get_application_name(), Some("graven"));
    }
}
