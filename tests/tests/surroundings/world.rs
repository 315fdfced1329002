//! The workspace, written to disk, and cargo run over it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use graven_source::Checksum;

use crate::members::{DependsOn, Holds, MEMBERS, Member, SETS};
use crate::scratch::{Built, PROFILE, Scratch, cargo, dependency, files, lock_file, target};

/// A folder whose name holds what a path may hold and a shell, a format string or a dep-info file may stumble over.
const FOLDER: &str = "it's a wörk space {1} #数 100%";

/// What the manifest of a published package says, and clippy asks for.
pub(crate) const METADATA: &str = "version = \"0.1.0\"\ndescription = \"A surrounding\"\nlicense = \"MIT\"\nrepository = \"here\"\n\
                        readme = \"README.md\"\nkeywords = [\"none\"]\ncategories = [\"database\"]\n";

/// Shows each set in a line.
pub(crate) const SHOW: &str = r#"
fn show(name: &str, set: &graven::Migrations) {
    print!("{name}: {} up to {}", set.len(), set.head().map_or(-1, graven::Version::value));
    for migration in set.iter().take(3) {
        print!(", {} {:?} {}", migration.file(), migration.sealing(), migration.checksum());
    }
    println!();
}
"#;

pub(crate) struct World {
    scratch: Scratch,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self { scratch: Scratch::new("surroundings") };
        let mut manifest = "[workspace]\nresolver = \"3\"\nmembers = [\"shows\"".to_owned();
        for member in MEMBERS {
            world.write_member(member);
            manifest += &format!(", {:?}", member.folder);
        }
        world.write("Cargo.toml", manifest + "]\n\n" + PROFILE);
        world.write("Cargo.lock", lock_file());
        world.write_sets();
        world.write_program();
        // What is not of these packages goes, and the build needs not write it any more.
        Built::by(world.cargo("update", &["--workspace"])).succeeds();
        world
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.scratch.path().join(FOLDER)
    }

    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        self.scratch.write(&format!("{FOLDER}/{file}"), content);
    }

    fn write_member(&self, member: &Member) {
        let Member { name, folder, edition, .. } = member;
        let dependencies = match member.depends_on {
            DependsOn::GravenAs(name) => dependency(name, "tokio-postgres"),
            DependsOn::Members(names) => names.iter().map(|name| on_member(name, "../")).collect(),
        };
        let package = format!("[package]\nname = {name:?}\nedition = {edition:?}\n{METADATA}");
        self.write(&format!("{folder}/Cargo.toml"), format!("{package}\n[dependencies]\n{dependencies}"));
        self.write(&format!("{folder}/README.md"), format!("# {name}\n"));
        self.write(&format!("{folder}/src/lib.rs"), member.source);
        for directory in member.sample {
            self.write_sample(&format!("{folder}/{directory}"));
        }
    }

    fn write_sample(&self, directory: &str) {
        for (file, text) in files() {
            let text = if directory.contains("windows") { on_windows(&text) } else { text };
            self.write(&format!("{directory}/{file}"), text);
        }
    }

    fn write_one(&self, directory: &str, name: &str) {
        self.write(&format!("{directory}/seal.lock"), "");
        self.write(&format!("{directory}/0001_{name}.sql"), text_of(name));
    }

    /// What lies elsewhere than one would look for it first.
    fn write_sets(&self) {
        self.write_sample("shared db");
        // Where the workspace begins is not where a member does.
        self.write_one("migrations", "of_nobody");
        self.write_one("crates/several/web", "web");
        self.write_one("crates/several/ledger", "ledger");
        self.write_one("crates/several/tests/migrations", "only_for_tests");
        self.write(
            "crates/several/examples/shows_web.rs",
            "fn main() {\n    println!(\"{:?}\", graven::embed_migrations!(\"web\"));\n}\n",
        );
        for file in fs::read_dir("fixtures/embed").unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            self.write(&format!("crates/strict/everything/{name}"), fs::read(file.path()).unwrap());
        }
        let linked = self.path().join("crates/linked");
        symlink("../../shared db", linked.join("migrations")).unwrap();
        fs::create_dir(linked.join("links to files")).unwrap();
        for (file, _) in files() {
            symlink(format!("../../../shared db/{file}"), linked.join("links to files").join(file)).unwrap();
        }
        self.write("crates/many/migrations/seal.lock", "");
        for version in 1..=1000 {
            self.write(&format!("crates/many/migrations/{version}_table.sql"), thousandth(version));
        }
    }

    fn write_program(&self) {
        let members = MEMBERS.iter().map(|member| {
            let folder = member.folder;
            format!("{} = {{ path = {:?} }}\n", member.name, format!("../{folder}"))
        });
        let dependencies = dependency("graven", "tokio-postgres") + &members.collect::<String>();
        let package = "[package]\nname = \"shows\"\nedition = \"2024\"\n";
        self.write("shows/Cargo.toml", format!("{package}\n[dependencies]\n{dependencies}"));
        let shown = SETS.iter().map(|(set, _)| format!("    show({set:?}, &{set});\n"));
        self.write("shows/src/main.rs", format!("fn main() {{\n{}}}\n{SHOW}", shown.collect::<String>()));
    }

    /// Cargo with a command, over the workspace.
    pub(crate) fn cargo(&self, command: &str, arguments: &[&str]) -> Command {
        let mut cargo = cargo(&self.path(), command);
        cargo.env("CARGO_TARGET_DIR", target("scratch-target"));
        if let Some(clippy) = clippy() {
            // As `cargo clippy` does it; but it would only check, and this builds what is checked.
            cargo.env("RUSTC_WORKSPACE_WRAPPER", clippy);
        }
        cargo.args(arguments);
        cargo
    }

    /// Runs a program of the workspace, and hands back what it prints.
    pub(crate) fn run(&self, program: &str) -> String {
        let program = target("scratch-target").join("debug").join(program);
        let output = Command::new(program).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// All files of the workspace, with what would tell that one was written.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, (u64, SystemTime)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let about = fs::symlink_metadata(&path).unwrap();
                if about.is_dir() {
                    folders.push(path.clone());
                }
                found.insert(path, (about.len(), about.modified().unwrap()));
            }
        }
        found
    }

    /// Takes the right to write from all of it, for as long as the result lives. (The superuser has it in any case.)
    pub(crate) fn read_only(&self) -> ReadOnly {
        let mut folders: Vec<PathBuf> = self.files().into_keys().filter(|path| path.is_dir()).collect();
        folders.retain(|folder| !folder.is_symlink());
        folders.push(self.path());
        let read_only = ReadOnly { folders };
        read_only.set_mode(0o555);
        read_only
    }
}

