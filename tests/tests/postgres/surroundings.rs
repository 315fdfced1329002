//! What objects, roles and settings of others must not do to a run.

use graven::Error;
use graven_testkit::Database;
use tokio_postgres::Client;

use crate::common::{exists, failed, fresh, history, lines, set, value, versions};

/// A database in which a function `planted()` leaves a trace when it is run.
async fn planted(objects: &str) -> (Database, Client) {
    let (database, client) = fresh().await;
    database
        .execute(&format!(
            "CREATE SCHEMA traps; CREATE TABLE traps.trace (who text);
             GRANT ALL ON SCHEMA traps, public TO public; GRANT ALL ON traps.trace TO public;
             {objects}"
        ))
        .unwrap();
    (database, client)
}

fn traces(database: &Database) -> String {
    value(database, "SELECT count(*) FROM traps.trace")
}

#[tokio::test]
async fn an_operator_that_somebody_planted_in_the_search_path_is_not_run() {
    let (database, mut client) = planted(
        "CREATE FUNCTION public.same(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO traps.trace VALUES (current_user); RETURN true; END $$;
         CREATE FUNCTION public.same(oid, regnamespace) RETURNS boolean LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO traps.trace VALUES (current_user); RETURN true; END $$;
         CREATE FUNCTION public.same(name, text) RETURNS boolean LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO traps.trace VALUES (current_user); RETURN true; END $$;
         CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.same);
         CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regnamespace, FUNCTION = public.same);",
    )
    .await;
    assert_eq!(value(&database, "SELECT 1::oid OPERATOR(public.=) 'pg_class'::regclass"), "t");
    let before = traces(&database);
    let migrations = set(&[
        ("1_a.sql", "CREATE TABLE a (id int)"),
        ("2_i.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY i ON a (id);"),
    ]);
    migrations.status(&mut client).await.unwrap();
    migrations.run(&mut client).await.unwrap();
    migrations.verify(&mut client).await.unwrap();
    assert_eq!(traces(&database), before);
}

#[tokio::test]
async fn a_view_in_place_of_the_history_is_refused_and_not_run() {
    let (database, mut client) = planted(
        "CREATE FUNCTION public.spy() RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO traps.trace VALUES (current_user); RETURN ''; END $$;
         CREATE VIEW public.graven_history AS SELECT public.spy() AS namespace, 1::bigint AS version, 'a' AS name,
             'versioned' AS kind, ''::bytea AS checksum, 'applied' AS state, 1 AS statements_done,
             1 AS statements_total, false AS in_doubt, 1::smallint AS format, gen_random_uuid() AS run;",
    )
    .await;
    let migrations = set(&[("1_a.sql", "CREATE TABLE a (id int)")]);
    for error in [
        migrations.verify(&mut client).await.unwrap_err(),
        migrations.run(&mut client).await.unwrap_err(),
        migrations.migrator().history("public.graven_history").run(&mut client).await.unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "the history table public.graven_history cannot be read: it is not a table");
    }
    assert_eq!(traces(&database), "0");
}

