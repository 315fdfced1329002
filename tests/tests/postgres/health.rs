//! Health: what a probe is told in each state, at what price, and that it disturbs nobody.

use std::time::Duration;

use graven::{Error, Health, HealthState, Migrations, State};
use graven_testkit::{Database, Message, Proxy};
use tokio_postgres::Client;

use crate::common::{Directory, connect_in, fresh, set, until, value};
use crate::glance::{applied, in_memory};
use crate::standby::pair;

/// A set whose rows come back at each probe, and one that the server compares by its digest.
const SIZES: [i64; 2] = [7, 200];

/// Asks, and sees to it that one message was enough.
async fn at_once(url: &str, migrations: Migrations) -> Health {
    let proxy = Proxy::to(url).unwrap();
    let mut client = proxy.connect().await.unwrap();
    let health = migrations.health(&mut client).await.unwrap();
    let traffic = proxy.traffic();
    assert_eq!((traffic.round_trips, traffic.messages.len()), (1, 1), "{health:?}: {traffic:#?}");
    health
}

/// What differs, as short as it can be compared.
fn differences(health: &Health) -> Vec<(i64, State)> {
    health.differences.iter().map(|it| (it.version.unwrap().value(), it.state)).collect()
}

#[tokio::test]
async fn each_state_is_told_in_one_message_and_decides_readiness_as_promised() {
    for size in SIZES {
        let (database, migrations) = applied(size).await;
        let (middle, last) = (size / 2 * 10, size * 10);
        let copy = |version: i64| {
            format!(
                "INSERT INTO graven_history SELECT (jsonb_populate_record(h, '{{\"version\": {version}, \"id\": {version}}}')).* \
                 FROM graven_history h WHERE version = 10"
            )
        };
        let ready = |health: &Health| (health.state, health.is_ready(), health.state.http_status());
        let (healthy, degraded, unhealthy) = (
            (HealthState::Healthy, true, 200),
            (HealthState::Degraded, true, 200),
            (HealthState::Unhealthy, false, 503),
        );
        database.execute("CREATE TABLE kept AS SELECT * FROM graven_history").unwrap();
        for (change, verdict, expected) in [
            ("SELECT".to_owned(), healthy, vec![]),
            (format!("DELETE FROM graven_history WHERE version = {last}"), unhealthy, vec![(last, State::Pending)]),
            (
                format!("DELETE FROM graven_history WHERE version = {middle}"),
                unhealthy,
                vec![(middle, State::OutOfOrder)],
            ),
            (
                format!("UPDATE graven_history SET checksum = sha256('edited') WHERE version = {middle}"),
                unhealthy,
                vec![(middle, State::Modified)],
            ),
            (
                format!("UPDATE graven_history SET state = 'started', in_doubt = true WHERE version = {last}"),
                unhealthy,
                vec![(last, State::Incomplete)],
            ),
            (copy(middle + 5), unhealthy, vec![(middle + 5, State::Orphaned)]),
            (copy(last + 5), degraded, vec![(last + 5, State::Future)]),
            (
                format!("DELETE FROM graven_history WHERE version = 10; {}", copy(last + 5).replace("= 10", "= 20")),
                unhealthy,
                vec![(10, State::OutOfOrder), (last + 5, State::Future)],
            ),
        ] {
            database.execute(&change).unwrap();
            let health = at_once(database.url(), migrations).await;
            assert_eq!(ready(&health), verdict, "{size}: {change}");
            assert_eq!(differences(&health), expected, "{size}: {change}");
            assert_eq!(health.total, size as usize, "{size}: {change}");
            let not_applied = expected.iter().filter(|(_, state)| !matches!(state, State::Orphaned | State::Future));
            assert_eq!(health.applied, size as usize - not_applied.count(), "{size}: {change}");
            let heads = [health.head, health.sealed].map(|version| version.unwrap().value());
            assert_eq!(heads, [last, last], "{size}: {change}");
            database.execute("TRUNCATE graven_history; INSERT INTO graven_history SELECT * FROM kept").unwrap();
        }
    }
}

