//! Finding PostgreSQL on this machine.
//!
//! It refuses to touch a server that runs already: only programs are looked for.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::binaries::{Binaries, OLDEST};
use crate::error::Error;
use crate::place;

/// Where packages put the binaries, in the order of preference. `*` stands for any one name or part of it; among
/// several, the one with the largest number in it comes first. `~` is the home directory.
const WELL_KNOWN: [&str; 20] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/Library/PostgreSQL/*/bin",
    "/opt/local/lib/postgresql*/bin",
    "/usr/local/pgsql/bin",
    "/opt/PostgreSQL/*/bin",
    "~/.nix-profile/bin",
    "/run/current-system/sw/bin",
    "/nix/var/nix/profiles/default/bin",
    "~/.asdf/installs/postgres/*/bin",
    "~/.local/share/mise/installs/postgres/*/bin",
    "~/.pgenv/pgsql*/bin",
    "~/.pgrx/*/pgrx-install/bin",
    "/usr/local/bin",
];

/// What decides where to look; a value, so that tests can bring their own.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    /// `GRAVEN_PG_BIN`.
    pub(crate) explicit: Option<PathBuf>,
    /// The major version that is asked for.
    pub(crate) wanted: Option<u32>,
    /// `PATH`.
    pub(crate) path: Option<OsString>,
    /// `HOME`.
    pub(crate) home: Option<PathBuf>,
    /// What the well-known places lie below: `/`.
    pub(crate) root: PathBuf,
    /// Who the binaries must be reachable for.
    pub(crate) account: Account,
}

/// What a search came to.
#[derive(Debug)]
pub(crate) enum Found {
    /// These serve.
    Binaries(Binaries),
    /// Nothing serves; these directories were looked at.
    Nothing(Vec<PathBuf>),
}

impl Search {
    /// A search as the environment wants it. `wanted` overrides `GRAVEN_PG_VERSION`.
    pub(crate) fn from_environment(account: Account, wanted: Option<u32>) -> Result<Self, Error> {
        let named = std::env::var_os("GRAVEN_PG_VERSION").filter(|value| !value.is_empty());
        let wanted = match (wanted, named) {
            (Some(major), _) => Some(major),
            (None, named) => named.as_ref().map(wanted_version).transpose()?,
        };
        Ok(Self {
            explicit: std::env::var_os("GRAVEN_PG_BIN").filter(|value| !value.is_empty()).map(PathBuf::from),
            wanted,
            path: std::env::var_os("PATH"),
            home: std::env::var_os("HOME").map(PathBuf::from),
            root: PathBuf::from("/"),
            account,
        })
    }

    /// Looks in the explicit directory and nowhere else, or else in `PATH`, then in the well-known places.
    pub(crate) fn run(&self) -> Result<Found, Error> {
        if let Some(directory) = &self.explicit {
            return self.explicit(directory).map(Found::Binaries);
        }
        let mut looked_in = Vec::new();
        for directory in self.candidates() {
            if looked_in.contains(&directory) {
                continue;
            }
            let serves = |found: &Binaries| self.wanted.is_none_or(|wanted| wanted == found.major);
            match Binaries::in_directory(&directory) {
                Ok(found) if serves(&found) && place::is_reachable(&directory, self.account) => {
                    return Ok(Found::Binaries(found));
                }
                _ => looked_in.push(directory),
            }
        }
        Ok(Found::Nothing(looked_in))
    }

    fn explicit(&self, directory: &Path) -> Result<Binaries, Error> {
        let unusable = |reason| Error::BinariesUnusable { directory: directory.to_owned(), reason };
        let directory = directory.canonicalize().map_err(|error| unusable(error.to_string()))?;
        let found = Binaries::in_directory(&directory).map_err(unusable)?;
        match self.wanted {
            Some(wanted) if wanted != found.major => {
                Err(unusable(format!("it holds PostgreSQL {}, and {wanted} is asked for", found.major)))
            }
            _ if !place::is_reachable(&directory, self.account) => Err(unusable(
                "the tests run as root, and the unprivileged account that runs the server cannot enter it".into(),
            )),
            _ => Ok(found),
        }
    }

    fn candidates(&self) -> Vec<PathBuf> {
        let path = self.path.iter().flat_map(std::env::split_paths);
        // Debian's PATH has wrappers for psql and the like, but neither initdb nor postgres.
        let path = path.filter(|directory| directory.is_absolute() && directory.join("postgres").is_file());
        path.chain(WELL_KNOWN.iter().flat_map(|pattern| self.expand(pattern))).collect()
    }

    /// Debian's PATH has programs of clients, though not those of the server.
    fn programs(&self, name: &str) -> Vec<PathBuf> {
        let path = self.path.iter().flat_map(std::env::split_paths).filter(|directory| directory.is_absolute());
        let well_known = WELL_KNOWN.iter().flat_map(|pattern| self.expand(pattern));
        let mut found: Vec<PathBuf> = Vec::new();
        for directory in self.explicit.clone().into_iter().chain(path).chain(well_known) {
            let program = directory.join(name);
            if program.is_file() && !found.contains(&program) {
                found.push(program);
            }
        }
        found
    }

