//! What would stop a run is found beforehand, with what to do about it. Nothing is written.

use graven::{Diagnosis, Finding, Migrations, Severity};
use graven_testkit::{Cluster, Database, Proxy};

use crate::common::{Pooler, fresh, lines, set, until, value};
use crate::standby::pair;

const A: (&str, &str) = ("0001_a.sql", "CREATE TABLE a (v int)");
const B: (&str, &str) = ("0002_b.sql", "CREATE TABLE b ()");

async fn doctor(migrations: Migrations, url: &str) -> Diagnosis {
    let diagnosis = migrations.migrator().ignore_environment().doctor_url(url).await;
    for finding in &diagnosis.findings {
        assert_eq!(finding.severity == Severity::Ok, finding.remedy.is_none(), "{finding:?}");
        assert!(!finding.what.ends_with('.') && finding.what.len() > 5, "{finding:?}");
        // Who sits at a command line is not told of the code alone.
        let remedy = finding.remedy.as_deref().unwrap_or_default();
        assert!(!remedy.contains("Migrator::") || remedy.contains("`graven "), "{finding:?}");
    }
    assert_eq!(Some(diagnosis.severity), diagnosis.findings.iter().map(|finding| finding.severity).max());
    diagnosis
}

/// The only finding of that id that is not in order.
#[track_caller]
fn complaint<'d>(diagnosis: &'d Diagnosis, id: &str) -> &'d Finding {
    let found: Vec<&Finding> = diagnosis.complaints().filter(|finding| finding.id == id).collect();
    assert_eq!(found.len(), 1, "{id}: {diagnosis:#?}");
    found[0]
}

/// What is not in order, but for how busy the server of all tests is.
fn complaints(diagnosis: &Diagnosis) -> Vec<(&'static str, Severity)> {
    // PostgreSQL 14 lets everybody create in `public`: see the test of that.
    let own = diagnosis.complaints().filter(|finding| !["connections", "trust"].contains(&finding.id));
    own.map(|finding| (finding.id, finding.severity)).collect()
}

#[tokio::test]
async fn a_sound_database_is_told_to_be_sound_before_and_after_the_first_run() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A, B]);
    let diagnosis = doctor(migrations, database.url()).await;
    assert_eq!(complaints(&diagnosis), [], "{diagnosis:#?}");
    let said = |diagnosis: &Diagnosis, id: &str| {
        let found: Vec<String> = diagnosis.findings.iter().filter(|it| it.id == id).map(|it| it.what.clone()).collect();
        assert_eq!(found.len(), 1, "{id}: {diagnosis:#?}");
        found[0].clone()
    };
    assert!(said(&diagnosis, "history").contains("public.graven_history is made by the first run"));
    assert_eq!(lines(&database, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"), [""; 0]);

    migrations.run(&mut client).await.unwrap();
    let diagnosis = doctor(set(&[A, B, ("3_c.sql", "")]), database.url()).await;
    assert_eq!(complaints(&diagnosis), [], "{diagnosis:#?}");
    assert_eq!(said(&diagnosis, "history"), "public.graven_history: 2 applied, 1 pending");
    for id in ["connection", "version", "standby", "pooler", "encoding", "clock", "lock", "long-transaction"] {
        said(&diagnosis, id);
    }
    assert!(said(&diagnosis, "connection").contains(database.name()));
}

#[tokio::test]
async fn it_costs_three_round_trips_and_one_more_where_there_is_no_history() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A]);
    for expected in [4, 3] {
        let proxy = Proxy::to(database.url()).unwrap();
        doctor(migrations, proxy.url()).await;
        let traffic = proxy.traffic();
        assert_eq!(traffic.round_trips, expected, "{traffic:#?}");
        migrations.run(&mut client).await.unwrap();
    }
}

