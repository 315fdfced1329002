//! Ctrl-C and SIGTERM in the middle of a verb that writes: the server stops with it, and the lock is free.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::World;

const SLEEPING: &str = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
const SESSIONS: &str = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[test]
fn an_apply_that_is_interrupted_ends_on_the_server_too_and_begins_nothing_more() {
    for (signal, json) in [(Signal::INT, None), (Signal::TERM, Some("--json"))] {
        let world = World::with_database().with(&[
            ("1_a.sql", "create table a ();\n"),
            ("2_slow.sql", "create table b ();\nselect pg_sleep(60);\n"),
            ("3_c.sql", "create table c ();\n"),
        ]);
        let arguments: Vec<&str> = ["apply"].into_iter().chain(json).collect();
        let mut command = world.command(&arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
        let began = Instant::now();
        until(|| !world.database().rows(SLEEPING).expect("rows").is_empty());
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("the signal is sent");
        let ran = world.ran(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, Some(1), "{}", ran.page());
        assert!(ran.page().contains("interrupted") && ran.page().contains("graven status"), "{}", ran.page());
        until(|| world.database().rows(SESSIONS).expect("rows").is_empty());
        assert!(began.elapsed() < Duration::from_secs(60), "it went on to the end of the statement");
        let status = world.done(&["status", "--json"]).json();
        let states: Vec<_> = (0..3).map(|at| status["migrations"][at]["state"].as_str()).collect();
        assert_eq!(states, [Some("applied"), Some("pending"), Some("pending")], "{status}");
    }
}

fn until(mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < Duration::from_secs(50), "it never came to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}
