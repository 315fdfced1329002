//! `graven baseline`: writes what the migrations make, and proves it.

use std::path::PathBuf;
use std::sync::LazyLock;

use graven_testkit::Cluster;
use serde_json::{Value, json};

use crate::world::{Ran, World, snapshot};

/// Whether there is a pg_dump for the server that tests have. In CI there has to be.
pub(crate) fn has_pg_dump() -> bool {
    let found = PG_DUMP.is_some();
    assert!(found || std::env::var_os("CI").is_none() || std::env::var_os("GRAVEN_PG_VERSION").is_some());
    if !found {
        eprintln!("NOT TESTED: there is no pg_dump for this server here (`apt-get install postgresql-client`)");
    }
    found
}

static PG_DUMP: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let cluster = Cluster::builder().start().expect("a server");
    let beside = cluster.binaries().join("pg_dump");
    let major = |path: &PathBuf| {
        let output = std::process::Command::new(path).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.split(' ').nth(2)?.split('.').next()?.parse::<u32>().ok()
    };
    let found = std::iter::once(beside).chain(graven_testkit::programs("pg_dump"));
    found.into_iter().find(|path| major(path) >= Some(cluster.version()))
});

/// Who can write a schema down here.
pub(crate) fn writers() -> Vec<&'static str> {
    if has_pg_dump() { vec!["catalog", "pg_dump"] } else { vec!["catalog"] }
}

fn pg_dump() -> PathBuf {
    PG_DUMP.clone().expect("a pg_dump")
}

const USERS: &str = "create table users (id bigint generated always as identity primary key, name text not null);\n";
const ROLES: &str = "create table roles (id serial primary key, name text unique, at timestamptz not null default now());\n\
     insert into roles (name) values ('admin'), ('it''s \\ a reader');\n";

pub(crate) fn sealed(files: &[(&str, &str)]) -> World {
    let world = World::new().with(files);
    world.done(&["seal"]);
    world
}

/// The same with a server that is there already, which is faster: for what makes nothing but what belongs to a database.
pub(crate) fn on_a_server(files: &[(&str, &str)]) -> World {
    let world = World::with_database().with(files);
    world.done(&["seal"]);
    world
}

/// `graven baseline all` there.
pub(crate) fn baseline(world: &World, more: &[&str]) -> Ran {
    world.run(&[&["baseline", "all", "--database", world.database().url()], more].concat())
}

/// The same, which has to go well.
pub(crate) fn written(world: &World, more: &[&str]) -> Ran {
    let ran = baseline(world, more);
    assert_eq!(ran.code, Some(0), "{}", ran.page());
    ran
}

/// That a fresh database that begins with the baseline is as one that goes one by one.
pub(crate) fn is_proved(world: &World) -> Value {
    let ran = world.done(&["check", "--baseline", "--json"]);
    ran.json()["database"]["baseline"].clone()
}

fn is_proved_there(world: &World) -> Value {
    let ran = world.done(&["check", "--baseline", "--json", "--database", world.database().url()]);
    ran.json()["database"]["baseline"].clone()
}

pub(crate) fn is_refused(ran: &Ran, code: i32, said: &str) {
    assert_eq!(ran.code, Some(code), "{}", ran.page());
    assert!(ran.stderr.contains(said), "{}", ran.page());
}

