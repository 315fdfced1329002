//! What a revert takes back, what it refuses, and that a refusal touches nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use graven::{
    Cause, Conflict, Error, Event, Kind, MigrationFailed, Migrations, Obstacle, RevertReport, StampTo, Target,
};
use graven_testkit::Database;

use crate::common::{exists, fresh, history, lines, set, value, versions};
use crate::standby::pair;

const A: (&str, &str) = ("0001_a.sql", "CREATE TABLE a (v int); COMMENT ON TABLE a IS 'the first'");
const A_DOWN: (&str, &str) = ("0001_a.down.sql", "DROP TABLE a;");
const B: (&str, &str) = ("0002_b.sql", "ALTER TABLE a ADD COLUMN w text; CREATE VIEW b AS SELECT w FROM a");
const B_DOWN: (&str, &str) = ("0002_b.down.sql", "BEGIN;\nDROP VIEW b;\nALTER TABLE a DROP COLUMN w;\nCOMMIT;");
const C: (&str, &str) =
    ("0003_c.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY a_v ON a (v);\nVACUUM a;\n");
const C_DOWN: (&str, &str) = (
    "0003_c.down.sql",
    "-- graven: transaction = off\nSET search_path = public;\nDROP INDEX CONCURRENTLY IF EXISTS a_v;\n",
);
const D: (&str, &str) = ("0004_d.sql", "CREATE TABLE d ()");

fn reverted(report: &RevertReport) -> Vec<i64> {
    report.reverted.iter().map(|reverted| reverted.version.value()).collect()
}

/// The schema, but for the history; `None` where PostgreSQL came without `pg_dump`.
fn schema(database: &Database) -> Option<String> {
    match database.dump_schema() {
        Ok(dump) => Some(dump),
        Err(graven_testkit::Error::ProgramAbsent { program, .. }) => {
            eprintln!("NOT TESTED: this PostgreSQL came without {program}");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Everything that a refusal must leave alone: relations and rows of the history, with the transactions that wrote them.
fn all(database: &Database) -> Vec<String> {
    lines(
        database,
        "SELECT c.relname || ' ' || c.xmin FROM pg_class c WHERE relnamespace = 'public'::regnamespace \
         UNION ALL SELECT h::text || h.xmin FROM graven_history h ORDER BY 1",
    )
}

fn reverse_failed(result: Result<RevertReport, Error>) -> Box<MigrationFailed> {
    match result {
        Err(Error::MigrationFailed(failed)) => {
            assert_eq!(failed.kind, Kind::Reverse, "{failed:?}");
            failed
        }
        other => panic!("no reverse has failed: {other:?}"),
    }
}

async fn obstacles(
    migrations: Migrations,
    client: &mut tokio_postgres::Client,
    target: Target,
) -> (Error, Vec<Obstacle>) {
    let error = migrations.migrator().revert(client, target).await.unwrap_err();
    let Error::NotRevertible { obstacles, history, .. } = &error else { panic!("{error:?}") };
    assert_eq!(history, "public.graven_history");
    let obstacles = obstacles.clone();
    (error, obstacles)
}

#[tokio::test]
async fn everything_reverted_leaves_the_schema_that_was_there_before_and_a_run_makes_it_again() {
    let (database, mut client) = fresh().await;
    let Some(empty) = schema(&database) else { return };
    let migrations = set(&[A, A_DOWN, B, B_DOWN, C, C_DOWN]);
    migrations.run(&mut client).await.unwrap();
    let whole = schema(&database).unwrap();
    let report = migrations.migrator().revert(&mut client, Target::All).await.unwrap();
    assert_eq!(reverted(&report), [3, 2, 1]);
    assert_eq!(report.reverted[2].name, "a");
    assert_eq!(history(&database), [""; 0]);
    let status = migrations.status(&mut client).await.unwrap();
    assert_eq!(status.count(graven::State::Pending), 3);
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1, 2, 3]);
    assert_eq!(schema(&database).unwrap(), whole);
    migrations.migrator().revert(&mut client, Target::To(0)).await.unwrap();
    database.execute("DROP TABLE graven_history").unwrap();
    assert_eq!(schema(&database).unwrap(), empty);
}

#[tokio::test]
async fn a_revert_goes_as_far_as_it_is_told() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A, A_DOWN, B, B_DOWN, C, C_DOWN]);
    let nothing = migrations.migrator().revert(&mut client, Target::Steps(2)).await.unwrap();
    assert!(nothing.reverted.is_empty() && !exists(&database, "graven_history"));
    migrations.run(&mut client).await.unwrap();
    for (target, expected) in
        [(Target::Steps(0), &[][..]), (Target::To(3), &[]), (Target::Steps(1), &[3]), (Target::To(1), &[2])]
    {
        let report = migrations.migrator().revert(&mut client, target).await.unwrap();
        assert_eq!(reverted(&report), expected, "{target:?}");
    }
    assert_eq!(history(&database), ["1 a applied"]);
    assert!(!exists(&database, "b") && !exists(&database, "a_v"));
    let error = migrations.migrator().revert(&mut client, Target::To(7)).await.unwrap_err();
    assert!(matches!(&error, Error::NoSuchVersion { version: 7, nearest, .. } if nearest.len() == 1), "{error:?}");
    assert!(error.hint().unwrap().contains("the nearest that the set has: 3"), "{error:?}");
}

