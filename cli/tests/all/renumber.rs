//! `graven renumber`.

use crate::world::{World, snapshot};

/// Two sealed migrations, and more that are not.
fn world(files: &[(&str, &str)]) -> World {
    let world = World::new().with(&[("0001_a.sql", "select 1;\n"), ("0003_c.sql", "select 3;\n")]);
    world.done(&["seal"]);
    for (file, text) in files {
        world.write(file, text);
    }
    world
}

#[test]
fn all_that_need_it_get_the_next_free_version_in_the_order_they_have() {
    let world = world(&[
        ("0002_b.sql", "select 2;\n"),
        ("2_b2.sql", "select 22;\n"),
        ("2_b2.down.sql", "select -22;\n"),
        ("0000_z.sql", "select 0;\n"),
        ("0003_other.sql", "select 33;\n"),
        ("0005_e.sql", "select 5;\n"),
        ("0005_e2.up.sql", "select 55;\n"),
    ]);
    assert_eq!(world.run(&["check"]).code, Some(6));
    snapshot!("renumber", world.done(&["renumber"]));
    let wanted = [
        "0001_a.sql",
        "0003_c.sql",
        "0006_z.sql",
        "0007_b.sql",
        "0008_b2.down.sql",
        "0008_b2.sql",
        "0009_other.sql",
        "0010_e.sql",
        "0011_e2.up.sql",
        "seal.lock",
    ];
    assert_eq!(world.files(), wanted);
    world.done(&["check"]);
    snapshot!("renumber-nothing", world.done(&["renumber"]));
}

#[test]
fn one_gets_the_next_free_version_or_the_one_that_is_asked_for_with_its_line_in_the_seal_file() {
    let world = world(&[]);
    world.done(&["new", "--reverse", "d"]);
    let ran = world.done(&["renumber", "4", "--to", "12", "--json"]);
    snapshot!("renumber-json", ran);
    assert_eq!(world.files(), ["0001_a.sql", "0003_c.sql", "0012_d.down.sql", "0012_d.sql", "seal.lock"]);
    assert!(world.read("seal.lock").ends_with("\n0012 d unsealed\n"), "{}", world.read("seal.lock"));
    world.done(&["check"]);
    world.done(&["renumber", "12"]);
    assert!(world.read("seal.lock").ends_with("\n0013 d unsealed\n"), "{}", world.read("seal.lock"));
    world.done(&["check"]);
}

#[test]
fn what_was_announced_goes_along_with_its_line_in_the_seal_file() {
    let world = world(&[("0003_x.sql", "select 3;\n")]);
    world.done(&["new", "y"]);
    world.done(&["new", "--reverse", "z"]);
    let ran = world.done(&["renumber", "--json"]);
    let json = ran.json();
    let behind: Vec<_> =
        json["renumbered"].as_array().expect("a list").iter().map(|one| one["behind"].as_str()).collect();
    assert_eq!(behind, [None, Some("x"), Some("y")]);
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(0));
    let files = ["0001_a.sql", "0003_c.sql", "0006_x.sql", "0007_y.sql", "0008_z.down.sql", "0008_z.sql", "seal.lock"];
    assert_eq!(world.files(), files);
    assert!(world.read("seal.lock").ends_with("\n0007 y unsealed\n0008 z unsealed\n"), "{}", world.read("seal.lock"));
    world.done(&["check"]);
}

#[test]
fn only_those_go_along_with_one_that_come_after_it_without_a_gap() {
    let world = world(&[
        ("0002_v.sql", "select 2;\n"),
        ("0003_w.sql", "select 3;\n"),
        ("0004_x.sql", "select 4;\n"),
        ("0020_y.sql", "select 20;\n"),
        ("0020_z.sql", "select 21;\n"),
    ]);
    // What comes before it finds its place afterwards.
    world.done(&["renumber", "3"]);
    let files = ["0001_a.sql", "0002_v.sql", "0003_c.sql", "0006_w.sql", "0007_x.sql", "0020_y.sql", "0020_z.sql"];
    assert_eq!(world.files()[..7], files);
    world.done(&["renumber", "2"]);
    let files = ["0001_a.sql", "0003_c.sql", "0004_v.sql", "0006_w.sql", "0007_x.sql", "0020_y.sql", "0020_z.sql"];
    assert_eq!(world.files()[..7], files);
    world.done(&["renumber", "20"]);
    world.done(&["check"]);
}

#[test]
fn an_order_that_somebody_asks_for_is_changed_and_said() {
    let world = world(&[("0004_d.sql", "select 4;\n"), ("0005_e.sql", "select 5;\n")]);
    snapshot!("renumber-overtaking", world.done(&["renumber", "4"]));
    let json = world.done(&["renumber", "6", "--to", "4", "--json"]).json();
    assert_eq!(json["warnings"][0], "0004 d comes before 0005 e now, the other way round than before");
}

