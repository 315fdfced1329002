//! Packages that do nothing but embed a set with one of the tools.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};

use graven_source::seal::Seal;
use graven_source::set::{Paths, Set};
use serde::Serialize;
use tempfile::TempDir;

use crate::Result;

/// The name of every package, by which the compiler's runs are told apart.
pub(super) const PACKAGE: &str = "embeds";

/// A set: so many files of so many bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Workload {
    pub(super) files: usize,
    pub(super) bytes: usize,
    pub(super) content: Content,
}

/// What each file of a set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Content {
    /// Statements.
    Plain,
    /// Statements between a BEGIN and a COMMIT of the file's own, which graven has to leave out when it sends them.
    Block,
}

impl Workload {
    pub(super) const ONE: Self = Self::plain(1, 1_024);
    pub(super) const ALL: [Self; 6] = [
        // What a tool costs before it embeds anything to speak of.
        Self::ONE,
        Self::plain(100, 1_024),
        Self::plain(1_000, 1_024),
        Self { content: Content::Block, ..Self::plain(1_000, 1_024) },
        Self::plain(10_000, 1_024),
        Self::plain(1, 50 * 1_024 * 1_024),
    ];

    const fn plain(files: usize, bytes: usize) -> Self {
        Self { files, bytes, content: Content::Plain }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = crate::table::thousands(self.files);
        let noun = if self.files == 1 { "file" } else { "files" };
        match self.bytes / (1_024 * 1_024) {
            0 => write!(f, "{files} {noun} of {} KB", self.bytes / 1_024)?,
            megabytes => write!(f, "{files} {noun} of {megabytes} MB")?,
        }
        match self.content {
            Content::Plain => Ok(()),
            Content::Block => f.write_str(", each with a BEGIN and COMMIT of its own"),
        }
    }
}

/// A tool whose macro embeds a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Embedder {
    Graven,
    Sqlx,
    Refinery,
    Diesel,
}

impl Embedder {
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self::Graven, Self::Sqlx, Self::Refinery];
        if cfg!(feature = "diesel") {
            all.push(Self::Diesel);
        }
        all
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Graven => "graven",
            Self::Sqlx => "sqlx",
            Self::Refinery => "refinery",
            Self::Diesel => "diesel",
        }
    }

    pub(super) fn package(&self) -> &'static str {
        match self {
            Self::Diesel => "diesel_migrations",
            other => other.name(),
        }
    }

    /// The path of a migration in the directory.
    fn file(self, version: usize) -> String {
        match self {
            Self::Graven | Self::Sqlx => format!("{version:05}_step_{version}.sql"),
            Self::Refinery => format!("V{version}__step_{version}.sql"),
            Self::Diesel => format!("{version:05}_step_{version}/up.sql"),
        }
    }

    fn dependency(self) -> String {
        let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
        match self {
            Self::Graven => {
                format!("graven = {{ path = {runtime:?}, default-features = false, features = [\"tokio-postgres\"] }}")
            }
            Self::Sqlx => {
                "sqlx = { version = \"0.9.0\", default-features = false, features = [\"macros\", \"migrate\", \
                           \"postgres\", \"runtime-tokio\"] }"
                    .to_owned()
            }
            Self::Refinery => "refinery = { version = \"0.10.0\", default-features = false, features = \
                               [\"tokio-postgres\"] }"
                .to_owned(),
            Self::Diesel => "diesel = { version = \"2.3.14\", default-features = false, features = [\"postgres\"] }\n\
                             diesel_migrations = { version = \"2.3.2\", default-features = false, features = \
                             [\"postgres\"] }"
                .to_owned(),
        }
    }

    /// The embedding, and `count`, which the program prints so that the linker keeps the set.
    fn code(self) -> &'static str {
        match self {
            Self::Graven => {
                "pub static MIGRATIONS: graven::Migrations = graven::embed_migrations!();\n\
                 pub fn count() -> usize { std::hint::black_box(MIGRATIONS).len() }\n"
            }
            Self::Sqlx => {
                "pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();\n\
                 pub fn count() -> usize { std::hint::black_box(&MIGRATIONS).iter().count() }\n"
            }
            Self::Refinery => {
                "refinery::embed_migrations!(\"migrations\");\n\
                 pub fn count() -> usize { migrations::runner().get_migrations().len() }\n"
            }
            Self::Diesel => {
                "use diesel::migration::MigrationSource;\n\
                 pub const MIGRATIONS: diesel_migrations::EmbeddedMigrations = diesel_migrations::embed_migrations!();\n\
                 pub fn count() -> usize { MigrationSource::<diesel::pg::Pg>::migrations(&MIGRATIONS).map_or(0, |all| all.len()) }\n"
            }
        }
    }
}