#[tokio::test]
async fn whatever_is_in_the_way_is_listed_with_its_remedy_and_nothing_is_touched() {
    let (database, mut client) = fresh().await;
    let lost = ("0003_lost.sql", "");
    set(&[A, B, lost, D, ("0009_newer.sql", "")]).run(&mut client).await.unwrap();
    let migrations = set(&[A, A_DOWN, ("0002_b.sql", "-- edited"), B_DOWN, D]);
    let before = all(&database);
    let (error, found) = obstacles(migrations, &mut client, Target::All).await;
    assert_eq!(all(&database), before);
    let [
        Obstacle::Conflict(Conflict::Modified { .. }),
        Obstacle::Conflict(Conflict::Orphaned { .. }),
        Obstacle::NoReverse { file, .. },
        Obstacle::Conflict(Conflict::Future { .. }),
    ] = &found[..]
    else {
        panic!("{found:#?}")
    };
    assert_eq!(file, "migrations/0004_d.down.sql");
    let page = error.explain();
    assert!(page.contains("4 d has no reverse") && page.contains("write migrations/0004_d.down.sql"), "{page}");
    assert!(page.contains("revert it first with the newer binary"), "{page}");
    assert_eq!(page.matches("remedy: ").count(), 4, "{page}");
    assert!(error.to_string().starts_with("cannot revert: 2 b is modified"), "{error}");
    // One step is about the newest alone, and that is not this binary's to take back.
    let (_, found) = obstacles(migrations, &mut client, Target::Steps(1)).await;
    assert!(matches!(&found[..], [Obstacle::Conflict(Conflict::Future { .. })]), "{found:?}");
    assert_eq!(all(&database), before);
}

#[tokio::test]
async fn what_conflicts_below_does_not_keep_what_is_above_from_being_reverted() {
    let (database, mut client) = fresh().await;
    set(&[A, B, B_DOWN]).run(&mut client).await.unwrap();
    let edited = set(&[("0001_a.sql", "-- edited"), B, B_DOWN]);
    edited.run(&mut client).await.unwrap_err();
    assert_eq!(reverted(&edited.migrator().revert(&mut client, Target::To(1)).await.unwrap()), [2]);
    assert_eq!(history(&database), ["1 a applied"]);
}

#[tokio::test]
async fn an_incomplete_migration_is_refused_until_it_is_finished() {
    let (database, mut client) = fresh().await;
    let off =
        ("0002_off.sql", "-- graven: transaction = off\nCREATE TABLE one ();\nSELECT 1 / (SELECT count(*) FROM a);\n");
    let migrations = set(&[A, A_DOWN, off, ("0002_off.down.sql", "DROP TABLE one")]);
    migrations.run(&mut client).await.unwrap_err();
    assert_eq!(history(&database), ["1 a applied", "2 off started 1/2"]);
    let before = all(&database);
    let (error, found) = obstacles(migrations, &mut client, Target::Steps(1)).await;
    assert!(matches!(&found[..], [Obstacle::Conflict(Conflict::Incomplete { .. })]), "{found:?}");
    assert!(error.explain().contains("let a run finish it first: `graven apply --to 2`, or"), "{error:?}");
    assert_eq!(all(&database), before);
    database.execute("INSERT INTO a VALUES (1)").unwrap();
    migrations.run(&mut client).await.unwrap();
    assert_eq!(reverted(&migrations.migrator().revert(&mut client, Target::All).await.unwrap()), [2, 1]);
}

