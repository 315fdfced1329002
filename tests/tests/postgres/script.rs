//! The file for psql: run by the real psql, on a real server, it does what a run does, however often and after whatever.

mod between;
mod psql;
mod unfinished;

use std::time::Duration;

use graven::{Error, Outcome, ScriptRange, State};
use graven_testkit::Database;

use self::psql::{Running, psql, run, script, start};
use crate::common::{Directory, exists, fresh, lines, set, until, value, versions};
use crate::splitting::nasty;

/// What the history says, but for times, and who and how.
fn rows(database: &Database) -> Vec<String> {
    lines(
        database,
        "SELECT concat_ws(' ', namespace, id, version, name, kind, encode(checksum, 'hex'), state, statements_done, \
         statements_total, in_doubt, was_there, applied_by, format, baseline, duration IS NULL) \
         FROM graven_history ORDER BY namespace, id",
    )
}

/// The tables, columns and indexes of the schema, for where there is no `pg_dump`.
fn schema(database: &Database) -> Vec<String> {
    lines(
        database,
        "SELECT concat_ws(' ', c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), i.indisvalid) \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_index i ON i.indexrelid = c.oid \
         WHERE c.relnamespace::regnamespace::text NOT LIKE 'pg\\_%' AND c.relnamespace <> 'information_schema'::regnamespace \
         ORDER BY 1",
    )
}

const FILES: &[(&str, &str)] = &[
    (
        "0001_t.sql",
        "CREATE TABLE t (id int PRIMARY KEY, v int[]);\nINSERT INTO t VALUES (1, '{1,2,3}') -- no semicolon",
    ),
    ("0002_own.sql", "BEGIN;\nALTER TABLE t ADD COLUMN w text DEFAULT 'it''s \\ :x';\nCOMMIT;\n"),
    (
        "0003_index.sql",
        "-- graven: transaction = off\nSET work_mem = '5MB';\nCREATE INDEX CONCURRENTLY t_v ON t (v);\n\
         BEGIN;\nINSERT INTO t VALUES (2);\nINSERT INTO t VALUES (3);\nCOMMIT;\nVACUUM t;\n",
    ),
    (
        "0004_path.sql",
        "SET search_path = pg_catalog;\nSET lock_timeout = 7;\nUPDATE public.t SET w = current_setting('work_mem');",
    ),
    (
        "0005_isolation.sql",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nINSERT INTO t (id, w) VALUES (5, current_setting('transaction_isolation'));\n\
         SELECT v[1:id] FROM t;\nINSERT INTO t (id, w) VALUES (6, current_setting('lock_timeout'));",
    ),
    ("0006_nothing.sql", "-- only a comment"),
];

#[tokio::test]
async fn run_twice_it_does_once_what_a_run_does_and_a_run_finds_nothing_to_do() {
    let Some(psql) = psql() else { return };
    let migrations = set(FILES);
    let (one, mut client) = fresh().await;
    migrations.run(&mut client).await.unwrap();
    let (other, mut client) = fresh().await;
    let script = script(&migrations);
    let said = run(&psql, &other, &script).succeeded();
    assert!(said.contains("graven: applying 3 index\n"), "{said}");
    assert!(said.ends_with("graven: everything up to 6 is applied\n"), "{said}");
    assert!(!said.contains("INSERT") && !said.contains("WARNING"), "{said}");
    assert_eq!(rows(&other), rows(&one));
    assert_eq!(schema(&other), schema(&one));
    let data = "SELECT t::text FROM t ORDER BY id";
    assert_eq!(lines(&other, data), lines(&one, data));
    assert_eq!(lines(&other, data).len(), 5);
    let by = lines(&other, "SELECT DISTINCT applied_as || ' ' || (run IS NOT NULL) FROM graven_history");
    assert!(matches!(&by[..], [by] if by.starts_with("psql/")), "{by:?}");

    let again = run(&psql, &other, &script).succeeded();
    assert!(!again.contains("applying"), "{again}");
    let report = migrations.migrator().strict().run(&mut client).await.unwrap();
    assert_eq!((report.outcome, report.total), (Outcome::UpToDate, 6));
}

#[tokio::test]
async fn nasty_files_come_out_as_from_a_run() {
    come_out_as_from_a_run("", &[]).await;
}

#[tokio::test]
async fn nasty_files_come_out_as_from_a_run_statement_by_statement() {
    // It declares a cursor.
    come_out_as_from_a_run("-- graven: transaction = off\n", &["statements_in_statements.sql"]).await;
}

