//! `graven explain`.

use crate::world::{World, snapshot};

#[test]
fn every_rule_is_listed_and_explained() {
    let world = World::new();
    let listed = world.done(&["explain", "--json"]).json();
    let rules: Vec<&str> = listed.as_array().expect("a list").iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert!(rules.len() > 20, "{rules:?}");
    let list = world.done(&["explain"]).stdout;
    for rule in rules {
        assert!(list.contains(&format!("\n  {rule} ")) || list.starts_with(&format!("  {rule} ")), "{rule}");
        let page = world.done(&["explain", rule]).stdout;
        let is_refused =
            !rule.starts_with("squawk/") && !["unknown-lint", "unused-allow", "not-linted"].contains(&rule);
        let found = if is_refused { "\nRefused\n" } else { "\nFound\n" };
        for heading in [&format!("{rule}: "), "\nWhat to do\n", found, "\nFine\n"] {
            assert!(page.contains(heading), "{rule}: {heading:?}\n{page}");
        }
    }
}

#[test]
fn a_page_says_why_what_to_do_and_shows_examples() {
    let world = World::new();
    snapshot!("explain-not-utf8", world.run(&["explain", "not-utf8"]));
    snapshot!("explain-not-utf8-json", world.run(&["explain", "not-utf8", "--json"]));
}

#[test]
fn several_rules_are_explained_one_after_the_other() {
    let world = World::new();
    let page = |rules: &[&str]| world.done(&[&["explain"], rules].concat()).stdout;
    let both = page(&["not-utf8", "file-name"]);
    assert_eq!(both, format!("{}\n{}", page(&["not-utf8"]), page(&["file-name"])));
    let json = world.done(&["explain", "not-utf8", "file-name", "--json"]).json();
    let ids: Vec<&str> = json.as_array().expect("a list").iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert_eq!(ids, ["not-utf8", "file-name"]);
    let ran = world.run(&["explain", "not-utf8", "zzz"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
}

#[test]
fn a_lint_goes_by_either_name_and_one_that_is_left_out_says_why() {
    let world = World::new();
    snapshot!("explain-lint", world.run(&["explain", "squawk/renaming-table"]));
    assert_eq!(
        world.done(&["explain", "renaming-table"]).stdout,
        world.done(&["explain", "squawk/renaming-table"]).stdout
    );
    assert!(world.done(&["explain", "ban-add-column"]).stdout.ends_with("`graven check --warn ban-add-column`\n"));
    snapshot!("explain-left-out", world.run(&["explain", "squawk/require-lock-timeout"]));
    let ran = world.run(&["explain", "drop-column"]);
    assert!(ran.stderr.contains("did you mean `squawk/ban-drop-column`?"), "{}", ran.page());
}

#[test]
fn a_misspelt_rule_is_guessed_and_nonsense_is_not() {
    let world = World::new();
    snapshot!("explain-misspelt", world.run(&["explain", "Sealed-edit"]));
    snapshot!("explain-nonsense", world.run(&["explain", "zzz"]));
}
