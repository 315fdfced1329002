//! An application that mounts the verbs (`graven::cli::Migrate`) as its users meet it: `myapp migrate …` on its embedded set.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

mod app;

use serde_json::json;

use crate::app::App;

/// Compares what the application printed, and how it exited, with the snapshot of that name.
macro_rules! snapshot {
    ($name:literal, $ran:expr) => {
        $crate::app::settings().bind(|| insta::assert_snapshot!($name, $ran.page()))
    };
}

#[test]
fn the_help_says_what_is_typed_here() {
    let app = App::without_database();
    snapshot!("help", app.done("migrate --help"));
    snapshot!("help-apply", app.done("migrate apply --help"));
    snapshot!("help-status", app.done("migrate help status"));
    snapshot!("help-nested", app.done("ops db resolve --help"));
    // The application's own page is left as it is.
    snapshot!("help-of-the-application", app.done("--help"));
}

#[test]
fn no_help_speaks_of_a_directory_or_of_another_program() {
    let app = App::without_database();
    for verb in app.verbs() {
        let help = app.done(&format!("migrate {verb} --help")).stdout;
        assert!(help.contains(&format!("Usage: myapp migrate {verb}")), "{verb}\n{help}");
        for word in ["directory", "--dir", "graven apply", &format!("graven {verb}")] {
            assert!(!help.contains(word), "{verb} says {word}\n{help}");
        }
    }
}

#[test]
fn it_applies_shows_reverts_and_applies_again() {
    let app = App::new();
    snapshot!("verify-pending", app.run("migrate verify"));
    snapshot!("apply", app.done("migrate apply"));
    snapshot!("status-json", app.done("migrate status --json"));
    snapshot!("revert", app.done("--settings x migrate revert --steps 2"));
    let status = app.done("migrate --json status").json();
    let states: Vec<_> = status["migrations"].as_array().unwrap().iter().map(|it| it["state"].clone()).collect();
    assert_eq!(states, [json!("applied"), json!("pending"), json!("pending")]);
    let applied = app.done("migrate apply --json").json();
    assert_eq!(applied["applied"].as_array().map(Vec::len), Some(2), "{applied}");
    assert_eq!(app.done("migrate verify").stdout, "everything is applied: 3 migrations\n");
    assert_eq!(app.value("SELECT count(*) FROM graven_history"), "3");
}

#[test]
fn a_conflict_exits_with_4_and_its_remedy_can_be_typed() {
    let app = App::new();
    app.done("migrate apply");
    app.execute("UPDATE graven_history SET state = 'started', statements_done = 0, in_doubt = true WHERE version = 3");
    app.execute("UPDATE graven_history SET checksum = sha256('other') WHERE version = 1");
    let ran = app.run("migrate apply");
    assert_eq!(ran.code, Some(4));
    snapshot!("conflicts", ran);
    snapshot!("conflicts-in-status", app.done("migrate status"));
    let ran = app.run("migrate apply --json");
    assert_eq!(ran.code, Some(4));
    let conflicts = ran.json()["error"]["conflicts"].clone();
    let remedy = conflicts[1]["remedy"].as_str().unwrap();
    assert!(remedy.contains("`myapp migrate resolve 3 --retry`"), "{remedy}");
    // As it says.
    app.done("migrate resolve 3 --retry");
    assert_eq!(app.value("SELECT in_doubt FROM graven_history WHERE version = 3"), "f");
}

#[test]
fn a_verb_deeper_in_the_command_line_is_named_with_all_its_words() {
    let app = App::new();
    let ran = app.with_url_of_the_application().run("ops db verify");
    assert_eq!(ran.code, Some(8), "{}", ran.page());
    assert!(ran.stderr.contains("hint: `myapp ops db apply` applies them"), "{}", ran.stderr);
}