#[tokio::test]
async fn where_nothing_was_ever_applied_everything_is_pending_and_the_list_stays_short() {
    let (database, mut client) = fresh().await;
    let health = at_once(database.url(), in_memory(200)).await;
    assert_eq!((health.state, health.pending, health.applied), (HealthState::Unhealthy, 200, 0));
    assert_eq!(health.differences.len(), Health::MOST_LISTED);
    assert_eq!(differences(&health)[..2], [(10, State::Pending), (20, State::Pending)]);
    assert_eq!((health.last_applied, health.lock_holder), (None, None));

    let empty = in_memory(0);
    let health = at_once(database.url(), empty).await;
    assert_eq!((health.state, health.total, health.head), (HealthState::Healthy, 0, None));
    assert!(in_memory(3).run(&mut client).await.is_ok());
    let health = at_once(database.url(), empty).await;
    assert_eq!((health.state, health.future), (HealthState::Degraded, 3));
}

#[tokio::test]
async fn what_was_applied_last_is_told_by_the_servers_clock_whatever_the_session_has_set() {
    let (database, mut client) = fresh().await;
    in_memory(3).run(&mut client).await.unwrap();
    let moment = "UPDATE graven_history SET applied_at = '2026-01-31 13:00:00.25+01' WHERE version = 20; \
                  UPDATE graven_history SET applied_at = '2025-12-31 00:00:00+00' WHERE version <> 20";
    database.execute(moment).unwrap();
    client.batch_execute("SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY'").await.unwrap();
    let last = in_memory(3).health(&mut client).await.unwrap().last_applied.unwrap();
    assert_eq!(last.version.map(graven::Version::value), Some(20));
    assert_eq!((last.name.as_str(), last.at.as_str()), ("m", "2026-01-31T12:00:00.250000Z"));
    // One that was begun is not applied; of one moment, it is the higher version.
    database.execute("UPDATE graven_history SET state = 'started' WHERE version = 20").unwrap();
    let last = in_memory(3).health(&mut client).await.unwrap().last_applied.unwrap();
    assert_eq!(last.version.map(graven::Version::value), Some(30));
}