#[test]
fn a_baseline_is_written_proved_and_sealed() {
    if !has_pg_dump() {
        return;
    }
    let world = sealed(&[
        ("0001_users.sql", USERS),
        ("0002_roles.sql", ROLES),
        ("0003_email.sql", "alter table users add email text;\n"),
        ("names.repeatable.sql", "create or replace view names as select name from users;\n"),
    ]);
    let ran = world.run(&["baseline", "all", "--to", "2", "--seeds"]);
    snapshot!("baseline", ran);
    snapshot!(
        "baseline-file",
        Ran { code: Some(0), stdout: world.read("0002_all.baseline.sql"), stderr: String::new() }
    );
    let proved = is_proved(&world);
    assert_eq!((&proved["version"], &proved["same"], &proved["rows"]), (&json!(2), &json!(true), &json!(2)));
    world.done(&["seal"]);
    world.done(&["check", "--sealed"]);
    // It is the same text another time.
    let first = world.read("0002_all.baseline.sql");
    let again = sealed(&[("0001_users.sql", USERS), ("0002_roles.sql", ROLES)]);
    again.done(&["baseline", "all", "--seeds"]);
    assert_eq!(again.read("0002_all.baseline.sql"), first);
    is_refused(
        &world.run(&["baseline", "other", "--to", "2", "--seeds"]),
        2,
        "there is a baseline of version 2 already",
    );
    // And there may be one of the versions after it.
    let ran = world.done(&["baseline", "more", "--seeds=public.roles,users", "--json"]);
    let json = ran.json();
    assert_eq!(json["file"], "migrations/0003_more.baseline.sql");
    assert_eq!((&json["from"], &json["version"], &json["migrations"]), (&json!(1), &json!(3), &json!(3)));
    assert_eq!((&json["written"], &json["text"]), (&json!(true), &Value::Null));
    assert_eq!(json["left_to_default"], json!(["public.roles.at"]));
    assert_eq!(is_proved(&world)["version"], 3);
}

/// One of everything that has bitten somebody.
const EVERYTHING: &[(&str, &str)] = &[
    (
        "1_roles.sql",
        "create role \"graven reader\" nologin; create role graven_owner login connection limit 3; grant \"graven reader\" to graven_owner;\n\
         alter role graven_owner set work_mem = '5MB'; alter role graven_owner set search_path = ''; alter role graven_owner set \"app.user\" to 'x';\n\
         grant pg_monitor to graven_owner with admin option; create role a_member; grant graven_owner to a_member, current_user;\n",
    ),
    (
        "2_types.sql",
        "create schema \"S x\" authorization graven_owner;\n\
         create type mood as enum ('sad', 'ok'); alter type mood add value 'it''s fine' before 'ok';\n\
         create domain \"S x\".email as text check (value ~ '@') default 'a@b';\n\
         create type pair as (a int, b mood);\n\
         create type span as range (subtype = float8);\n",
    ),
    (
        "3_tables.sql",
        "create sequence counter increment 5 start 10; select nextval('counter'), nextval('counter');\n\
         create sequence untouched;\n\
         create table \"S x\".\"T \"\"y\" (id bigint generated always as identity (start 100) primary key,\n\
           \"a.b\" int[] default '{1,2}', m mood, e \"S x\".email, p pair, s span, j jsonb, t timestamptz, n numeric(10,3), b bool,\n\
           raw bytea, double_n numeric generated always as (n * 2) stored, status varchar(10) check (status in ('a', 'b')));\n\
         insert into \"S x\".\"T \"\"y\" (m, p, s, j, t, n, b, raw, status) values\n\
           ('ok', row(1, 'sad'), '[1,2.5)', '{\"k\": \"it''s \\\\ \"}', '2020-01-01 00:00:00.123456+02', 1.5, true, '\\x00ff', 'a'),\n\
           (null, null, null, null, 'infinity', 'NaN', null, null, null);\n\
         comment on table \"S x\".\"T \"\"y\" is 'a \"comment\"; -- with $$ in it'; comment on column \"S x\".\"T \"\"y\".\"a.b\" is 'c';\n\
         create table parts (id int, at date not null, primary key (id, at)) partition by range (at);\n\
         create table parts_2020 partition of parts for values from ('2020-01-01') to ('2021-01-01');\n\
         create table parts_rest partition of parts default; create index on parts (at);\n\
         insert into parts values (2, '2020-05-05'), (1, '2019-05-05');\n\
         create table parent (a int primary key, b text); create table child (c int) inherits (parent);\n\
         create table tree (id int primary key, up int references tree deferrable initially deferred);\n\
         insert into tree values (1, 3), (2, 1), (3, 2);\n\
         create table lines (it text primary key); insert into lines values (E'a\\r\\nE''\\\\b'), (E'\\n;'), (E'E\\r');\n\
         create table none (); insert into none default values; insert into none default values;\n\
         create table gone (a int, b int, c int); alter table gone drop b; insert into gone values (1, 3);\n\
         create unlogged table fast (a real, b double precision) with (fillfactor = 70); insert into fast values (0.1, 'Infinity');\n",
    ),
    (
        "4_code.sql",
        "create function f(a int, b text default 'x;') returns text language plpgsql stable as $body$ begin return $$a';$$ || b; end $body$;\n\
         create function later() returns bigint language sql as 'select count(*) from tree';\n\
         create procedure p() language sql begin atomic select 1; select case when true then 2 end; end;\n\
         create function touched() returns trigger language plpgsql as $$ begin new.b := 'touched'; return new; end $$;\n\
         create trigger touch before insert on parent for each row execute function touched();\n\
         insert into parent values (1, 'x'); alter table parent disable trigger touch; insert into parent values (2, 'y');\n\
         create view v as select p.id, t.up from parts p join tree t using (id) where t.up::text = any (array['1', '2']);\n\
         create materialized view m as select count(*) from tree; create unique index on m (count);\n\
         create rule quiet as on delete to none do instead (select 1; select 2);\n\
         create index partial on \"S x\".\"T \"\"y\" (lower(status)) where status in ('a', 'b');\n\
         create statistics st on id, up from tree;\n\
         create aggregate total (int) (sfunc = int4pl, stype = int, initcond = '0');\n\
         create operator === (leftarg = int, rightarg = int, function = int4eq);\n",
    ),
    (
        "5_rights.sql",
        "grant usage on schema \"S x\" to \"graven reader\"; grant select on all tables in schema public to \"graven reader\";\n\
         grant update (b) on parent to \"graven reader\" with grant option; revoke execute on function later() from public;\n\
         revoke create on schema public from public; alter table tree owner to graven_owner;\n\
         alter default privileges in schema public grant select on tables to \"graven reader\";\n\
         alter table parent enable row level security; create policy mine on parent for select to \"graven reader\", current_user using (a > 1);\n\
         create foreign data wrapper w; create server s foreign data wrapper w;\n\
         create user mapping for current_user server s options (\"user\" 'x');\n\
         do $$ begin execute format('alter database %I set work_mem = ''6MB''', current_database());\n\
           execute format('alter database %I set search_path = \"$user\", public, \"S x\"', current_database());\n\
           execute format('revoke temporary on database %I from public', current_database()); end $$;\n",
    ),
];

