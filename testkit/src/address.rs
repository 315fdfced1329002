//! How a server is reached: by TCP for the tests, by its socket for this crate's own errands.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

use crate::error::Error;

/// The superuser of every server.
pub(crate) const SUPERUSER: &str = "postgres";
/// The database that this crate's own errands go to.
pub(crate) const MAINTENANCE: &str = "postgres";

/// Where a server listens, and the superuser's password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) port: u16,
    pub(crate) password: String,
    pub(crate) socket: PathBuf,
}

impl Address {
    /// A URL for TCP. Names and passwords are this crate's own making and need no escaping.
    pub(crate) fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// A URL for the Unix socket, whose directory stands percent-encoded in the host's place.
    pub(crate) fn socket_url(&self, user: &str, password: &str, database: &str) -> String {
        let bytes = self.socket.as_os_str().as_encoded_bytes();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let encode = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
        let host: String = bytes.iter().map(encode).collect();
        format!("postgres://{user}:{password}@{host}:{}/{database}", self.port)
    }

    /// A connection by TCP, driven by a task on the current runtime.
    pub(crate) async fn connect(&self, user: &str, password: &str, database: &str) -> Result<Client, Error> {
        let mut config = Config::new();
        config.host("127.0.0.1");
        self.open(config, user, password, database).await
    }

    /// A superuser's connection by the server's socket, which works whatever the server's TLS settings are.
    pub(crate) async fn errand(&self, database: &str) -> Result<Client, Error> {
        let mut config = Config::new();
        config.host_path(&self.socket).application_name("graven-testkit");
        self.open(config, SUPERUSER, &self.password, database).await
    }

    async fn open(&self, mut config: Config, user: &str, password: &str, database: &str) -> Result<Client, Error> {
        config.port(self.port).user(user).password(password).dbname(database).connect_timeout(Duration::from_secs(30));
        let doing = || format!("connect to database {database} at port {} as {user}", self.port);
        let (client, connection) =
            config.connect(NoTls).await.map_err(|source| Error::Postgres { doing: doing(), source })?;
        // Ends when the client is dropped. Notices go nowhere, and an error reaches the client's own calls.
        tokio::spawn(connection);
        Ok(client)
    }
}

/// Leaves the password out.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("port", &self.port).field("socket", &self.socket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_urls_lead_to_the_same_server() {
        let address = Address { port: 20_001, password: "pw".into(), socket: "/tmp/a b/s".into() };
        assert_eq!(address.url("u", "pw", "d"), "postgres://u:pw@127.0.0.1:20001/d");
        let url = address.socket_url("u", "pw", "d");
        assert_eq!(url, "postgres://u:pw@%2Ftmp%2Fa%20b%2Fs:20001/d");
        let config: Config = url.parse().unwrap();
        assert_eq!(config.get_hosts(), [tokio_postgres::config::Host::Unix("/tmp/a b/s".into())]);
    }

    #[test]
    fn debug_leaves_the_password_out() {
        let address = Address { port: 20_001, password: "secret".into(), socket: "/s".into() };
        assert!(!format!("{address:?}").contains("secret"));
    }
}
