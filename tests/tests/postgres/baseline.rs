//! A baseline: a fresh database gets it in place of the first migrations, and no other database ever does.

use graven::{Error, Event, HealthState, Kind, Migrations, Outcome, State, Target};
use graven_testkit::{Cut, Database, Message, Proxy};
use tokio_postgres::Client;

use crate::common::{
    Directory, Ended, Instance, connect_in, exists, failed, fresh, history, lines, set, value, versions, without_locks,
};

const A: (&str, &str) = ("0001_a.sql", "CREATE TABLE counts (v int);\nINSERT INTO counts VALUES (1);");
const B: (&str, &str) = ("0002_b.sql", "CREATE TABLE b (v int);\nINSERT INTO counts VALUES (2);");
const ALL: (&str, &str) = (
    "0002_all.baseline.sql",
    "CREATE TABLE counts (v int);\nCREATE TABLE b (v int);\nINSERT INTO counts VALUES (1), (2);\nCREATE TABLE by_baseline ();",
);
const C: (&str, &str) = ("0003_c.sql", "CREATE TABLE c (v int);\nINSERT INTO counts VALUES (3);");

/// Every migration counts itself, and so does the baseline for those that it stands for.
pub(crate) fn migrations() -> Migrations {
    set(&[A, B, ALL, C])
}

/// The baseline of each row, by version.
fn baselines(database: &Database) -> Vec<String> {
    lines(database, "SELECT version || ' ' || coalesce(baseline::text, '-') FROM graven_history ORDER BY version")
}

fn counts(database: &Database) -> Vec<String> {
    lines(database, "SELECT v::text FROM counts ORDER BY v")
}

#[tokio::test]
async fn a_fresh_database_gets_the_baseline_and_the_migrations_after_it() {
    let (database, mut client) = fresh().await;
    let report = migrations().run(&mut client).await.unwrap();
    let kinds: Vec<Kind> = report.applied.iter().map(|applied| applied.kind).collect();
    assert_eq!((versions(&report), kinds), (vec![2, 3], vec![Kind::Baseline, Kind::Versioned]));
    assert!(exists(&database, "by_baseline") && exists(&database, "c"));
    assert_eq!(history(&database), ["1 a applied", "2 b applied", "3 c applied"]);
    assert_eq!(baselines(&database), ["1 2", "2 2", "3 -"]);
    assert_eq!(counts(&database), ["1", "2", "3"]);
    assert_eq!(migrations().run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(migrations().verify(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(migrations().health(&mut client).await.unwrap().state, HealthState::Healthy);
}

#[tokio::test]
async fn the_rows_that_it_stands_for_hold_the_checksums_of_the_migrations_themselves() {
    let (database, mut client) = fresh().await;
    migrations().run(&mut client).await.unwrap();
    let (by_one, mut other) = fresh().await;
    migrations().migrator().no_baseline().run(&mut other).await.unwrap();
    assert!(!exists(&by_one, "by_baseline"));
    let rows = "SELECT id || name || kind || encode(checksum, 'hex') || state || statements_total FROM graven_history ORDER BY 1";
    assert_eq!(lines(&database, rows), lines(&by_one, rows));
    let edited = set(&[("0001_a.sql", "SELECT 1"), B, ALL, C]).run(&mut client).await.unwrap_err();
    let Error::Conflicts { conflicts, .. } = &edited else { panic!("{edited:?}") };
    assert_eq!(
        conflicts.iter().map(|it| (it.version().unwrap().value(), it.state())).collect::<Vec<_>>(),
        [(1, State::Modified)]
    );
}

#[tokio::test]
async fn an_existing_database_gets_only_what_it_lacks() {
    for before in [&[A][..], &[A, B], &[A, B, C]] {
        let (database, mut client) = fresh().await;
        set(before).run(&mut client).await.unwrap();
        let report = migrations().run(&mut client).await.unwrap();
        assert_eq!(report.applied.len() + before.len(), 3, "{report:?}");
        assert!(!exists(&database, "by_baseline"));
        assert_eq!(baselines(&database), ["1 -", "2 -", "3 -"]);
        assert_eq!(counts(&database), ["1", "2", "3"]);
    }
}

#[tokio::test]
async fn a_database_whose_migrations_were_all_reverted_is_fresh_again() {
    let (database, mut client) = fresh().await;
    let down = ("0001_a.down.sql", "DROP TABLE counts");
    set(&[A, down]).run(&mut client).await.unwrap();
    set(&[A, down]).migrator().revert(&mut client, Target::All).await.unwrap();
    assert_eq!(versions(&migrations().run(&mut client).await.unwrap()), [2, 3]);
    assert!(exists(&database, "by_baseline"));
}

#[tokio::test]
async fn another_namespace_in_the_same_history_does_not_make_it_an_existing_one() {
    let (database, mut client) = fresh().await;
    set(&[("1_other.sql", "CREATE TABLE other ()")]).migrator().namespace("other").run(&mut client).await.unwrap();
    assert_eq!(versions(&migrations().run(&mut client).await.unwrap()), [2, 3]);
    assert!(exists(&database, "by_baseline"));
}

#[tokio::test]
async fn the_status_says_which_baseline_stands_for_a_migration() {
    let (_database, mut client) = fresh().await;
    migrations().run(&mut client).await.unwrap();
    let status = migrations().status(&mut client).await.unwrap();
    let told: Vec<_> =
        status.migrations.iter().map(|it| (it.state, it.baseline.map(|version| version.value()), it.stamped)).collect();
    let by = |baseline| (State::Applied, baseline, false);
    assert_eq!(told, [by(Some(2)), by(Some(2)), by(None)]);
    assert!(status.migrations[1].seconds.is_some() && status.migrations[0].seconds.is_none(), "{status:?}");
}

#[tokio::test]
async fn a_baseline_that_fails_leaves_nothing_and_one_can_go_on_without_it() {
    let (database, mut client) = fresh().await;
    let directory =
        Directory::new(&[A, B, C, ("0002_all.baseline.sql", "CREATE TABLE counts (v int);\n\nSELECT 1/0;")]);
    directory.seal();
    let error = failed(directory.load().run(&mut client).await);
    assert_eq!((error.kind, error.version.unwrap().value(), error.line), (Kind::Baseline, 2, Some(3)));
    let shown = error.to_string();
    assert!(
        shown.starts_with("baseline 2 all failed at migrations/0002_all.baseline.sql:3:1: division by zero"),
        "{shown}"
    );
    assert!(error.hint().contains("--no-baseline"), "{}", error.hint());
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history"), "0");
    assert!(!exists(&database, "counts"));
    let report = directory.load().migrator().no_baseline().run(&mut client).await.unwrap();
    assert_eq!(versions(&report), [1, 2, 3]);
}

#[tokio::test]
async fn a_baseline_never_runs_into_a_schema_that_holds_tables() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE TABLE others ()").unwrap();
    let error = migrations().run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::NotEmpty { .. }), "{error:?}");
    assert!(!exists(&database, "graven_history"));
}

