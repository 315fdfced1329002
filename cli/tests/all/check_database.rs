//! `graven check --database`: PostgreSQL's own word, on a database that is gone afterwards.

use std::process::Stdio;
use std::time::{Duration, Instant};

use graven_testkit::Role;
use rustix::process::{Pid, Signal, kill_process};

use crate::world::{World, snapshot};

const GOOD: [(&str, &str); 2] = [
    ("1_users.sql", "create table users (id bigint primary key);\n"),
    ("2_index.sql", "-- graven: transaction = off\ncreate index concurrently users_id on users (id);\n"),
];
const BAD: (&str, &str) = ("3_email.sql", "select 1;\nalter table user add column email text;\n");

/// A role that may make databases, on the server of the tests.
fn maker(world: &World) -> Role {
    let role = world.database().role("maker").expect("a role");
    world.database().execute(&format!("ALTER ROLE {} CREATEDB", role.name())).expect("the right");
    role
}

/// The scratch databases of a role.
fn scratch(world: &World, role: &Role) -> Vec<String> {
    let sql = format!(
        "SELECT datname FROM pg_database WHERE datname LIKE 'graven\\_check\\_%' AND pg_get_userbyid(datdba) = '{}'",
        role.name()
    );
    world.database().rows(&sql).expect("rows").into_iter().flatten().flatten().collect()
}

#[test]
fn a_set_is_applied_to_an_empty_database_of_a_throwaway_server() {
    let world = World::new().with(&GOOD);
    snapshot!("check-database", world.run(&["check", "--database"]));
    let json = world.done(&["check", "--database", "--json"]).json();
    assert_eq!((&json["database"]["applied_count"], &json["database"]["place"]), (&2.into(), &"throwaway".into()));
    assert_eq!((&json["problems"], &json["database"]["error"]), (&serde_json::json!([]), &serde_json::Value::Null));
}

#[test]
fn a_migration_that_postgresql_refuses_is_shown_at_its_place() {
    let world = World::new().with(&GOOD);
    world.write(BAD.0, BAD.1);
    snapshot!("check-database-failed", world.run(&["check", "--database"]));
    let ran = world.run(&["check", "--database", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), ""));
    let json = ran.json();
    let problem = &json["problems"][0];
    assert_eq!(problem["rule"], "migration-fails");
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&"migrations/3_email.sql".into(), &2.into(), &13.into())
    );
    assert_eq!(
        (&json["database"]["applied_count"], &json["database"]["error"]["kind"]),
        (&2.into(), &"migration-failed".into())
    );
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_is_wrong_with_the_files_is_said_before_any_server_is_asked() {
    let world = World::new().with(&[("1_a.sql", "select 'open;\n")]);
    let ran = world.run(&["check", "--database", "postgres://nobody@127.0.0.1:1/none"]);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    assert!(ran.stderr.contains("a string never ends"), "{}", ran.page());
}

#[test]
fn roles_that_migrations_make_are_gone_with_their_throwaway_server() {
    let world = World::new().with(&[("1_role.sql", "create role graven_check_reader;\n")]);
    world.done(&["check", "--database"]);
    world.done(&["check", "--database"]);
}

#[test]
fn on_a_server_that_is_named_a_database_is_made_and_dropped_and_no_other_is_touched() {
    let world = World::with_database().with(&GOOD);
    let role = maker(&world);
    let json = world.done(&["check", "--json", "--database", role.url()]).json();
    assert_eq!((&json["database"]["applied_count"], &json["database"]["place"]), (&2.into(), &"server".into()));
    assert_eq!(scratch(&world, &role), Vec::<String>::new());
    // Also where a migration is refused.
    world.write(BAD.0, BAD.1);
    assert_eq!(world.run(&["check", "--database", role.url()]).code, Some(3));
    assert_eq!(scratch(&world, &role), Vec::<String>::new());
    let tables = world.database().rows("SELECT FROM pg_tables WHERE schemaname = 'public'").expect("rows");
    assert_eq!(tables.len(), 0);
}

#[test]
fn a_role_that_may_make_no_database_is_told_what_it_lacks() {
    let world = World::with_database().with(&GOOD);
    let role = world.database().role("plain").expect("a role");
    snapshot!("check-database-no-right", world.run(&["check", "--database", role.url()]));
    assert_eq!(world.run(&["check", "--database", "postgres://nobody@127.0.0.1:1/none"]).code, Some(7));
}

#[test]
fn a_check_that_is_interrupted_drops_its_database() {
    for signal in [Signal::INT, Signal::TERM] {
        let world = World::with_database().with(&[("1_slow.sql", "select pg_sleep(60);\n")]);
        let role = maker(&world);
        let mut command = world.command(&["check", "--database", role.url()]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
        let sleeping =
            format!("SELECT FROM pg_stat_activity WHERE usename = '{}' AND query LIKE '%pg_sleep%'", role.name());
        let began = Instant::now();
        while world.database().rows(&sleeping).expect("rows").is_empty() {
            assert!(began.elapsed() < Duration::from_secs(30), "the migration never began");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(scratch(&world, &role).len(), 1);
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("the signal is sent");
        let ran = world.ran(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, Some(1), "{}", ran.page());
        assert!(ran.stderr.contains("interrupted"), "{}", ran.page());
        assert!(began.elapsed() < Duration::from_secs(50), "it waited for the statement");
        assert_eq!(scratch(&world, &role), Vec::<String>::new());
    }
}

#[test]
fn a_role_whose_sessions_are_read_only_is_told_so_and_nothing_is_said_to_be_left() {
    let world = World::with_database().with(&GOOD);
    let role = maker(&world);
    let read_only = format!("ALTER ROLE {} SET default_transaction_read_only = on", role.name());
    world.database().execute(&read_only).expect("set");
    let ran = world.run(&["check", "--database", role.url()]);
    assert_eq!(ran.code, Some(1), "{}", ran.page());
    assert!(ran.stderr.contains("sets `default_transaction_read_only`"), "{}", ran.page());
    assert!(!ran.stderr.contains("standby") && !ran.stderr.contains("is left"), "{}", ran.page());
}

#[test]
fn what_a_killed_check_left_behind_is_dropped_by_the_next_one_once_it_is_old() {
    let world = World::with_database().with(&GOOD);
    let role = maker(&world);
    let now =
        world.database().value("SELECT floor(extract(epoch FROM now()))::bigint").expect("a row").expect("a number");
    // Names of a whole server's, which another test program at the same time must not have.
    let own = std::process::id();
    let fresh = format!("graven_check_{now}_{own:08x}");
    let (old, mine) = (format!("graven_check_1000000000_{own:08x}"), format!("graven_check_of_mine_{own}"));
    for name in [&old, &fresh, &mine] {
        world
            .database()
            .execute(&format!("CREATE DATABASE {name} TEMPLATE template0 OWNER {}", role.name()))
            .expect("made");
    }
    world.done(&["check", "--database", role.url()]);
    let mut left = scratch(&world, &role);
    left.sort();
    assert_eq!(left, [fresh.as_str(), mine.as_str()]);
    for name in left {
        world.database().execute(&format!("DROP DATABASE {name}")).expect("dropped");
    }
}

#[test]
fn repeatables_are_applied_to_the_empty_database_too() {
    let world = World::new().with(&GOOD);
    world.write("views.repeatable.sql", "create or replace view v as select id from nothing_there;\n");
    let ran = world.run(&["check", "--database", "--json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.page());
    assert_eq!(ran.json()["problems"][0]["file"], "migrations/views.repeatable.sql");
}