async fn come_out_as_from_a_run(directive: &str, but_for: &[&str]) {
    let Some(psql) = psql() else { return };
    // Transactions that a migration may not have, and data for a client that no driver takes.
    let not_run = [&["own_transactions.sql", "copies.sql"], but_for].concat();
    let files = nasty::files().into_iter().filter(|(name, _)| !not_run.contains(&name.as_str())).enumerate();
    let files: Vec<(String, String)> =
        files.map(|(at, (name, text))| (format!("{:04}_{name}", at + 1), format!("{directive}{text}"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let migrations = set(&files);
    let (one, mut client) = fresh().await;
    migrations.run(&mut client).await.unwrap();
    let (other, mut client) = fresh().await;
    // Variables by the name of whatever the files may have behind a colon.
    let names =
        ["a", "b", "c", "i", "j", "n", "x", "y", "z", "name", "int", "text"].map(|name| format!("{name}=1; DROP"));
    let arguments: Vec<&str> = names.iter().flat_map(|variable| ["-v", variable]).collect();
    start(&psql, other.url(), &script(&migrations), &arguments).end().succeeded();
    assert_eq!(rows(&other), rows(&one));
    assert_eq!(schema(&other), schema(&one));
    match (one.dump_schema(), other.dump_schema()) {
        (Ok(one), Ok(other)) => assert_eq!(other, one),
        (one, other) => println!("not compared: {:?} {:?}", one.err(), other.err()),
    }
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn it_goes_on_after_what_a_run_has_applied_and_a_run_after_it() {
    let Some(psql) = psql() else { return };
    let migrations = set(FILES);
    let (database, mut client) = fresh().await;
    set(&FILES[..2]).run(&mut client).await.unwrap();
    let some = migrations.migrator().script(ScriptRange::all().from(3).to(4)).unwrap();
    assert_eq!(some.migrations.iter().map(|it| it.version.unwrap().value()).collect::<Vec<_>>(), [3, 4]);
    run(&psql, &database, &some.sql).succeeded();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [5, 6]);
}

#[tokio::test]
async fn what_comes_before_it_must_be_applied() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    let some = set(FILES).migrator().script(ScriptRange::all().from(3)).unwrap();
    let said = run(&psql, &database, &some.sql).stopped();
    assert!(said.contains("1 t is not applied, and this script begins after it\n2 own is not applied"), "{said}");
    assert!(!exists(&database, "graven_history") && !exists(&database, "t"));
}

#[test]
fn versions_that_are_not_there_and_ranges_without_any_are_errors() {
    let migrations = set(FILES);
    let script = |range| migrations.migrator().script(range).unwrap_err();
    assert!(matches!(script(ScriptRange::all().from(7)), Error::NoSuchVersion { version: 7, .. }));
    assert!(matches!(script(ScriptRange::all().to(0)), Error::NoSuchVersion { version: 0, .. }));
    let error = script(ScriptRange::all().from(4).to(2));
    assert_eq!(error.to_string(), "there is nothing from 4 to 2");
    assert_eq!(error.hint().unwrap(), "the first version comes first: from 2 to 4");
}

#[tokio::test]
async fn a_conflict_stops_it_before_it_changes_anything() {
    let Some(psql) = psql() else { return };
    let (database, mut client) = fresh().await;
    let earlier = [
        ("1_a.sql", "CREATE TABLE a ()"),
        ("2_b.sql", "CREATE TABLE b ()"),
        ("4_d.sql", "CREATE TABLE d ()"),
        ("6_f.sql", "-- graven: transaction = off\nCREATE TABLE f ();\nSELECT 1/0"),
    ];
    let _ = set(&earlier).run(&mut client).await.unwrap_err();
    database.execute("UPDATE graven_history SET in_doubt = true WHERE version = 6").unwrap();
    let before = rows(&database);
    let now = set(&[
        ("1_a.sql", "CREATE TABLE a (x int)"),
        ("3_c.sql", "CREATE TABLE c ()"),
        ("4_d.sql", "CREATE TABLE d ()"),
        ("6_f.sql", "-- graven: transaction = off\nCREATE TABLE f ();\nSELECT 1/0"),
        ("7_g.sql", "CREATE TABLE g ()"),
    ]);
    let said = run(&psql, &database, &script(&now)).stopped();
    for wanted in [
        "ERROR:  graven: these migrations and the history disagree; nothing was applied",
        "1 a is modified: applied as sha256:",
        "2 b is orphaned",
        "3 c is out of order: it is pending, and 6 is applied already; if no later migration depends on it, make the script \
         with --out-of-order",
        "6 f is incomplete: whether statement 2 of 2 has run is for a person to say (graven resolve 6)",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(rows(&database), before);
    assert!(!exists(&database, "c") && !exists(&database, "g"));
}

#[tokio::test]
async fn a_newer_history_is_let_be_unless_strict() {
    let Some(psql) = psql() else { return };
    let (database, mut client) = fresh().await;
    set(FILES).run(&mut client).await.unwrap();
    let older = set(&FILES[..2]);
    run(&psql, &database, &script(&older)).succeeded();
    let strict = older.migrator().strict().script(ScriptRange::all()).unwrap();
    let said = run(&psql, &database, &strict.sql).stopped();
    assert!(said.contains("3 index is of the future"), "{said}");
}

#[tokio::test]
async fn inside_of_a_transaction_it_does_not_begin() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    let said = start(&psql, database.url(), &script(&set(FILES)), &["-1"]).end().stopped();
    assert!(said.contains("graven: this is inside of a transaction"), "{said}");
    assert!(said.contains("run psql without -1"), "{said}");
    assert!(said.contains("after an error, leave psql first"), "{said}");
    assert!(!exists(&database, "graven_history"));
}

#[tokio::test]
async fn settings_of_psql_and_of_the_session_do_not_change_what_it_does() {
    let Some(psql) = psql() else { return };
    let (database, mut client) = fresh().await;
    let migrations = set(FILES);
    let session =
        "SET standard_conforming_strings = off;\nSET statement_timeout = 60000;\nSET client_encoding = 'LATIN1';\n";
    let after = "SELECT concat_ws(' ', current_setting('standard_conforming_strings'), current_setting('statement_timeout'),\n  \
                 current_setting('client_encoding'), count(*)) AS after FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();\n";
    let arguments =
        ["-v", "AUTOCOMMIT=off", "-v", "SINGLELINE=on", "-v", "FETCH_COUNT=1", "-v", "ON_ERROR_ROLLBACK=on"];
    let sql = format!("\\set AUTOCOMMIT on\n{session}\\set AUTOCOMMIT off\n{}{after}", script(&migrations));
    let said = start(&psql, database.url(), &sql, &arguments).end().succeeded();
    assert!(said.contains("off 1min UTF8 0"), "{said}");
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    let names = "SELECT w FROM t WHERE id = 1";
    assert_eq!(lines(&database, names).len(), 1);
}

/// What psql passes over it reads all the same, and it must not read a string the other way than the server did.
#[tokio::test]
async fn a_file_that_changes_how_strings_are_read_may_be_run_again_and_does_not_hide_what_follows() {
    let Some(psql) = psql() else { return };
    let (database, mut client) = fresh().await;
    let off = "SET standard_conforming_strings = off;";
    let (strings, bare, block, last) = (
        format!("{off}\nCREATE TABLE t (v text DEFAULT 'a\\'b');\nINSERT INTO t VALUES ('\\\\if x \\'; y');"),
        format!("-- graven: transaction = off\n{off}\nINSERT INTO t VALUES ('c\\'; \\\\endif');"),
        format!(
            "-- graven: transaction = off\n{off}\nBEGIN;\nINSERT INTO t VALUES ('d\\'');\nINSERT INTO t VALUES ('e');\nCOMMIT;"
        ),
        "CREATE TABLE last ()",
    );
    let files = [("1_t.sql", &*strings), ("2_bare.sql", &*bare), ("3_block.sql", &*block), ("4_last.sql", last)];
    set(&files[..1]).run(&mut client).await.unwrap();
    let migrations = set(&files);
    for _ in 0..2 {
        run(&psql, &database, &script(&migrations)).succeeded();
        assert_eq!(
            lines(&database, "SELECT v FROM t ORDER BY v COLLATE \"C\""),
            ["\\if x '; y", "c'; \\endif", "d'", "e"]
        );
        assert!(exists(&database, "last"));
        assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    }
    let (database, _client) = fresh().await;
    for _ in 0..2 {
        run(&psql, &database, &script(&migrations)).succeeded();
        assert_eq!(rows(&database).len(), 4);
    }
}

#[tokio::test]
async fn a_search_path_that_begins_with_pg_temp_is_refused() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    let migrations = set(FILES);
    let sql = format!("SET search_path = pg_temp, public;\n{}", script(&migrations));
    let said = run(&psql, &database, &sql).stopped();
    assert!(said.contains("graven: the search path begins with a temporary schema"), "{said}");
    assert!(said.contains("put pg_temp last in the search path"), "{said}");
    let elsewhere = migrations.migrator().history("public.h").script(ScriptRange::all()).unwrap();
    let said = run(&psql, &database, &format!("SET search_path = pg_temp, public;\n{}", elsewhere.sql)).stopped();
    assert!(said.contains("graven: the search path begins with a temporary schema"), "{said}");
    assert!(!exists(&database, "public.h") && !exists(&database, "public.t"));
}

#[tokio::test]
async fn a_schema_with_tables_is_no_place_to_begin_unless_said_so() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    database.execute("CREATE TABLE theirs ()").unwrap();
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()")]);
    let said = run(&psql, &database, &script(&migrations)).stopped();
    assert!(said.contains("graven: the schema public holds tables, and no history: theirs"), "{said}");
    assert!(!exists(&database, "graven_history") && !exists(&database, "a"));
    let beside = migrations.migrator().into_existing().script(ScriptRange::all()).unwrap();
    run(&psql, &database, &beside.sql).succeeded();
    assert!(exists(&database, "a"));
}

