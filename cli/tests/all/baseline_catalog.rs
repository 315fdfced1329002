//! `graven baseline` where queries of the catalogs write the schema down, as they do for want of a pg_dump.

use graven_testkit::Cluster;
use serde_json::{Value, json};

use crate::baseline::{baseline, is_proved, is_refused, on_a_server, sealed, written};
use crate::world::World;

const CATALOG: [&str; 2] = ["--schema-by", "catalog"];

/// Kinds of objects, a file of them each, that each release of PostgreSQL knows.
const KINDS: &[(&str, &str)] = &[
    ("1_extensions.sql", include_str!("baseline_catalog/extensions.sql")),
    ("2_circles.sql", include_str!("baseline_catalog/circles.sql")),
    ("3_inherit.sql", include_str!("baseline_catalog/inherit.sql")),
    ("4_code.sql", include_str!("baseline_catalog/code.sql")),
    ("5_search.sql", include_str!("baseline_catalog/search.sql")),
    ("6_said.sql", include_str!("baseline_catalog/said.sql")),
];

/// Files of what is there since a release.
const SINCE: &[(u32, &str, &str)] = &[
    (15, "1_published.sql", include_str!("baseline_catalog/published.sql")),
    (16, "2_members.sql", include_str!("baseline_catalog/members.sql")),
    (17, "3_since.sql", include_str!("baseline_catalog/since_17.sql")),
    (18, "4_since.sql", include_str!("baseline_catalog/since_18.sql")),
];

#[test]
fn kinds_of_objects_that_every_release_knows_are_written_and_proved() {
    let world = sealed(KINDS);
    let ran = world.done(&["baseline", "all", "--seeds", "--freeze", "--schema-by", "catalog", "--json"]);
    let json = ran.json();
    assert_eq!((&json["schema_by"], &json["pg_dump_version"]), (&json!("catalog"), &Value::Null));
    let text = world.read("6_all.baseline.sql");
    assert!(text.contains("\n-- Written by `graven baseline all` with catalog queries on PostgreSQL "), "{text}");
    // No number that a database has given out, and nothing of who ran it, is in it: another server gives the same text.
    let again = sealed(KINDS);
    again.done(&["baseline", "all", "--seeds", "--freeze", "--schema-by", "catalog"]);
    assert_eq!(again.read("6_all.baseline.sql"), text);
    assert_eq!(is_proved(&world)["same"], true);
}

#[test]
fn kinds_of_objects_that_newer_releases_know_are_written_and_proved() {
    let release = Cluster::builder().start().expect("a server").version();
    let known: Vec<(&str, &str)> =
        SINCE.iter().filter(|(since, ..)| *since <= release).map(|(_, file, text)| (*file, *text)).collect();
    if known.is_empty() {
        return;
    }
    let world = sealed(&known);
    world.done(&["baseline", "all", "--seeds", "--freeze", "--schema-by", "catalog"]);
    assert_eq!(is_proved(&world)["same"], true);
}

#[test]
fn what_the_queries_do_not_write_is_named_and_nothing_is_written() {
    for (migration, named) in [
        ("create type unfinished;\n", "type public.unfinished (a shell)"),
        (
            "revoke execute on function pg_sleep(float8) from public;\n",
            "the rights on function pg_catalog.pg_sleep(double precision), which no migration makes",
        ),
        ("revoke usage on language plpgsql from public;\n", "the rights on language plpgsql, which no migration makes"),
        ("create language other handler plpgsql_call_handler;\n", "language other"),
        (
            "create foreign data wrapper w; create server s foreign data wrapper w;\n\
             create user mapping for public server s options (password 'x');\n",
            "the user mapping of public on server s (it holds a password)",
        ),
        (
            "create view a as select 1 as x; create view b as select x from a; create or replace view a as select x from b;\n",
            "objects that need each other, which catalog queries cannot write: view public.a, view public.b",
        ),
    ] {
        let world = on_a_server(&[("1_it.sql", migration)]);
        let ran = baseline(&world, &CATALOG);
        is_refused(&ran, 1, named);
        assert!(ran.stderr.contains("write it with pg_dump, which knows them"), "{}", ran.page());
        assert_eq!(world.files(), ["1_it.sql", "seal.lock"]);
    }
}

#[test]
fn a_failed_proof_says_who_wrote_the_schema() {
    // A column that came to the parent later stands in another place in a child that is made anew.
    let later =
        "create table parent (a int); create table child (b int) inherits (parent); alter table parent add c int;\n";
    let world = on_a_server(&[("1_it.sql", later)]);
    let ran = baseline(&world, &CATALOG);
    is_refused(&ran, 6, "another schema than all migrations one by one");
    assert!(ran.stderr.contains("the schema was written by catalog queries; pg_dump knows more"), "{}", ran.page());
    assert_eq!(world.files(), ["1_it.sql", "seal.lock"]);
}

#[test]
fn rows_of_a_table_whose_view_needs_its_key_are_written_between_them() {
    let grouped = "create table t (id int primary key, name text); insert into t values (1, 'x');\n\
         create view v as select id, name from t group by id; create materialized view m as select * from v;\n";
    let world = on_a_server(&[("1_it.sql", grouped)]);
    written(&world, &["--schema-by", "catalog", "--seeds"]);
    let text = world.read("1_all.baseline.sql");
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part} in {text}"));
    assert!(
        at("INSERT INTO public.t ") < at("PRIMARY KEY (id)") && at("PRIMARY KEY (id)") < at("CREATE VIEW "),
        "{text}"
    );
    assert!(at("CREATE VIEW ") < at("REFRESH MATERIALIZED VIEW public.m"), "{text}");
}

#[test]
fn who_wants_the_queries_cannot_name_a_pg_dump() {
    let world = World::with_database().with(&[("1_it.sql", "create table t (a int);\n")]);
    world.done(&["seal"]);
    let ran = baseline(&world, &["--schema-by", "catalog", "--pg-dump", "/bin/true"]);
    is_refused(&ran, 2, "`--schema-by catalog` needs no pg_dump");
    is_refused(&baseline(&world, &["--schema-by", "nobody"]), 2, "auto, pg_dump, catalog");
}