#[test]
fn the_application_says_where_the_database_is_and_how_it_is_kept() {
    let app = App::new().with_url_of_the_application();
    let applied = app.done("ops db apply");
    // Its own observer is told beside the display.
    assert!(applied.stderr.contains("counted 3") && applied.stderr.contains("applied 3 "), "{}", applied.page());
    assert_eq!(app.value("SELECT count(*) FROM berths_history"), "3");
    // What is typed goes before it.
    assert_eq!(app.run("ops db status --database-url postgres://nobody@127.0.0.1:1/none").code, Some(7));
    let status = app.done("ops db status --json --history other").json();
    assert_eq!(status["history"], "public.other");
    assert_eq!(app.done("ops blocking verify").stdout, "everything is applied: 3 migrations\n");
}

#[test]
fn without_a_database_it_says_how_to_name_one() {
    let app = App::without_database();
    for verbs in ["migrate", "ops db", "ops blocking"] {
        let ran = app.run(&format!("{verbs} status"));
        assert_eq!(ran.code, Some(2), "{}", ran.page());
        assert!(ran.stderr.contains("or set DATABASE_URL"), "{}", ran.stderr);
    }
    let ran = app.run("migrate status --json");
    assert_eq!((ran.code, ran.json()["error"]["kind"].as_str()), (Some(2), Some("usage")));
}

/// Of the database that the environment names, nobody who types another one would want to hear.
#[test]
fn the_database_that_is_typed_is_meant_also_where_the_option_is_the_applications_own() {
    let (app, other) = (App::new(), App::new());
    let (here, there) = (app.url(), other.url());
    for line in [format!("db apply --to x --database-url {there}"), format!("--database-url {there} db revert --all")] {
        let ran = app.ferry(&line);
        assert_eq!(ran.code, Some(0), "{line}\n{}", ran.page());
        assert_eq!(other.value("SELECT to_regclass('graven_history') IS NULL"), "f");
        assert_eq!(app.value("SELECT to_regclass('graven_history') IS NULL"), "t", "{line}");
    }
    // Graven's own goes before it.
    let ran = app.ferry(&format!("db apply --graven-database-url {here} --database-url {there} --graven-to 1"));
    assert_eq!(
        (ran.code, app.value("SELECT count(*) FROM graven_history")),
        (Some(0), "1".to_owned()),
        "{}",
        ran.page()
    );
    let ran = app.ferry(&format!("db status --database-url {here} --database-url {there}"));
    assert_eq!(ran.code, Some(2), "{}", ran.page());
    assert!(ran.stderr.contains("2 databases were named"), "{}", ran.page());
    assert!(ran.stderr.contains("--graven-database-url URL"), "{}", ran.page());
    // What the environment says to the application's option, too.
    let url = there.to_owned();
    let ran = app.with("FERRY_DATABASE", &url).ferry("db verify");
    assert_eq!(ran.code, Some(8), "{}", ran.page());
}

#[test]
fn an_option_that_stands_aside_is_called_by_its_name_in_hints_and_help() {
    let app = App::without_database();
    let ran = app.ferry("db status");
    assert!(ran.stderr.contains("hint: give --graven-database-url postgres://"), "{}", ran.page());
    let help = app.ferry("db apply --help").stdout;
    assert!(help.contains("ferry db apply --graven-to 12 "), "{help}");
}

#[test]
fn a_mode_of_the_environment_is_for_services() {
    let app = App::new().with("GRAVEN_MODE", "skip");
    app.done("migrate apply");
    assert_eq!(app.value("SELECT count(*) FROM graven_history"), "3");
}

#[test]
fn what_must_be_sealed_and_is_not_is_refused_before_the_database_is_touched() {
    let app = App::new();
    let ran = app.run("migrate apply --sealed");
    assert_eq!(ran.code, Some(6));
    snapshot!("apply-sealed", ran);
    assert_eq!(app.value("SELECT to_regclass('graven_history') IS NULL"), "t");
}

#[test]
fn the_rest_of_the_application_is_left_alone() {
    let app = App::without_database();
    let ran = app.done("--json-log serve --settings here");
    assert_eq!(ran.stdout, "serving, settings Some(\"here\"), JSON log true\n");
    let ran = app.run("migrate");
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("Usage: myapp migrate [OPTIONS] <COMMAND>"), "{}", ran.stderr);
    assert!(app.run("migrate stauts").stderr.contains("similar subcommands exist"));
}