#[tokio::test]
async fn it_waits_for_who_is_migrating_and_says_who_that_is() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()")]);
    let holder = database.connect().await.unwrap();
    let key = "hashtextextended('graven \"public\".\"graven_history\"', 0)";
    holder.batch_execute(&format!("SET application_name = 'them'; SELECT pg_advisory_lock({key})")).await.unwrap();
    let hasty = migrations.migrator().lock_timeout(Duration::ZERO).script(ScriptRange::all()).unwrap();
    let said = run(&psql, &database, &hasty.sql).stopped();
    assert!(said.contains("gave up waiting for pid ") && said.contains("(them), which is migrating"), "{said}");
    assert!(!exists(&database, "graven_history"));
    let waiting = start(&psql, database.url(), &script(&migrations), &[]);
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    until("it waits", || value(&database, asleep) == "1").await;
    // A concurrent build waits for all who hold a snapshot, and must not wait for this one.
    holder.batch_execute("CREATE TABLE x (v int)").await.unwrap();
    holder.batch_execute("CREATE INDEX CONCURRENTLY ON x (v)").await.unwrap();
    holder.batch_execute(&format!("DROP TABLE x; SELECT pg_advisory_unlock({key})")).await.unwrap();
    waiting.end().succeeded();
    assert!(exists(&database, "a"));
}

