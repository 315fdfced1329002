//! What a run refuses before it applies anything: every conflict at once, each with its remedy.

use std::time::{Duration, Instant};

use graven::{Conflict, Error, Migrations, Outcome, Sealing};

use crate::common::{Directory, exists, fresh, history, set, versions};

const A: (&str, &str) = ("0001_a.sql", "CREATE TABLE a ()");
const B: (&str, &str) = ("0002_b.sql", "CREATE TABLE b ()");
const C: (&str, &str) = ("0003_c.sql", "CREATE TABLE c ()");
const D: (&str, &str) = ("0004_d.sql", "CREATE TABLE d ()");

async fn conflicts(migrations: Migrations, client: &mut tokio_postgres::Client) -> Vec<Conflict> {
    match migrations.run(client).await {
        Err(Error::Conflicts { conflicts, .. }) => conflicts,
        other => panic!("no conflict: {other:?}"),
    }
}

#[tokio::test]
async fn an_applied_migration_that_was_edited_is_refused_with_both_checksums() {
    let (database, mut client) = fresh().await;
    let directory = Directory::new(&[A, B]);
    directory.seal();
    let before = directory.load();
    before.run(&mut client).await.unwrap();
    let edited = Directory::new(&[("0001_a.sql", "CREATE TABLE a (edited int)"), B, C]);
    edited.seal();
    let edited = edited.load();
    let error = edited.run(&mut client).await.unwrap_err();
    let Error::Conflicts { conflicts, history: table, .. } = &error else { panic!("{error:?}") };
    let [Conflict::Modified { version, name, file, recorded, embedded, sealing, .. }] = &conflicts[..] else {
        panic!("{error:?}")
    };
    assert_eq!(
        (version.value(), name.as_str(), file.as_str(), *sealing),
        (1, "a", "migrations/0001_a.sql", Sealing::Sealed)
    );
    assert_eq!(
        (*recorded, *embedded),
        (before.by_version(1).unwrap().checksum(), edited.by_version(1).unwrap().checksum())
    );
    assert_eq!(table, "public.graven_history");
    assert!(error.to_string().contains(&recorded.short().to_string()), "{error}");
    assert!(conflicts[0].remedy().contains("graven seal --accept-edit 1"), "{error:?}");
    assert!(!exists(&database, "c"));
    assert_eq!(history(&database).len(), 2);
}

