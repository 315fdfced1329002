//! The hosts of a URL, one after another, each for as long as `connect_timeout` says.
//!
//! tokio-postgres limits no more than the opening of a socket. What accepts one and then stays silent, a primary that hangs or
//! a load balancer with nobody behind it, would hold up a start for ever, and the host after it would never be asked.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::config::{Host, LoadBalanceHosts};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Connection, Socket};

use crate::driver::tokio_postgres::server_error;
use crate::driver::url::Target;
use crate::error::{chain, unwanted_server};

/// How long an address may take where the URL does not say: as long as PostgreSQL waits for a log-in (authentication_timeout)
/// and PgBouncer does (client_login_timeout), unless they are told otherwise. libpq would wait for ever.
pub(crate) const UNLESS_SAID: Duration = Duration::from_secs(60);

/// How much later the limit of tokio-postgres itself ends. It is for the socket alone, and its error names no limit.
const LATER: Duration = Duration::from_secs(1);

type Cause = Box<dyn StdError + Send + Sync>;
type Connected<T> = (Client, Connection<Socket, <T as MakeTlsConnect<Socket>>::Stream>);

/// Connects to the first host that lets it in.
pub(crate) async fn connect<T>(target: &Target, connector: &T) -> Result<Connected<T>, Cause>
where
    T: MakeTlsConnect<Socket> + Clone,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let config = &target.config;
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
    if !fits_together(config) {
        // It says what does not, before it connects to anything.
        return config.connect(connector.clone()).await.map_err(cause);
    }
    let mut order: Vec<usize> = (0..hosts).collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        fastrand::shuffle(&mut order);
    }
    let mut earlier = Vec::new();
    let mut last: Option<(String, Cause)> = None;
    for at in order {
        let name = target.host_shown(at);
        match to_host(target, at, connector).await {
            Ok(connected) => return Ok(connected),
            Err(cause) => {
                match unwanted_server(cause.as_ref()) {
                    // A standby, say, of which the URL names one beside the primary.
                    Some(_) => {
                        tracing::debug!(target: "graven", host = name, error = chain(cause.as_ref()), "passed over")
                    }
                    None if hosts > 1 => {
                        tracing::warn!(target: "graven", host = name, error = chain(cause.as_ref()), "this host cannot be connected to");
                    }
                    None => {}
                }
                let before = last.replace((name, cause));
                earlier.extend(before.map(|(host, cause)| format!("{host}: {}", chain(cause.as_ref()))));
            }
        }
    }
    Err(match last {
        Some((_, cause)) if earlier.is_empty() => cause,
        Some((host, cause)) => Box::new(NoHost { earlier, host, last: cause }),
        None => Box::new(io::Error::from(io::ErrorKind::NotFound)),
    })
}

/// Connects to one host: to the first of its addresses that lets it in.
async fn to_host<T>(target: &Target, at: usize, connector: &T) -> Result<Connected<T>, Cause>
where
    T: MakeTlsConnect<Socket> + Clone,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let Target { config, limit, .. } = target;
    let (host, port) = (config.get_hosts().get(at), target.port(at));
    let mut addresses: Vec<Option<IpAddr>> = match (config.get_hostaddrs().get(at), host) {
        (Some(address), _) => vec![Some(*address)],
        (None, Some(Host::Tcp(name))) => {
            let found = async { tokio::net::lookup_host((name.as_str(), port)).await.map_err(Cause::from) };
            within(*limit, found).await?.map(|address| Some(address.ip())).collect()
        }
        (None, _) => vec![None],
    };
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        fastrand::shuffle(&mut addresses);
    }
    let mut last = Cause::from(io::Error::new(io::ErrorKind::InvalidInput, "its name stands for no address"));
    for address in addresses {
        let one = only(config, host, address, port, *limit);
        let connecting = async { one.connect(connector.clone()).await.map_err(cause) };
        match within(*limit, connecting).await {
            Ok(connected) => return Ok(connected),
            Err(cause) => last = cause,
        }
    }
    Err(last)
}

fn cause(error: tokio_postgres::Error) -> Cause {
    match server_error(&error) {
        Some(said) => Box::new(said),
        None => Box::new(error),
    }
}

async fn within<T>(limit: Option<Duration>, work: impl Future<Output = Result<T, Cause>>) -> Result<T, Cause> {
    let Some(limit) = limit else { return work.await };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} s (connect_timeout)", limit.as_secs());
        Err(Box::new(io::Error::new(io::ErrorKind::TimedOut, text)))
    })
}

/// Whether there is a port and an address for each host, or one for all.
fn fits_together(config: &Config) -> bool {
    let (hosts, addresses, ports) = (config.get_hosts().len(), config.get_hostaddrs().len(), config.get_ports().len());
    (hosts == 0 || addresses == 0 || hosts == addresses) && (ports <= 1 || ports == hosts.max(addresses))
}