#[tokio::test]
async fn conflicts_are_told_with_their_remedies() {
    let (database, mut client) = fresh().await;
    set(&[A, B]).run(&mut client).await.unwrap();
    let diagnosis = doctor(set(&[("0001_a.sql", "CREATE TABLE a ()"), ("3_c.sql", "")]), database.url()).await;
    let found: Vec<&Finding> = diagnosis.findings.iter().filter(|finding| finding.id == "conflict").collect();
    assert_eq!(found.len(), 2, "{diagnosis:#?}");
    assert!(found[0].what.contains("1 a is modified") && found[1].what.contains("2 b is orphaned"), "{found:#?}");
    assert!(found.iter().all(|finding| finding.severity == Severity::Error));
}

#[tokio::test]
async fn a_schema_of_somebody_elses_is_told_with_whose_it_is() {
    let (database, _client) = fresh().await;
    database.execute("CREATE TABLE _sqlx_migrations (version bigint, success boolean)").unwrap();
    let diagnosis = doctor(set(&[A]), database.url()).await;
    let finding = complaint(&diagnosis, "schema");
    let remedy = finding.remedy.as_ref().unwrap();
    assert!(remedy.contains("the history of sqlx") && remedy.contains("`graven stamp --to VERSION`"), "{finding:?}");
    assert!(remedy.contains("`graven apply --into-existing` (in code, `Migrator::into_existing`)"), "{finding:?}");
}

#[tokio::test]
async fn a_role_with_few_rights_is_told_which_it_lacks_and_what_it_cannot_see() {
    let (database, mut client) = fresh().await;
    let role = database.role("app").unwrap();
    database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC").unwrap();
    let migrations = set(&[A]);
    let diagnosis = doctor(migrations, role.url()).await;
    assert!(complaint(&diagnosis, "rights").remedy.as_ref().unwrap().contains("GRANT USAGE ON SCHEMA public"));

    database.execute(&format!("GRANT USAGE ON SCHEMA public TO {}", role.name())).unwrap();
    let diagnosis = doctor(migrations, role.url()).await;
    let rights: Vec<&Finding> = diagnosis.complaints().filter(|finding| finding.id == "rights").collect();
    assert_eq!(rights.len(), 2, "the history and the migrations' own tables: {diagnosis:#?}");
    assert!(rights[0].what.contains("may not create the history table"), "{rights:?}");

    migrations.run(&mut client).await.unwrap();
    let diagnosis = doctor(migrations, role.url()).await;
    assert!(complaint(&diagnosis, "rights").what.contains("may not read the history"), "{diagnosis:#?}");
    assert!(complaint(&diagnosis, "unseen").remedy.as_ref().unwrap().contains("pg_read_all_stats"));

    database.execute(&format!("GRANT SELECT ON graven_history TO {}", role.name())).unwrap();
    let diagnosis = doctor(migrations, role.url()).await;
    assert_eq!(complaints(&diagnosis), [("unseen", Severity::Warning)], "{diagnosis:#?}");
    let diagnosis = doctor(set(&[A, B]), role.url()).await;
    let rights: Vec<&Finding> = diagnosis.complaints().filter(|finding| finding.id == "rights").collect();
    assert_eq!(rights.iter().map(|it| it.severity).collect::<Vec<_>>(), [Severity::Error, Severity::Warning]);
}

#[tokio::test]
async fn who_works_as_another_role_is_told_what_that_role_may_and_whether_it_can_be_taken() {
    let (database, _client) = fresh().await;
    let role = database.role("app").unwrap();
    let mut migrator = set(&[A]).migrator().role("postgres");
    let diagnosis = migrator.doctor_url(role.url()).await;
    assert!(complaint(&diagnosis, "rights").remedy.as_ref().unwrap().contains("GRANT postgres TO"), "{diagnosis:#?}");
    database
        .execute(&format!("REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT postgres TO {}", role.name()))
        .unwrap();
    let diagnosis = migrator.doctor_url(role.url()).await;
    assert_eq!(complaints(&diagnosis), [], "{diagnosis:#?}");
}

