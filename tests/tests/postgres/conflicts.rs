//! What a run refuses before it applies anything: every conflict at once, each with its remedy.

use graven::{Conflict, Error, Migrations, Outcome, Sealing};

use crate::common::{Directory, exists, fresh, history, set, value, versions};

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
async fn a_first_run_into_a_schema_with_tables_is_refused_unless_allowed() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE TABLE theirs (); CREATE VIEW view_of_theirs AS SELECT * FROM theirs").unwrap();
    let migrations = set(&[A]);
    let error = migrations.run(&mut client).await.unwrap_err();
    let Error::NotEmpty { schema, tables, history: table, .. } = &error else { panic!("{error:?}") };
    assert_eq!((schema.as_str(), table.as_str()), ("public", "public.graven_history"));
    assert_eq!(tables[..], ["theirs", "view_of_theirs"]);
    assert!(error.hint().unwrap().contains("into_existing"), "{error:?}");
    assert!(!exists(&database, "graven_history") && !exists(&database, "a"));
    assert_eq!(versions(&migrations.migrator().into_existing().run(&mut client).await.unwrap()), [1]);
    // Only the first run is at stake.
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(versions(&set(&[A, B]).run(&mut client).await.unwrap()), [2]);
}

#[tokio::test]
async fn the_schema_that_holds_tables_is_named_and_not_that_of_the_history() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA ops; CREATE TABLE theirs ()").unwrap();
    let error = set(&[A]).migrator().history("ops.history").run(&mut client).await.unwrap_err();
    let Error::NotEmpty { schema, tables, history: table, .. } = &error else { panic!("{error:?}") };
    assert_eq!((schema.as_str(), &tables[..], table.as_str()), ("public", &["theirs".to_owned()][..], "ops.history"));
    assert!(!exists(&database, "ops.history"));
}

#[tokio::test]
async fn what_an_extension_owns_and_what_lies_in_other_schemas_does_not_count_as_tables() {
    let (database, mut client) = fresh().await;
    database
        .execute(
            "CREATE SCHEMA other; CREATE TABLE other.theirs (); CREATE SEQUENCE lonely; CREATE TYPE mood AS ENUM ()",
        )
        .unwrap();
    // What every extension does with its tables, by hand: the server may have been installed without any.
    database
        .execute(
            "CREATE TABLE of_extension (); INSERT INTO pg_depend SELECT 'pg_class'::regclass, 'of_extension'::regclass, 0, \
             'pg_extension'::regclass, oid, 0, 'e' FROM pg_extension WHERE extname = 'plpgsql'",
        )
        .unwrap();
    assert_eq!(versions(&set(&[A]).run(&mut client).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_history_further_along_the_search_path_is_pointed_out() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A]);
    migrations.run(&mut client).await.unwrap();
    database.execute("CREATE SCHEMA app").unwrap();
    client.batch_execute("SET search_path = app, public").await.unwrap();
    for mut migrator in [migrations.migrator(), migrations.migrator().into_existing()] {
        let error = migrator.run(&mut client).await.unwrap_err();
        let Error::HistoryElsewhere { history, found, .. } = &error else { panic!("{error:?}") };
        assert_eq!((history.as_str(), found.as_str()), ("app.graven_history", "public.graven_history"));
        assert!(error.hint().unwrap().contains("history = \"public.graven_history\""), "{error:?}");
    }
    assert_eq!(
        migrations.migrator().history("public.graven_history").run(&mut client).await.unwrap().outcome,
        Outcome::UpToDate
    );
    assert!(!exists(&database, "app.graven_history"));
}

