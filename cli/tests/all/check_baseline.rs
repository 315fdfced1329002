//! `graven check --baseline`: that a fresh database becomes what all migrations one by one make.

use serde_json::{Value, json};

use crate::world::{Ran, World, snapshot};

const USERS: &str = "create table users (id bigint generated always as identity primary key, name text not null);\n";
const ROLES: &str = "create table roles (id serial primary key, name text unique, at timestamptz not null default now());\n\
     insert into roles (name) values ('admin'), ('reader');\n";

/// Two migrations, their baseline, and one after it.
fn world(baseline: &str) -> World {
    World::new().with(&[
        ("1_users.sql", USERS),
        ("2_roles.sql", ROLES),
        ("2_all.baseline.sql", baseline),
        ("3_email.sql", "alter table users add email text;\n"),
        ("names.repeatable.sql", "create or replace view names as select name from users;\n"),
    ])
}

fn both() -> String {
    format!("{USERS}{ROLES}")
}

fn rules(ran: &Ran) -> Vec<String> {
    let problems = ran.json()["problems"].as_array().expect("a list").clone();
    problems.iter().filter_map(|problem| problem["rule"].as_str().map(str::to_owned)).collect()
}

fn compared(ran: &Ran) -> Value {
    ran.json()["database"]["baseline"].clone()
}

#[test]
fn a_baseline_that_makes_the_same_is_said_to() {
    let world = world(&both());
    snapshot!("check-baseline", world.run(&["check", "--baseline"]));
    let ran = world.done(&["check", "--baseline", "--reverse", "--json"]);
    assert_eq!(
        compared(&ran),
        json!({
            "version": 2, "name": "all", "same": true, "tables": 2, "rows": 2, "sequences": 2,
            "not_compared": ["public.roles.at"],
        })
    );
    assert_eq!(ran.json()["database"]["applied_count"], 4);
}

#[test]
fn a_check_that_goes_one_by_one_says_that_the_baseline_was_not_tried() {
    let ran = world("this is no SQL\n").done(&["check", "--database"]);
    assert!(ran.stdout.contains("the baseline was not tried: `--baseline`"), "{}", ran.page());
}

#[test]
fn another_schema_is_shown_line_by_line() {
    let world = world(&both().replace("name text not null", "name text"));
    snapshot!("check-baseline-schema", world.run(&["check", "--baseline"]));
    let ran = world.run(&["check", "--baseline", "--json"]);
    assert_eq!((ran.code, rules(&ran)), (Some(6), vec!["baseline-differs".to_owned()]), "{}", ran.page());
    assert_eq!((&compared(&ran)["same"], &ran.json()["database"]["error"]), (&json!(false), &Value::Null));
}

#[test]
fn rows_that_are_not_the_same_are_shown_and_so_are_sequences() {
    let world = world(&both().replace("('reader')", "('writer'), ('guest')"));
    snapshot!("check-baseline-rows", world.run(&["check", "--baseline"]));
    let ran = world.run(&["check", "--baseline", "--json"]);
    assert_eq!((ran.code, rules(&ran)), (Some(6), vec!["baseline-differs".to_owned(); 2]), "{}", ran.page());
    // Without the rows, and with them but not by way of the sequence.
    let none = self::world(&format!("{USERS}{}", ROLES.lines().next().expect("a line")));
    let ran = none.run(&["check", "--baseline", "--json"]);
    assert_eq!(
        ran.json()["problems"][0]["notes"][0],
        "public.roles (id, name): 2 rows one by one, 0 by the baseline\n- (1,admin)\n- (2,reader)"
    );
    let dumped = both().replace(
        "(name) values ('admin'), ('reader')",
        "values (1, 'admin', '2026-01-31'), (2, 'reader', '2026-01-31')",
    );
    let ran = self::world(&dumped).run(&["check", "--baseline", "--json"]);
    assert_eq!(
        ran.json()["problems"][0]["notes"],
        json!(["public.roles_id_seq gives out 3 next one by one, and 1 by the baseline"])
    );
    assert!(ran.json()["problems"][0]["help"][0].as_str().expect("help").contains("`setval`"), "{}", ran.page());
    // Where no migration comes after it, the statement can be said.
    let set = "SELECT pg_catalog.setval('public.roles_id_seq', 3, false);";
    let world = self::world(&dumped);
    world.delete("3_email.sql");
    let ran = world.run(&["check", "--baseline", "--json"]);
    assert_eq!(ran.json()["problems"][0]["help"], json!([format!("write into the baseline:\n{set}")]));
    world.write("2_all.baseline.sql", &format!("{dumped}{set}\n"));
    world.done(&["check", "--baseline"]);
}