#[tokio::test]
async fn a_server_or_role_that_only_reads_stops_what_is_pending_and_nothing_else() {
    let (database, mut client) = fresh().await;
    let role = database.role("app").unwrap();
    let name = role.name();
    database.execute(&format!("GRANT ALL ON SCHEMA public TO {name}; GRANT postgres TO {name}")).unwrap();
    database.execute(&format!("ALTER ROLE {name} SET default_transaction_read_only = on")).unwrap();
    let diagnosis = doctor(set(&[A]), role.url()).await;
    let finding = complaint(&diagnosis, "read-only");
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.remedy.as_ref().unwrap().contains(&format!("ALTER ROLE {name} SET default_transaction_read_only")));
    set(&[A]).run(&mut client).await.unwrap();
    let diagnosis = doctor(set(&[A]), role.url()).await;
    assert_eq!(complaint(&diagnosis, "read-only").severity, Severity::Warning);

    let Some((_primary, standby, database)) = pair() else { return };
    let diagnosis = doctor(set(&[A]), &standby.url_of(&database)).await;
    assert_eq!(complaints(&diagnosis), [("standby", Severity::Error)], "{diagnosis:#?}");
}

#[tokio::test]
async fn a_pooler_is_told_and_stops_a_run_as_another_role() {
    let database = Database::create().unwrap();
    let Some(pooler) = Pooler::before(&database, "transaction", 3) else { return };
    let url = pooler.url(&database);
    assert_eq!(complaint(&doctor(set(&[A]), &url).await, "pooler").severity, Severity::Warning);
    let diagnosis = set(&[A]).migrator().role("postgres").doctor_url(&url).await;
    assert_eq!(complaint(&diagnosis, "pooler").severity, Severity::Error);
}

#[tokio::test]
async fn who_migrates_right_now_is_named() {
    let (database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    client.batch_execute("SET application_name = 'the other one'").await.unwrap();
    let lock = "SELECT pg_advisory_lock(hashtextextended('graven \"public\".\"graven_history\"', 0))";
    client.batch_execute(lock).await.unwrap();
    let diagnosis = doctor(set(&[A, B]), database.url()).await;
    let finding = complaint(&diagnosis, "lock");
    assert!(finding.what.contains("the other one"), "{finding:?}");
    assert!(finding.remedy.as_ref().unwrap().contains("pg_terminate_backend("), "{finding:?}");
}

/// Without waiting for a minute.
fn impatient(url: &str) -> Proxy {
    let proxy = Proxy::to(url).unwrap();
    proxy.rewrite(|sql| sql.contains("'1 minute'").then(|| sql.replace("'1 minute'", "'0 minute'")));
    proxy
}

#[tokio::test]
async fn transactions_that_hold_things_up_are_named_with_what_ends_them() {
    let cluster = Cluster::builder().setting("max_prepared_transactions", "5").start().unwrap();
    let database = cluster.database().unwrap();
    database.execute("BEGIN; CREATE TABLE p (); PREPARE TRANSACTION 'it''s left'").unwrap();
    let open = database.connect().await.unwrap();
    open.batch_execute("SET application_name = 'idler'; BEGIN").await.unwrap();
    open.batch_execute("SELECT 1").await.unwrap();
    // As it is, neither is old enough.
    assert_eq!(complaints(&doctor(set(&[A]), database.url()).await), []);
    let diagnosis = doctor(set(&[A]), impatient(database.url()).url()).await;
    let finding = complaint(&diagnosis, "long-transaction");
    assert!(finding.what.contains("(idler, role postgres from 127.0.0.1)"), "{finding:?}");
    assert!(finding.what.contains("idle in transaction: SELECT 1"), "{finding:?}");
    let pid =
        finding.remedy.as_ref().unwrap().split("pg_terminate_backend(").nth(1).unwrap().split(')').next().unwrap();
    database.execute(&format!("SELECT pg_terminate_backend({pid})")).unwrap();
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    until("it has ended", || value(&database, &left) == "0").await;
    let finding = complaint(&diagnosis, "prepared-transaction");
    let rollback = finding.remedy.as_ref().unwrap().split('`').nth(3).unwrap();
    database.execute(rollback).unwrap();
    let diagnosis = doctor(set(&[A]), impatient(database.url()).url()).await;
    assert_eq!(complaints(&diagnosis), [], "{diagnosis:#?}");
}

#[tokio::test]
async fn an_index_that_a_build_left_behind_is_named_and_its_remedy_mends_it() {
    let (database, client) = fresh().await;
    database
        .execute("CREATE SCHEMA app; CREATE TABLE app.\"T\" (v int); INSERT INTO app.\"T\" VALUES (1), (1)")
        .unwrap();
    client.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY \"I\" ON app.\"T\" (v)").await.unwrap_err();
    let diagnosis = doctor(set(&[A]), database.url()).await;
    let finding = complaint(&diagnosis, "invalid-index");
    assert!(finding.what.contains("app.\"I\""), "{finding:?}");
    let drop = finding.remedy.as_ref().unwrap().split('`').nth(3).unwrap();
    client.batch_execute(drop).await.unwrap();
    assert_eq!(complaints(&doctor(set(&[A]), database.url()).await), []);
}