/// A package on disk. It goes when the value does.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) tool: Embedder,
    workload: Workload,
    directory: TempDir,
}

impl Package {
    pub(super) fn write(tool: Embedder, workload: Workload) -> Result<Self> {
        let package = Self { tool, workload, directory: tempfile::tempdir()? };
        let manifest = format!(
            "[package]\nname = \"{PACKAGE}\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{}\n",
            tool.dependency()
        );
        fs::create_dir_all(package.path().join("src/bin"))?;
        fs::write(package.path().join("Cargo.toml"), manifest)?;
        // The versions that this benchmark was built with.
        fs::write(package.path().join("Cargo.lock"), include_str!("../../Cargo.lock"))?;
        fs::write(package.source(), tool.code())?;
        fs::write(
            package.path().join("src/bin/program.rs"),
            format!("fn main() {{ println!(\"{{}}\", {PACKAGE}::count()); }}\n"),
        )?;
        for version in 1..=workload.files {
            let file = package.migration(version);
            fs::create_dir_all(file.parent().ok_or("a file lies in no directory")?)?;
            fs::write(file, sql(version, workload))?;
        }
        if tool == Embedder::Graven {
            package.seal()?;
        }
        Ok(package)
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn source(&self) -> PathBuf {
        self.path().join("src/lib.rs")
    }

    /// Edits the last migration: its length stays.
    pub(super) fn edit(&self) -> Result<()> {
        let file = self.migration(self.workload.files);
        let mut text = fs::read_to_string(&file)?;
        let mark = if text.ends_with("!\n") { ".\n" } else { "!\n" };
        text.truncate(text.len() - mark.len());
        fs::write(file, text + mark)?;
        Ok(())
    }

    pub(super) fn sql_bytes(&self) -> Result<usize> {
        Ok(self.workload.files * self.workload.bytes)
    }

    fn migration(&self, version: usize) -> PathBuf {
        self.path().join("migrations").join(self.tool.file(version))
    }

    /// Seals all but the last migration, which is still edited.
    fn seal(&self) -> Result<()> {
        let seal_file = self.path().join("migrations/seal.lock");
        fs::write(&seal_file, "")?;
        let mut set = Set::load(self.path(), Path::new("migrations"), Paths::Relative).set;
        set.migrations.pop();
        fs::write(&seal_file, Seal::default().seal_all(&set).render())?;
        Ok(())
    }
}

/// An ordinary migration of exactly so many bytes.
fn sql(version: usize, workload: Workload) -> String {
    let (begin, commit) = match workload.content {
        Content::Plain => ("", ""),
        Content::Block => ("BEGIN;\n", "COMMIT;\n"),
    };
    let bytes = workload.bytes - commit.len();
    let mut sql = format!(
        "-- Step {version}.\n{begin}CREATE TABLE t_{version} (id bigint PRIMARY KEY, name text NOT NULL);\n"
    );
    for row in 1.. {
        let before = sql.len();
        let _ = writeln!(sql, "INSERT INTO t_{version} (id, name) VALUES ({row}, 'it''s the row {row}');");
        // The last line is a comment: `-- ` and at least one more character.
        if sql.len() + 6 > bytes {
            sql.truncate(before);
            break;
        }
    }
    let left = bytes.saturating_sub(sql.len() + "-- .\n".len());
    sql.push_str(commit);
    let _ = writeln!(sql, "-- {}.", "x".repeat(left));
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_has_the_size_that_was_asked_for() {
        for version in [1, 99, 10_000] {
            for bytes in [1_024, 1_025, 100_000] {
                let plain = Workload::plain(1, bytes);
                assert_eq!(sql(version, plain).len(), bytes);
                assert_eq!(sql(version, Workload { content: Content::Block, ..plain }).len(), bytes);
            }
        }
    }

    #[test]
    fn an_edit_changes_a_migration_and_not_its_length() {
        let package = Package::write(Embedder::Sqlx, Workload::ONE).unwrap();
        let read = || fs::read_to_string(package.migration(1)).unwrap();
        let before = read();
        package.edit().unwrap();
        assert!(read() != before && read().len() == before.len());
        package.edit().unwrap();
        assert_eq!(read(), before);
    }

    #[test]
    fn a_package_of_graven_is_sealed_but_for_its_last_migration() {
        let package = Package::write(Embedder::Graven, Workload::plain(3, 1_024)).unwrap();
        let loaded = Set::load(package.path(), Path::new("migrations"), Paths::Relative);
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        let sealed: Vec<_> = loaded.set.migrations.iter().map(|it| it.sealing).collect();
        use graven_source::set::Sealing::{Sealed, Unsealed};
        assert_eq!(sealed, [Sealed, Sealed, Unsealed]);
    }
}
