//! What a run refuses for where it is to run: the schema, the history that lies there, the role's rights, the caller's
//! transaction.

use graven::{Error, Outcome, StampTo, State, Target};

use crate::common::{connect_in, exists, fresh, set, value, versions};

const A: (&str, &str) = ("0001_a.sql", "CREATE TABLE a ()");
const B: (&str, &str) = ("0002_b.sql", "CREATE TABLE b ()");

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

    let status = migrations.status(&mut client).await.unwrap();
    assert_eq!((status.history.as_deref(), status.count(State::Pending)), (Some("app.graven_history"), 1));
    assert_eq!(status.elsewhere.as_deref(), Some("public.graven_history"));
    let status = migrations.migrator().history("public.graven_history").status(&mut client).await.unwrap();
    assert_eq!((status.elsewhere, status.migrations[0].state), (None, State::Applied));
}

/// The first schema of the search path is empty, and what another tool has made lies in the next.
#[tokio::test]
async fn another_tools_history_further_along_the_search_path_is_pointed_out() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE _sqlx_migrations (version bigint, success boolean)").unwrap();
    client.batch_execute("SET search_path = app, public").await.unwrap();
    let migrations = set(&[A]);
    let error = migrations.run(&mut client).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no history table app.graven_history, but there is public._sqlx_migrations, the history of sqlx"
    );
    let Error::HistoryElsewhere { foreign: Some(foreign), .. } = &error else { panic!("{error:?}") };
    assert_eq!(foreign.query, "SELECT version FROM public._sqlx_migrations WHERE success ORDER BY version");
    let hint = error.hint().unwrap();
    assert!(hint.contains("SET search_path = public, …") && hint.contains("Migrator::into_existing"), "{hint}");
    assert!(matches!(
        migrations.migrator().plan(&mut client).await.unwrap().refusal,
        Some(Error::HistoryElsewhere { .. })
    ));
    let error = migrations.verify(&mut client).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotApplied { refusal: Some(refusal), .. } if refusal.kind() == "history-elsewhere")
    );
    assert!(!exists(&database, "app.graven_history") && !exists(&database, "app.a"));

    // A temporary table is nobody's history, and the operator has the last word.
    let mut beside = database.connect().await.unwrap();
    beside.batch_execute("SET search_path = other, app; CREATE TEMP TABLE flyway_schema_history ()").await.unwrap();
    database.execute("CREATE SCHEMA other").unwrap();
    assert_eq!(versions(&migrations.run(&mut beside).await.unwrap()), [1]);
    assert_eq!(versions(&migrations.migrator().into_existing().run(&mut client).await.unwrap()), [1]);
    assert!(exists(&database, "other.a") && exists(&database, "app.a"));
}

#[tokio::test]
async fn verify_and_status_say_what_a_first_run_would_refuse() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE TABLE theirs ()").unwrap();
    let migrations = set(&[A]);
    let error = migrations.verify(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::NotApplied { .. }), "{error:?}");
    let hint = error.hint().unwrap();
    assert!(hint.starts_with("a run would refuse to apply them: schema public has no migration history"), "{hint}");
    assert!(hint.contains("Migrator::stamp") && !hint.contains("GRAVEN_MODE"), "{hint}");
    let status = migrations.status(&mut client).await.unwrap();
    assert!(matches!(status.refusal.as_deref(), Some(Error::NotEmpty { .. })), "{status:?}");
    assert!(set(&[]).status(&mut client).await.unwrap().refusal.is_none());
    let mut allowed = migrations.migrator().into_existing();
    assert!(allowed.status(&mut client).await.unwrap().refusal.is_none());
    allowed.run(&mut client).await.unwrap();
    assert!(migrations.status(&mut client).await.unwrap().refusal.is_none());
}

#[tokio::test]
async fn a_first_migration_whose_table_is_there_already_leads_to_a_stamp() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE TABLE a ()").unwrap();
    let migrations = set(&[A, B]);
    // The second run finds a history without a row.
    for mut migrator in [migrations.migrator().into_existing(), migrations.migrator()] {
        let error = migrator.run(&mut client).await.unwrap_err();
        assert!(error.hint().unwrap().contains("`graven stamp --to VERSION`"), "{error:?}");
    }
    migrations.migrator().stamp(&mut client, StampTo::Version(1)).await.unwrap();
    database.execute("CREATE TABLE b ()").unwrap();
    let error = migrations.run(&mut client).await.unwrap_err();
    assert_eq!(error.hint().unwrap(), "correct the file and start again");
}

