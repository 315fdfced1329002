//! The package whose migrations are changed.

use std::fs::{self, File};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use graven_source::read;
use graven_source::set::{Paths, Set};

use crate::scratch::{Built, PROFILE, Scratch, cargo, dependency, files, lock_file, target};

const MAIN: &str = r#"
use carved::{Migrations, embed_migrations as embed};

#[cfg(not(feature = "allow"))]
static MIGRATIONS: Migrations = embed!();
#[cfg(feature = "allow")]
static MIGRATIONS: Migrations = embed!(unsealed = "allow");

/// Lists what is embedded, and then runs it.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    for migration in &MIGRATIONS {
        println!("{} {:?} {:?}", migration.file(), migration.sealing(), migration.sql().trim());
    }
    match MIGRATIONS.run(&mut connect().await).await {
        Ok(_) => unreachable!("there is no server"),
        Err(error) => println!("{error}\n{}", error.hint().unwrap_or_default()),
    }
}

/// A connection to a server that says it is ready, and then hangs up.
async fn connect() -> tokio_postgres::Client {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (near, mut far) = tokio::io::duplex(1024);
    tokio::spawn(async move {
        far.read(&mut [0; 1024]).await.unwrap();
        // AuthenticationOk and ReadyForQuery (PostgreSQL manual, 55.7).
        far.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.unwrap();
        far.read(&mut [0; 1024]).await.unwrap();
    });
    let config: tokio_postgres::Config = "user=nobody".parse().unwrap();
    let (client, connection) = config.connect_raw(near, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
"#;

/// Only lists what is embedded: less to compile.
const LISTS: &str = r#"
static MIGRATIONS: carved::Migrations = carved::embed_migrations!();

fn main() {
    for migration in &MIGRATIONS {
        println!("{} {:?}", migration.file(), migration.sealing());
    }
}
"#;

/// A package that embeds migrations.
pub(crate) struct App {
    pub(crate) scratch: Scratch,
    compiler: Compiler,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compiler {
    Stable,
    /// One that allows what only a nightly compiler does. A stable one is told to.
    Nightly,
}

impl App {
    pub(crate) fn new() -> Self {
        let drivers = "tokio = { version = \"1\", features = [\"io-util\", \"macros\", \"rt\"] }\n\
                       tokio-postgres = { version = \"0.7\", default-features = false }\n";
        let dependencies = dependency("carved", "tokio-postgres") + drivers;
        Self::write_package(Scratch::new("rebuild"), Compiler::Stable, &dependencies, MAIN)
    }

    pub(crate) fn nightly() -> Self {
        let dependencies = dependency("carved", "nightly");
        Self::write_package(Scratch::new("rebuild-nightly"), Compiler::Nightly, &dependencies, LISTS)
    }

    fn write_package(scratch: Scratch, compiler: Compiler, dependencies: &str, main: &str) -> Self {
        let manifest = format!(
            "[package]\nname = \"app\"\nedition = \"2024\"\n\n[workspace]\n\n[features]\nallow = []\n\n\
             [dependencies]\n{dependencies}\n{PROFILE}"
        );
        scratch.write("app/Cargo.toml", manifest);
        scratch.write("app/Cargo.lock", lock_file());
        scratch.write("app/src/main.rs", main);
        let app = Self { scratch, compiler };
        app.restore();
        app
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.scratch.path().join("app")
    }

    pub(crate) fn migration(&self, file: &str) -> PathBuf {
        self.path().join("migrations").join(file)
    }

    /// Writes the migrations as they are at first: two sealed ones and one that is not.
    pub(crate) fn restore(&self) {
        for file in fs::read_dir(self.path().join("migrations")).into_iter().flatten() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        for (file, text) in files() {
            self.write(file, &text);
        }
    }

    pub(crate) fn write(&self, file: &str, content: &str) {
        self.scratch.write(&format!("app/migrations/{file}"), content);
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.migration(file)).unwrap();
    }

    pub(crate) fn touch_seal(&self) {
        let text = fs::read(self.migration("seal.lock")).unwrap();
        fs::write(self.migration("seal.lock"), text).unwrap();
    }

    /// Writes a file as `cp -p`, `rsync -t` or `tar` do: with the time that it had elsewhere.
    pub(crate) fn write_of(&self, time: SystemTime, file: &str, content: &str) {
        self.write(file, content);
        File::options().write(true).open(self.migration(file)).unwrap().set_modified(time).unwrap();
    }

    /// What `graven new` does.
    pub(crate) fn new_migration(&self, version: &str, name: &str) {
        let seal = self.set().seal.unwrap().with_unsealed(version, name).unwrap();
        self.write(&format!("{version}_{name}.sql"), "select 4;\n");
        read::write(&self.migration("seal.lock"), &seal.render()).unwrap();
    }

    /// What `graven seal` does.
    pub(crate) fn seal(&self) {
        let set = self.set();
        let sealed = set.seal.clone().unwrap().seal_all(&set);
        read::write(&self.migration("seal.lock"), &sealed.render()).unwrap();
    }

    fn set(&self) -> Set {
        Set::load(&self.path(), Path::new("migrations"), Paths::Relative).set
    }

    /// Git, over this package alone, whatever its user has configured.
    pub(crate) fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        for setting in ["user.name=nobody", "user.email=nobody@localhost", "core.autocrlf=false"] {
            git.args(["-c", setting]);
        }
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").current_dir(self.path());
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            git.env_remove(variable);
        }
        let output = git.args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    pub(crate) fn build(&self) -> AppBuilt {
        self.cargo(&[])
    }

    /// Builds the package, whose folder is said to be that one.
    pub(crate) fn build_in(&self, folder: &str) -> AppBuilt {
        let mut cargo = cargo(&self.path(), "build");
        cargo.arg("--target-dir").arg(self.target()).env("GRAVEN_MANIFEST_DIR", folder);
        AppBuilt(Built::by(cargo))
    }

    /// Builds the package, and it alone, without debug assertions. What it depends on would only be compiled again.
    pub(crate) fn release(&self, arguments: &[&str]) -> AppBuilt {
        let release = ["--config", "profile.dev.package.app.debug-assertions=false"];
        self.cargo(&[&release, arguments].concat())
    }

    /// How many bytes the program has, without symbols.
    pub(crate) fn size(&self) -> u64 {
        self.seal();
        self.cargo_by("rustc", &["--", "-C", "strip=symbols"]).is_rebuilt();
        fs::metadata(self.binary()).unwrap().len()
    }

    fn cargo(&self, arguments: &[&str]) -> AppBuilt {
        self.cargo_by("build", arguments)
    }

    fn cargo_by(&self, command: &str, arguments: &[&str]) -> AppBuilt {
        let mut cargo = cargo(&self.path(), command);
        cargo.arg("--target-dir").arg(self.target()).args(arguments);
        if self.compiler == Compiler::Nightly {
            cargo.env("RUSTC_BOOTSTRAP", "graven_macros");
        }
        AppBuilt(Built::by(cargo))
    }

    /// A target directory for each of the two: some build scripts look at `RUSTC_BOOTSTRAP`, and what depends on them
    /// would be compiled anew at each turn.
    fn target(&self) -> PathBuf {
        match self.compiler {
            Compiler::Stable => target("scratch-target"),
            Compiler::Nightly => target("nightly-target"),
        }
    }

    fn binary(&self) -> PathBuf {
        self.target().join("debug").join(format!("app{}", std::env::consts::EXE_SUFFIX))
    }

    pub(crate) fn binary_holds(&self, text: &str) -> bool {
        fs::read(self.binary()).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// Another worktree of the package: the same files, as of that time.
    pub(crate) fn worktree(&self, name: &str, time: SystemTime) -> PathBuf {
        let worktree = self.scratch.path().join(name);
        for folder in ["", "src", "migrations"] {
            fs::create_dir_all(worktree.join(folder)).unwrap();
            for entry in fs::read_dir(self.path().join(folder)).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_file() {
                    let copy = worktree.join(folder).join(entry.file_name());
                    fs::copy(entry.path(), &copy).unwrap();
                    File::options().write(true).open(copy).unwrap().set_modified(time).unwrap();
                }
            }
        }
        worktree
    }

    /// What `cargo run` does in a worktree, with the target directory of all.
    pub(crate) fn cargo_run_in(&self, worktree: &Path) -> (AppBuilt, String) {
        let mut cargo = cargo(worktree, "build");
        let built = Built::by({
            cargo.arg("--target-dir").arg(self.target());
            cargo
        });
        let mut program = Command::new(self.binary());
        program.env("CARGO_MANIFEST_DIR", worktree).env("CARGO_PKG_NAME", "app").current_dir(worktree);
        (AppBuilt(built), Self::output(program))
    }

    /// Runs the program in the package's folder, and hands back what it prints.
    pub(crate) fn run(&self) -> String {
        self.run_in(&self.path())
    }

    pub(crate) fn run_in(&self, folder: &Path) -> String {
        let mut program = Command::new(self.binary());
        program.current_dir(folder);
        program.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
        Self::output(program)
    }

    fn output(mut program: Command) -> String {
        program.env_remove("GRAVEN_MODE").env_remove("GRAVEN_LOCK_TIMEOUT");
        let output = program.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What cargo said of the package.
pub(crate) struct AppBuilt(Built);

impl Deref for AppBuilt {
    type Target = Built;

    fn deref(&self) -> &Built {
        &self.0
    }
}

impl AppBuilt {
    #[track_caller]
    pub(crate) fn is_fresh(&self) {
        self.succeeds();
        assert!(!self.text().contains("Compiling app"), "{}", self.text());
    }

    #[track_caller]
    pub(crate) fn is_rebuilt(&self) {
        self.succeeds();
        assert!(self.text().contains("Compiling app"), "{}", self.text());
    }

    /// The lines from one that begins so, without the space before them.
    pub(crate) fn lines_from(&self, start: &str) -> Vec<String> {
        let text = self.text();
        text.lines().map(str::trim).skip_while(|line| !line.starts_with(start)).map(str::to_owned).collect()
    }
}