/// Of a migration that was cut off, the run ends what it began: nobody is to do that by hand.
#[tokio::test]
async fn an_index_that_the_next_run_builds_again_is_left_to_it() {
    let (database, mut client) = fresh().await;
    let build = "CREATE UNIQUE INDEX CONCURRENTLY \"I\" ON a (v)";
    let index = format!("-- graven: transaction = off\nCREATE TABLE b ();\n{build};");
    let migrations = set(&[A, ("0002_index.sql", &index)]);
    migrations.migrator().to(1).run(&mut client).await.unwrap();
    database.execute("INSERT INTO a VALUES (1), (1)").unwrap();
    migrations.run(&mut client).await.unwrap_err();
    // As a run leaves it that was killed in the middle of its build.
    client.batch_execute(build).await.unwrap_err();
    database.execute("UPDATE graven_history SET in_doubt = true WHERE version = 2").unwrap();
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history WHERE in_doubt"), "1");
    // One that was there before the build is somebody else's, and no run drops it.
    let before = "UPDATE graven_history SET was_there = ARRAY['public.\"I\"'::regclass::oid] WHERE version = 2";
    database.execute(before).unwrap();
    let diagnosis = doctor(migrations, database.url()).await;
    let remedy = complaint(&diagnosis, "invalid-index").remedy.as_deref().unwrap();
    assert!(remedy.contains("DROP INDEX CONCURRENTLY public.\"I\"") && !remedy.contains("graven apply"), "{remedy}");
    database.execute("UPDATE graven_history SET was_there = '{}' WHERE version = 2").unwrap();
    let diagnosis = doctor(migrations, database.url()).await;
    let finding = complaint(&diagnosis, "invalid-index");
    assert!(finding.what.contains("public.\"I\""), "{finding:?}");
    let remedy = finding.remedy.as_deref().unwrap();
    assert!(remedy.contains("`graven apply`") && remedy.contains("2 index"), "{finding:?}");
    assert!(!remedy.contains("REINDEX") && !remedy.contains("DROP"), "{finding:?}");
    database.execute("DELETE FROM a WHERE ctid = (SELECT min(ctid) FROM a)").unwrap();
    migrations.run(&mut client).await.unwrap();
    assert_eq!(complaints(&doctor(migrations, database.url()).await), []);
}

