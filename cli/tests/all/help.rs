//! What `--help` teaches.

use crate::world::{World, snapshot};

const COMMANDS: [&str; 19] = [
    "new", "seal", "renumber", "baseline", "check", "summary", "apply", "status", "plan", "verify", "doctor", "repair",
    "reset", "resolve", "revert", "redo", "stamp", "script", "explain",
];

#[test]
fn the_help_of_graven_leads_to_a_first_migration_and_lists_exit_codes() {
    let ran = World::new().done(&["--help"]);
    snapshot!("help", ran);
    assert_eq!(ran.stdout, World::new().done(&["help"]).stdout);
}

#[test]
fn the_help_of_each_command_shows_what_to_type() {
    let world = World::new();
    snapshot!("help-new", world.done(&["new", "--help"]));
    snapshot!("help-seal", world.done(&["seal", "--help"]));
    snapshot!("help-renumber", world.done(&["renumber", "--help"]));
    snapshot!("help-baseline", world.done(&["baseline", "--help"]));
    snapshot!("help-check", world.done(&["check", "--help"]));
    snapshot!("help-summary", world.done(&["summary", "--help"]));
    snapshot!("help-apply", world.done(&["apply", "--help"]));
    snapshot!("help-status", world.done(&["status", "--help"]));
    snapshot!("help-plan", world.done(&["plan", "--help"]));
    snapshot!("help-verify", world.done(&["verify", "--help"]));
    snapshot!("help-doctor", world.done(&["doctor", "--help"]));
    snapshot!("help-repair", world.done(&["repair", "--help"]));
    snapshot!("help-reset", world.done(&["reset", "--help"]));
    snapshot!("help-resolve", world.done(&["resolve", "--help"]));
    snapshot!("help-revert", world.done(&["revert", "--help"]));
    snapshot!("help-redo", world.done(&["redo", "--help"]));
    snapshot!("help-stamp", world.done(&["stamp", "--help"]));
    snapshot!("help-script", world.done(&["script", "--help"]));
    snapshot!("help-explain", world.done(&["explain", "--help"]));
}

#[test]
fn no_line_of_any_help_is_broken_in_the_middle_of_an_example() {
    for command in COMMANDS {
        let ran = World::new().done(&[command, "--help"]);
        let widest = ran.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{command}: {widest:?}");
        let (_, after) = ran.stdout.split_once("Print JSON on stdout").expect("every command has --json");
        assert!(after.lines().count() > 3, "{command} has no examples");
    }
}

#[test]
fn the_text_of_each_help_is_broken_where_the_terminal_ends_and_nowhere_else() {
    for (command, width) in COMMANDS.into_iter().flat_map(|command| [80, 100, 120].map(|width| (command, width))) {
        let world = World::new();
        let mut asked = world.command(&[command, "--help"]);
        asked.env("COLUMNS", width.to_string());
        let help = world.finish(asked).stdout;
        let lines: Vec<&str> = help.lines().collect();
        for pair in lines.windows(2) {
            let (line, next) = (pair[0], pair[1]);
            assert!(line.chars().count() <= width, "{command} at {width}: {line}");
            if line.is_empty() || line.starts_with(' ') || next.starts_with(' ') {
                continue;
            }
            let word = next.split(' ').next().unwrap_or_default();
            let whole = line.chars().count() + 1 + word.chars().count();
            assert!(word.is_empty() || whole > width.min(100), "{command} at {width}: {line}\n{next}");
        }
    }
}

#[test]
fn the_version_is_one_line() {
    let ran = World::new().done(&["--version"]);
    assert_eq!(ran.stdout, format!("graven {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_secret_in_the_environment_is_not_part_of_the_help() {
    let world = World::new();
    let mut command = world.command(&["apply", "--help"]);
    command.env("DATABASE_URL", "postgres://me:hunter2@localhost/app");
    assert!(!world.finish(command).page().contains("hunter2"));
}

#[test]
fn what_is_not_understood_exits_with_2_and_says_why() {
    let world = World::new();
    for (arguments, said) in [
        (&[][..], "Usage: graven"),
        (&["stauts"], "similar subcommands exist: 'stamp', 'status'"),
        (&["new"], "<NAME>"),
        (&["apply", "--lock-timeout", "5x"], "write it as 30s, 500ms or 5min"),
        (&["seal", "--accept-edit", "first"], "--accept-edit"),
        (&["resolve", "1"], "--applied|--retry"),
        (&["resolve", "1", "--applied", "--retry"], "cannot be used with"),
        (&["resolve", "1e3", "--retry"], "1e3"),
        (&["revert", "--steps", "0"], "--steps"),
        (&["revert", "--all", "--to", "3"], "cannot be used with"),
        (&["redo"], "<VERSION>"),
        (&["repair", "3", "--all"], "cannot be used with"),
        (&["check", "--format", "xml"], "human, json, sarif, github"),
        (&["apply", "--dir"], "a value is required"),
    ] {
        let ran = world.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}\n{}", ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

#[test]
fn what_is_not_understood_is_json_where_that_was_asked_for() {
    let world = World::new();
    for arguments in [
        &["--json"][..],
        &["check", "--json", "--format", "human"],
        &["--json", "stauts"],
        &["new", "--json"],
        &["apply", "--json", "--no-such"],
    ] {
        let ran = world.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert_eq!(ran.json()["error"]["kind"], "usage", "{arguments:?}");
        assert_eq!(ran.stderr, "", "{arguments:?}");
    }
    // Behind `--` it is a name.
    assert_eq!(world.run(&["explain", "--no-such", "--", "--json"]).stdout, "");
}