#[tokio::test]
async fn without_a_schema_to_keep_the_history_in_nothing_is_created() {
    let (database, mut client) = fresh().await;
    client.batch_execute("SET search_path = nowhere").await.unwrap();
    let error = set(&[A]).run(&mut client).await.unwrap_err();
    assert_eq!(error.to_string(), "no schema in the search path exists: nowhere");
    assert!(matches!(error, Error::NoSchema { .. }), "{error:?}");
    let error = set(&[A]).migrator().history("nowhere.history").run(&mut client).await.unwrap_err();
    let Error::SchemaAbsent { schema, .. } = &error else { panic!("{error:?}") };
    assert_eq!(schema, "nowhere");
    assert!(error.hint().unwrap().contains("CREATE SCHEMA nowhere"), "{error:?}");
    assert_eq!(value(&database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'nowhere'"), "0");
}

#[tokio::test]
async fn a_search_path_that_is_one_name_with_a_comma_is_no_matter_of_rights() {
    let (database, mut client) = fresh().await;
    let role = database.role("app").unwrap();
    for client in [&mut client, &mut role.connect().await.unwrap()] {
        client.batch_execute("SET search_path = 'app, public'").await.unwrap();
        let error = set(&[A]).run(client).await.unwrap_err();
        assert_eq!(error.to_string(), "no schema in the search path exists: \"app, public\"");
        let hint = error.hint().unwrap();
        assert!(hint.contains("`ALTER ROLE … SET search_path = app, public`, without them"), "{hint}");
    }
}

/// A first schema that is temporary takes everything with it: tables and history, and the next start would run it all again.
#[tokio::test]
async fn a_search_path_that_begins_with_pg_temp_is_refused_by_whatever_looks() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A]);
    let lock = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                (SELECT oid FROM pg_database WHERE datname = current_database())";
    // `nowhere` does not exist: what comes after it is the first.
    for path in ["pg_temp, public", "nowhere, pg_temp"] {
        let mut client = connect_in(database.url(), &path.replace(", ", ",")).await;
        let refusals = [
            migrations.run(&mut client).await.map(drop),
            migrations.migrator().into_existing().run(&mut client).await.map(drop),
            migrations.migrator().history("public.graven_history").run(&mut client).await.map(drop),
            migrations.verify(&mut client).await.map(drop),
            migrations.status(&mut client).await.map(drop),
            migrations.health(&mut client).await.map(drop),
            migrations.migrator().stamp(&mut client, StampTo::Head).await.map(drop),
            migrations.migrator().revert(&mut client, Target::All).await.map(drop),
        ];
        for refusal in refusals {
            let error = refusal.unwrap_err();
            assert!(matches!(error, Error::TemporarySchema { .. }), "{path}: {error:?}");
            assert!(error.to_string().contains("is temporary: what migrations make there"), "{error:?}");
            assert!(error.hint().unwrap().starts_with("put pg_temp last in the search path"), "{error:?}");
        }
        let diagnosis = migrations.migrator().doctor(&mut client).await;
        let found = diagnosis.complaints().find(|finding| finding.id == "schema").unwrap();
        assert!(found.what.contains("is temporary"), "{diagnosis:?}");
        assert_eq!(value(&database, lock), "0");
    }
    assert!(!exists(&database, "public.graven_history") && !exists(&database, "public.a"));
    // A history that is there already is not read in its stead, nor is a temporary one.
    migrations.run(&mut client).await.unwrap();
    let mut temporary = connect_in(database.url(), "pg_temp,public").await;
    for sql in ["SELECT 1", "CREATE TEMPORARY TABLE graven_history AS TABLE public.graven_history"] {
        temporary.batch_execute(sql).await.unwrap();
        let error = migrations.run(&mut temporary).await.unwrap_err();
        assert!(matches!(error, Error::TemporarySchema { .. }), "{sql}: {error:?}");
    }
    // Last, it is harmless.
    let mut last = connect_in(database.url(), "public,pg_temp").await;
    assert_eq!(migrations.run(&mut last).await.unwrap().outcome, Outcome::UpToDate);
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
async fn names_for_the_history_that_are_none_are_refused() {
    let (_database, mut client) = fresh().await;
    let long = "t".repeat(64);
    for name in ["", "a.b.c", "a.", "\"open", "semi;colon", long.as_str()] {
        let error = set(&[A]).migrator().history(name).run(&mut client).await.unwrap_err();
        assert!(matches!(error, Error::HistoryName { .. }), "{name}: {error:?}");
    }
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