#[tokio::test]
async fn a_reverse_that_fails_leaves_its_migration_applied_and_those_before_it_reverted() {
    let (database, mut client) = fresh().await;
    let bad = ("0001_a.down.sql", "DROP TABLE a;\n-- a comment\nDROP TABLE é, nowhere;\n");
    let migrations = set(&[A, bad, B, B_DOWN]);
    migrations.run(&mut client).await.unwrap();
    let result = migrations.migrator().revert(&mut client, Target::All).await;
    let failed = reverse_failed(result);
    assert_eq!((failed.file.as_str(), failed.line), ("migrations/0001_a.down.sql", Some(3)));
    assert_eq!(failed.reverted.iter().map(|it| it.version.value()).collect::<Vec<_>>(), [2]);
    assert!(failed.applied.is_empty());
    let error = Error::MigrationFailed(failed);
    assert_eq!(error.reverted().len(), 1);
    let page = error.explain();
    assert!(page.starts_with("the reverse of migration 1 a failed at migrations/0001_a.down.sql:3:"), "{page}");
    assert!(page.contains("left behind: the migration, applied as it was"), "{page}");
    assert!(page.contains("reverted before it: 2 b") && !page.contains("applied before it"), "{page}");
    assert_eq!(history(&database), ["1 a applied"]);
    assert!(exists(&database, "a") && !exists(&database, "b"));
}

#[tokio::test]
async fn a_reverse_without_transaction_that_fails_is_run_again_by_the_next_revert() {
    let (database, mut client) = fresh().await;
    let down = (
        "0003_c.down.sql",
        "-- graven: transaction = off\nDROP INDEX CONCURRENTLY IF EXISTS a_v;\nSELECT 1 / count(*) FROM a;\n",
    );
    let migrations = set(&[A, B, C, down]);
    migrations.run(&mut client).await.unwrap();
    for _ in 0..2 {
        let failed = reverse_failed(migrations.migrator().revert(&mut client, Target::Steps(1)).await);
        assert_eq!(failed.line, Some(3));
        assert!(failed.hint().contains("runs the whole reverse again"), "{}", failed.hint());
        assert_eq!(history(&database).last().unwrap(), "3 c applied");
        assert!(!exists(&database, "a_v"));
    }
    database.execute("INSERT INTO a VALUES (1)").unwrap();
    migrations.migrator().revert(&mut client, Target::Steps(1)).await.unwrap();
    assert_eq!(history(&database).len(), 2);
}

#[tokio::test]
async fn a_reverse_without_transaction_that_could_not_run_again_is_refused() {
    let (database, mut client) = fresh().await;
    let down = ("0003_c.down.sql", "-- graven: transaction = off\nVACUUM a;\nDROP INDEX CONCURRENTLY a_v;\n");
    let migrations = set(&[A, B, C, down]);
    migrations.run(&mut client).await.unwrap();
    let before = all(&database);
    let (error, found) = obstacles(migrations, &mut client, Target::Steps(1)).await;
    let [Obstacle::NotRepeatable { line: 2, statement, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(statement, "VACUUM a;");
    assert!(error.explain().contains("IF EXISTS"), "{error:?}");
    assert_eq!(all(&database), before);
}

#[tokio::test]
async fn what_a_reverse_sets_is_put_back_after_it() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA app").unwrap();
    let off = "-- graven: transaction = off\nSET search_path = app;\nSET work_mem = '3MB';\nDROP TABLE public.a;";
    for down in
        ["SET search_path = app; SET ROLE pg_monitor; RESET ROLE; SET work_mem = '3MB'; DROP TABLE public.a", off]
    {
        client.batch_execute("SET work_mem = '7MB'").await.unwrap();
        let migrations = set(&[A, ("0001_a.down.sql", down)]);
        migrations.run(&mut client).await.unwrap();
        migrations.migrator().revert(&mut client, Target::All).await.unwrap();
        let row =
            client.query_one("SELECT current_setting('search_path'), current_setting('work_mem')", &[]).await.unwrap();
        assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("\"$user\", public", "7MB"), "{down}");
        let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                     (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(value(&database, locks), "0");
    }
}

#[tokio::test]
async fn a_reverse_heeds_its_own_directives_and_opens_its_transaction_as_it_says() {
    let (database, mut client) = fresh().await;
    let down = "-- graven: statement_timeout = 77s\n-- graven: lock_timeout = 3s\nBEGIN;\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n\
                CREATE TABLE seen AS SELECT current_setting('statement_timeout') s, current_setting('lock_timeout') l, \
                current_setting('transaction_isolation') i;\nDROP TABLE a;\nCOMMIT;\n";
    let migrations = set(&[A, ("0001_a.down.sql", down)]);
    migrations.run(&mut client).await.unwrap();
    migrations.migrator().revert(&mut client, Target::All).await.unwrap();
    assert_eq!(value(&database, "SELECT s || ' ' || l || ' ' || i FROM seen"), "77s 3s serializable");
}

#[tokio::test]
async fn a_reverse_does_not_queue_a_service_behind_it() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A, A_DOWN]);
    migrations.run(&mut client).await.unwrap();
    let reader = database.connect().await.unwrap();
    reader.batch_execute("BEGIN; SELECT * FROM a").await.unwrap();
    let mut migrator = migrations.migrator().table_lock_timeout(Duration::from_millis(50)).retries(1);
    let failed = reverse_failed(migrator.revert(&mut client, Target::All).await);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    assert_eq!((error.sqlstate.as_str(), failed.attempts, failed.in_the_way.len()), ("55P03", 2, 1));
    reader.batch_execute("COMMIT").await.unwrap();
    assert_eq!(reverted(&migrator.revert(&mut client, Target::All).await.unwrap()), [1]);
}