#[tokio::test]
async fn a_migration_that_a_baseline_stands_for_is_reverted_like_any_other() {
    let (database, mut client) = fresh().await;
    let with_reverses = set(&[A, B, ALL, C, ("0002_b.down.sql", "DROP TABLE b"), ("0003_c.down.sql", "DROP TABLE c")]);
    with_reverses.run(&mut client).await.unwrap();
    with_reverses.migrator().revert(&mut client, Target::To(1)).await.unwrap();
    assert!(!exists(&database, "b") && exists(&database, "by_baseline"));
    assert_eq!(baselines(&database), ["1 2"]);
    assert_eq!(versions(&with_reverses.run(&mut client).await.unwrap()), [2, 3]);
    assert_eq!(baselines(&database), ["1 2", "2 -", "3 -"]);
}

#[tokio::test]
async fn a_run_up_to_a_version_stops_there_and_later_ones_go_on() {
    let (database, mut client) = fresh().await;
    let up_to = |version| migrations().migrator().to(version);
    assert_eq!(versions(&up_to(1).run(&mut client).await.unwrap()), [1]);
    assert_eq!(up_to(1).verify(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert!(matches!(up_to(2).verify(&mut client).await, Err(Error::NotApplied { pending, .. }) if pending.len() == 1));
    assert_eq!(up_to(1).run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(versions(&migrations().run(&mut client).await.unwrap()), [2, 3]);
    assert_eq!(baselines(&database), ["1 -", "2 -", "3 -"]);
    assert_eq!(up_to(1).run(&mut client).await.unwrap().outcome, Outcome::UpToDate, "what is above stays");
    let (other, mut client) = fresh().await;
    assert_eq!(versions(&up_to(2).run(&mut client).await.unwrap()), [2]);
    assert!(exists(&other, "by_baseline"));
}

#[tokio::test]
async fn a_run_up_to_a_version_that_nobody_knows_is_refused() {
    let (database, mut client) = fresh().await;
    let error = migrations().migrator().to(7).run(&mut client).await.unwrap_err();
    let Error::NoSuchVersion { version: 7, nearest, .. } = &error else { panic!("{error:?}") };
    assert_eq!(nearest.iter().map(|version| version.value()).collect::<Vec<_>>(), [3]);
    assert!(!exists(&database, "graven_history"));
}

#[tokio::test]
async fn events_tell_of_the_baseline_and_what_it_stands_for() {
    let (_database, mut client) = fresh().await;
    let (sender, receiver) = std::sync::mpsc::channel();
    let tell = move |event: &Event<'_>| {
        let line = match event {
            Event::Baseline { version, name, covers, .. } => format!("baseline {version} {name} for {covers}"),
            Event::Applying { version, name, number, of, .. } => format!("applying {version} {name}, {number} of {of}"),
            Event::Applied { version, name, .. } => format!("applied {version} {name}"),
            _ => return,
        };
        sender.send(line).unwrap();
    };
    migrations().migrator().observe(tell).run(&mut client).await.unwrap();
    assert_eq!(
        receiver.into_iter().collect::<Vec<_>>(),
        ["baseline 2 all for 2", "applying 2 all, 1 of 2", "applying 3 c, 2 of 2", "applied 2 all", "applied 3 c"]
    );
}

/// A glance; the lock with a look; the history table; all of the set, and the lock given back.
#[tokio::test]
async fn a_baseline_on_a_fresh_database_is_four_round_trips_however_much_it_stands_for() {
    let (database, _client) = fresh().await;
    let names: Vec<String> = (1..=300).map(|version| format!("{version:04}_m's.sql")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "SELECT 1/0")).collect();
    files.extend([("0299_all.baseline.sql", "CREATE TABLE by_baseline ()"), ("0300_m's.sql", "SELECT 1")]);
    files.remove(299);
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    assert_eq!(versions(&set(&files).run(&mut client).await.unwrap()), [299, 300]);
    assert_eq!(proxy.traffic().round_trips, 4, "{:#?}", proxy.traffic());
    let mark = proxy.mark();
    assert_eq!(set(&files).run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(proxy.since(mark).round_trips, 1);
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history WHERE baseline = 299"), "299");
}

/// Each was counted once, and by one way only.
fn each_was_applied_once(database: &Database) {
    assert_eq!(counts(database), ["1", "2", "3"]);
    assert_eq!(history(database), ["1 a applied", "2 b applied", "3 c applied"]);
    let (all, first) = ("SELECT count(*) FROM graven_history WHERE baseline = 2", exists(database, "by_baseline"));
    assert_eq!(value(database, all), if first { "2" } else { "0" });
}

#[test]
fn of_several_processes_without_a_lock_one_applies_the_baseline() {
    let database = Database::create().unwrap();
    let proxy = without_locks(&database);
    let children: Vec<_> = (0..8).map(|_| Instance::of("baseline", proxy.url()).start()).collect();
    let applied = children.into_iter().map(|child| Ended::of(child).result.unwrap().1);
    assert_eq!(applied.sum::<usize>(), 2);
    assert!(exists(&database, "by_baseline"));
    each_was_applied_once(&database);
}

/// Those without a baseline claim the same rows one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_with_and_without_a_baseline_one_is_first_where_no_lock_holds() {
    for _ in 0..4 {
        let (database, _client) = fresh().await;
        let proxy = without_locks(&database);
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..8 {
            let mut client = proxy.connect().await.unwrap();
            let migrator = migrations().migrator();
            let mut migrator = if number % 2 == 0 { migrator } else { migrator.no_baseline() };
            tasks.spawn(async move { migrator.run(&mut client).await.unwrap() });
        }
        assert_eq!(tasks.join_all().await.len(), 8);
        each_was_applied_once(&database);
    }
}

/// Everything that a run leaves behind but times.
async fn left_behind(client: &Client) -> Vec<String> {
    let sql = "(SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace ORDER BY 1) \
               UNION ALL (SELECT v::text FROM counts ORDER BY v) \
               UNION ALL (SELECT id || encode(checksum, 'hex') || state || coalesce(baseline::text, '') FROM graven_history \
               ORDER BY id)";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Cuts the connection at each message of a run in a schema of its own, made ready by `before`, and lets the next run go on.
pub(crate) async fn cut_at_every_message(before: Option<Migrations>, migrations: Migrations) {
    let database = Database::create().unwrap();
    let schema = async |name: &str| {
        database.execute(&format!("CREATE SCHEMA {name}")).unwrap();
        let mut client = connect_in(database.url(), name).await;
        if let Some(before) = before {
            before.run(&mut client).await.unwrap();
        }
        client
    };
    let proxy = Proxy::to(database.url()).unwrap();
    let client = schema("whole").await;
    migrations.run(&mut connect_in(proxy.url(), "whole").await).await.unwrap();
    let expected = left_behind(&client).await;
    let messages = proxy.traffic().messages.iter().filter_map(Message::sql).count();
    assert!(messages >= 4 && !expected.is_empty(), "{messages} messages, {expected:?}");
    for (kind, cut) in [Cut::Before, Cut::During, Cut::After].into_iter().enumerate() {
        for at in 1..=messages {
            let name = format!("case_{kind}_{at}");
            let mut client = schema(&name).await;
            let proxy = Proxy::to(database.url()).unwrap();
            proxy.cut(cut(at));
            let cut_off = migrations.run(&mut connect_in(proxy.url(), &name).await).await;
            // The lock is all that is left to give back at the end, and a lost connection has given it back, too.
            assert!(cut_off.is_err() || at == messages, "{name}: {cut_off:?}");
            migrations.run(&mut client).await.unwrap();
            assert_eq!(left_behind(&client).await, expected, "{name}");
            assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate, "{name}");
        }
    }
}

#[tokio::test]
async fn a_baseline_that_is_cut_off_at_any_message_is_made_good_by_the_next_run() {
    cut_at_every_message(None, migrations()).await;
}