#[test]
fn a_schema_with_everything_in_it_is_written_and_proved() {
    writers().into_iter().for_each(everything_by);
}

fn everything_by(writer: &str) {
    let world = sealed(EVERYTHING);
    let baseline = ["baseline", "all", "--seeds", "--schema-by", writer];
    let ran = world.done(&[&baseline[..], &["--json"]].concat());
    let json = ran.json();
    assert_eq!(json["schema_by"], writer);
    assert_eq!(
        (&json["roles"], &json["left_to_default"]),
        (&json!(["a_member", "graven reader", "graven_owner"]), &json!([]))
    );
    assert!(ran.stderr.contains("role graven_owner may log in"), "{}", ran.page());
    let text = world.read("5_all.baseline.sql");
    // Nothing of who ran it.
    for named in ["postgres;", "TO postgres", "FOR postgres", ", postgres"] {
        assert!(!text.contains(named), "{text}");
    }
    // A role is made a member of what was made before it, and only where it is made.
    for block in [
        "        CREATE ROLE graven_owner LOGIN CONNECTION LIMIT 3;\n        ALTER ROLE graven_owner SET \"app.user\" TO 'x';\n        \
         ALTER ROLE graven_owner SET search_path TO '';\n        ALTER ROLE graven_owner SET work_mem TO '5MB';\n        \
         GRANT \"graven reader\" TO graven_owner;\n        GRANT graven_owner TO CURRENT_USER;\n        \
         GRANT pg_monitor TO graven_owner WITH ADMIN OPTION;\n    END IF;\n",
        "        CREATE ROLE a_member;\n        GRANT graven_owner TO a_member;\n    END IF;\n",
    ] {
        assert!(text.contains(block), "{text}");
    }
    assert_eq!(is_proved(&world)["same"], true);
    let printed = world.read("5_all.baseline.sql");
    world.delete("5_all.baseline.sql");
    let ran = world.done(&[&baseline[..], &["--dry-run"]].concat());
    assert_eq!(ran.stdout, printed);
    assert!(!world.files().iter().any(|file| file.ends_with(".baseline.sql")));
    let ran = world.done(&[&baseline[..], &["--dry-run", "--json"]].concat());
    assert_eq!((&ran.json()["written"], &ran.json()["text"]), (&json!(false), &json!(printed)));
}