    fn expand(&self, pattern: &str) -> Vec<PathBuf> {
        let (start, rest) = match (pattern.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => (home.clone(), rest),
            (Some(_), None) => return Vec::new(),
            (None, _) => (self.root.clone(), pattern.trim_start_matches('/')),
        };
        rest.split('/').fold(vec![start], |places, part| places.iter().flat_map(|place| step(place, part)).collect())
    }
}

/// Where a program of PostgreSQL is on this machine, such as `pg_dump` or `psql`: in `GRAVEN_PG_BIN`, in `PATH`, and in the
/// places where packages put it, in this order. It may be of any version, and nothing says that it runs.
///
/// ```
/// for path in graven_testkit::programs("pg_dump") {
///     assert!(path.is_file());
/// }
/// ```
pub fn programs(name: &str) -> Vec<PathBuf> {
    let explicit = std::env::var_os("GRAVEN_PG_BIN").filter(|value| !value.is_empty()).map(PathBuf::from);
    let (path, home) = (std::env::var_os("PATH"), std::env::var_os("HOME").map(PathBuf::from));
    let search = Search { explicit, wanted: None, path, home, root: PathBuf::from("/"), account: Account::Own };
    search.programs(name)
}

/// One part of a pattern: the names in `place` that fit it, the largest number first. A pattern without `*` is taken
/// as it is.
fn step(place: &Path, part: &str) -> Vec<PathBuf> {
    let Some((before, after)) = part.split_once('*') else { return vec![place.join(part)] };
    let names = fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    let fits =
        |name: &String| name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after);
    let mut names: Vec<String> = names.filter(fits).collect();
    names.sort_by_key(|name| std::cmp::Reverse((numbers(name), name.clone())));
    names.into_iter().map(|name| place.join(name)).collect()
}

/// The numbers in a name, so that 9.6 comes below 14, and 14.2 below 14.10.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|letter: char| !letter.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