#[test]
fn what_varies_from_run_to_run_is_left_out_and_named() {
    let world = World::new().with(&[
        (
            "1_a.sql",
            "create table a (id int, token text, day date default current_date);\n\
                     insert into a values (1, gen_random_uuid()), (2, gen_random_uuid());\n",
        ),
        (
            "1_all.baseline.sql",
            "create table a (id int, token text, day date default current_date);\n\
                     insert into a values (2, 'x', '2020-01-01'), (1, 'y', '2020-01-01');\n",
        ),
    ]);
    let ran = world.done(&["check", "--baseline", "--json"]);
    assert_eq!(compared(&ran)["not_compared"], json!(["public.a.day", "public.a.token"]));
    let ran = world.done(&["check", "--baseline"]);
    assert!(ran.stdout.contains("not compared, since it varies from run to run: public.a.day, public.a.token"));
    // What does not vary is compared all the same.
    world.write("1_a.sql", "create table a (id int, token text);\ninsert into a values (1, gen_random_uuid());\n");
    world.write("1_all.baseline.sql", "create table a (id int, token text);\ninsert into a values (3, 'x');\n");
    let ran = world.run(&["check", "--baseline", "--json"]);
    assert_eq!(
        ran.json()["problems"][0]["notes"],
        json!(["public.a (id): 1 row one by one, 1 by the baseline\n- (1)\n+ (3)"])
    );
}

#[test]
fn the_example_of_the_rule_breaks_it_and_the_good_one_does_not() {
    let explained = World::new().done(&["explain", "baseline-differs", "--json"]).json();
    let example = |which: &str| {
        let world = World::new();
        for file in explained[which].as_array().expect("files") {
            let path = file["file"].as_str().and_then(|path| path.strip_prefix("migrations/")).expect("a path");
            world.write(path, file["content"].as_str().expect("a text"));
        }
        world.run(&["check", "--baseline", "--json"])
    };
    assert_eq!(rules(&example("bad")), ["baseline-differs", "baseline-differs"]);
    let good = example("good");
    assert_eq!(good.code, Some(0), "{}", good.page());
}

#[test]
fn a_baseline_that_is_refused_is_shown_at_its_place() {
    let ran = world("create table users ();\nselect nothing_there;\n").run(&["check", "--baseline", "--json"]);
    assert_eq!((ran.code, rules(&ran)), (Some(3), vec!["migration-fails".to_owned()]), "{}", ran.page());
    let problem = &ran.json()["problems"][0];
    assert_eq!((&problem["file"], &problem["line"]), (&"migrations/2_all.baseline.sql".into(), &2.into()));
    // The baseline runs, and the migration after it does not.
    let ran = world("select 1;\n").run(&["check", "--baseline", "--json"]);
    assert_eq!((ran.code, rules(&ran)), (Some(3), vec!["migration-fails".to_owned()]), "{}", ran.page());
    let problem = &ran.json()["problems"][0];
    assert_eq!(problem["file"], "migrations/3_email.sql");
    assert!(problem["notes"].to_string().contains("begins with baseline 2 all"), "{problem}");
}