#[test]
fn rows_are_written_only_if_somebody_says_so() {
    let world = on_a_server(&[
        ("1_users.sql", USERS),
        ("2_roles.sql", ROLES),
        ("3_more.sql", "insert into users (name) values ('x');\n"),
    ]);
    snapshot!("baseline-rows", baseline(&world, &[]));
    is_refused(&baseline(&world, &["--seeds=roles"]), 2, "leave rows in 1 table: public.users (1)");
    is_refused(&baseline(&world, &["--seeds=roles,nothing"]), 2, "the migrations make no table nothing");
    assert!(!world.files().iter().any(|file| file.ends_with(".baseline.sql")));
    written(&world, &["--seeds=roles,public.users"]);
    assert_eq!(is_proved_there(&world)["rows"], 3);
}

#[test]
fn what_varies_from_run_to_run_is_left_to_its_default_or_refused_or_frozen() {
    let by_default = "create table a (id uuid primary key default gen_random_uuid(), day date default current_date, who text default current_user, n int);\n\
         insert into a (n) values (1), (2);\n";
    let world = on_a_server(&[("1_a.sql", by_default)]);
    let ran = written(&world, &["--seeds", "--json"]);
    assert_eq!(ran.json()["left_to_default"], json!(["public.a.id", "public.a.day", "public.a.who"]));
    let text = world.read("1_all.baseline.sql");
    assert!(text.contains("INSERT INTO public.a (n) VALUES\n    (1),\n    (2);\n"), "{text}");
    is_proved_there(&world);
    // Some rows have a value of their own, which the default would not give.
    let varying = "create table a (id uuid default gen_random_uuid(), n int);\n\
         insert into a (n) values (1); insert into a values ('00000000-0000-0000-0000-000000000000', 2);\n\
         create table b (id uuid, n int); insert into b values (gen_random_uuid(), 1);\n";
    let world = on_a_server(&[("1_a.sql", varying)]);
    let said = "from one run of the migrations to the next: public.a.id, public.b.id";
    is_refused(&baseline(&world, &["--seeds"]), 1, said);
    let ran = written(&world, &["--seeds", "--freeze", "--json"]);
    assert_eq!(ran.json()["frozen"], json!(["public.a.id", "public.b.id"]));
    assert_eq!(ran.json()["left_to_default"], json!([]));
    assert!(world.read("1_all.baseline.sql").contains("-- As they came out in one run"));
    is_proved_there(&world);
    let world = on_a_server(&[(
        "1_a.sql",
        "do $$ begin execute format('create table %I ()', 't' || replace(gen_random_uuid()::text, '-', '')); end $$;\n",
    )]);
    is_refused(&baseline(&world, &[]), 1, "the migrations make another schema each time they run");
}

#[test]
fn what_a_role_of_somebodys_server_was_before_is_not_written() {
    let world = World::with_database();
    let role = world.database().role("app").expect("a role");
    let app = role.name();
    let change = format!(
        "ALTER ROLE {app} CREATEDB CONNECTION LIMIT 7; ALTER ROLE {app} SET work_mem = '7MB'; \
         GRANT pg_read_all_data TO {app} WITH ADMIN OPTION"
    );
    world.database().execute(&change).expect("altered");
    let world = world.with(&[("1_t.sql", &format!("create table t (a int); grant select on t to {app};\n"))]);
    world.done(&["seal"]);
    let ran = written(&world, &["--json"]);
    assert_eq!(ran.json()["roles"], json!([app]));
    let text = world.read("1_all.baseline.sql");
    let bare = format!("rolname = '{app}') THEN\n        CREATE ROLE {app};\n    END IF;\n");
    assert!(text.contains(&bare) && text.matches(app).count() == 3 && !text.contains("pg_read_all_data"), "{text}");
    assert!(!ran.stderr.contains("may log in"), "{}", ran.page());
    is_proved_there(&world);
}