#[tokio::test]
async fn a_look_leaves_a_transaction_of_the_callers_own_as_it_was() {
    let (_database, mut client) = fresh().await;
    let migrations = set(&[("1_a.sql", "CREATE TABLE a (id int)")]);
    migrations.run(&mut client).await.unwrap();
    client.batch_execute("SET search_path = public, pg_catalog; BEGIN; SELECT 1").await.unwrap();
    assert!(matches!(migrations.status(&mut client).await, Err(Error::InTransaction)));
    let path: String = client.query_one("SHOW search_path", &[]).await.unwrap().get(0);
    assert_eq!(path, "public, pg_catalog");
    client.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn a_roles_own_timeouts_do_not_cut_a_migration_short() {
    let (database, _) = fresh().await;
    let name = value(&database, "SELECT current_database()");
    database
        .execute(&format!(
            "ALTER DATABASE {name} SET statement_timeout = '100ms'; ALTER DATABASE {name} SET lock_timeout = '100ms'"
        ))
        .unwrap();
    let mut client = database.connect().await.unwrap();
    let files =
        [("1_slow.sql", "SELECT pg_sleep(0.3)"), ("2_slow.sql", "-- graven: transaction = off\nSELECT pg_sleep(0.3);")];
    set(&files).run(&mut client).await.unwrap();
    let timeout: String = client.query_one("SHOW statement_timeout", &[]).await.unwrap().get(0);
    assert_eq!(timeout, "100ms");
    assert_eq!(history(&database).len(), 2);
}

#[tokio::test]
async fn a_backslash_is_a_backslash_whatever_the_database_says() {
    let (database, _) = fresh().await;
    let name = value(&database, "SELECT current_database()");
    database.execute(&format!("ALTER DATABASE {name} SET standard_conforming_strings = off")).unwrap();
    let mut client = database.connect().await.unwrap();
    let files = [
        ("1_a.sql", "CREATE TABLE a (t text); INSERT INTO a VALUES ('C:\\temp'), ('\\'), ('; --')"),
        ("2_b.sql", "-- graven: transaction = off\nINSERT INTO a VALUES ('\\n');\nINSERT INTO a VALUES ('\\')"),
    ];
    set(&files).run(&mut client).await.unwrap();
    assert_eq!(lines(&database, "SELECT t FROM a"), ["C:\\temp", "\\", "; --", "\\n", "\\"]);
    let strings: String = client.query_one("SHOW standard_conforming_strings", &[]).await.unwrap().get(0);
    assert_eq!(strings, "off");
}

#[tokio::test]
async fn a_deferred_trigger_runs_with_the_settings_of_its_file() {
    let (database, mut client) = fresh().await;
    let files = [
        (
            "1_app.sql",
            "CREATE SCHEMA app; CREATE TABLE app.log (n int); CREATE TABLE app.a (id int);
             CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO log VALUES (NEW.id); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER note AFTER INSERT ON app.a DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION app.note();",
        ),
        ("2_fill.sql", "SET search_path = app; INSERT INTO a VALUES (7);"),
    ];
    set(&files).run(&mut client).await.unwrap();
    assert_eq!(lines(&database, "SELECT n FROM app.log"), ["7"]);
}

#[tokio::test]
async fn a_procedure_that_commits_midway_is_neither_repeated_nor_said_to_be_undone() {
    let (database, mut client) = fresh().await;
    let files = [
        ("1_a.sql", "CREATE TABLE a (id int)"),
        (
            "2_fill.sql",
            "-- graven: transaction = off
             DO $$ BEGIN INSERT INTO a VALUES (1); COMMIT; RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$;",
        ),
    ];
    let migrations = set(&files);
    let failed = failed(migrations.run(&mut client).await);
    assert_eq!(failed.attempts, 1);
    assert!(failed.hint().contains("graven resolve 2 --applied"), "{}", failed.hint());
    assert_eq!(value(&database, "SELECT count(*) FROM a"), "1");
    assert_eq!(history(&database), ["1 a applied", "2 fill started 0/1 in doubt"]);
    assert!(matches!(migrations.run(&mut client).await, Err(Error::Conflicts { .. })));
    assert_eq!(value(&database, "SELECT count(*) FROM a"), "1");
}

#[tokio::test]
async fn what_had_been_applied_is_said_with_an_error_of_any_kind() {
    let (database, mut client) = fresh().await;
    // The second migration makes it impossible to claim the third.
    let files = [
        ("1_a.sql", "CREATE TABLE a (id int)"),
        ("2_b.sql", "ALTER TABLE graven_history ADD CHECK (version <> 3)"),
        ("3_c.sql", "CREATE TABLE c (id int)"),
    ];
    let error = set(&files).run(&mut client).await.unwrap_err();
    assert!(matches!(&error, Error::Stopped { .. }), "{error:?}");
    assert_eq!(error.applied().iter().map(|applied| applied.version.unwrap().value()).collect::<Vec<_>>(), [1, 2]);
    assert!(error.explain().contains("applied before it in this run: 1 a, 2 b"), "{}", error.explain());
    assert!(!exists(&database, "c"));
}

#[tokio::test]
async fn a_role_that_is_refused_when_a_run_resumes_leaves_no_doubt_behind() {
    let (database, _) = fresh().await;
    let (migrator, owner) = (database.role("migrator").unwrap(), database.role("owner").unwrap());
    let (may, owner) = (format!("\"{}\"", migrator.name()), format!("\"{}\"", owner.name()));
    database.execute(&format!("GRANT ALL ON SCHEMA public TO {may}, {owner}; GRANT {owner} TO {may}")).unwrap();
    let mut client = migrator.connect().await.unwrap();
    let text = format!(
        "-- graven: transaction = off\nSET ROLE {owner};\nCREATE TABLE t (id int);\nALTER TABLE absent ADD x int;"
    );
    let migrations = set(&[("1_a.sql", &text)]);
    failed(migrations.run(&mut client).await);
    assert_eq!(history(&database), ["1 a started 2/3"]);

    database.execute(&format!("REVOKE {owner} FROM {may}")).unwrap();
    let error = migrations.run(&mut client).await.unwrap_err();
    assert_eq!(error.to_string(), "the server refused setting again what the migration had set");
    assert_eq!(history(&database), ["1 a started 2/3"]);

    database
        .execute(&format!("GRANT {owner} TO {may}; CREATE TABLE absent (); ALTER TABLE absent OWNER TO {owner}"))
        .unwrap();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_limit_to_transactions_that_a_session_has_lifted_for_itself_does_not_come_back_with_reset_all() {
    let (database, _) = fresh().await;
    // Before PostgreSQL 17 it is the other timeout alone.
    let limit = if database.server_version() >= 17 { "transaction_timeout" } else { "statement_timeout" };
    database.execute(&format!("ALTER DATABASE {} SET {limit} = '200ms'", database.name())).unwrap();
    let mut client = database.connect().await.unwrap();
    client.batch_execute(&format!("SET {limit} = 0")).await.unwrap();
    let text = "-- graven: transaction = off\nRESET ALL;\nSELECT pg_sleep(0.5);\nCREATE TABLE a ();\n";
    assert_eq!(versions(&set(&[("1_a.sql", text)]).run(&mut client).await.unwrap()), [1]);
    assert_eq!(client.query_one(&format!("SHOW {limit}"), &[]).await.unwrap().get::<_, String>(0), "0");
}

#[tokio::test]
async fn a_file_without_a_transaction_that_resets_everything_is_not_cut_short_by_the_roles_own_timeouts() {
    let (database, _) = fresh().await;
    let name = database.name();
    database.execute(&format!("ALTER DATABASE {name} SET statement_timeout = '200ms'")).unwrap();
    if database.server_version() >= 17 {
        database.execute(&format!("ALTER DATABASE {name} SET transaction_timeout = '200ms'")).unwrap();
    }
    let mut client = database.connect().await.unwrap();
    let off = |text: &str| format!("-- graven: transaction = off\n{text}");
    let texts = ["SELECT pg_sleep(0.5)", "RESET ALL", "DISCARD ALL"].map(off);
    let [plain, reset, discard] = texts.each_ref().map(|text| format!("{text};\nSELECT pg_sleep(0.5);\n"));
    let set_before = off("SET search_path = app;\nDISCARD ALL;\nCREATE TABLE a ();\nSELECT pg_sleep(0.5);\n");
    let files = [
        ("1_plain.sql", plain.as_str()),
        ("2_reset.sql", &reset),
        ("3_discard.sql", &discard),
        ("4_a.sql", &set_before),
        ("4_a.down.sql", &off("RESET ALL;\nDROP TABLE IF EXISTS a;\nSELECT pg_sleep(0.5);\n")),
    ];
    database.execute("CREATE SCHEMA app").unwrap();
    let migrations = set(&files);
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1, 2, 3, 4]);
    // A DISCARD ALL undoes what the file has set before it.
    assert!(exists(&database, "public.a") && !exists(&database, "app.a"));
    migrations.migrator().revert(&mut client, graven::Target::Steps(1)).await.unwrap();
    let timeout: String = client.query_one("SHOW statement_timeout", &[]).await.unwrap().get(0);
    assert_eq!(timeout, "200ms");
    if database.server_version() >= 17 {
        let timeout: String = client.query_one("SHOW transaction_timeout", &[]).await.unwrap().get(0);
        assert_eq!(timeout, "200ms");
    }
}

