//! What makes cargo build again, and what a build without debug assertions refuses: cargo is run over a package of its
//! own, step after step, as its author would change the migrations.
//!
//! A package that depends on graven under another name shows in passing that the expansion names nothing of its user's.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use graven_source::read;
use graven_source::seal::Seal;
use graven_source::set::{Paths, Set};

use crate::scratch::Scratch;

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

const USERS: &str = "0001_create_users.sql";
const EMAIL: &str = "0002_add_email.sql";
const INDEX: &str = "0003_add_index.sql";

/// The steps share one package, since a second one would be compiled from the beginning.
#[test]
fn a_change_to_the_migrations_is_built_or_refused() {
    let app = App::new();
    a_build_embeds_what_is_there(&app);
    a_sealed_migration_that_is_edited_deleted_or_renamed_is_refused(&app);
    two_migrations_of_one_version_are_refused(&app);
    an_edit_of_an_unsealed_migration_is_built(&app);
    a_migration_made_by_graven_new_is_built(&app);
    a_migration_dropped_in_by_hand_is_refused_when_the_program_runs(&app);
    a_release_refuses_what_is_not_sealed_until_it_is_allowed_or_sealed(&app);
    a_release_does_not_know_where_it_was_built(&app);
    a_build_script_notices_a_migration_dropped_in_by_hand(&app);
}

fn a_build_embeds_what_is_there(app: &App) {
    app.build().succeeds();
    let listed = app.run();
    assert!(listed.contains("0001_create_users.sql Sealed \"create table users (id bigint);\""), "{listed}");
    assert!(listed.contains("0003_add_index.sql Unsealed"), "{listed}");
    assert!(!listed.contains("this binary was built before"), "{listed}");
    app.build().is_fresh();
}

fn a_sealed_migration_that_is_edited_deleted_or_renamed_is_refused(app: &App) {
    let edit = || app.write(USERS, "create table users (id uuid);\n");
    let delete = || app.remove(USERS);
    let rename = || fs::rename(app.migration(EMAIL), app.migration("0002_add_mail.sql")).unwrap();
    let changes: [(&dyn Fn(), &str); 3] = [
        (&edit, "sealed migration 1 was edited"),
        (&delete, "sealed migration 1 is gone"),
        (&rename, "sealed migration 2 was renamed"),
    ];
    for (change, message) in changes {
        change();
        app.build().fails_with(message);
        app.restore();
        app.build().succeeds();
    }
}

fn two_migrations_of_one_version_are_refused(app: &App) {
    app.write("3_add_team.sql", "select 1;\n");
    // As a pull does that brings a second one.
    app.touch_seal();
    app.build().fails_with("two migrations have version 3");
    app.restore();
}

fn an_edit_of_an_unsealed_migration_is_built(app: &App) {
    app.build().succeeds();
    app.write(INDEX, "create unique index on users (email);\n");
    app.build().is_rebuilt();
    assert!(app.run().contains("0003_add_index.sql Unsealed \"create unique index on users (email);\""));
}

fn a_migration_made_by_graven_new_is_built(app: &App) {
    app.new_migration("0004", "add_name");
    app.build().is_rebuilt();
    assert!(app.run().contains("0004_add_name.sql Unsealed"));
}

fn a_migration_dropped_in_by_hand_is_refused_when_the_program_runs(app: &App) {
    app.write("0005_by_hand.sql", "select 5;\n");
    app.build().is_fresh();
    let listed = app.run();
    assert!(listed.contains("this binary was built before migrations/0005_by_hand.sql was added"), "{listed}");
    assert!(listed.contains("touch migrations/seal.lock"), "{listed}");
    app.touch_seal();
    app.build().is_rebuilt();
    let listed = app.run();
    assert!(listed.contains("0005_by_hand.sql Unsealed") && !listed.contains("was built before"), "{listed}");
}

fn a_release_refuses_what_is_not_sealed_until_it_is_allowed_or_sealed(app: &App) {
    let refused = app.release(&[]);
    refused.fails_with("3 migrations are not sealed (3 to 5), and this is a release build");
    app.release(&["--features", "allow"]).succeeds();
    assert!(app.run().contains("0005_by_hand.sql Unsealed"));

    let printed = refused.lines_from("# Sealed migrations.");
    let lines: Vec<_> = printed.iter().map(String::as_str).take_while(|line| !line.starts_with("-->")).collect();
    assert_eq!(lines.len(), 7, "{lines:?}");
    app.write("seal.lock", &(lines.join("\n") + "\n"));
    app.release(&[]).succeeds();
    let listed = app.run();
    assert!(listed.contains("0005_by_hand.sql Sealed") && !listed.contains("Unsealed"), "{listed}");
}

fn a_release_does_not_know_where_it_was_built(app: &App) {
    let here = app.path().display().to_string();
    assert!(!app.binary_holds(&here), "the release holds {here}");
    // Nor does its guard look at anything.
    app.write("0006_by_hand.sql", "select 6;\n");
    assert!(!app.run().contains("was built before"));
    app.remove("0006_by_hand.sql");

    app.build().succeeds();
    assert!(app.binary_holds(&here), "even a dev build does not hold {here}: the search finds nothing");
}

fn a_build_script_notices_a_migration_dropped_in_by_hand(app: &App) {
    app.scratch.write("app/build.rs", "fn main() {\n    println!(\"cargo:rerun-if-changed=migrations\");\n}\n");
    app.build().succeeds();
    app.build().is_fresh();
    app.write("0006_by_hand.sql", "select 6;\n");
    app.build().is_rebuilt();
    let listed = app.run();
    assert!(listed.contains("0006_by_hand.sql Unsealed") && !listed.contains("was built before"), "{listed}");
}

