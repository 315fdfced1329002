//! Which rows `graven baseline` writes, and which values it leaves to defaults, refuses, or takes as they are.

use graven_testkit::Cluster;
use serde_json::{Value, json};

use crate::world::{Ran, World};

fn on_a_server(migration: &str) -> World {
    let world = World::with_database().with(&[("1_a.sql", migration)]);
    world.done(&["seal"]);
    world
}

fn baseline(world: &World, more: &[&str]) -> Ran {
    world.run(&[&["baseline", "all", "--seeds", "--database", world.database().url()], more].concat())
}

/// What is left to defaults, and the file.
fn written(world: &World) -> (Value, String) {
    let ran = baseline(world, &["--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.page());
    (ran.json()["left_to_default"].clone(), world.read("1_all.baseline.sql"))
}

/// That it is refused for this, and that `--freeze` takes it as it is.
fn is_refused(migration: &str, said: &str) {
    let world = on_a_server(migration);
    let ran = baseline(&world, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.page());
    assert!(ran.stderr.contains(said), "{}", ran.page());
    let frozen = baseline(&world, &["--freeze"]);
    assert_eq!(frozen.code, Some(0), "{}", frozen.page());
}

#[test]
fn a_value_is_never_lost_where_the_migrations_cannot_run_twice() {
    // A role is there the second time. The server is this test's own, so that no other one meets it.
    let server = Cluster::builder().start().expect("a server");
    let database = server.database().expect("a database");
    let make = "create role only_once;\ncreate table t (name text, at timestamptz default now(), day date default current_date, id uuid";
    let rows = |more: &str, rows: &str| {
        database.execute("drop role if exists only_once").expect("dropped");
        let world = World::new().with(&[("1_a.sql", &format!("{make}{more});\ninsert into t {rows};\n"))]);
        world.done(&["seal"]);
        let ran = world.run(&["baseline", "all", "--seeds", "--database", database.url(), "--json"]);
        assert!(ran.stderr.contains("cannot be run twice on this server"), "{}", ran.page());
        (ran, world)
    };
    let (ran, world) = rows("", "(name) values ('launch'), ('end')");
    assert_eq!(ran.json()["left_to_default"], json!(["public.t.at", "public.t.day"]), "{}", ran.page());
    assert!(world.read("1_all.baseline.sql").contains("INSERT INTO public.t (name, id) VALUES\n    ('end', NULL)"));
    for (more, own, column) in [
        ("", "(name, at) values ('launch', '2020-01-01'), ('end', '2021-01-01')", "public.t.at"),
        ("", "(name, at) values ('launch', default), ('end', '2021-01-01')", "public.t.at"),
        ("", "(name, day) values ('launch', '2020-01-01')", "public.t.day"),
        (" default gen_random_uuid()", "(id) values ('00000000-0000-0000-0000-000000000000')", "public.t.id"),
    ] {
        let (ran, world) = rows(more, own);
        assert_eq!(ran.code, Some(1), "{}", ran.page());
        assert!(ran.stdout.contains(&format!("to the next: {column}\"")), "{}", ran.page());
        assert_eq!(world.files(), ["1_a.sql", "seal.lock"]);
    }
}

#[test]
fn a_time_that_the_run_itself_did_not_give_is_no_default() {
    is_refused(
        "create table t (id int primary key, expires timestamptz not null default now());\n\
         insert into t values (1, now() + interval '30 days');\n",
        "to the next: public.t.expires",
    );
    is_refused(
        "create table t (id int primary key, at timestamp default clock_timestamp());\n\
         insert into t (id) select generate_series(1, 10001); insert into t values (0, 'infinity');\n",
        "to the next: public.t.at",
    );
    // What has times of its run alone has them by its default, however many and in whatever form.
    let world = on_a_server(
        "create domain moment as timestamptz;\n\
         create table t (id int primary key, at moment default clock_timestamp(), utc timestamp default (now() at time zone 'utc'),\n\
           later timestamptz(0) default now() + interval '30 days', own timestamptz default now());\n\
         insert into t (id, own) select n, '2020-01-01Z' from generate_series(1, 10001) n;\n",
    );
    let (left, text) = written(&world);
    assert_eq!(left, json!(["public.t.at", "public.t.utc", "public.t.later"]));
    assert!(text.contains("(id, own) VALUES\n    (1, '2020-01-01 00:00:00+00'),\n"), "{}", &text[..2000]);
}

#[test]
fn who_runs_the_migrations_and_when_is_not_written() {
    is_refused(
        "create table t (id int, who text default current_user, day date default current_date);\n\
         insert into t values (1, default, default), (2, 'somebody', '2020-01-01');\n",
        "some rows have what the default gives here and now, and some have another value: public.t.who, public.t.day",
    );
    // Each run gives the same numbers.
    let world = on_a_server(
        "create sequence s; create table t (id text default to_char(nextval('s'), 'FM000'), who text default current_user);\n\
         insert into t values (default, 'somebody'), (default, 'somebody else');\n",
    );
    let (left, text) = written(&world);
    assert_eq!(left, json!([]));
    assert!(text.contains("('001', 'somebody'),\n    ('002', 'somebody else');\n"), "{text}");
}

#[test]
fn rows_and_sequences_that_vary_as_a_whole_are_refused_by_name() {
    is_refused(
        "create table t (id int primary key, n int);\n\
         insert into t select row_number() over (order by random()), n from generate_series(1, 50) n;\n",
        "to the next: public.t\n",
    );
    // Also where a column beside is left to its default.
    is_refused(
        "create table t (id int primary key, n int, at timestamptz default now());\n\
         insert into t select row_number() over (order by random()), n from generate_series(1, 50) n;\n",
        "to the next: public.t\n",
    );
    is_refused(
        "create sequence s; select setval('s', (random() * 1e12)::bigint + 1);\n",
        "after each run of the migrations: public.s\n",
    );
}

#[test]
fn a_number_with_a_point_is_read_as_what_it_was() {
    let world = on_a_server(
        "create table t (a float8, b float4, c numeric); insert into t values ('-0', '-0', -1.50), ('NaN', 0.1, 'NaN');\n",
    );
    let (_, text) = written(&world);
    assert!(text.contains("('-0', '-0', -1.50),\n    ('NaN', '0.1', 'NaN');\n"), "{text}");
}

#[test]
fn tables_that_stand_apart_from_their_option_are_no_name() {
    let world = World::new().with(&[("1_a.sql", "create table roles ();\n")]);
    let ran = world.run(&["baseline", "all", "--seeds", "roles"]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
    assert!(ran.stderr.contains("unexpected argument 'roles'"), "{}", ran.page());
}