/// To build it again would keep a second copy.
#[tokio::test]
async fn an_index_that_a_reindex_left_behind_is_only_to_be_dropped() {
    let (database, client) = fresh().await;
    database.execute("CREATE TABLE t (v int); INSERT INTO t VALUES (1), (1)").unwrap();
    for name in ["i_ccnew", "\"I_ccnew12\"", "i_ccold1"] {
        let build = format!("CREATE UNIQUE INDEX CONCURRENTLY {name} ON t (v)");
        client.batch_execute(&build).await.unwrap_err();
        let diagnosis = doctor(set(&[A]), database.url()).await;
        let finding = complaint(&diagnosis, "invalid-index");
        let drop = format!("DROP INDEX CONCURRENTLY public.{name}");
        assert_eq!(finding.remedy.as_deref(), Some(format!("`{drop}`").as_str()));
        client.batch_execute(&drop).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_whose_drop_was_cut_off_is_told_to_be_lost() {
    let database = Database::create().unwrap();
    let name = format!("{}_invalid", database.name());
    database.execute(&format!("CREATE DATABASE {name}")).unwrap();
    database.execute(&format!("UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{name}'")).unwrap();
    let diagnosis = doctor(set(&[A]), &database.url().replace(database.name(), &name)).await;
    database.execute(&format!("DROP DATABASE {name}")).unwrap();
    let finding = complaint(&diagnosis, "connection");
    assert!(finding.what.contains("a DROP DATABASE of it was cut off: what it held is lost"), "{finding:?}");
    assert!(finding.remedy.as_ref().unwrap().contains("`DROP DATABASE`"), "{finding:?}");
}

#[tokio::test]
async fn a_timeout_that_reaches_into_migrations_is_told_and_one_that_does_not_is_not() {
    let (database, _client) = fresh().await;
    let alter = format!("ALTER DATABASE {} SET", database.name());
    let harmless = "statement_timeout = '30s'; {} lock_timeout = '1s'; {} idle_session_timeout = '1h'";
    database.execute(&format!("{alter} {}", harmless.replace("{}", &alter))).unwrap();
    assert_eq!(complaints(&doctor(set(&[A]), database.url()).await), []);
    database.execute(&format!("{alter} idle_session_timeout = '1s'; {alter} statement_timeout = '900ms'")).unwrap();
    let diagnosis = doctor(set(&[A]), database.url()).await;
    let found: Vec<&str> = diagnosis.complaints().filter(|it| it.id == "timeout").map(|it| it.what.as_str()).collect();
    assert_eq!(found.len(), 2, "{diagnosis:#?}");
    assert!(found[0].starts_with("idle_session_timeout is 1s (database)"), "{found:?}");
    if database.server_version() >= 17 {
        for (timeout, told) in [("1h", 2), ("1s", 2), ("900ms", 3)] {
            database.execute(&format!("{alter} transaction_timeout = '{timeout}'")).unwrap();
            let diagnosis = doctor(set(&[A]), database.url()).await;
            assert_eq!(diagnosis.complaints().filter(|it| it.id == "timeout").count(), told, "{diagnosis:#?}");
        }
    }
}

#[tokio::test]
async fn another_encoding_and_connections_that_run_out_are_told() {
    let cluster = Cluster::builder().setting("max_connections", "13").start().unwrap();
    let database = cluster.database().unwrap();
    let other = format!("{}_latin", database.name());
    database
        .execute(&format!("CREATE DATABASE {other} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"))
        .unwrap();
    let url = database.url().replace(database.name(), &other);
    assert_eq!(complaint(&doctor(set(&[A]), &url).await, "encoding").severity, Severity::Warning);
    let mut open = Vec::new();
    for _ in 0..9 {
        open.push(database.connect().await.unwrap());
    }
    let diagnosis = doctor(set(&[A]), database.url()).await;
    assert!(complaint(&diagnosis, "connections").what.contains("of the 10 connections"), "{diagnosis:#?}");
}

#[tokio::test]
async fn an_open_transaction_of_the_callers_own_is_told() {
    let (_database, mut client) = fresh().await;
    client.batch_execute("BEGIN").await.unwrap();
    let diagnosis = set(&[A]).migrator().doctor(&mut client).await;
    assert_eq!(complaint(&diagnosis, "transaction").severity, Severity::Error);
    client.batch_execute("SELECT broken").await.unwrap_err();
    let diagnosis = set(&[A]).migrator().doctor(&mut client).await;
    assert_eq!(diagnosis.severity, Severity::Error);
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(complaints(&set(&[A]).migrator().doctor(&mut client).await), []);
}

#[tokio::test]
async fn options_that_say_nothing_sensible_are_told() {
    let (_database, mut client) = fresh().await;
    let diagnosis = set(&[A]).migrator().history("a.b.c.d").doctor(&mut client).await;
    assert_eq!(complaints(&diagnosis), [("options", Severity::Error)]);
}

#[tokio::test]
async fn why_it_cannot_connect_is_said_in_plain_words_and_without_the_password() {
    let database = Database::create().unwrap();
    let (head, tail) = database.url().split_once('@').unwrap();
    let user = head.rsplit_once(':').unwrap().0;
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    std::thread::spawn(move || while mute.accept().is_ok() {});
    let cases = [
        (format!("{user}:hunter2@{tail}"), "the password is wrong"),
        (format!("{user}@{tail}"), "the URL has none"),
        (database.url().replace(database.name(), "nowhere_at_all"), "there is no such database"),
        ("postgres://u:hunter2@127.0.0.1:1/d".to_owned(), "nothing listens there"),
        ("postgres://u:hunter2@nowhere.invalid/d".to_owned(), "nobody knows a host of that name"),
        ("postgres:///d?host=/nowhere/at/all&user=u".to_owned(), "there is no such Unix socket"),
        (format!("{}?sslmode=require", database.url()), "the server offers no TLS"),
        (format!("postgres://u:hunter2@127.0.0.1:{port}/d?sslmode=disable"), "hung up"),
    ];
    for (url, words) in cases {
        let diagnosis = doctor(set(&[A]), &url).await;
        let finding = complaint(&diagnosis, "connection");
        assert!(finding.what.contains(words), "{url}: {finding:?}");
        assert!(!format!("{diagnosis:?}").contains("hunter2"), "{diagnosis:?}");
    }
    let diagnosis = doctor(set(&[A]), "mysql://u:hunter2@h/d").await;
    assert_eq!(complaints(&diagnosis), [("url", Severity::Error)]);
    assert!(!format!("{diagnosis:?}").contains("hunter2"), "{diagnosis:?}");
}

#[tokio::test]
async fn it_leaves_nothing_behind_in_the_session_or_the_database() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA other").unwrap();
    client.batch_execute("SET search_path = other; SET lock_timeout = '7s'").await.unwrap();
    let settings =
        "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE source = 'session'";
    let before: String = client.query_one(settings, &[]).await.unwrap().get(0);
    set(&[A]).migrator().doctor(&mut client).await;
    let after: String = client.query_one(settings, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
    assert_eq!(
        value(
            &database,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        "0"
    );
}

#[tokio::test]
async fn who_may_make_a_history_that_runs_code_in_whoever_looks_is_told_with_what_takes_it_away() {
    let (database, _client) = fresh().await;
    let role = database.role("mallory").unwrap();
    let mallory = role.name();
    let trust = |diagnosis: &Diagnosis| {
        let found = diagnosis.complaints().filter(|finding| finding.id == "trust");
        found.map(|finding| (finding.what.clone(), finding.remedy.clone().unwrap())).collect::<Vec<_>>()
    };
    database.execute("GRANT CREATE ON SCHEMA public TO PUBLIC").unwrap();
    let found = trust(&doctor(set(&[A]), database.url()).await);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].0.starts_with("everybody may create tables in schema public, "), "{found:?}");
    let remedy = found[0].1.split('`').nth(1).unwrap();
    assert_eq!(remedy, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");

    set(&[A]).run(&mut role.connect().await.unwrap()).await.unwrap();
    database.execute(remedy).unwrap();
    let found = trust(&doctor(set(&[A]), database.url()).await);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].0.starts_with(&format!("the history public.graven_history belongs to role {mallory}, ")),
        "{found:?}"
    );
    database.execute(found[0].1.split('`').nth(1).unwrap()).unwrap();
    assert_eq!(trust(&doctor(set(&[A]), database.url()).await), []);

    // Another role than the one that looks, which cannot take it.
    let app = database.role("app").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {mallory}, {}", app.name())).unwrap();
    let found = trust(&doctor(set(&[A]), app.url()).await);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].1.split('`').nth(1).unwrap(), format!("REVOKE CREATE ON SCHEMA public FROM {mallory}"));
    database.execute(&format!("GRANT {mallory} TO {}", app.name())).unwrap();
    assert_eq!(trust(&doctor(set(&[A]), app.url()).await), []);
}