/// A package that embeds migrations.
struct App {
    scratch: Scratch,
}

impl App {
    fn new() -> Self {
        let scratch = Scratch::new("rebuild");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let manifest = format!(
            "[package]\nname = \"app\"\nedition = \"2024\"\n\n[workspace]\n\n[features]\nallow = []\n\n[dependencies]\n\
             carved = {{ package = \"graven\", path = {runtime:?}, default-features = false, \
             features = [\"tokio-postgres\"] }}\n\
             tokio = {{ version = \"1\", features = [\"io-util\", \"macros\", \"rt\"] }}\n\
             tokio-postgres = {{ version = \"0.7\", default-features = false }}\n\n\
             # The path of the build is looked for in the binary: debug information would hold it in any case.\n\
             [profile.dev]\ndebug = false\nincremental = false\n",
            runtime = workspace.join("runtime")
        );
        scratch.write("app/Cargo.toml", manifest);
        scratch.write("app/Cargo.lock", fs::read(workspace.join("Cargo.lock")).unwrap());
        scratch.write("app/src/main.rs", MAIN);
        let app = Self { scratch };
        app.restore();
        app
    }

    fn path(&self) -> PathBuf {
        self.scratch.path().join("app")
    }

    fn migration(&self, file: &str) -> PathBuf {
        self.path().join("migrations").join(file)
    }

    /// Writes the migrations as they are at first: two sealed ones and one that is not.
    fn restore(&self) {
        let files = [
            (USERS, "create table users (id bigint);\n"),
            (EMAIL, "alter table users add column email text;\n"),
            (INDEX, "create index on users (email);\n"),
        ];
        for file in fs::read_dir(self.path().join("migrations")).into_iter().flatten() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        for (file, sql) in &files[..2] {
            self.write(file, sql);
        }
        let sealed = Seal::default().seal_all(&self.set());
        self.write(INDEX, files[2].1);
        self.write("seal.lock", &sealed.with_unsealed("0003", "add_index").unwrap().render());
    }

    fn set(&self) -> Set {
        Set::load(&self.path(), Path::new("migrations"), Paths::Relative).set
    }

    fn write(&self, file: &str, content: &str) {
        self.scratch.write(&format!("app/migrations/{file}"), content);
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.migration(file)).unwrap();
    }

    fn touch_seal(&self) {
        let text = fs::read(self.migration("seal.lock")).unwrap();
        fs::write(self.migration("seal.lock"), text).unwrap();
    }

    /// What `graven new` does.
    fn new_migration(&self, version: &str, name: &str) {
        let seal = self.set().seal.unwrap().with_unsealed(version, name).unwrap();
        self.write(&format!("{version}_{name}.sql"), "select 4;\n");
        read::write(&self.migration("seal.lock"), &seal.render()).unwrap();
    }

    fn build(&self) -> Built {
        self.cargo(&[])
    }

    /// Builds the package, and it alone, without debug assertions. What it depends on would only be compiled again.
    fn release(&self, arguments: &[&str]) -> Built {
        let release = ["--config", "profile.dev.package.app.debug-assertions=false"];
        self.cargo(&[&release, arguments].concat())
    }

    fn cargo(&self, arguments: &[&str]) -> Built {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--offline", "--color", "never", "--target-dir"]).arg(self.target()).args(arguments);
        cargo.current_dir(self.path()).env_remove("GRAVEN_MANIFEST_DIR");
        // Those of the workspace may be others from run to run, and everything would be compiled anew.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
        Built(cargo.output().unwrap())
    }

    /// Beside the package, which is written anew at each run: what was compiled is not.
    fn target(&self) -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("rebuild-target")
    }

    fn binary(&self) -> PathBuf {
        self.target().join("debug").join(format!("app{}", std::env::consts::EXE_SUFFIX))
    }

    fn binary_holds(&self, text: &str) -> bool {
        fs::read(self.binary()).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// Runs the program, and hands back what it prints.
    fn run(&self) -> String {
        let mut program = Command::new(self.binary());
        program.env_remove("GRAVEN_MODE").env_remove("GRAVEN_LOCK_TIMEOUT");
        let output = program.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What cargo said.
struct Built(Output);

impl Built {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    #[track_caller]
    fn succeeds(&self) {
        assert!(self.0.status.success(), "{}", self.text());
        assert!(!self.text().contains("warning: `app`"), "{}", self.text());
    }

    #[track_caller]
    fn is_fresh(&self) {
        self.succeeds();
        assert!(!self.text().contains("Compiling app"), "{}", self.text());
    }

    #[track_caller]
    fn is_rebuilt(&self) {
        self.succeeds();
        assert!(self.text().contains("Compiling app"), "{}", self.text());
    }

    #[track_caller]
    fn fails_with(&self, message: &str) {
        assert!(!self.0.status.success(), "it builds, and should say: {message}");
        assert!(self.text().contains(&format!("error: {message}")), "{}", self.text());
        assert_eq!(self.text().matches("error: ").count(), 2, "another error follows:\n{}", self.text());
    }

    /// The lines from one that begins so, without the space before them.
    fn lines_from(&self, start: &str) -> Vec<String> {
        let text = self.text();
        text.lines().map(str::trim).skip_while(|line| !line.starts_with(start)).map(str::to_owned).collect()
    }
}
