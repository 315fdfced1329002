//! `graven seal` after two branches were merged that both sealed something.

use crate::world::{World, snapshot};

/// The seal files of two branches that began with `1_a.sql`, one with `2_b.sql` and one with `3_c.sql`, and the
/// directory with all three.
fn branches() -> (World, String, String) {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    world.done(&["seal"]);
    let base = world.read("seal.lock");
    let mut sides = Vec::new();
    for (file, text) in [("2_b.sql", "select 2;\n"), ("3_c.sql", "select 3;\n")] {
        world.write("seal.lock", &base);
        world.write(file, text);
        world.done(&["seal"]);
        sides.push(world.read("seal.lock"));
        world.delete(file);
    }
    world.write("2_b.sql", "select 2;\n");
    world.write("3_c.sql", "select 3;\n");
    let theirs = sides.pop().expect("two sides");
    (world, sides.pop().expect("two sides"), theirs)
}

/// What git makes of them.
fn conflict(ours: &str, theirs: &str) -> String {
    let (header, ours) = ours.split_once('\n').expect("a header");
    let (_, theirs) = theirs.split_once('\n').expect("a header");
    format!("{header}\n<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> branch\n")
}

#[test]
fn conflict_markers_are_named_and_the_way_out_is_graven_seal() {
    let (world, ours, theirs) = branches();
    world.write("seal.lock", &conflict(&ours, &theirs));
    snapshot!("merge-check", world.run(&["check"]));
    // A new migration needs to know which versions are taken.
    assert_eq!(world.run(&["new", "d"]).code, Some(6));
}

#[test]
fn the_lines_of_both_sides_are_kept() {
    let (world, ours, theirs) = branches();
    world.write("seal.lock", &conflict(&ours, &theirs));
    snapshot!("merge-seal", world.run(&["seal"]));
    world.done(&["check", "--sealed"]);
    let lock = world.read("seal.lock");
    let versions: Vec<&str> = lock.lines().skip(2).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(versions, ["1", "2", "3"]);
}

#[test]
fn a_head_that_does_not_match_is_written_anew_when_the_lines_fit_the_files() {
    let (world, ours, theirs) = branches();
    let added = theirs.lines().last().expect("a line");
    world.write("seal.lock", &format!("{ours}{added}\n"));
    assert_eq!(world.run(&["check"]).code, Some(6));
    let ran = world.done(&["seal", "--json"]);
    assert_eq!(ran.json()["mended"]["added"][0]["name"], "c");
    assert_eq!(ran.json()["sealed"].as_array().map(Vec::len), Some(0));
    world.done(&["check", "--sealed"]);
}

#[test]
fn a_line_that_does_not_fit_its_file_is_not_blessed_by_a_new_head() {
    let (world, ours, _) = branches();
    let line = ours.lines().nth(2).expect("the line of 1_a.sql");
    let (name, checksum) = line.split_once("sha256:").expect("a checksum");
    let damaged = ours.replace(line, &format!("{name}sha256:{}{}", "00", &checksum[2..]));
    world.write("seal.lock", &damaged);
    let ran = world.run(&["seal"]);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    assert!(ran.stderr.contains("the seal file's `head` does not match"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("`graven seal` compare"), "{}", ran.stderr);
    assert_eq!(world.read("seal.lock"), damaged);
}

#[test]
fn an_edit_with_its_line_changed_by_hand_is_not_blessed_either() {
    let (world, ours, _) = branches();
    world.write("seal.lock", &ours);
    let edited = "select 1; -- edited\n";
    world.write("1_a.sql", edited);
    // The line that would fit the edited file.
    let other = World::new().with(&[("1_a.sql", edited)]);
    other.done(&["seal"]);
    let (old, new) = (ours.lines().nth(2).expect("a line").to_owned(), other.read("seal.lock"));
    let forged = ours.replace(&old, new.lines().nth(2).expect("a line"));
    world.write("seal.lock", &forged);
    for command in ["seal", "check", "renumber"] {
        let ran = world.run(&[command]);
        assert_eq!(ran.code, Some(6), "{command}\n{}", ran.page());
        assert!(ran.stderr.contains("the seal file's `head` does not match"), "{}", ran.stderr);
    }
    assert_eq!(world.read("seal.lock"), forged);
}

#[test]
fn an_added_line_that_does_not_fit_its_file_is_not_believed() {
    let (world, ours, theirs) = branches();
    let added = theirs.lines().last().expect("a line");
    let merged = format!("{ours}{added}\n");
    world.write("seal.lock", &merged);
    world.write("3_c.sql", "select 3; -- not what was sealed\n");
    assert_eq!(world.run(&["seal"]).code, Some(6));
    assert_eq!(world.read("seal.lock"), merged);
}

#[test]
fn a_side_that_was_changed_by_hand_is_not_believed() {
    let (world, ours, theirs) = branches();
    let theirs = theirs.replace("\n3 c ", "\n2 c ");
    world.delete("3_c.sql");
    world.write("2_c.sql", "select 3;\n");
    let conflict = conflict(&ours, &theirs);
    world.write("seal.lock", &conflict);
    let ran = world.run(&["seal"]);
    assert_eq!(ran.code, Some(6));
    // The head of that side does not match the line that was changed here.
    assert!(ran.stderr.contains("the lines of branch do not match its `head`"), "{}", ran.stderr);
    assert_eq!(world.read("seal.lock"), conflict);
}