#[test]
fn tables_of_every_shape_are_compared_by_what_they_hold() {
    let tables = "create schema \"S x\"; create table \"S x\".\"T \"\"y\" (\"a.b\" int, \"C\" text[], it jsonb);\n\
        create table none (); insert into none default values;\n\
        create table p (a int, b text) partition by list (a); create table p1 partition of p for values in (1);\n\
        create table parent (a int); create table child (b int) inherits (parent);\n\
        create table g (a int, b int generated always as (a * 2) stored);\n";
    let rows = "insert into \"S x\".\"T \"\"y\" values (1, '{a,null}', '{\"k\": 1}'), (null, '{}', null);\n\
        insert into p values (1, 'x'); insert into parent values (1); insert into child values (2, 3); insert into g values (4);\n\
        create materialized view m as select count(*) from p;\n";
    let world = World::new()
        .with(&[("1_a.sql", &format!("{tables}{rows}")), ("1_all.baseline.sql", &format!("{tables}{rows}"))]);
    let ran = world.done(&["check", "--baseline", "--json"]);
    assert_eq!((&compared(&ran)["tables"], &compared(&ran)["rows"]), (&7.into(), &8.into()));
    let other =
        rows.replace("null, '{}'", "null, null").replace("(2, 3)", "(2, 4)").replace("(1, 'x')", "(1, 'y'), (1, 'z')");
    world.write("1_all.baseline.sql", &format!("{tables}{other}"));
    let ran = world.run(&["check", "--baseline", "--json"]);
    assert_eq!(
        ran.json()["problems"][0]["notes"],
        json!([
            "\"S x\".\"T \"\"y\" (\"C\", \"a.b\", it): 2 rows one by one, 2 by the baseline\n- ({},,)\n+ (,,)",
            "public.child (a, b): 1 row one by one, 1 by the baseline\n- (2,3)\n+ (2,4)",
            "public.m (count): 1 row one by one, 1 by the baseline\n- (1)\n+ (2)",
            "public.p1 (a, b): 1 row one by one, 2 by the baseline\n- (1,x)\n+ (1,y)\n+ (1,z)",
        ])
    );
}

#[test]
fn without_a_baseline_the_command_says_so() {
    let world = World::new().with(&[("1_users.sql", USERS)]);
    snapshot!("check-baseline-none", world.run(&["check", "--baseline"]));
    assert_eq!(world.run(&["check", "--baseline", "--json"]).json()["error"]["kind"], "usage");
}

#[test]
fn a_difference_is_an_annotation_and_a_result_too() {
    let world = world(&both().replace("not null", ""));
    let mut command = world.command(&["check", "--baseline", "--format", "github"]);
    command.env_remove("GITHUB_WORKSPACE");
    let ran = world.finish(command);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    let expected =
        "::error file=migrations/2_all.baseline.sql,title=graven%3A baseline-differs::baseline 2 all leads to ";
    assert!(ran.stdout.starts_with(expected), "{}", ran.page());
    let ran = world.run(&["check", "--baseline", "--format", "sarif"]);
    assert_eq!((ran.code, &ran.json()["runs"][0]["results"][0]["ruleId"]), (Some(6), &"baseline-differs".into()));
}

#[test]
fn on_a_server_that_is_named_every_database_is_dropped() {
    let world = World::with_database().with(&[("1_roles.sql", ROLES), ("1_all.baseline.sql", ROLES)]);
    let role = world.database().role("maker").expect("a role");
    world.database().execute(&format!("ALTER ROLE {} CREATEDB", role.name())).expect("altered");
    let made =
        format!("SELECT FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = '{}'", role.name());
    for (baseline, code) in [(ROLES, 0), ("create table roles (name text);\n", 6), ("select nothing_there;\n", 3)] {
        world.write("1_all.baseline.sql", baseline);
        let ran = world.run(&["check", "--database", role.url(), "--baseline"]);
        assert_eq!(ran.code, Some(code), "{}", ran.page());
        assert_eq!(world.database().rows(&made).expect("rows").len(), 0);
    }
}