#[tokio::test]
async fn an_edit_of_what_is_not_sealed_is_taken_for_a_developers_own() {
    let (_database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    let found = conflicts(set(&[("0001_a.sql", "CREATE TABLE a (edited int)")]), &mut client).await;
    assert!(matches!(found[..], [Conflict::Modified { sealing: Sealing::Unsealed, .. }]), "{found:?}");
    assert!(found[0].remedy().contains("not sealed"), "{}", found[0].remedy());
}

#[tokio::test]
async fn what_is_incomplete_above_where_a_run_is_to_stop_is_told_of() {
    let (database, mut client) = fresh().await;
    let b = ("0002_b.sql", "-- graven: transaction = off\nCREATE TABLE b ();\nSELECT * FROM later;");
    let migrations = set(&[A, b]);
    migrations.run(&mut client).await.unwrap_err();
    assert_eq!(history(&database), ["1 a applied", "2 b started 1/2"]);
    let applied = migrations.migrator().to(1).run(&mut client).await;
    let verified = migrations.migrator().to(1).verify(&mut client).await;
    let planned = migrations.migrator().to(1).plan(&mut client).await.unwrap().conflicts;
    for result in [applied, verified] {
        let Err(Error::Conflicts { conflicts, .. }) = &result else { panic!("{result:?}") };
        assert_eq!(*conflicts, planned);
        assert!(matches!(conflicts[..], [Conflict::Incomplete { done: 1, total: 2, .. }]), "{conflicts:?}");
        assert!(conflicts[0].to_string().ends_with("and a run would go on after them"), "{}", conflicts[0]);
        assert_eq!(
            conflicts[0].remedy(),
            "let a run finish it first: `graven apply --to 2`, or a start of a service that goes as far"
        );
    }
    // As it says.
    database.execute("CREATE TABLE later ()").unwrap();
    assert_eq!(versions(&migrations.migrator().to(2).run(&mut client).await.unwrap()), [2]);
    assert_eq!(migrations.migrator().to(1).run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn an_accepted_edit_is_applied_for_old_databases_and_new_ones() {
    let (_old, mut old) = fresh().await;
    let (new_database, mut new) = fresh().await;
    let directory = Directory::new(&[A, B]);
    directory.seal();
    directory.load().run(&mut old).await.unwrap();
    directory.write("0001_a.sql", "-- a harmless edit\nCREATE TABLE a ()");
    directory.accept_edit(1);
    directory.write(C.0, C.1);
    let migrations = directory.load();
    assert_eq!(versions(&migrations.run(&mut old).await.unwrap()), [3]);
    assert_eq!(versions(&migrations.run(&mut new).await.unwrap()), [1, 2, 3]);
    assert_eq!(history(&new_database).len(), 3);
    assert_eq!(migrations.run(&mut old).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn an_applied_migration_that_the_set_has_lost_is_orphaned() {
    let (database, mut client) = fresh().await;
    set(&[A, B, C]).run(&mut client).await.unwrap();
    let found = conflicts(set(&[A, C, D]), &mut client).await;
    assert!(
        matches!(&found[..], [Conflict::Orphaned { version: Some(v), name, .. }] if v.value() == 2 && name == "b"),
        "{found:?}"
    );
    assert!(found[0].remedy().contains("bring its file back"), "{}", found[0].remedy());
    assert!(!exists(&database, "d"));
}

#[tokio::test]
async fn a_pending_migration_below_an_applied_one_is_refused_unless_allowed() {
    let (database, mut client) = fresh().await;
    set(&[A, C]).run(&mut client).await.unwrap();
    let migrations = set(&[A, B, C, D]);
    let found = conflicts(migrations, &mut client).await;
    assert!(
        matches!(&found[..], [Conflict::OutOfOrder { version, highest, .. }] if (version.value(), highest.value()) == (2, 3)),
        "{found:?}"
    );
    assert!(found[0].remedy().contains("allow_out_of_order"), "{}", found[0].remedy());
    assert!(!exists(&database, "d"));
    assert_eq!(versions(&migrations.migrator().allow_out_of_order().run(&mut client).await.unwrap()), [2, 4]);
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn versions_above_the_sets_head_are_reported_and_refused_only_if_strict() {
    let (database, mut client) = fresh().await;
    set(&[A, B, C, D]).run(&mut client).await.unwrap();
    let older = set(&[A, B]);
    let report = older.run(&mut client).await.unwrap();
    assert_eq!(report.future.iter().map(|version| version.value()).collect::<Vec<_>>(), [3, 4]);
    assert_eq!((report.outcome, report.total), (Outcome::UpToDate, 2));
    assert_eq!(older.health(&mut client).await.unwrap().state.as_str(), "degraded");
    older.verify(&mut client).await.unwrap();

    let error = older.migrator().strict().run(&mut client).await.unwrap_err();
    let Error::Conflicts { conflicts, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(conflicts[..], [Conflict::Future { .. }, Conflict::Future { .. }]), "{error:?}");
    assert!(conflicts[1].remedy().contains("strict"), "{error:?}");
    assert_eq!(history(&database).len(), 4);
}

#[tokio::test]
async fn all_conflicts_are_listed_at_once_each_with_its_remedy() {
    let (database, mut client) = fresh().await;
    set(&[A, ("0003_lost.sql", ""), ("0005_edited.sql", ""), ("0009_future.sql", "")]).run(&mut client).await.unwrap();
    let migrations = set(&[A, B, ("0005_edited.sql", "-- edited"), ("0006_e.sql", "")]);
    let error = migrations.migrator().strict().run(&mut client).await.unwrap_err();
    let Error::Conflicts { conflicts, .. } = &error else { panic!("{error:?}") };
    let found: Vec<_> = conflicts.iter().map(|c| format!("{} {}", c.version().unwrap(), c.state())).collect();
    assert_eq!(found, ["2 out of order", "3 orphaned", "5 modified", "6 out of order", "9 future"]);
    assert_eq!(error.to_string(), format!("5 conflicts between the migrations and the database: {}", found.join(", ")));
    let page = error.explain();
    assert_eq!(page.matches("remedy: ").count(), 5, "{page}");
    assert_eq!(history(&database).len(), 4);
    let status = migrations.status(&mut client).await.unwrap();
    // Without `strict`, what is future stands in nobody's way.
    assert_eq!(status.conflicts, conflicts[..4]);
}

#[tokio::test]
async fn verify_refuses_what_is_pending_and_never_writes() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A, B, C, D]);
    let error = migrations.verify(&mut client).await.unwrap_err();
    assert_eq!(error.to_string(), "4 migrations are not applied: 1 a, 2 b, 3 c and 1 more");
    assert!(!exists(&database, "graven_history"));
    set(&[A]).run(&mut client).await.unwrap();
    let error = migrations.verify(&mut client).await.unwrap_err();
    let Error::NotApplied { pending, .. } = &error else { panic!("{error:?}") };
    assert_eq!(pending.iter().map(|pending| pending.version.unwrap().value()).collect::<Vec<_>>(), [2, 3, 4]);
    migrations.run(&mut client).await.unwrap();
    migrations.verify(&mut client).await.unwrap();
    let error = set(&[("0001_a.sql", "-- edited")]).verify(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::Conflicts { .. }), "{error:?}");
}

#[tokio::test]
async fn a_version_that_another_branch_has_used_is_not_taken_for_an_edit() {
    let (_database, mut client) = fresh().await;
    set(&[A, ("0002_theirs.sql", "SELECT 2")]).run(&mut client).await.unwrap();
    let error = set(&[A, ("0002_ours.sql", "SELECT 3")]).run(&mut client).await.unwrap_err();
    let page = error.explain();
    assert!(page.contains("2 ours is modified: version 2 was applied as theirs"), "{page}");
    assert!(page.contains("give `ours` the next free version"), "{page}");
}

#[tokio::test]
async fn a_remedy_names_the_history_that_it_is_about() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA ops; CREATE TABLE t (id int)").unwrap();
    let text = "-- graven: transaction = off\nSELECT 1;\nDO $$ BEGIN COMMIT; RAISE 'no'; END $$;";
    let migrations = set(&[("0001_a.sql", text)]);
    let mut migrator = migrations.migrator().history("ops.history").namespace("x").into_existing();
    let remedy = "graven resolve 1 --applied --history ops.history --namespace x";
    let error = migrator.run(&mut client).await.unwrap_err();
    assert!(error.explain().contains(remedy), "{error:?}");
    let error = migrator.run(&mut client).await.unwrap_err();
    assert!(error.explain().contains(remedy), "{error:?}");
}

#[tokio::test]
async fn a_migration_that_another_instance_is_at_is_not_to_be_resolved() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE app.gate").await.unwrap();
    let text = "-- graven: transaction = off\nSELECT 1;\nDO $$ BEGIN PERFORM FROM app.gate; END $$;\nSELECT 2;";
    let migrations = set(&[("0001_a.sql", text)]);
    let mut other = database.connect().await.unwrap();
    let run = tokio::spawn(async move { migrations.run(&mut other).await });
    crate::common::until("the second statement runs", || {
        exists(&database, "graven_history") && history(&database) == ["1 a started 1/3 in doubt"]
    })
    .await;
    let status = migrations.status(&mut client).await.unwrap();
    assert!(status.conflicts[0].to_string().contains("another instance is running it: pid"), "{:?}", status.conflicts);
    assert_eq!(status.conflicts[0].remedy(), "wait until it is done");
    let error = migrations.verify(&mut client).await.unwrap_err();
    assert!(error.to_string().contains("another instance is running it"), "{error}");
    gate.batch_execute("COMMIT").await.unwrap();
    run.await.unwrap().unwrap();
}

