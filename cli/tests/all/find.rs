//! Which directory is meant where none is named.

use std::fs;

use crate::world::{Ran, World, snapshot};

const PACKAGE: &str = "[package]\nname = \"app\"\n";

/// A world whose folder is a package, or a workspace of some.
fn world(manifests: &[(&str, &str)]) -> World {
    let world = World::new();
    for (folder, text) in manifests {
        let folder = world.folder().join(folder);
        fs::create_dir_all(folder.join("src")).expect("a folder");
        fs::write(folder.join("Cargo.toml"), text).expect("a file");
    }
    world
}

fn run_in(world: &World, folder: &str, arguments: &[&str]) -> Ran {
    let mut command = world.command(arguments);
    command.current_dir(world.folder().join(folder));
    world.finish(command)
}

#[test]
fn the_directory_of_the_package_around_is_meant_and_paths_lead_there() {
    let world = world(&[("", PACKAGE)]).with(&[("1_a.sql", "select 'open\n")]);
    let ran = run_in(&world, "src", &["check"]);
    assert_eq!(ran.code, Some(6));
    assert!(ran.stderr.contains(" --> ../migrations/1_a.sql:1:8\n"), "{}", ran.stderr);
    world.write("1_a.sql", "select 1;\n");
    assert_eq!(run_in(&world, "src", &["new", "b"]).stdout, "created ../migrations/2_b.sql\n");
    assert_eq!(run_in(&world, "migrations", &["check", "--json"]).json()["directory"], ".");
}

#[test]
fn several_packages_with_migrations_are_named_and_none_is_chosen() {
    let world =
        world(&[("", "[workspace]\nmembers = [\"crates/*\"]\n"), ("crates/api", PACKAGE), ("crates/jobs", PACKAGE)]);
    for package in ["api", "jobs"] {
        fs::create_dir(world.folder().join("crates").join(package).join("migrations")).expect("a folder");
    }
    snapshot!("find-several", world.run(&["check"]));
    for arguments in [&["apply"][..], &["new", "a"], &["seal"], &["renumber"], &["status"]] {
        assert_eq!(world.run(arguments).code, Some(2), "{arguments:?}");
    }
    assert_eq!(run_in(&world, "crates/api", &["seal"]).code, Some(0));
    assert_eq!(run_in(&world, "crates/api/src", &["check"]).code, Some(0));
    assert_eq!(world.run(&["check", "--dir", "crates/api/migrations"]).code, Some(0));
}

#[test]
fn where_nothing_is_found_all_places_are_named_and_new_makes_it_in_the_package() {
    let world = world(&[("", "[workspace]\n"), ("api", PACKAGE)]);
    snapshot!("find-nothing", run_in(&world, "api/src", &["check"]));
    let ran = run_in(&world, "api/src", &["new", "a"]);
    assert_eq!(ran.stdout, "created ../migrations\ncreated ../migrations/0001_a.sql\n");
}