/// The same configuration for one host alone. A [`Config`] can be given more hosts, and not fewer.
fn only(config: &Config, host: Option<&Host>, address: Option<IpAddr>, port: u16, limit: Option<Duration>) -> Config {
    let mut one = Config::new();
    match host {
        Some(Host::Tcp(name)) => drop(one.host(name)),
        #[cfg(unix)]
        Some(Host::Unix(path)) => drop(one.host_path(path)),
        None => {}
    }
    address.map(|address| one.hostaddr(address));
    config.get_user().map(|user| one.user(user));
    config.get_password().map(|password| one.password(password));
    config.get_dbname().map(|database| one.dbname(database));
    config.get_options().map(|options| one.options(options));
    config.get_application_name().map(|name| one.application_name(name));
    limit.map(|limit| one.connect_timeout(limit.saturating_add(LATER)));
    config.get_tcp_user_timeout().map(|timeout| one.tcp_user_timeout(*timeout));
    config.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    config.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one.port(port)
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts());
    one
}

/// Why none of several hosts could be connected to. Its source is why not the last one.
#[derive(Debug)]
struct NoHost {
    /// Each with why not.
    earlier: Vec<String>,
    host: String,
    last: Cause,
}

/// What comes before the reason why the last of several hosts could not be connected to.
pub(crate) fn before_the_last(error: &(dyn StdError + 'static)) -> Option<String> {
    error.downcast_ref::<NoHost>().map(ToString::to_string)
}

impl fmt::Display for NoHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.earlier.join("; "), self.host)
    }
}

impl StdError for NoHost {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.last.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_postgres::Config;
    use tokio_postgres::config::Host;

    use super::{Cause, LATER, NoHost, fits_together, only};
    use crate::driver::url::Target;
    use crate::error::plainly;

    #[test]
    fn one_host_alone_keeps_every_other_setting() {
        let settings = "user='a b' password=p dbname=d options='-c search_path=x' application_name=n sslmode=require \
                        sslnegotiation=direct tcp_user_timeout=7 keepalives=1 keepalives_idle=11 keepalives_interval=12 \
                        keepalives_retries=13 target_session_attrs=read-write channel_binding=require \
                        load_balance_hosts=random connect_timeout=3";
        let parse = |hosts: &str| format!("{hosts} {settings}").parse::<Config>().expect("valid");
        let several = parse("host=a,b hostaddr=10.0.0.1,10.0.0.2 port=1,2");
        let mut expected = parse("host=b hostaddr=10.0.0.2 port=2");
        expected.connect_timeout(Duration::from_secs(3) + LATER);
        let (host, address) = (several.get_hosts().get(1), several.get_hostaddrs().get(1).copied());
        assert_eq!(only(&several, host, address, 2, several.get_connect_timeout().copied()), expected);
        let bare = only(&Config::new(), Some(&Host::Tcp("h".to_owned())), None, 5432, None);
        assert_eq!(bare, "host=h port=5432".parse::<Config>().expect("valid"));
    }

    #[test]
    fn as_many_ports_and_addresses_as_hosts_or_one_for_all() {
        for (settings, fits) in [
            ("host=a,b", true),
            ("host=a,b port=1", true),
            ("host=a,b port=1,2", true),
            ("host=a,b,c port=1,2", false),
            ("hostaddr=10.0.0.1,10.0.0.2 port=1,2", true),
            ("host=a,b hostaddr=10.0.0.1", false),
        ] {
            assert_eq!(fits_together(&settings.parse().expect("valid")), fits, "{settings}");
        }
    }

    #[test]
    fn a_limit_is_what_the_url_says_or_a_minute() {
        for (query, limit) in [
            ("", Some(60)),
            ("?connect_timeout=2", Some(2)),
            ("?connect_timeout=0", None),
            ("?connect_timeout=-1", None),
        ] {
            let target = Target::parse(&format!("postgres://u@h/d{query}")).expect("valid");
            assert_eq!(target.limit, limit.map(Duration::from_secs), "{query}");
        }
    }

    /// The reasons of the earlier hosts are told with it, and are not what a hint is about.
    #[test]
    fn of_several_hosts_the_last_is_the_one_that_a_hint_is_about() {
        let last: Cause = "invalid configuration: password missing".into();
        let alone = plainly(last.as_ref()).expect("it is known");
        let earlier = vec!["a: server does not support TLS".to_owned()];
        let all = NoHost { earlier, host: "b".to_owned(), last };
        assert_eq!(plainly(&all), Some(alone));
    }
}