fn wanted_version(value: &OsString) -> Result<u32, Error> {
    let text = value.to_string_lossy();
    match text.trim().parse() {
        Ok(major) if major >= OLDEST => Ok(major),
        _ => Err(Error::Variable {
            name: "GRAVEN_PG_VERSION",
            value: text.into_owned(),
            expected: "a major version from 14 upwards, such as 17",
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Writes programs of a version. A shell does, since the system runs no file that somebody has open for writing: what
    /// this process writes, any other that it starts at the same moment has open, too.
    const PROGRAMS: &str = "umask 022 && mkdir -p \"$1\" && for program in initdb postgres; do \
        printf '#!/bin/sh\\necho \"postgres (PostgreSQL) %s\"\\n' \"$2\" > \"$1/$program\" && chmod 755 \"$1/$program\" || exit; done";

    /// A machine with programs in some directories.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn with(directories: &[(&str, &str)]) -> Self {
            let machine = Self(tempfile::tempdir_in("/tmp").unwrap());
            fs::set_permissions(machine.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
            for (directory, version) in directories {
                let mut shell = std::process::Command::new("sh");
                shell.args(["-c", PROGRAMS, "sh"]).arg(machine.at(directory)).arg(version);
                assert!(shell.status().unwrap().success());
            }
            machine
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().canonicalize().unwrap().join(path)
        }

        fn search(&self) -> Search {
            let home = Some(self.at("home"));
            Search { explicit: None, wanted: None, path: None, home, root: self.at(""), account: Account::Own }
        }

        fn found(&self, search: &Search) -> Option<PathBuf> {
            match search.run().unwrap() {
                Found::Binaries(binaries) => Some(binaries.directory),
                Found::Nothing(_) => None,
            }
        }
    }

    #[test]
    fn the_explicit_directory_beats_path_and_path_beats_the_well_known_places() {
        let machine = Machine::with(&[("mine", "14.1"), ("on-path", "15.1"), ("usr/lib/postgresql/17/bin", "17.1")]);
        let mut search = machine.search();
        assert_eq!(machine.found(&search), Some(machine.at("usr/lib/postgresql/17/bin")));
        search.path = Some(std::env::join_paths([machine.at("none"), machine.at("on-path")]).unwrap());
        assert_eq!(machine.found(&search), Some(machine.at("on-path")));
        search.explicit = Some(machine.at("mine"));
        assert_eq!(machine.found(&search), Some(machine.at("mine")));
    }

    #[test]
    fn the_newest_of_several_is_taken() {
        let machine = Machine::with(&[
            ("usr/lib/postgresql/9.6/bin", "9.6.24"),
            ("usr/lib/postgresql/14/bin", "14.9"),
            ("usr/lib/postgresql/16/bin", "16.2"),
        ]);
        assert_eq!(machine.found(&machine.search()), Some(machine.at("usr/lib/postgresql/16/bin")));
    }

    #[test]
    fn a_version_that_is_asked_for_is_looked_for_everywhere() {
        let machine = Machine::with(&[
            ("on-path", "17.1"),
            ("usr/lib/postgresql/15/bin", "15.2"),
            ("opt/homebrew/opt/postgresql@16/bin", "16.2"),
            ("home/.asdf/installs/postgres/14.10/bin", "14.10"),
            ("home/.asdf/installs/postgres/14.9/bin", "14.9"),
        ]);
        let path = Some(machine.at("on-path").into_os_string());
        let cases = [
            (15, Some("usr/lib/postgresql/15/bin")),
            (16, Some("opt/homebrew/opt/postgresql@16/bin")),
            (14, Some("home/.asdf/installs/postgres/14.10/bin")),
            (17, Some("on-path")),
            (18, None),
        ];
        for (wanted, expected) in cases {
            let search = Search { wanted: Some(wanted), path: path.clone(), ..machine.search() };
            assert_eq!(machine.found(&search), expected.map(|path| machine.at(path)), "{wanted}");
        }
    }

    #[test]
    fn what_is_too_old_is_passed_over_and_listed() {
        let machine = Machine::with(&[("usr/lib/postgresql/13/bin", "13.1")]);
        let Found::Nothing(looked_in) = machine.search().run().unwrap() else { panic!("13 was taken") };
        assert!(looked_in.contains(&machine.at("usr/lib/postgresql/13/bin")), "{looked_in:?}");
    }

    #[test]
    fn an_explicit_directory_that_does_not_serve_is_an_error_and_nothing_else_is_tried() {
        let machine = Machine::with(&[("old", "13.1"), ("good", "16.1"), ("usr/lib/postgresql/17/bin", "17.1")]);
        fs::create_dir(machine.at("empty")).unwrap();
        let cases = [
            ("empty", None, "it holds no initdb"),
            ("absent", None, "No such file"),
            ("old", None, "it holds PostgreSQL 13, and 14 is the oldest that serves"),
            ("good", Some(17), "it holds PostgreSQL 16, and 17 is asked for"),
        ];
        for (directory, wanted, expected) in cases {
            let search = Search { explicit: Some(machine.at(directory)), wanted, ..machine.search() };
            let error = search.run().unwrap_err();
            assert!(error.to_string().contains(expected), "{directory}: {error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("GRAVEN_PG_BIN")));
        }
    }

    #[test]
    fn a_link_leads_to_the_directory_that_holds_all_programs() {
        let machine = Machine::with(&[("usr/lib/postgresql/15/bin", "15.1")]);
        fs::create_dir(machine.at("links")).unwrap();
        for program in ["initdb", "postgres"] {
            let to = machine.at("usr/lib/postgresql/15/bin").join(program);
            std::os::unix::fs::symlink(to, machine.at("links").join(program)).unwrap();
        }
        let search = Search { path: Some(machine.at("links").into_os_string()), ..machine.search() };
        assert_eq!(machine.found(&search), Some(machine.at("usr/lib/postgresql/15/bin")));
    }

    #[test]
    fn what_the_server_account_cannot_enter_is_passed_over() {
        let machine = Machine::with(&[("on-path", "16.1"), ("usr/lib/postgresql/15/bin", "15.1")]);
        fs::set_permissions(machine.at("on-path"), fs::Permissions::from_mode(0o700)).unwrap();
        let account = Account::Other { user: 4_000_000, group: 4_000_000 };
        let search = Search { path: Some(machine.at("on-path").into_os_string()), account, ..machine.search() };
        assert_eq!(machine.found(&search), Some(machine.at("usr/lib/postgresql/15/bin")));
    }

    #[test]
    fn a_program_is_found_wherever_it_is_and_in_the_order_of_the_search() {
        let machine = Machine::with(&[("mine", "14.1"), ("on-path", "15.1"), ("usr/lib/postgresql/17/bin", "17.1")]);
        let mut search = machine.search();
        search.explicit = Some(machine.at("mine"));
        search.path = Some(std::env::join_paths([machine.at("on-path"), machine.at("none")]).unwrap());
        let expected = ["mine", "on-path", "usr/lib/postgresql/17/bin"].map(|at| machine.at(at).join("initdb"));
        assert_eq!(search.programs("initdb"), expected);
        assert!(search.programs("pg_dump").is_empty());
    }

    #[test]
    fn a_wanted_version_is_a_number_from_14_upwards() {
        assert_eq!(wanted_version(&" 17 ".into()).unwrap(), 17);
        for value in ["13", "seventeen", "", "17.2", "-1"] {
            let error = wanted_version(&value.into()).unwrap_err();
            assert!(error.to_string().starts_with("GRAVEN_PG_VERSION is"), "{error}");
        }
    }
}