#[tokio::test]
async fn a_connection_on_which_a_transaction_had_settings_of_its_own_can_migrate() {
    for sets in ["ISOLATION LEVEL SERIALIZABLE", "READ ONLY", "ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE"] {
        let (_database, mut client) = fresh().await;
        client.batch_execute(&format!("BEGIN; SET TRANSACTION {sets}; COMMIT")).await.unwrap();
        let report = set(&[("1_a.sql", "CREATE TABLE a (id int)")]).run(&mut client).await.unwrap();
        assert_eq!(versions(&report), [1], "{sets}");
    }
}

#[tokio::test]
async fn a_connection_migrates_again_and_again_also_files_that_say_how_their_transaction_is() {
    let (database, mut client) = fresh().await;
    let head = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n";
    let one = format!("{head}CREATE TABLE a (id int);");
    let down = format!("{head}DROP TABLE a;");
    let two = format!("{head}CREATE TABLE b AS SELECT current_setting('transaction_isolation') AS level;");
    let three = "CREATE TABLE c AS SELECT current_setting('transaction_isolation') AS level;";
    let off = "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY i ON a (id);";
    let files =
        [("1_a.sql", one.as_str()), ("1_a.down.sql", &down), ("2_b.sql", &two), ("3_c.sql", three), ("4_i.sql", off)];
    set(&files[..2]).run(&mut client).await.unwrap();
    set(&files[..2]).migrator().revert(&mut client, graven::Target::All).await.unwrap();
    assert_eq!(versions(&set(&files).run(&mut client).await.unwrap()), [1, 2, 3, 4]);
    assert_eq!(value(&database, "SELECT b.level || ', ' || c.level FROM b, c"), "repeatable read, read committed");
}

