//! `graven new`.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::world::{World, snapshot};

#[test]
fn the_first_migration_makes_the_directory_and_is_announced_in_the_seal_file() {
    let world = World::new();
    snapshot!("new-first", world.run(&["new", "create", "users"]));
    snapshot!("new-second", world.run(&["new", "add_email"]));
    assert_eq!(world.files(), ["0001_create_users.sql", "0002_add_email.sql", "seal.lock"]);
    assert_eq!(world.read("0001_create_users.sql"), "-- create users\n");
    assert!(world.read("seal.lock").ends_with("\n0001 create_users unsealed\n0002 add_email unsealed\n"));
    world.done(&["check"]);
}

#[test]
fn a_reverse_is_made_beside_its_migration() {
    let world = World::new();
    snapshot!("new-reverse", world.run(&["new", "--reverse", "add", "email"]));
    snapshot!("new-reverse-json", world.run(&["new", "--reverse", "--json", "add", "name"]));
    assert_eq!(world.files().len(), 5);
    assert_eq!(world.read("0001_add_email.down.sql"), "-- takes back: add email\n");
    world.done(&["check"]);
}

/// cargo keeps no track of a file with such a space in its name.
#[test]
fn a_space_of_any_kind_is_none_of_the_name() {
    let world = World::new();
    world.done(&["new", "--reverse", "add\u{3000}e-mail\u{a0}address"]);
    assert_eq!(world.files(), ["0001_add_e-mail_address.down.sql", "0001_add_e-mail_address.sql", "seal.lock"]);
    world.done(&["check"]);
}

#[test]
fn versions_go_on_as_those_before_them_are_spelt() {
    for (before, after) in [
        (&["7_a.sql"][..], "8_x.sql"),
        (&["007_a.sql", "010_b.sql"], "011_x.sql"),
        (&["0001_a.up.sql"], "0002_x.up.sql"),
        (&["20990131120000_a.sql"], "20990131120001_x.sql"),
    ] {
        let world = World::new();
        for file in before {
            world.write(file, "");
        }
        world.done(&["new", "x"]);
        assert!(world.files().iter().any(|file| file == after), "{after}: {:?}", world.files());
    }
}

#[test]
fn a_timestamp_serves_as_a_version_and_the_next_one_is_above_it() {
    let world = World::new();
    snapshot!("new-timestamp", world.run(&["new", "--timestamp", "a"]));
    world.done(&["new", "b"]);
    world.done(&["new", "c"]);
    let files = world.files();
    assert_eq!(files.len(), 4);
    let versions: Vec<i64> = files[..3].iter().map(|file| file[..14].parse().expect("a timestamp")).collect();
    assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    let endings: Vec<&str> = files[..3].iter().map(|file| &file[14..]).collect();
    assert_eq!(endings, ["_a.sql", "_b.sql", "_c.sql"]);
}

#[test]
fn a_name_that_would_be_read_otherwise_is_refused_and_nothing_is_written() {
    let world = World::new().with(&[]);
    for (name, said) in [
        ("", "it is empty"),
        ("a/b", "no file name may hold"),
        ("../../up", "no file name may hold"),
        ("a\\b", "no file name may hold"),
        ("x.down", "graven new --reverse"),
        ("x.baseline", "it would name a baseline migration"),
        ("a\u{1b}[2Jb", "control character"),
        ("sha256:b", "sha256:"),
    ] {
        let ran = world.run(&["new", "--", name]);
        assert_eq!(ran.code, Some(2), "{name:?}\n{}", ran.page());
        assert!(ran.stderr.contains(said), "{name:?}\n{}", ran.stderr);
        assert!(!ran.stderr.contains('\u{1b}'), "{name:?}");
    }
    assert_eq!(world.files(), ["seal.lock"]);
    assert_eq!(world.read("seal.lock"), "");
}

#[test]
fn names_and_directories_may_hold_spaces_and_any_script() {
    let world = World::new();
    let directory = "meine dateien/миграции";
    let ran = world.done(&["--dir", directory, "new", "--", "größe [m²]", "-x"]);
    assert!(ran.stdout.ends_with(" meine dateien/миграции/0001_größe_[m²]_-x.sql\n"), "{}", ran.stdout);
    let absolute = world.folder().join(directory);
    let ran = world.done(&["--dir", absolute.to_str().expect("UTF-8"), "check"]);
    assert!(ran.stdout.contains("1 migration, 0 sealed"), "{}", ran.stdout);
}

#[test]
fn a_name_too_long_for_the_file_system_leaves_nothing_behind() {
    let world = World::new().with(&[]);
    // The migration's own name is just short enough, and its reverse's is not.
    let name = "x".repeat(245);
    let ran = world.run(&["new", "--reverse", &name]);
    assert_eq!(ran.code, Some(1), "{}", ran.page());
    assert!(ran.stderr.starts_with("error: cannot make migrations/0001_xxx"), "{}", ran.stderr);
    assert_eq!(world.files(), ["seal.lock"]);
}

#[test]
fn a_seal_file_that_cannot_be_read_is_not_overwritten() {
    for (content, said) in
        [("\0", "NUL byte"), ("no line of a seal file", "version"), ("<<<<<<< HEAD", "conflict marker")]
    {
        let world = World::new().with(&[("1_a.sql", "select 1;\n"), ("seal.lock", content)]);
        let ran = world.run(&["new", "b"]);
        assert_eq!(ran.code, Some(6), "{content:?}\n{}", ran.page());
        assert!(ran.stderr.contains(said), "{content:?}\n{}", ran.stderr);
        assert_eq!(world.files(), ["1_a.sql", "seal.lock"]);
        assert_eq!(world.read("seal.lock"), content);
    }
}

#[test]
fn a_directory_that_is_a_file_is_refused() {
    let world = World::new();
    fs::write(world.folder().join("migrations"), "").expect("a file");
    snapshot!("new-no-directory", world.run(&["new", "a"]));
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_written_to_stays_as_it_is() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    let directory = world.folder().join("migrations");
    let mode = |mode| fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).expect("it is ours");
    mode(0o555);
    // Root may write anywhere, and there is nothing to be seen then.
    let refused = fs::write(directory.join("probe"), "").is_err();
    let (new, seal) = (world.run(&["new", "b"]), world.run(&["seal"]));
    mode(0o755);
    if refused {
        for ran in [new, seal] {
            assert_eq!(ran.code, Some(1));
            assert!(ran.stderr.contains("Permission denied"), "{}", ran.stderr);
        }
        assert_eq!(world.files(), ["1_a.sql", "seal.lock"]);
    }
}

#[test]
fn several_at_a_time_take_a_version_each() {
    for (world, before) in [(World::new(), 0), (World::new().with(&[("0001_a.sql", "select 1;\n")]), 1)] {
        let running: Vec<_> = (0..12)
            .map(|at| {
                world.command(&["new", &format!("m{at}")]).stdout(Stdio::null()).spawn().expect("the command starts")
            })
            .collect();
        for mut one in running {
            assert!(one.wait().expect("it ends").success());
        }
        assert_eq!(world.done(&["check", "--json"]).json()["migrations"], before + 12);
        assert_eq!(world.read("seal.lock").matches(" unsealed").count(), 12);
    }
}
