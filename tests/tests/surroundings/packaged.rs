//! `cargo package`, and a build of what it made: where crates.io keeps it, nothing lies beside it.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::members::Holds;
use crate::scratch::{Built, PROFILE, Scratch, cargo, dependency, files, lock_file, patch, target};
use crate::world::{METADATA, SHOW};

#[test]
fn a_package_takes_its_migrations_along_or_the_build_of_it_says_what_to_do() {
    let scratch = Scratch::new("packaged");
    for (file, text) in files() {
        scratch.write(&format!("db/{file}"), text);
    }
    a_link_into_the_package_is_packaged_as_what_it_points_to(&scratch);
    a_directory_outside_of_the_package_is_not_packaged(&scratch);
    a_seal_file_that_was_left_out_is_told_of(&scratch);
}

fn a_link_into_the_package_is_packaged_as_what_it_points_to(scratch: &Scratch) {
    write(scratch, "linked", "", "graven::embed_migrations!()");
    symlink("../db", scratch.path().join("linked/migrations")).unwrap();
    build_packaged(scratch, "linked").succeeds();
    let program = target("scratch-target").join("debug/linked");
    let output = Command::new(program).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("linked: {}\n", Holds::Sample.shown()));
}

fn a_directory_outside_of_the_package_is_not_packaged(scratch: &Scratch) {
    write(scratch, "outside", "", "graven::embed_migrations!(\"../db\")");
    let built = build_packaged(scratch, "outside");
    built.fails_with("the migrations directory `../db` is not there");
    assert!(built.text().contains("(`ln -s ../db db`), name the link to the macro"), "{}", built.text());
}

fn a_seal_file_that_was_left_out_is_told_of(scratch: &Scratch) {
    write(scratch, "left_out", "include = [\"src\", \"migrations/*.sql\"]\n", "graven::embed_migrations!()");
    symlink("../db", scratch.path().join("left_out/migrations")).unwrap();
    let built = build_packaged(scratch, "left_out");
    built.fails_with("the migrations have no seal file");
    assert!(built.text().contains("let the `include` and `exclude` of its `Cargo.toml`"), "{}", built.text());
}

/// Writes a package whose program shows a set.
fn write(scratch: &Scratch, name: &str, about: &str, set: &str) {
    let package = format!("[package]\nname = {name:?}\nedition = \"2024\"\n{METADATA}{about}\n[workspace]\n\n");
    let dependencies = dependency("graven", "tokio-postgres");
    scratch.write(&format!("{name}/Cargo.toml"), format!("{package}[dependencies]\n{dependencies}\n{PROFILE}"));
    scratch.write(&format!("{name}/README.md"), format!("# {name}\n"));
    let main = format!(
        "static MIGRATIONS: graven::Migrations = {set};\n\nfn main() {{\n    show({name:?}, &MIGRATIONS);\n}}\n"
    );
    scratch.write(&format!("{name}/src/main.rs"), main + SHOW);
}

/// Packages a package, and builds what came of it.
fn build_packaged(scratch: &Scratch, name: &str) -> Built {
    let mut package = cargo(&scratch.path().join(name), "package");
    // The package that it depends on is in no registry, so that it can be neither locked nor verified here.
    package.args(["--allow-dirty", "--exclude-lockfile", "--no-verify", "--target-dir"]).arg(target("scratch-target"));
    Built::by(package).succeeds();

    let archive = target("scratch-target").join(format!("package/{name}-0.1.0.crate"));
    let registry = scratch.path().join("registry");
    fs::create_dir_all(&registry).unwrap();
    let mut unpack = Command::new("tar");
    let output = unpack.arg("xzf").arg(archive).current_dir(&registry).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let unpacked = format!("registry/{name}-0.1.0");
    scratch.write(&format!("{unpacked}/Cargo.lock"), lock_file());
    // Packaging leaves out that the package is a workspace of its own, and the target directory may lie within another.
    let manifest = scratch.path().join(&unpacked).join("Cargo.toml");
    let packaged = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{packaged}\n[workspace]\n")).unwrap();
    let mut build = cargo(&scratch.path().join(unpacked), "build");
    build.args(patch()).arg("--target-dir").arg(target("scratch-target"));
    Built::by(build)
}
