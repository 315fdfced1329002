//! The shared server among processes: one for all, stopped by the last one out, adopted or swept after SIGKILL.
//!
//! Each test has a temporary directory of its own, and with it a shared server of its own. The processes are this test
//! binary itself, running `actor`.

#![allow(clippy::unwrap_used, reason = "what the tests build on may panic as they may")]

mod scene;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use graven_testkit::{Cluster, Database};
use rustix::process::Signal;

use crate::scene::{Scene, Started, eventually, is_running, signal};

#[test]
fn processes_that_start_at_once_share_one_server() {
    let scene = Scene::new();
    let started: Vec<_> = (0..4).map(|_| scene.start(&[])).collect();
    let actors: Vec<_> = started.into_iter().map(Started::wait).collect();
    assert_eq!(scene.directories().len(), 1);
    for actor in &actors[1..] {
        assert_eq!(actor.data, actors[0].data);
        assert_ne!(actor.database, actors[0].database);
    }
}

#[test]
fn the_last_one_out_stops_the_server_and_removes_its_directory() {
    let scene = Scene::new();
    let (one, other) = (scene.actor(&[]), scene.actor(&[]));
    let server = one.postmaster();
    one.leave();
    std::thread::sleep(Duration::from_secs(3));
    assert!(is_running(server), "somebody still uses it");
    other.leave();
    assert!(eventually(|| scene.directories().is_empty()));
    assert!(!is_running(server));
    // It removes the directory before it ends itself.
    assert!(eventually(|| scene.keepers().is_empty()));
}

#[test]
fn a_server_lingers_for_whoever_comes_next() {
    let scene = Scene::new();
    let first = scene.actor(&[("GRAVEN_PG_LINGER", "120")]);
    let data = first.data.clone();
    first.leave();
    std::thread::sleep(Duration::from_secs(2));
    // This one decides anew how long the server stays.
    let next = scene.actor(&[("GRAVEN_PG_LINGER", "0")]);
    assert_eq!(next.data, data);
    next.leave();
    assert!(eventually(|| scene.directories().is_empty()));
}

#[test]
fn a_killed_user_counts_as_gone() {
    let scene = Scene::new();
    let actor = scene.actor(&[]);
    let server = actor.postmaster();
    actor.kill();
    assert!(eventually(|| scene.directories().is_empty()));
    assert!(!is_running(server));
}

#[test]
fn a_server_whose_user_and_keeper_were_killed_is_adopted() {
    let scene = Scene::new();
    let killed = scene.actor(&[]);
    let (server, data) = (killed.postmaster(), killed.data.clone());
    scene.kill_keepers();
    killed.kill();
    std::thread::sleep(Duration::from_secs(2));
    assert!(is_running(server), "nobody is left to stop it");

    let next = scene.actor(&[]);
    assert_eq!((next.postmaster(), &next.data), (server, &data));
    assert!(eventually(|| scene.keepers().len() == 1));
    next.leave();
    assert!(eventually(|| scene.directories().is_empty()));
    assert!(!is_running(server));
}

#[test]
fn a_keeper_that_was_killed_is_replaced_under_those_who_use_the_server() {
    let scene = Scene::new();
    let first = scene.actor(&[]);
    let server = first.postmaster();
    scene.kill_keepers();
    let second = scene.actor(&[]);
    assert_eq!(second.data, first.data);
    second.leave();
    std::thread::sleep(Duration::from_secs(3));
    assert!(is_running(server), "the first one still uses it");
    first.leave();
    assert!(eventually(|| scene.directories().is_empty()));
    assert!(!is_running(server));
}

#[test]
fn what_the_dead_left_is_swept_and_what_the_living_use_stays() {
    let scene = Scene::new();
    let (living, dead) = (scene.actor(&[]), scene.actor(&[]));
    let (its, theirs) = (living.database.clone(), dead.database.clone());
    dead.kill();
    let next = scene.actor(&[]);
    assert!(next.databases.contains(&its), "{:?}", next.databases);
    assert!(!next.databases.contains(&theirs), "{:?}", next.databases);
    assert!(next.roles.contains(&format!("{its}_actor")), "{:?}", next.roles);
    assert!(!next.roles.contains(&format!("{theirs}_actor")), "{:?}", next.roles);
}