#[tokio::test]
async fn beside_running_instances_each_migration_runs_once() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    let count = |version: i32| format!("INSERT INTO counts VALUES ({version}); SELECT pg_sleep(0.02)");
    let mut files = vec![("0001_m.sql".to_owned(), format!("CREATE TABLE counts (v int); {}", count(1)))];
    files.extend((2..=12).map(|version| (format!("{version:04}_m.sql"), count(version))));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let migrations = set(&files);
    let script = script(&migrations);
    let scripts: Vec<Running> = (0..3).map(|_| start(&psql, database.url(), &script, &[])).collect();
    let url = database.url().to_owned();
    let runs = tokio::join!(migrations.run_url(&url), migrations.run_url(&url), migrations.run_url(&url));
    assert!(runs.0.is_ok() && runs.1.is_ok() && runs.2.is_ok(), "{runs:?}");
    for running in scripts {
        running.end().succeeded();
    }
    assert_eq!(
        value(&database, "SELECT string_agg(v::text, ' ' ORDER BY v) FROM counts"),
        "1 2 3 4 5 6 7 8 9 10 11 12"
    );
}

#[tokio::test]
async fn a_fresh_database_gets_the_baseline_and_repeatables_are_applied_again_when_changed() {
    let Some(psql) = psql() else { return };
    let directory = Directory::new(&[
        ("1_a.sql", "CREATE TABLE a ()"),
        ("2_b.sql", "CREATE TABLE b ()"),
        ("2_all.baseline.sql", "CREATE TABLE a (); CREATE TABLE b (); CREATE TABLE by_baseline ()"),
        ("3_c.sql", "CREATE TABLE c ()"),
        ("views.repeatable.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS x"),
    ]);
    let (one, mut client) = fresh().await;
    directory.load().run(&mut client).await.unwrap();
    let (other, mut client) = fresh().await;
    run(&psql, &other, &script(&directory.load())).succeeded();
    assert_eq!(rows(&other), rows(&one));
    assert_eq!(schema(&other), schema(&one));
    assert!(exists(&other, "by_baseline"));
    let without = directory.load().migrator().no_baseline().script(ScriptRange::all()).unwrap();
    assert!(!without.sql.contains("by_baseline"));
    directory.write("views.repeatable.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS x, 2 AS y");
    let again = script(&directory.load());
    assert!(run(&psql, &other, &again).succeeded().contains("applying repeatable views"));
    assert!(!run(&psql, &other, &again).succeeded().contains("applying"));
    assert_eq!(lines(&other, "SELECT y FROM v"), ["2"]);
    assert_eq!(directory.load().run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn names_are_taken_as_they_are() {
    let Some(psql) = psql() else { return };
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA \"My \"\"App\"\" :x\"").unwrap();
    let files = [
        ("1_it's \"so\" :x $graven$.sql", "CREATE TABLE a (n text); INSERT INTO a VALUES ('é ’ :x')"),
        ("2_a*-b\\n.sql", "-- graven: transaction = off\nCREATE TABLE b ();\nCREATE TABLE nothing.b ()"),
    ];
    let migrations = set(&files);
    let migrator = || migrations.migrator().history("\"My \"\"App\"\" :x\".\"H's\"").namespace("it's :x \\");
    let script = migrator().script(ScriptRange::all()).unwrap().sql;
    let said = start(&psql, database.url(), &script, &["-v", "x=boom"]).end().stopped();
    assert!(said.contains("graven: applying 1 it's \"so\" :x $graven$\n"), "{said}");
    assert!(said.contains("statement 2 of 2 of migration 2 a*-b\\n failed"), "{said}");
    database.execute("CREATE SCHEMA nothing").unwrap();
    start(&psql, database.url(), &script, &["-v", "x=boom"]).end().succeeded();
    let status = migrator().status(&mut client).await.unwrap();
    assert_eq!(status.count(State::Applied), 2);
    assert_eq!(lines(&database, "SELECT n FROM a"), ["é ’ :x"]);
}

#[tokio::test]
async fn a_role_of_its_own_makes_what_the_script_makes() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    let owner = database.role("owner").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", owner.name())).unwrap();
    let migrations =
        set(&[("1_a.sql", "CREATE TABLE a (); RESET ROLE; CREATE TABLE theirs ()"), ("2_b.sql", "CREATE TABLE b ()")]);
    let script = migrations.migrator().role(owner.name()).script(ScriptRange::all()).unwrap();
    run(&psql, &database, &script.sql).succeeded();
    let owners = "SELECT relname || ' ' || (relowner::regrole::text = '{}') FROM pg_class WHERE relname IN ('a', 'b', 'graven_history') ORDER BY 1";
    assert_eq!(lines(&database, &owners.replace("{}", owner.name())), ["a true", "b true", "graven_history true"]);
}