/// Folders that cannot be written to.
pub(crate) struct ReadOnly {
    folders: Vec<PathBuf>,
}

impl ReadOnly {
    fn set_mode(&self, mode: u32) {
        for folder in &self.folders {
            fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        self.set_mode(0o755);
    }
}

impl Holds {
    /// How the program shows such a set.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Sample => {
                let [(users, create), (email, add), (index, create_index), _] = files();
                let shown = |file: &str, sealing: &str, text: &str| line(file, sealing, text);
                format!(
                    "3 up to 3{}{}{}",
                    shown(users, "Sealed", &create),
                    shown(email, "Sealed", &add),
                    shown(index, "Unsealed", &create_index)
                )
            }
            Self::One(name) => format!("1 up to 1{}", line(&format!("0001_{name}.sql"), "Unsealed", &text_of(name))),
            Self::Thousand => {
                let lines =
                    (1..=3).map(|version| line(&format!("{version}_table.sql"), "Unsealed", &thousandth(version)));
                format!("1000 up to 1000{}", lines.collect::<String>())
            }
        }
    }
}

/// Clippy's compiler, beside cargo. A toolchain need not have it, but that of the continuous integration does.
fn clippy() -> Option<PathBuf> {
    let clippy = Path::new(env!("CARGO")).with_file_name("clippy-driver");
    let is_there = clippy.is_file();
    assert!(is_there || std::env::var_os("CI").is_none(), "{} is not there", clippy.display());
    is_there.then_some(clippy)
}

fn line(file: &str, sealing: &str, text: &str) -> String {
    format!(", {file} {sealing} {}", Checksum::of_text(text))
}

/// A text as a checkout on Windows has it, and some editors there.
fn on_windows(text: &str) -> String {
    format!("\u{feff}{}", text.replace('\n', "\r\n"))
}

fn text_of(name: &str) -> String {
    format!("create table {name} (id bigint);\n")
}

/// One of many: every second has what makes its expansion longer.
fn thousandth(version: u32) -> String {
    let directive = if version.is_multiple_of(2) { "-- graven: lock_timeout = 10s\n" } else { "" };
    format!("{directive}create table t{version} (id bigint);\n")
}

fn on_member(name: &str, parent: &str) -> String {
    format!("{name} = {{ path = \"{parent}{name}\" }}\n")
}