/// Text goes to the server as UTF-8, whatever the session says that it is; and its settings are read as they are.
#[tokio::test]
async fn text_is_stored_as_it_is_written_though_the_caller_says_that_it_speaks_another_encoding() {
    let (database, mut client) = fresh().await;
    // Not the search path, which PostgreSQL tells its client from 18 on: the driver closes a connection that tells it so in LATIN1.
    client.batch_execute("SET dynamic_library_path = '$libdir:/grün'; SET client_encoding = 'LATIN1'").await.unwrap();
    let insert =
        "INSERT INTO t SELECT 'é€', current_setting('client_encoding'), current_setting('dynamic_library_path')";
    let off = format!("-- graven: transaction = off\n{insert};\n{insert};");
    let files = [
        ("1_t.sql", "CREATE TABLE t (text text, encoding text, path text)"),
        ("2_été.sql", insert),
        ("3_other.sql", "SET client_encoding = 'WIN1252'; SET dynamic_library_path = '$libdir'"),
        ("4_off.sql", &off),
        ("5_pieces.sql", "SET standard_conforming_strings = off; INSERT INTO t SELECT 'é€', 'UTF8', '$libdir:/grün'"),
    ];
    let migrations = set(&files);
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1, 2, 3, 4, 5]);
    let stored = "SELECT count(*) || ' ' || text || ' ' || octet_length(text) || ' ' || encoding || ' ' || path \
                  FROM t GROUP BY text, encoding, path";
    assert_eq!(lines(&database, stored), ["4 é€ 5 UTF8 $libdir:/grün"]);
    assert_eq!(history(&database)[1], "2 été applied");
    let after =
        "SELECT current_setting('client_encoding') || ' ' || octet_length(current_setting('dynamic_library_path'))";
    assert_eq!(client.query_one(after, &[]).await.unwrap().get::<_, &str>(0), "LATIN1 14");
    let failing = set(&[&files[..], &[("6_fails.sql", "SELECT nothing")]].concat());
    failed(failing.run(&mut client).await);
    assert_eq!(client.query_one(after, &[]).await.unwrap().get::<_, &str>(0), "LATIN1 14");
}

#[tokio::test]
async fn a_limit_to_idle_sessions_does_not_end_a_run_that_waits_for_its_next_try() {
    let (database, _) = fresh().await;
    let name = database.name();
    database.execute(&format!("CREATE TABLE t (); ALTER DATABASE {name} SET idle_session_timeout = '250ms'")).unwrap();
    for own in ["RESET idle_session_timeout", "SET idle_session_timeout = '240ms'"] {
        let gate = database.connect().await.unwrap();
        gate.batch_execute("SET idle_session_timeout = 0; BEGIN; LOCK TABLE t").await.unwrap();
        let mut client = database.connect().await.unwrap();
        client.batch_execute(own).await.unwrap();
        let limit: String = client.query_one("SHOW idle_session_timeout", &[]).await.unwrap().get(0);
        let head = "-- graven: lock_timeout = 1ms\n-- graven: retries = 50\n";
        let files = [
            ("1_a.sql", "CREATE TABLE a ()"),
            ("2_b.sql", &format!("{head}ALTER TABLE t ADD COLUMN x int")),
            ("3_c.sql", &format!("{head}-- graven: transaction = off\nRESET ALL;\nALTER TABLE t DROP COLUMN x;")),
        ];
        let set = set(&files);
        let mut migrator = set.migrator().into_existing();
        let opens = async {
            tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
            drop(gate);
        };
        let (report, ()) = tokio::join!(migrator.run(&mut client), opens);
        assert_eq!(versions(&report.unwrap()), [1, 2, 3]);
        let row = client.query_one("SELECT setting, unit FROM pg_settings WHERE name = 'idle_session_timeout'", &[]);
        let row = row.await.unwrap();
        assert_eq!(format!("{}{}", row.get::<_, String>(0), row.get::<_, String>(1)), limit);
        database.execute("DROP TABLE a, graven_history").unwrap();
    }
}