#[test]
fn the_file_says_what_it_is_and_how_to_run_it() {
    let directory = Directory::new(FILES);
    directory.seal();
    directory.write("0007_new.sql", "SELECT 7");
    let migrations = directory.load();
    let script = migrations.migrator().script(ScriptRange::all()).unwrap();
    assert_eq!(script.to_string(), script.sql);
    assert!(
        script.sql.starts_with("-- Migrations 1 to 7 of migrations, as a file for psql 11 or later."),
        "{}",
        script.sql
    );
    assert!(script.sql.contains("--     psql -X -f THIS_FILE"));
    for migration in &migrations {
        assert!(script.sql.contains(&format!(
            "--   {}  {} {}",
            migration.checksum(),
            migration.version(),
            migration.name()
        )));
    }
    assert_eq!(script.sql.matches("(not sealed: it may still change)").count(), 1);
    let json = serde_json::to_value(&script).unwrap();
    assert_eq!(json["migrations"][6]["version"], 7);
    assert_eq!(json["migrations"][6]["sealed"], false);
    assert_eq!(json["sql"], script.sql);
}

#[tokio::test]
async fn a_file_that_empties_the_history_is_rolled_back_by_psql_as_well() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    let migrations =
        set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", "CREATE TABLE b (); TRUNCATE graven_history")]);
    let said = run(&psql, &database, &script(&migrations)).stopped();
    assert!(said.contains("graven: the migration has taken its own row in the history away"), "{said}");
    assert!(exists(&database, "a") && !exists(&database, "b"));
    assert_eq!(value(&database, "SELECT string_agg(id, ' ') FROM graven_history"), "1");
}