/// Runs a set whose second migration waits at a gate, until the gate is opened.
async fn at_the_gate(
    database: &Database,
    mut client: Client,
    history: Option<&str>,
) -> (Client, tokio::task::JoinHandle<()>) {
    database.execute("CREATE SCHEMA IF NOT EXISTS gates; CREATE TABLE gates.gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE gates.gate").await.unwrap();
    let mut migrator = gated().migrator().table_lock_timeout(Duration::ZERO);
    if let Some(history) = history {
        migrator = migrator.history(history);
    }
    let run = tokio::spawn(async move {
        migrator.run(&mut client).await.unwrap();
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'gates.gate'::regclass";
    until("the run is at the gate", || value(database, waits) == "1").await;
    (gate, run)
}

fn gated() -> Migrations {
    set(&[("1_a.sql", "-- graven: transaction = off\nSELECT 1"), ("2_wait at it.sql", "LOCK TABLE gates.gate")])
}

#[tokio::test]
async fn who_is_migrating_is_named_and_not_waited_for() {
    let (database, client) = fresh().await;
    client.batch_execute("SET application_name = 'the app'").await.unwrap();
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let (gate, run) = at_the_gate(&database, client, None).await;

    let health = at_once(database.url(), gated()).await;
    let json = serde_json::to_value(&health).unwrap();
    let holder = health.lock_holder.expect("somebody holds the lock");
    assert_eq!((holder.pid, holder.application_name.as_deref()), (pid, Some("the app")));
    assert_eq!(holder.statement.as_deref(), Some("migration 2 wait at it"));
    assert!(holder.connected_for > holder.statement_for && holder.statement_for.is_some(), "{holder:?}");
    // As `plan` and errors write it.
    assert_eq!(json["lock_holder"]["statement"], "migration 2 wait at it");
    assert!(json["lock_holder"]["connected_seconds"].is_f64(), "{json}");
    // What anybody may read names no role and no address.
    assert_eq!((holder.role, holder.client), (None, None));
    assert_eq!((health.applied, health.pending), (1, 1));

    // Another role sees that somebody is at it, and nothing that is not its business.
    let probe = database.role("probe").unwrap();
    database.execute(&format!("GRANT SELECT ON graven_history TO {}", probe.name())).unwrap();
    let holder = at_once(probe.url(), gated()).await.lock_holder.expect("somebody holds the lock");
    assert_eq!((holder.pid, holder.connected_for, holder.statement), (pid, None, None));

    gate.batch_execute("COMMIT").await.unwrap();
    run.await.unwrap();
    let health = at_once(database.url(), gated()).await;
    assert_eq!((health.state, health.lock_holder), (HealthState::Healthy, None));
}

#[tokio::test]
async fn the_lock_is_that_of_the_very_history_however_it_is_named() {
    for (schema, history) in [
        ("My \"own\" 100%", None),
        ("it's\\so", Some("\"it's\\so\".\"the \"\"one\"\"\"")),
        ("plain", Some("\"it's 1\"")),
    ] {
        let (database, _) = fresh().await;
        let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
        database.execute(&format!("CREATE SCHEMA {quoted}")).unwrap();
        let client = database.connect().await.unwrap();
        client.batch_execute(&format!("SET search_path = {quoted}")).await.unwrap();
        let (gate, run) = at_the_gate(&database, client, history).await;
        let mut client = database.connect().await.unwrap();
        client.batch_execute(&format!("SET search_path = {quoted}")).await.unwrap();
        let mut migrator = gated().migrator();
        if let Some(history) = history {
            migrator = migrator.history(history);
        }
        let health = migrator.health(&mut client).await.unwrap();
        assert!(health.lock_holder.is_some(), "{schema} {history:?}: {health:?}");
        assert_eq!((health.applied, health.pending), (1, 1), "{schema} {history:?}");
        // That of another history is nobody's here.
        let other = gated().migrator().history("public.other").health(&mut client).await.unwrap();
        assert_eq!((other.pending, other.lock_holder), (2, None), "{schema} {history:?}");
        gate.batch_execute("COMMIT").await.unwrap();
        run.await.unwrap();
    }
}

/// The statement that asks for the lock's holder, as a probe sends it.
async fn last_statement(database: &Database, migrations: Migrations) -> String {
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    migrations.health(&mut client).await.unwrap();
    let traffic = proxy.traffic();
    let sql = traffic.messages.iter().filter_map(Message::sql).next().unwrap();
    sql.rsplit(";\n").next().unwrap().to_owned()
}

/// What reads the lock table holds up everybody who takes a lock (PostgreSQL manual, 54.12).
#[tokio::test]
async fn the_servers_lock_table_is_not_read_while_everything_is_applied() {
    for size in SIZES {
        let (database, migrations) = applied(size).await;
        let sql = last_statement(&database, migrations).await;
        let explained = |sql: &str| {
            let rows = database.rows(&format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}")).unwrap();
            let lines: Vec<String> = rows.into_iter().flatten().flatten().collect();
            let read = lines.iter().find(|line| line.contains("pg_lock_status")).cloned();
            read.unwrap_or_else(|| panic!("{lines:#?}"))
        };
        let read = explained(&sql);
        assert!(read.contains("never executed"), "{size}: {read}");
        database.execute("DELETE FROM graven_history WHERE version = 10").unwrap();
        let read = explained(&sql);
        assert!(read.contains("loops=1") && !read.contains("never executed"), "{size}: {read}");
    }
}

#[tokio::test]
async fn a_probe_writes_nothing_and_needs_no_more_than_to_read() {
    let (database, mut client) = fresh().await;
    set(&[("1_a.sql", "")]).run(&mut client).await.unwrap();
    let reader = database.role("reader").unwrap();
    let rights = format!(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT SELECT ON graven_history TO {0}; \
         ALTER ROLE {0} SET default_transaction_read_only = on",
        reader.name()
    );
    database.execute(&rights).unwrap();
    let pending = set(&[("1_a.sql", ""), ("2_b.sql", "")]);
    for (migrations, state) in [(set(&[("1_a.sql", "")]), HealthState::Healthy), (pending, HealthState::Unhealthy)] {
        assert_eq!(at_once(reader.url(), migrations).await.state, state);
    }
    database.execute(&format!("REVOKE SELECT ON graven_history FROM {}", reader.name())).unwrap();
    let mut client = connect_in(reader.url(), "public").await;
    let error = pending.health(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::HistoryDenied { .. }), "{error:?}");
}

#[tokio::test]
async fn a_standby_answers_in_one_message() {
    let Some((primary, standby, database)) = pair() else { return };
    let one = set(&[("1_a.sql", "CREATE TABLE a ()")]);
    one.run(&mut database.connect().await.unwrap()).await.unwrap();
    standby.catch_up_with(&primary).unwrap();
    let url = standby.url_of(&database);
    let health = at_once(&url, one).await;
    assert_eq!(health.state, HealthState::Healthy);
    assert!(health.last_applied.is_some_and(|last| last.name == "a"));
    let two = set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", "")]);
    assert_eq!(at_once(&url, two).await.pending, 1);
}

#[tokio::test]
async fn what_lies_further_along_the_search_path_or_before_it_is_not_told_of() {
    for size in SIZES {
        let (database, migrations) = applied(size).await;
        database.execute("CREATE SCHEMA app").unwrap();
        let mut client = connect_in(database.url(), "app,public").await;
        let health = migrations.health(&mut client).await.unwrap();
        assert_eq!((health.pending, health.last_applied), (size as usize, None));
        // A temporary table takes a second message, and then it is the right one.
        let mut client = database.connect().await.unwrap();
        let shadow = "CREATE TEMP TABLE graven_history AS SELECT * FROM public.graven_history WHERE false";
        client.batch_execute(shadow).await.unwrap();
        let health = migrations.health(&mut client).await.unwrap();
        assert_eq!((health.applied, health.state), (size as usize, HealthState::Healthy));
        assert!(health.last_applied.is_some());
    }
}

#[tokio::test]
async fn options_about_starting_make_no_difference() {
    let (database, mut client) = fresh().await;
    set(&[("1_a.sql", ""), ("2_b.sql", "")]).run(&mut client).await.unwrap();
    let health = set(&[("1_a.sql", "")]).migrator().strict().health(&mut client).await.unwrap();
    assert_eq!((health.state, health.future), (HealthState::Degraded, 1));
    database.execute("DELETE FROM graven_history WHERE version = 1").unwrap();
    let two = set(&[("1_a.sql", ""), ("2_b.sql", "")]);
    let health = two.migrator().allow_out_of_order().health(&mut client).await.unwrap();
    assert_eq!((health.state, health.out_of_order), (HealthState::Unhealthy, 1));
    assert_eq!(health.to_string(), "unhealthy: 1 of 2 applied, 1 out of order");
}

#[tokio::test]
async fn its_json_has_the_keys_that_are_documented() {
    let (database, mut client) = fresh().await;
    set(&[("1_a.sql", "")]).run(&mut client).await.unwrap();
    database.execute("UPDATE graven_history SET applied_at = '2026-01-31 12:00:00+00'").unwrap();
    let health = set(&[("1_a.sql", ""), ("2_b.sql", "")]).health(&mut client).await.unwrap();
    assert_eq!(
        serde_json::to_value(&health).unwrap(),
        serde_json::json!({
            "state": "unhealthy", "total": 2, "applied": 1, "pending": 1, "out_of_order": 0, "modified": 0,
            "incomplete": 0, "orphaned": 0, "future": 0,
            "differences": [{ "version": 2, "name": "b", "state": "pending" }],
            "head": 2, "sealed": null, "seal_head": null,
            "last_applied": { "version": 1, "name": "a", "at": "2026-01-31T12:00:00.000000Z" },
            "lock_holder": null,
        })
    );
}

#[tokio::test]
async fn the_seal_that_a_set_was_made_with_is_named_by_its_head() {
    let (_database, mut client) = fresh().await;
    let directory = Directory::new(&[("1_a.sql", ""), ("2_b.sql", "")]);
    directory.seal();
    let migrations = directory.load();
    let head = migrations.seal_head().unwrap();
    assert!(directory.text("seal.lock").contains(&format!("\nhead {head}\n")), "{head}");
    migrations.run(&mut client).await.unwrap();
    let health = serde_json::to_value(migrations.health(&mut client).await.unwrap()).unwrap();
    let status = serde_json::to_value(migrations.status(&mut client).await.unwrap()).unwrap();
    assert_eq!((&health["seal_head"], &status["seal_head"]), (&head.to_string().into(), &head.to_string().into()));
    // Another release, which has sealed more.
    directory.write("3_c.sql", "");
    directory.seal();
    assert_ne!(directory.load().seal_head(), Some(head));
}