#[test]
fn two_files_of_one_version_and_name_are_for_people() {
    let world = world(&[("0003_x.sql", "select 3;\n"), ("0004_y.sql", "select 4;\n"), ("4_y.sql", "select 4;\n")]);
    let before = world.files();
    let ran = world.run(&["renumber"]);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    assert!(ran.stderr.contains("delete the one that is not meant"), "{}", ran.stderr);
    assert_eq!(world.files(), before);
}

#[test]
fn timestamps_stay_timestamps() {
    let world = World::new().with(&[("20260131093000_a.sql", "select 1;\n")]);
    world.done(&["seal"]);
    world.write("20260130120000_b.sql", "select 2;\n");
    world.done(&["renumber"]);
    assert_eq!(world.files(), ["20260131093000_a.sql", "20260131093001_b.sql", "seal.lock"]);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_renamed() {
    let world = world(&[("0004_d.sql", "select 4;\n"), ("0005_e.sql", "select 5;\n"), ("0005_f.sql", "select 6;\n")]);
    snapshot!("renumber-sealed", world.run(&["renumber", "3"]));
    for (arguments, code, said) in [
        (&["renumber", "9"][..], 2, "there is no migration 9 in migrations"),
        (&["renumber", "4", "--to", "5"], 2, "version 5 is taken: migrations/0005_e.sql"),
        (&["renumber", "4", "--to", "4"], 2, "migration 4 has version 4 already"),
        (&["renumber", "4", "--to", "3"], 2, "version 3 is taken"),
        (&["renumber", "4", "--to", "2"], 2, "version 2 lies below the sealed head 3"),
        (&["renumber", "--to", "7"], 2, "required arguments were not provided"),
        (&["renumber", "four"], 2, "invalid value 'four'"),
    ] {
        let before = world.files();
        let ran = world.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}\n{}", ran.page());
        assert!(ran.stderr.contains(said), "{arguments:?}\n{}", ran.page());
        assert_eq!(world.files(), before);
    }
    // Of two of one version, the one that cannot keep it.
    world.done(&["renumber", "5", "--to", "8"]);
    assert!(world.files().contains(&"0008_f.sql".to_owned()), "{:?}", world.files());
}

#[test]
fn what_was_cut_off_is_finished_by_the_same_command() {
    let world = world(&[("0002_b.sql", "select 2;\n")]);
    // The reverse has gone ahead.
    world.write("0004_b.down.sql", "select -2;\n");
    assert_eq!(world.run(&["check"]).code, Some(6));
    world.done(&["renumber"]);
    assert_eq!(world.files(), ["0001_a.sql", "0003_c.sql", "0004_b.down.sql", "0004_b.sql", "seal.lock"]);
    world.done(&["check"]);
}

#[test]
fn a_name_that_is_taken_is_not_replaced_and_what_was_renamed_is_taken_back() {
    let world = world(&[("0004_d.sql", "select 4;\n"), ("0004_d.down.sql", "select -4;\n")]);
    // A folder of that name is no migration, and in the way all the same.
    std::fs::create_dir(world.folder().join("migrations/0007_d.sql")).expect("a folder");
    let before = (world.files(), world.read("seal.lock"));
    let ran = world.run(&["renumber", "4", "--to", "7"]);
    assert_eq!(ran.code, Some(1), "{}", ran.page());
    assert!(ran.stderr.starts_with("error: cannot make migrations/0007_d.sql"), "{}", ran.stderr);
    assert_eq!((world.files(), world.read("seal.lock")), before);
}

#[test]
fn problems_in_the_sql_are_not_in_the_way_and_a_damaged_seal_file_is() {
    let world = world(&[("0002_b.sql", "select 'open\n")]);
    world.done(&["renumber"]);
    assert!(world.files().contains(&"0004_b.sql".to_owned()));
    world.write("0002_b.sql", "select 2;\n");
    let lock = world.read("seal.lock");
    world.write("seal.lock", &lock.replace("head sha256:", "head sha256:0"));
    let ran = world.run(&["renumber"]);
    assert_eq!(ran.code, Some(6));
    assert!(
        ran.stderr.starts_with("error: a line holds") || ran.stderr.contains("checksum that is not one"),
        "{}",
        ran.stderr
    );
}

#[test]
fn without_a_seal_file_duplicates_are_renumbered_and_none_is_made() {
    let world = World::new();
    world.write("1_a.sql", "select 1;\n");
    world.write("1_b.sql", "select 2;\n");
    world.done(&["renumber"]);
    assert_eq!(world.files(), ["1_a.sql", "2_b.sql"]);
}
