//! Databases and roles carry their process's token in their names, and each process holds a lock on a file of that
//! name while it lives. So whoever comes next can tell what the dead have left, also across containers, where a pid
//! would not tell.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::address::{Address, MAINTENANCE};
use crate::blocking::block_on;
use crate::error::{Error, IoContext as _};
use crate::random;
use crate::server::Server;

const PREFIX: &str = "graven_test_";

/// A name that no other database of the server has: `graven_test_<pid>_<token>_<n>`. The pid is for people.
pub(crate) fn unique_name() -> Result<String, Error> {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Ok(format!("{PREFIX}{}_{}_{count}", std::process::id(), token()?))
}

/// Puts this process's token down in a server's directory. It counts until the file that is returned is closed, which
/// the end of the process does whatever its cause. Call it under the lock, before any database is made.
pub(crate) fn take_token(directory: &Path) -> Result<File, Error> {
    let tokens = directory.join("tokens");
    fs::create_dir_all(&tokens).doing("make the directory", &tokens)?;
    let path = tokens.join(token()?);
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).doing("open", &path)?;
    file.lock().doing("lock", &path)?;
    Ok(file)
}

/// Drops the databases and roles that processes which are gone have left. Call it under the lock.
///
/// What cannot be dropped stays for another time; an error means that the server could not be asked.
pub(crate) fn databases_of_the_dead(server: &Server) -> Result<(), Error> {
    let tokens = server.directory.join("tokens");
    let address = server.address.clone();
    block_on(async move {
        let client = address.errand(MAINTENANCE).await?;
        let failed = |doing: &str, source| Error::Postgres { doing: doing.to_owned(), source };
        let databases = "SELECT datname::text FROM pg_database WHERE datname LIKE 'graven\\_test\\_%'";
        for row in client.query(databases, &[]).await.map_err(|source| failed("list the databases", source))? {
            let name: String = row.get(0);
            if is_of_the_dead(&name, &tokens) {
                let _ = drop_database(&client, &name).await;
            }
        }
        let roles = "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'graven\\_test\\_%'";
        for row in client.query(roles, &[]).await.map_err(|source| failed("list the roles", source))? {
            let name: String = row.get(0);
            if is_of_the_dead(&name, &tokens) {
                // It may own something in a database that lives; then it has to stay.
                let _ = client.batch_execute(&format!("DROP ROLE IF EXISTS {name}")).await;
            }
        }
        Ok(())
    })?;
    remove_dead_tokens(&server.directory.join("tokens"));
    Ok(())
}

/// Drops a database, with whoever is connected to it, and the roles that were made for it.
pub(crate) async fn drop_with_roles(address: &Address, database: &str, roles: &[String]) -> Result<(), Error> {
    let client = address.errand(MAINTENANCE).await?;
    drop_database(&client, database).await?;
    for role in roles {
        let dropped = client.batch_execute(&format!("DROP ROLE IF EXISTS {role}")).await;
        dropped.map_err(|source| Error::Postgres { doing: format!("drop the role {role}"), source })?;
    }
    Ok(())
}

async fn drop_database(client: &tokio_postgres::Client, name: &str) -> Result<(), Error> {
    let dropped = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    dropped.map_err(|source| Error::Postgres { doing: format!("drop the database {name}"), source })
}

fn is_of_the_dead(name: &str, tokens: &Path) -> bool {
    let token = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').nth(1));
    token.is_some_and(|token| is_dead(&tokens.join(token)))
}

fn is_dead(token: &PathBuf) -> bool {
    match File::open(token) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

fn remove_dead_tokens(tokens: &Path) {
    for entry in fs::read_dir(tokens).into_iter().flatten().flatten() {
        if is_dead(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// This process's token.
fn token() -> Result<String, Error> {
    static TOKEN: Mutex<Option<String>> = Mutex::new(None);
    let mut current = TOKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(token) = &*current {
        return Ok(token.clone());
    }
    let token = random::hex::<6>()?;
    *current = Some(token.clone());
    Ok(token)
}