#[tokio::test]
async fn without_a_schema_to_keep_the_history_in_nothing_is_created() {
    let (database, mut client) = fresh().await;
    client.batch_execute("SET search_path = nowhere").await.unwrap();
    let error = set(&[A]).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::NoSchema), "{error:?}");
    let error = set(&[A]).migrator().history("nowhere.history").run(&mut client).await.unwrap_err();
    let Error::SchemaAbsent { schema, .. } = &error else { panic!("{error:?}") };
    assert_eq!(schema, "nowhere");
    assert!(error.hint().unwrap().contains("CREATE SCHEMA nowhere"), "{error:?}");
    assert_eq!(value(&database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'nowhere'"), "0");
}

#[tokio::test]
async fn a_role_that_may_not_create_the_history_is_told_the_grant() {
    let (database, _) = fresh().await;
    database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC").unwrap();
    let role = database.role("app").unwrap();
    let mut client = role.connect().await.unwrap();
    let error = set(&[A]).run(&mut client).await.unwrap_err();
    let Error::MayNotCreate { role: named, schema, .. } = &error else { panic!("{error:?}") };
    assert_eq!((named.as_str(), schema.as_str()), (role.name(), "public"));
    assert_eq!(error.hint().unwrap(), format!("`GRANT CREATE ON SCHEMA public TO {}`", role.name()));
}

#[tokio::test]
async fn a_connection_that_may_only_read_is_refused_before_anything_is_applied() {
    let (database, mut client) = fresh().await;
    client.batch_execute("SET default_transaction_read_only = on").await.unwrap();
    let error = set(&[A]).run(&mut client).await.unwrap_err();
    let Error::Server { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.sqlstate, "25006");
    assert!(error.hint().unwrap().contains("connect to the primary"), "{error:?}");
    assert!(!exists(&database, "a") && !exists(&database, "graven_history"));
}

#[tokio::test]
async fn a_role_that_may_not_read_the_history_is_told_the_grants() {
    let (database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    let role = database.role("stranger").unwrap();
    let error = set(&[A]).run(&mut role.connect().await.unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::HistoryDenied { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("GRANT SELECT"), "{error:?}");
}

#[tokio::test]
async fn a_history_of_a_newer_format_is_left_alone() {
    let (database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    database.execute("UPDATE graven_history SET format = 2").unwrap();
    let error = set(&[A, B]).run(&mut client).await.unwrap_err();
    let Error::HistoryUnreadable { history: table, reason, .. } = &error else { panic!("{error:?}") };
    assert_eq!(table, "public.graven_history");
    assert!(reason.contains("format 2") && reason.contains("knows 1"), "{reason}");
    assert!(!exists(&database, "b"));
}

#[tokio::test]
async fn a_table_of_that_name_that_is_not_gravens_is_left_alone() {
    for theirs in [
        "CREATE TABLE graven_history (id int)",
        "CREATE VIEW graven_history AS SELECT 1 AS version",
        "CREATE SEQUENCE graven_history",
    ] {
        let (database, mut client) = fresh().await;
        database.execute(theirs).unwrap();
        let error = set(&[A]).migrator().into_existing().run(&mut client).await.unwrap_err();
        match &error {
            Error::Server { source, .. } => assert_eq!(source.sqlstate, "42703", "{error:?}"),
            Error::HistoryUnreadable { reason, .. } => assert_eq!(reason, "it is not a table", "{error:?}"),
            _ => panic!("{theirs}: {error:?}"),
        }
        assert!(error.hint().unwrap().contains("not graven's"), "{error:?}");
        assert!(!exists(&database, "a"));
    }
}

#[tokio::test]
async fn nonsense_in_a_row_of_the_history_is_an_error_that_names_the_column() {
    for (change, column) in [
        ("UPDATE graven_history SET version = -1, id = '-1'", "version"),
        ("UPDATE graven_history SET state = 'odd'", "state"),
        ("UPDATE graven_history SET checksum = 'x'", "checksum"),
        ("UPDATE graven_history SET statements_done = -1", "statements_done"),
    ] {
        let (database, mut client) = fresh().await;
        set(&[A]).run(&mut client).await.unwrap();
        database.execute(change).unwrap();
        let error = match column {
            // Of what is applied a start does not ask how it came to be.
            "statements_done" => set(&[A]).status(&mut client).await.unwrap_err(),
            _ => set(&[A]).run(&mut client).await.unwrap_err(),
        };
        let Error::HistoryUnreadable { reason, .. } = &error else { panic!("{change}: {error:?}") };
        assert!(reason.contains(column), "{change}: {reason}");
    }
}

#[tokio::test]
async fn an_open_transaction_of_the_caller_is_refused_and_left_open() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A]);
    client.batch_execute("BEGIN").await.unwrap();
    client.batch_execute("CREATE TABLE callers ()").await.unwrap();
    let error = migrations.run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::InTransaction), "{error:?}");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert!(!exists(&database, "a") && !exists(&database, "callers"));
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_failed_transaction_of_the_caller_is_refused_in_the_same_words() {
    let (_database, mut client) = fresh().await;
    client.batch_execute("BEGIN").await.unwrap();
    client.batch_execute("SELECT nothing").await.unwrap_err();
    let error = set(&[A]).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::InTransaction), "{error:?}");
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
async fn names_for_the_history_that_are_none_are_refused() {
    let (_database, mut client) = fresh().await;
    let long = "t".repeat(64);
    for name in ["", "a.b.c", "a.", "\"open", "semi;colon", long.as_str()] {
        let error = set(&[A]).migrator().history(name).run(&mut client).await.unwrap_err();
        assert!(matches!(error, Error::HistoryName { .. }), "{name}: {error:?}");
    }
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
async fn who_forgets_the_namespace_does_not_apply_everything_again() {
    let (_database, mut client) = fresh().await;
    let migrations = set(&[A, B]);
    migrations.migrator().namespace("billing").run(&mut client).await.unwrap();
    let error = migrations.run(&mut client).await.unwrap_err();
    let Error::AppliedUnder { namespace, .. } = &error else { panic!("{error:?}") };
    assert_eq!(namespace, "billing");
    assert!(error.hint().unwrap().contains("--namespace billing"), "{error:?}");
    // Another set of the same service may begin there all the same.
    set(&[("0001_other.sql", "CREATE TABLE other ()")]).run(&mut client).await.unwrap();
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
    let migrations = set(&[("0001_a.sql", "-- graven: transaction = off\nSELECT 1;\nSELECT pg_sleep(1);\nSELECT 2;")]);
    let mut other = database.connect().await.unwrap();
    let run = tokio::spawn(async move { migrations.run(&mut other).await });
    crate::common::until("the second statement runs", || {
        exists(&database, "graven_history") && history(&database) == ["1 a started 1/3 in doubt"]
    })
    .await;
    let status = migrations.status(&mut client).await.unwrap();
    assert!(status.conflicts[0].to_string().contains("another instance is at it: pid"), "{:?}", status.conflicts);
    assert_eq!(status.conflicts[0].remedy(), "wait until it is done");
    let error = migrations.verify(&mut client).await.unwrap_err();
    assert!(error.to_string().contains("another instance is at it"), "{error}");
    run.await.unwrap().unwrap();
}