/// A service that stops at 1 starts while another instance is at 2, whoever it connects as; who comes by the lock is told
/// what was left behind.
#[tokio::test]
async fn an_instance_that_stops_below_what_another_is_at_starts_at_once() {
    let (database, mut client) = fresh().await;
    let sleep = "-- graven: transaction = off\nSELECT 1;\nDO $$ BEGIN PERFORM pg_sleep(60); END $$;";
    let migrations = set(&[A, ("0002_b.sql", sleep)]);
    migrations.migrator().to(1).run(&mut client).await.unwrap();
    let reader = database.role("reader").unwrap();
    database.execute(&format!("GRANT SELECT ON graven_history TO {}", reader.name())).unwrap();
    let mut other = database.connect().await.unwrap();
    let run = tokio::spawn(async move { migrations.run(&mut other).await });
    crate::common::until("the second statement runs", || history(&database).contains(&in_doubt())).await;

    let mut below = migrations.migrator().to(1).lock_timeout(Duration::from_secs(30));
    let began = Instant::now();
    let report = below.run(&mut client).await.unwrap();
    assert_eq!((report.outcome, report.applied.len()), (Outcome::UpToDate, 0));
    below.verify(&mut client).await.unwrap();
    client.batch_execute(&format!("SET ROLE {}", reader.name())).await.unwrap();
    assert_eq!(below.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    client.batch_execute("RESET ROLE").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(history(&database).contains(&in_doubt()), "the other is at it still");

    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()";
    database.execute(end).unwrap();
    run.await.unwrap().unwrap_err();
    for result in [below.run(&mut client).await, below.verify(&mut client).await] {
        let Err(Error::Conflicts { conflicts, .. }) = &result else { panic!("{result:?}") };
        assert!(matches!(conflicts[..], [Conflict::Incomplete { done: 1, total: 2, .. }]), "{conflicts:?}");
    }
}

fn in_doubt() -> String {
    "2 b started 1/2 in doubt".to_owned()
}
