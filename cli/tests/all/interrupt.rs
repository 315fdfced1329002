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

#[test]
fn who_only_waited_for_another_instance_is_not_told_of_a_statement_that_was_cancelled() {
    const ASKS: &str = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'graven' \
                        AND query LIKE '%pg_try_advisory_lock(%' AND query_start < clock_timestamp() - interval '20 ms'";
    for json in [None, Some("--json")] {
        let world = World::with_database().with(&[("1_a.sql", "create table a ();\n")]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(world.database().connect()).expect("a connection");
        // As another instance takes it: the key follows from the name of the history table.
        let lock = r#"SELECT pg_advisory_lock(hashtextextended('graven "public"."graven_history"', 0))"#;
        runtime.block_on(client.batch_execute(lock)).expect("the lock is free");
        let arguments: Vec<&str> = ["apply"].into_iter().chain(json).collect();
        let mut command = world.command(&arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
        until(|| !world.database().rows(ASKS).expect("rows").is_empty());
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, Signal::INT).expect("the signal is sent");
        let ran = world.ran(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, Some(1), "{}", ran.page());
        assert!(ran.page().contains("interrupted while it waited for another instance"), "{}", ran.page());
        assert!(!ran.page().contains("cancelled"), "{}", ran.page());
        drop(client);
    }
}

fn until(mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < Duration::from_secs(50), "it never came to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}
