//! Several `graven apply` at once.

use std::process::{Child, Stdio};

use crate::world::World;

#[test]
fn two_at_once_apply_each_migration_once() {
    let world = World::with_database();
    for version in 1..=20 {
        // Were it to run twice, it would fail.
        world.write(&format!("{version}_t.sql"), &format!("select pg_sleep(0.01); create table t{version} ();\n"));
    }
    world.write("seal.lock", "");
    let start = || -> Child {
        let mut command = world.command(&["apply", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let children = [start(), start()];
    let ran = children.map(|child| world.ran(child.wait_with_output().expect("it ends")));
    let mut applied = 0;
    for ran in ran {
        assert_eq!(ran.code, Some(0), "{}", ran.page());
        assert_eq!(ran.json()["total"], 20);
        applied += ran.json()["applied"].as_array().expect("a list").len();
    }
    assert_eq!(applied, 20);
    let count = world.database().value("SELECT count(*) FROM graven_history WHERE state = 'applied'");
    assert_eq!(count.expect("a history").as_deref(), Some("20"));
}