#[test]
fn a_directory_without_server_and_keeper_is_removed() {
    let scene = Scene::new();
    let dead = scene.actor(&[]);
    let directory = dead.data.parent().unwrap().to_owned();
    scene.kill_keepers();
    let server = dead.postmaster();
    signal(server, Signal::QUIT);
    dead.kill();
    assert!(eventually(|| !is_running(server)));
    let unfinished = directory.with_file_name("s-00000000-00000000");
    fs::create_dir(&unfinished).unwrap();

    let next = scene.actor(&[]);
    assert_ne!(next.data.parent().unwrap(), directory);
    assert!(eventually(|| !directory.exists() && !unfinished.exists()));
    assert_eq!(scene.directories().len(), 1);
}

#[test]
fn a_process_whose_server_died_starts_another() {
    let scene = Scene::new();
    let mut actor = scene.actor(&[]);
    let (server, data) = (actor.postmaster(), actor.data.clone());
    signal(server, Signal::QUIT);
    assert!(eventually(|| !is_running(server)));
    actor.tell("again");
    actor.read();
    assert_ne!(actor.data, data);
    assert!(is_running(actor.postmaster()));
}

#[test]
fn an_interrupt_from_the_terminal_does_not_reach_the_server() {
    let scene = Scene::new();
    let interrupted = scene.actor(&[]);
    let (server, data) = (interrupted.postmaster(), interrupted.data.clone());
    let other = scene.actor(&[]);
    interrupted.interrupt_group();
    std::thread::sleep(Duration::from_secs(2));
    assert!(is_running(server));
    let next = scene.actor(&[]);
    assert_eq!((&next.data, &other.data), (&data, &data));
}

#[test]
fn a_private_server_goes_with_its_killed_process() {
    let scene = Scene::new();
    let actor = scene.actor(&[("ACTOR_CLUSTER", "private")]);
    let server = actor.postmaster();
    assert!(actor.data.parent().unwrap().file_name().unwrap().to_str().unwrap().starts_with("p-"));
    actor.kill();
    assert!(eventually(|| scene.directories().is_empty()));
    assert!(!is_running(server));
    assert!(eventually(|| scene.keepers().is_empty()));
}

#[test]
fn the_environment_of_other_servers_is_ignored() {
    let scene = Scene::new();
    let other = [
        ("PGHOST", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGDATA", "/nowhere"),
        ("PGUSER", "nobody"),
        ("PGPASSWORD", "wrong"),
        ("PGSERVICE", "none"),
        ("PGOPTIONS", "-c no_such_setting=1"),
        ("PGSSLMODE", "verify-full"),
        ("LC_ALL", "xx_XX.nothing"),
        ("LANG", "xx_XX.nothing"),
        ("TZ", "Nowhere/Nothing"),
    ];
    let actor = scene.actor(&other);
    assert!(is_running(actor.postmaster()));
    assert!(actor.data.starts_with(&scene.directory));
}

#[test]
fn a_variable_that_cannot_be_read_is_an_error_that_names_it() {
    let scene = Scene::new();
    for (name, value) in [("GRAVEN_PG_LINGER", "long"), ("GRAVEN_PG_VERSION", "new"), ("GRAVEN_PG_BIN", "/nowhere")] {
        let output = scene.command(&[(name, value)]).stderr(Stdio::piped()).output().unwrap();
        assert!(!output.status.success(), "{name}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(name) && text.contains("help: "), "{name}: {text}");
    }
}

/// What the other processes do: make a database, tell about it, and stay until told otherwise. On its own it does
/// nothing.
#[test]
#[ignore = "the other tests run it, as a process of its own"]
fn actor() {
    let cluster = std::env::var_os("ACTOR_CLUSTER").map(|_| Cluster::builder().start().unwrap());
    let create = || cluster.as_ref().map_or_else(|| Database::create().unwrap(), |cluster| cluster.database().unwrap());
    let mut database = create();
    loop {
        database.role("actor").unwrap();
        let column = |sql| database.rows(sql).unwrap().into_iter().flatten().flatten().collect::<Vec<_>>().join(" ");
        println!("ACTOR {}", database.name());
        println!("ACTOR {}", column("SHOW data_directory"));
        println!("ACTOR {}", column("SELECT datname FROM pg_database"));
        println!("ACTOR {}", column("SELECT rolname FROM pg_roles"));
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        if line.trim() != "again" {
            return;
        }
        database = create();
    }
}
