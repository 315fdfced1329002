//! A real pooler, pgbouncer, between the tests and a server of their own.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use graven_testkit::Database;
use tempfile::TempDir;

/// A running pgbouncer. It goes away with the value.
pub(crate) struct Pooler {
    child: Child,
    port: u16,
    files: TempDir,
}

impl Pooler {
    /// One before every database of the server of a database, in a mode (`transaction`, `session`), with so many connections to the server
    /// for each database. `None` where there is no pgbouncer; in CI that is a failure.
    pub(crate) fn before(database: &Database, mode: &str, size: usize) -> Option<Self> {
        let Some(program) = program() else {
            assert!(std::env::var_os("CI").is_none(), "there is no pgbouncer, and CI is set");
            eprintln!("NOT TESTED: there is no pgbouncer here (`apt-get install pgbouncer`)");
            return None;
        };
        // Somebody else may take a port a moment after it was free.
        (0..10).find_map(|_| Self::start(&program, database, mode, size)).or_else(|| panic!("pgbouncer does not start"))
    }

    /// `None` where it does not answer at the port that was chosen.
    fn start(program: &Path, database: &Database, mode: &str, size: usize) -> Option<Self> {
        let files = TempDir::new().unwrap();
        let port = free_port();
        let server: tokio_postgres::Config = database.url().parse().unwrap();
        let password = std::str::from_utf8(server.get_password().unwrap()).unwrap();
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres password={password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\ndefault_pool_size = {size}\nmax_client_conn = 200\nlogfile = {}\n{}",
            server.get_ports()[0],
            files.path().join("log").display(),
            // It refuses to run as root, and knows itself how to become somebody else.
            if is_root() { "user = nobody\n" } else { "" },
        );
        let configuration = files.path().join("pgbouncer.ini");
        std::fs::write(&configuration, text).unwrap();
        open_to_all(&files);
        let mut command = Command::new(program);
        command.arg(&configuration).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut pooler = Self { child: command.spawn().unwrap(), port, files };
        pooler.answers().then_some(pooler)
    }

    /// The URL of a database, through the pooler.
    pub(crate) fn url(&self, database: &Database) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, database.name())
    }

    fn answers(&mut self) -> bool {
        for _ in 0..2000 {
            if self.child.try_wait().unwrap().is_some() {
                println!("pgbouncer has ended: {}", self.log());
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        println!("pgbouncer does not answer: {}", self.log());
        false
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.files.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port below those that the system gives to outgoing connections and to whoever asks for any, and below those of
/// the testkit's servers.
fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..20_000));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// Debian puts it where the path of an ordinary user does not lead.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places =
        std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from));
    places.map(|place| place.join("pgbouncer")).find(|program| program.is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    String::from_utf8_lossy(&id.stdout).trim() == "0"
}

/// The log is written by whom pgbouncer has become.
fn open_to_all(files: &TempDir) {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::set_permissions(files.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
}