#[tokio::test]
async fn on_a_standby_an_operators_verb_says_so_and_touches_nothing() {
    let Some((primary, standby, database)) = pair() else { return };
    let migrations = set(&[A, A_DOWN]);
    migrations.run_url(database.url()).await.unwrap();
    standby.catch_up_with(&primary).unwrap();
    let mut client = graven::connect(&standby.url_of(&database)).await.unwrap();
    let reverted = migrations.migrator().revert(&mut client, Target::All).await.map(drop);
    let redone = migrations.migrator().redo(&mut client, 1).await.map(drop);
    let stamped = set(&[A, D]).migrator().stamp(&mut client, StampTo::Head).await.map(drop);
    for result in [reverted, redone, stamped] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Standby { .. }), "{error:?}");
        assert_eq!(error.to_string(), "this server is a read-only standby");
    }
    assert_eq!(history(&database), ["1 a applied"]);
}

#[tokio::test]
async fn an_observer_hears_of_each_step() {
    let (_database, mut client) = fresh().await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let observe = move |event: &Event<'_>| {
        let line = match event {
            Event::LockAcquired { .. } => "lock".to_owned(),
            Event::ToRevert { migrations, .. } => format!("to revert {} and {}", migrations[0], migrations[1]),
            Event::Reverting { version, number, of, .. } => format!("reverting {version}, {number} of {of}"),
            Event::Statement { version, sql, .. } => format!("statement of {version}: {sql}"),
            Event::Reverted { version, name, .. } => format!("reverted {version} {name}"),
            Event::Stamped { version, name, .. } => format!("stamped {version} {name}"),
            other => format!("{other:?}"),
        };
        seen.lock().unwrap().push(line);
    };
    let down = ("0002_b.down.sql", "-- graven: transaction = off\nDROP VIEW b;");
    let migrations = set(&[A, A_DOWN, B, down]);
    migrations.run(&mut client).await.unwrap();
    let mut migrator = migrations.migrator().observe(observe);
    migrator.revert(&mut client, Target::All).await.unwrap();
    migrator.stamp(&mut client, StampTo::Version(1)).await.unwrap();
    let expected = [
        "lock",
        "to revert 2 b and 1 a",
        "reverting 2, 1 of 2",
        "statement of 2: DROP VIEW b;",
        "reverted 2 b",
        "reverting 1, 2 of 2",
        "reverted 1 a",
        "lock",
        "stamped 1 a",
    ];
    assert_eq!(*events.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_namespace_is_reverted_by_itself() {
    let (database, mut client) = fresh().await;
    let one = set(&[A, A_DOWN]);
    let other = set(&[("0001_other.sql", "CREATE TABLE other ()"), ("0001_other.down.sql", "DROP TABLE other")]);
    one.run(&mut client).await.unwrap();
    other.migrator().namespace("web").run(&mut client).await.unwrap();
    let report = other.migrator().namespace("web").revert(&mut client, Target::All).await.unwrap();
    assert_eq!(report.reverted.len(), 1);
    assert!(exists(&database, "a") && !exists(&database, "other"));
    assert_eq!(history(&database), ["1 a applied"]);
}

#[tokio::test]
async fn a_revert_as_another_role_touches_what_is_that_roles_and_ends_as_the_one_that_began() {
    let (database, mut client) = fresh().await;
    let owner = database.role("owner").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", owner.name())).unwrap();
    let down = ("0001_a.down.sql", "CREATE TABLE who AS SELECT current_user::text AS who; DROP TABLE a");
    let migrations = set(&[A, down]);
    migrations.migrator().role(owner.name()).run(&mut client).await.unwrap();
    let report = migrations.migrator().role(owner.name()).revert(&mut client, Target::Steps(1)).await.unwrap();
    assert_eq!(reverted(&report), [1]);
    assert_eq!(value(&database, "SELECT who FROM who"), owner.name());
    let row = client.query_one("SELECT current_user = session_user", &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
}
