//! `graven resolve`.

use crate::world::{Ran, World, snapshot};

/// A migration that was cut off in its second statement, which may or may not have run.
fn in_doubt() -> World {
    let world = World::with_database().with(&[(
        "1_a.sql",
        "-- graven: transaction = off\ncreate table a (id bigint);\ninsert into a values (1);\nselect 1 / (select count(*) from b);\n",
    )]);
    // It fails at its third statement, for lack of a table.
    assert_eq!(world.run(&["apply"]).code, Some(3));
    world
}

fn doubt(world: &World, done: u32) {
    // As a run leaves it that was killed between a statement and its record.
    let sql = format!("UPDATE graven_history SET statements_done = {done}, in_doubt = true");
    world.database().execute(&sql).expect("a history");
}

fn said(ran: &Ran) -> (&str, Option<i32>) {
    (ran.stdout.trim_end(), ran.code)
}

#[test]
fn what_is_in_doubt_is_shown_and_waits_for_an_answer() {
    let world = in_doubt();
    doubt(&world, 1);
    snapshot!("resolve-status", world.run(&["status"]));
    snapshot!("resolve-refused", world.run(&["apply"]));
    let ran = world.run(&["resolve", "1", "--applied"]);
    assert_eq!(said(&ran), ("1 a: 2 of 3 statements are done, the next run goes on with statement 3", Some(0)));
    world.database().execute("CREATE TABLE b AS SELECT 1").expect("a table");
    world.done(&["apply"]);
    assert_eq!(world.database().value("SELECT count(*) FROM a").expect("a table").as_deref(), Some("1"));
}

#[test]
fn what_did_not_take_effect_runs_again() {
    let world = in_doubt();
    doubt(&world, 2);
    snapshot!("resolve-retry-json", world.run(&["resolve", "1", "--retry", "--json"]));
    world.database().execute("CREATE TABLE b AS SELECT 1").expect("a table");
    world.done(&["apply"]);
    assert_eq!(world.database().value("SELECT count(*) FROM a").expect("a table").as_deref(), Some("1"));
}

#[test]
fn there_is_nothing_to_resolve_where_nothing_is_incomplete() {
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n")]);
    world.done(&["apply"]);
    snapshot!("resolve-nothing", world.run(&["resolve", "1", "--applied"]));
    // As every other verb takes a version that nobody knows.
    let ran = world.run(&["resolve", "99", "--applied", "--json"]);
    assert_eq!((ran.code, &ran.json()["error"]["kind"]), (Some(2), &"no-such-version".into()), "{}", ran.page());
}