#[test]
fn rights_on_the_history_table_are_those_that_migrations_give() {
    let world = World::with_database();
    let role = world.database().role("reader").expect("a role");
    let reader = role.name();
    let grant = format!("create table t (a int);\ngrant select, insert on all tables in schema public to {reader};\n");
    let world = world.with(&[("1_t.sql", &grant)]);
    world.done(&["seal"]);
    for writer in writers() {
        written(&world, &["--schema-by", writer, "--dry-run"]);
    }
    written(&world, &[]);
    world.done(&["seal"]);
    world.done(&["apply"]);
    let value = |sql: &str| world.database().value(sql).expect("a value");
    assert_eq!(value("SELECT count(*) FROM graven_history WHERE baseline = 1").as_deref(), Some("1"));
    for privilege in ["SELECT", "INSERT"] {
        let may = format!("SELECT has_table_privilege('{reader}', 'graven_history', '{privilege}')");
        assert_eq!(value(&may).as_deref(), Some("t"), "{}", world.read("1_all.baseline.sql"));
    }
}

#[test]
fn a_table_may_be_given_away_by_who_is_no_superuser() {
    let world = World::with_database();
    let (deployer, owner) = (world.database().role("deployer").expect("a role"), world.database().role("owner"));
    let owner = owner.expect("a role");
    let (me, owner) = (deployer.name(), owner.name());
    world.database().execute(&format!("ALTER ROLE {me} CREATEDB; GRANT {owner} TO {me}")).expect("altered");
    let given = format!(
        "create schema s; grant create, usage on schema s to {owner};\n\
         create table s.t (a int); alter table s.t owner to {owner};\n"
    );
    let world = world.with(&[("1_t.sql", &given)]);
    world.done(&["seal"]);
    for writer in writers() {
        world.done(&["baseline", "all", "--database", deployer.url(), "--schema-by", writer]);
        assert!(!world.read("1_all.baseline.sql").contains(me));
        world.done(&["check", "--baseline", "--database", deployer.url()]);
        world.delete("1_all.baseline.sql");
    }
}

