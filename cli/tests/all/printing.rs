//! Where output goes, and what happens when it cannot go there.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::world::World;

const SQL: &[(&str, &str)] = &[("1_a.sql", "create table a (id bigint);\n"), ("2_b.sql", "select nope;\n")];

#[test]
fn output_that_is_no_terminal_holds_no_escape_codes() {
    let world = World::with_database().with(SQL);
    for arguments in
        [&["check"][..], &["explain"], &["explain", "not-utf8"], &["status"], &["apply"], &["new", "c"], &["seal"]]
    {
        let ran = world.run(arguments);
        assert!(!ran.stdout.is_empty() || !ran.stderr.is_empty(), "{arguments:?}");
        assert!(!ran.page().contains('\u{1b}'), "{arguments:?}\n{}", ran.page());
    }
}

#[test]
fn colour_can_be_forced_and_no_color_takes_it_away() {
    let world = World::new().with(&[("1_a.sql", "select 'open\n")]);
    let with = |variables: &[(&str, &str)]| {
        let mut command = world.command(&["check"]);
        command.envs(variables.iter().copied());
        world.finish(command).stderr
    };
    assert!(with(&[("CLICOLOR_FORCE", "1")]).contains("\u{1b}["));
    assert!(!with(&[("NO_COLOR", "1")]).contains('\u{1b}'));
}

/// Of what others wrote nothing is a colour, while the pages' own colours stay.
#[test]
fn what_a_server_a_file_or_a_name_says_colours_nothing() {
    let magenta = "\u{1b}[35m";
    let in_colour = |world: &World, arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("CLICOLOR_FORCE", "1");
        let page = world.finish(command).page();
        assert!(!page.contains(magenta) && page.contains("\u{1b}["), "{arguments:?}\n{page:?}");
        assert!(page.contains("␛[35m"), "{arguments:?}\n{page:?}");
    };
    let says = r"do $$ begin raise exception E'\033[35mmagenta' using detail = E'\033[35m'; end $$;";
    let shows = format!("select '{magenta}' from nope;\n");
    for text in [says, &shows, &format!("-- graven: transaction = off\nselect 1;\n{shows}")] {
        let world = World::with_database().with(&[("1_a.sql", text)]);
        in_colour(&world, &["apply"]);
    }
    let world = World::new().with(&[(&format!("{magenta}.sql"), "select 1;\n")]);
    in_colour(&world, &["check"]);
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n")]);
    world.done(&["apply"]);
    world
        .database()
        .execute(r"UPDATE graven_history SET version = 2, id = '2', name = E'\033[35mname'")
        .expect("a row");
    in_colour(&world, &["status"]);
}

#[test]
fn of_a_function_that_calls_itself_not_every_call_is_shown() {
    let function = "create function deep(n int) returns int language plpgsql as $$\n\
                    begin\n  if n = 0 then raise 'deep'; end if;\n  return deep(n - 1);\nend $$;\n";
    let world = World::with_database().with(&[("1_deep.sql", function), ("2_call.sql", "select deep(200);\n")]);
    let ran = world.run(&["apply"]);
    let more = regex::Regex::new(r"\n    … (\d+) more lines\n    PL/pgSQL function deep\(integer\) line 4 at RETURN\n");
    assert!(more.expect("a pattern").is_match(&ran.stderr), "{}", ran.page());
    assert!(ran.stderr.lines().count() < 30, "{}", ran.page());
    let json = world.run(&["apply", "--json"]).json();
    assert_eq!(json["error"]["server"]["context"].as_str().expect("machines get all of it").lines().count(), 400);
    assert_eq!((&json["error"]["kind"], &json["error"]["cause"]), (&"migration-failed".into(), &"server".into()));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let world = World::new();
    for arguments in [&["explain"][..], &["explain", "--json"], &["--help"]] {
        let mut command = world.command(arguments);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        // The child's first write finds nobody at the other end.
        drop(reader);
        command.stdout(writer).stderr(Stdio::piped());
        let ran = world.ran(command.spawn().expect("it starts").wait_with_output().expect("it ends"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_failure_whose_page_nobody_reads_keeps_its_exit_code() {
    let world = World::new();
    let mut command = world.command(&["check"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(command.stdout(Stdio::null()).stderr(writer).status().expect("it starts").code(), Some(6));
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_printed_is_a_failure() {
    let world = World::new();
    let mut command = world.command(&["explain"]);
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    command.stdout(full).stderr(Stdio::piped());
    let ran = world.ran(command.spawn().expect("it starts").wait_with_output().expect("it ends"));
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.starts_with("error: cannot print the result: "), "{}", ran.stderr);
}

#[test]
fn with_json_stdout_holds_one_value_and_nothing_else_whatever_happens() {
    let world = World::with_database().with(SQL);
    for (arguments, code) in [
        (&["check", "--json"][..], 0),
        (&["--json", "check", "--sealed"], 6),
        (&["check", "--format", "json", "--sealed"], 6),
        (&["explain", "--json"], 0),
        (&["explain", "--json", "not-utf8"], 0),
        (&["explain", "--json", "no-such"], 2),
        (&["verify", "--json"], 8),
        (&["status", "--json"], 0),
        (&["apply", "--json"], 3),
        (&["status", "--json"], 0),
        (&["seal", "--json"], 0),
        (&["new", "--json", "c"], 0),
        (&["new", "--json", "a/b"], 2),
        (&["resolve", "--json", "1", "--retry"], 1),
        (&["check", "--json", "--dir", "nowhere"], 6),
        (&["apply", "--json", "--dir", "nowhere"], 6),
        (&["apply", "--json", "--history", "a.b.c"], 2),
        (&["apply", "--json", "--database-url", "nonsense"], 2),
    ] {
        let ran = world.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}\n{}", ran.page());
        let json = ran.json();
        let failed_in_other_words = arguments.contains(&"check") && json["problems"].is_array();
        assert_eq!(json["error"].is_object(), code != 0 && !failed_in_other_words, "{arguments:?}\n{json}");
        assert_eq!(ran.stderr, "", "{arguments:?}");
    }
}