#[test]
fn the_file_does_not_depend_on_a_time_zone() {
    let parts = "create table parts (at timestamptz) partition by range (at);\n\
         create table parts_2020 partition of parts for values from ('2020-01-01 00:00+00') to ('2021-01-01 00:00+00');\n\
         do $$ begin execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database()); end $$;\n";
    let world = on_a_server(&[("1_parts.sql", parts)]);
    for writer in writers() {
        written(&world, &["--schema-by", writer]);
        let text = world.read("1_all.baseline.sql");
        assert!(text.contains("FROM ('2020-01-01 00:00:00+00') TO ('2021-01-01 00:00:00+00')"), "{text}");
        is_proved_there(&world);
        world.delete("1_all.baseline.sql");
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_any_server() {
    let world = World::new().with(&[]);
    is_refused(&world.run(&["baseline", "all"]), 2, "there are no migrations in migrations");
    let world = World::new().with(&[("1_users.sql", USERS)]);
    snapshot!("baseline-unsealed", world.run(&["baseline", "all"]));
    world.done(&["seal"]);
    is_refused(&world.run(&["baseline", "a/b"]), 2, "\"a/b\" does not serve as a name");
    is_refused(&world.run(&["baseline", "all", "--to", "7"]), 2, "there is no migration 7 in migrations");
    is_refused(&world.run(&["baseline", "all", "--freeze"]), 2, "--seeds");
    assert_eq!(world.run(&["baseline", "--json"]).json()["error"]["kind"], "usage");
    is_refused(&world.run(&["baseline", "all", "--pg-dump", "/no/such"]), 1, "/no/such does not serve as pg_dump");
    is_refused(&world.run(&["baseline", "all", "--pg-dump", "/bin/true"]), 1, "it does not tell a version of pg_dump");
    world.write("1_users.sql", "select 1;\n");
    is_refused(&world.run(&["baseline", "all"]), 6, "sealed migration 1 was edited");
    assert_eq!(world.files(), ["1_users.sql", "seal.lock"]);
}

#[test]
fn a_migration_above_the_version_may_still_change() {
    let world = on_a_server(&[("1_users.sql", USERS)]);
    world.write("2_email.sql", "alter table users add email text;\n");
    is_refused(&baseline(&world, &[]), 6, "is not sealed");
    written(&world, &["--to", "1"]);
    is_proved_there(&world);
}

#[test]
fn a_migration_that_fails_is_shown_and_nothing_is_written() {
    let world = on_a_server(&[("1_users.sql", USERS), ("2_bad.sql", "select 1;\nselect nothing_there;\n")]);
    is_refused(&baseline(&world, &[]), 3, "migrations/2_bad.sql:2:8");
    assert_eq!(baseline(&world, &["--json"]).json()["error"]["kind"], "migration-failed");
    // What comes after the baseline has to go on from it.
    is_refused(&baseline(&world, &["--to", "1"]), 3, "migrations/2_bad.sql:2:8");
    assert_eq!(world.files(), ["1_users.sql", "2_bad.sql", "seal.lock"]);
}

#[test]
fn what_cannot_be_proved_is_not_written() {
    if !has_pg_dump() {
        return;
    }
    // What pg_dump leaves out, and nobody can add.
    let world = on_a_server(&[("1_users.sql", USERS), ("2_drop.sql", "drop table users; select lo_create(0);\n")]);
    is_refused(&baseline(&world, &[]), 1, "the migrations make large objects (1)");
    // A pg_dump that leaves out more than it should.
    let world = on_a_server(&[("1_users.sql", USERS)]);
    let lying = world.folder().join("pg_dump");
    let script = format!("#!/bin/sh\nexec '{}' \"$@\" --exclude-table=users\n", pg_dump().display());
    std::fs::write(&lying, script).expect("a file");
    std::process::Command::new("chmod").arg("+x").arg(&lying).status().expect("chmod");
    let lying = lying.to_str().expect("UTF-8");
    let ran = baseline(&world, &["--pg-dump", lying]);
    is_refused(&ran, 6, "baseline 1 all leads to another schema than all migrations one by one");
    assert!(ran.stderr.contains("the file was not written; `--dry-run` prints it"), "{}", ran.page());
    assert_eq!(world.files(), ["1_users.sql", "seal.lock"]);
    let ran = baseline(&world, &["--pg-dump", lying, "--dry-run"]);
    is_refused(&ran, 6, "and it is not proved");
    assert!(ran.stdout.starts_with("-- Baseline 1: "), "{}", ran.page());
    // One that is too old says so, and nobody else writes: it was asked for.
    std::fs::write(world.folder().join("pg_dump"), "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n").expect("a file");
    let ran = baseline(&world, &["--pg-dump", lying]);
    is_refused(&ran, 1, "there is no pg_dump that knows PostgreSQL");
    assert!(ran.stderr.contains("the newest one here is 9.6.1"), "{}", ran.page());
}

#[test]
fn on_a_server_that_is_named_every_database_is_dropped_and_no_password_is_shown() {
    if !has_pg_dump() {
        return;
    }
    let world = World::with_database().with(&[("1_roles.sql", ROLES)]);
    world.done(&["seal"]);
    let role = world.database().role("dumper").expect("a role");
    world.database().execute(&format!("ALTER ROLE {} CREATEDB", role.name())).expect("altered");
    // What its arguments are, everybody on the machine can read.
    let watching = world.folder().join("pg_dump");
    let (real, seen) = (pg_dump(), world.folder().join("seen"));
    let script = format!("#!/bin/sh\necho \"$@\" >> '{}'\nexec '{}' \"$@\"\n", seen.display(), real.display());
    std::fs::write(&watching, script).expect("a file");
    std::process::Command::new("chmod").arg("+x").arg(&watching).status().expect("chmod");
    let watching = watching.to_str().expect("UTF-8");
    let ran = world.done(&["baseline", "all", "--seeds", "--database", role.url(), "--pg-dump", watching, "--json"]);
    assert_eq!(ran.json()["place"], "server");
    let text = world.read("1_all.baseline.sql");
    assert!(!text.contains(role.name()), "{text}");
    let seen = std::fs::read_to_string(seen).expect("it was called");
    let password = role.url().split_once("://").and_then(|(_, rest)| rest.split_once('@')).expect("a URL").0;
    let password = password.split_once(':').expect("a password").1;
    assert!(seen.contains("--section=post-data") && !seen.contains(password), "{seen}");
    let made =
        format!("SELECT FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = '{}'", role.name());
    assert_eq!(world.database().rows(&made).expect("rows").len(), 0);
    world.done(&["check", "--baseline", "--database", role.url()]);
}
