//! Repeatables: after all versioned migrations, by name, and again when their text has changed.

use graven::{Error, Event, HealthState, Kind, Migrations, Outcome, Report, StampTo, State, Target};
use graven_testkit::{Database, Message, Proxy};

use crate::baseline::cut_at_every_message;
use crate::common::{Directory, exists, failed, fresh, lines, set, value, without_locks};
use crate::standby::pair;

const COUNTS: (&str, &str) = ("0001_counts.sql", "CREATE TABLE counts (v int);");
const B: (&str, &str) = ("0002_b.sql", "CREATE TABLE b (v int);");
/// A reading of it is a row more in `counts`.
const VIEWS: (&str, &str) =
    ("views.repeatable.sql", "CREATE OR REPLACE VIEW w AS SELECT 1 AS v;\nINSERT INTO counts VALUES (10);");
const CHANGED: (&str, &str) =
    ("views.repeatable.sql", "CREATE OR REPLACE VIEW w AS SELECT 2 AS v;\nINSERT INTO counts VALUES (20);");

fn first() -> Migrations {
    set(&[COUNTS, VIEWS])
}

/// With a versioned migration more, and the view changed.
fn second() -> Migrations {
    set(&[COUNTS, B, CHANGED])
}

/// What a run applied, in order.
fn applied(report: &Report) -> Vec<String> {
    report.applied.iter().map(ToString::to_string).collect()
}

fn counts(database: &Database) -> Vec<String> {
    lines(database, "SELECT v::text FROM counts ORDER BY v")
}

/// The rows of repeatables.
fn rows(database: &Database) -> Vec<String> {
    lines(
        database,
        "SELECT id || ', ' || name || ', ' || kind || ', ' || state || ', ' || coalesce(version::text, '-') \
         FROM graven_history WHERE version IS NULL ORDER BY id",
    )
}

#[tokio::test]
async fn a_repeatable_is_applied_after_all_others_and_again_when_its_text_has_changed() {
    let (database, mut client) = fresh().await;
    let report = first().run(&mut client).await.unwrap();
    assert_eq!(applied(&report), ["1 counts", "repeatable views"]);
    assert_eq!((report.applied[1].version, report.applied[1].kind), (None, Kind::Repeatable));
    assert_eq!(first().run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(applied(&second().run(&mut client).await.unwrap()), ["2 b", "repeatable views"]);
    assert_eq!(second().run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(rows(&database), ["views.repeatable, views, repeatable, applied, -"]);
    assert_eq!(
        (counts(&database), value(&database, "SELECT v FROM w")),
        (vec!["10".to_owned(), "20".to_owned()], "2".to_owned())
    );
}

#[tokio::test]
async fn several_are_applied_in_order_of_their_names() {
    let (_database, mut client) = fresh().await;
    let view = "CREATE VIEW b AS SELECT 1 AS v;";
    let on_it = "CREATE VIEW c AS SELECT v FROM b;";
    let report = set(&[("c it's.repeatable.sql", on_it), ("b.repeatable.sql", view)]).run(&mut client).await.unwrap();
    assert_eq!(applied(&report), ["repeatable b", "repeatable c it's"]);
}

#[tokio::test]
async fn the_row_of_one_that_is_applied_again_says_by_whom_when_and_in_which_run() {
    let (database, mut client) = fresh().await;
    first().run(&mut client).await.unwrap();
    let row =
        "SELECT run || ' ' || applied_at || ' ' || encode(checksum, 'hex') FROM graven_history WHERE version IS NULL";
    let before = value(&database, row);
    second().run(&mut client).await.unwrap();
    let after = value(&database, row);
    assert!(
        before.split(' ').zip(after.split(' ')).enumerate().all(|(at, (before, after))| before != after || at == 1)
    );
    let status = second().status(&mut client).await.unwrap();
    let last = status.migrations.last().unwrap();
    assert_eq!((last.version, last.name.as_str(), last.state), (None, "views", State::Applied));
    assert!(last.seconds.is_some(), "{last:?}");
}

#[tokio::test]
async fn a_changed_one_is_pending_to_who_only_looks() {
    let (_database, mut client) = fresh().await;
    first().run(&mut client).await.unwrap();
    let changed = set(&[COUNTS, CHANGED]);
    let status = changed.status(&mut client).await.unwrap();
    assert_eq!(status.migrations.iter().map(|it| it.state).collect::<Vec<_>>(), [State::Applied, State::Pending]);
    assert!(status.migrations[1].applied_at.is_some() && status.conflicts.is_empty(), "{status:?}");
    let error = changed.verify(&mut client).await.unwrap_err();
    assert_eq!(error.to_string(), "1 migration is not applied: repeatable views");
    let health = changed.health(&mut client).await.unwrap();
    assert_eq!((health.state, health.total, health.applied, health.pending), (HealthState::Degraded, 2, 1, 1));
    let health =
        set(&[COUNTS, ("more.repeatable.sql", "CREATE VIEW more AS SELECT 1;")]).health(&mut client).await.unwrap();
    assert_eq!((health.state, health.pending), (HealthState::Unhealthy, 1), "what was never applied is not there");
    let health = first().health(&mut client).await.unwrap();
    assert_eq!((health.state, health.total, health.applied), (HealthState::Healthy, 2, 2));
}

#[tokio::test]
async fn one_that_fails_leaves_what_was_there() {
    let (database, mut client) = fresh().await;
    first().run(&mut client).await.unwrap();
    let before = lines(&database, "SELECT id || encode(checksum, 'hex') FROM graven_history WHERE version IS NULL");
    let broken = set(&[COUNTS, B, ("views.repeatable.sql", "DROP VIEW w;\n\nCREATE VIEW w AS SELECT nothing FROM b;")]);
    let error = failed(broken.run(&mut client).await);
    assert_eq!((error.kind, error.version, error.line, error.applied.len()), (Kind::Repeatable, None, Some(3), 1));
    let shown = error.to_string();
    assert!(shown.starts_with("repeatable views failed at migrations/views.repeatable.sql:3:25: column"), "{shown}");
    assert_eq!(value(&database, "SELECT v FROM w"), "1");
    let after = lines(&database, "SELECT id || encode(checksum, 'hex') FROM graven_history WHERE version IS NULL");
    assert_eq!(after, before);
    assert_eq!(applied(&second().run(&mut client).await.unwrap()), ["repeatable views"], "2 stayed");
}

#[tokio::test]
async fn one_whose_file_is_gone_is_told_of_and_in_nobodys_way() {
    let (database, mut client) = fresh().await;
    first().run(&mut client).await.unwrap();
    let without = set(&[COUNTS, B]);
    let report = without.migrator().strict().run(&mut client).await.unwrap();
    assert_eq!(
        (applied(&report), report.orphaned.as_slice()),
        (vec!["2 b".to_owned()], ["views".to_owned()].as_slice())
    );
    let report = without.run(&mut client).await.unwrap();
    assert_eq!((report.outcome, report.orphaned.len()), (Outcome::UpToDate, 1));
    assert_eq!(without.verify(&mut client).await.unwrap().orphaned.len(), 1);
    let health = without.health(&mut client).await.unwrap();
    assert_eq!((health.state, health.total, health.applied), (HealthState::Healthy, 2, 2), "{health:?}");
    let status = without.status(&mut client).await.unwrap();
    assert_eq!((status.count(State::Orphaned), status.conflicts.len()), (1, 0));
    assert!(exists(&database, "w"), "what it made stays");
}

#[tokio::test]
async fn an_older_binary_does_not_take_a_newer_text_back() {
    let (database, mut client) = fresh().await;
    second().run(&mut client).await.unwrap();
    let report = first().run(&mut client).await.unwrap();
    assert_eq!((report.outcome, report.future.len(), report.orphaned.len()), (Outcome::UpToDate, 1, 0));
    assert_eq!((counts(&database), value(&database, "SELECT v FROM w")), (vec!["20".to_owned()], "2".to_owned()));
    assert_eq!(first().health(&mut client).await.unwrap().state, HealthState::Degraded);
}

/// A set whose reverses take along what the repeatable made, and another that has nothing to do with it.
fn cascading(more: &[(&str, &str)]) -> Migrations {
    let files = [
        ("0001_t.sql", "CREATE TABLE t (v int)"),
        ("0001_t.down.sql", "DROP TABLE t CASCADE"),
        ("0002_w.sql", "CREATE TABLE w (v int)"),
        ("0002_w.down.sql", "-- graven: transaction = off\nDROP TABLE IF EXISTS w CASCADE;"),
        ("pairs.repeatable.sql", "CREATE OR REPLACE VIEW pairs AS SELECT t.v AS a, w.v AS b FROM t, w"),
        ("one.repeatable.sql", "CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    ];
    set(&[&files[..], more].concat())
}

#[tokio::test]
async fn after_a_revert_they_are_pending_again_since_a_reverse_may_have_taken_their_work_along() {
    let (database, mut client) = fresh().await;
    let migrations = cascading(&[]);
    for target in [Target::All, Target::Steps(1), Target::To(1)] {
        migrations.run(&mut client).await.unwrap();
        let report = migrations.migrator().revert(&mut client, target).await.unwrap();
        assert_eq!(report.repeatables, ["one", "pairs"], "{target:?}");
        assert_eq!(rows(&database), [""; 0]);
        assert!(!exists(&database, "pairs"));
        assert_eq!(migrations.health(&mut client).await.unwrap().pending, report.reverted.len() + 2);
        assert!(
            matches!(migrations.verify(&mut client).await, Err(Error::NotApplied { pending, .. }) if pending.len() > 2)
        );
        let applied = applied(&migrations.run(&mut client).await.unwrap());
        assert_eq!(applied[applied.len() - 2..], ["repeatable one", "repeatable pairs"]);
        assert!(exists(&database, "pairs"));
    }
    // What is only in the history stays there, and where nothing is reverted, nothing changes.
    let fewer = set(&[("0001_t.sql", "CREATE TABLE t (v int)"), ("0002_w.sql", "CREATE TABLE w (v int)")]);
    fewer.migrator().revert(&mut client, Target::To(2)).await.unwrap();
    migrations.migrator().revert(&mut client, Target::To(2)).await.unwrap();
    assert_eq!(rows(&database).len(), 2);
}

#[tokio::test]
async fn a_redo_applies_them_after_it_or_leaves_them_to_the_run_that_something_else_waits_for() {
    let (database, mut client) = fresh().await;
    let migrations = cascading(&[]);
    migrations.run(&mut client).await.unwrap();
    let redone = migrations.migrator().redo(&mut client, 2).await.unwrap();
    let names: Vec<String> = redone.repeatables.iter().map(ToString::to_string).collect();
    assert_eq!((names, redone.pending), (vec!["repeatable one".to_owned(), "repeatable pairs".to_owned()], Vec::new()));
    assert!(exists(&database, "pairs") && exists(&database, "w"));
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);

    let more = cascading(&[("0003_more.sql", "CREATE TABLE more ()")]);
    let redone = more.migrator().redo(&mut client, 2).await.unwrap();
    assert_eq!((redone.repeatables.len(), redone.pending), (0, vec!["one".to_owned(), "pairs".to_owned()]));
    assert_eq!(applied(&more.run(&mut client).await.unwrap()), ["3 more", "repeatable one", "repeatable pairs"]);
    assert!(exists(&database, "pairs"));
}

#[tokio::test]
async fn where_one_fails_after_a_redo_the_error_says_what_was_done() {
    let (database, mut client) = fresh().await;
    cascading(&[]).run(&mut client).await.unwrap();
    let without = ("0002_w.sql", "CREATE TABLE other (v int)");
    let files = [
        ("0001_t.sql", "CREATE TABLE t (v int)"),
        without,
        ("0002_w.down.sql", "DROP TABLE w CASCADE"),
        ("pairs.repeatable.sql", "CREATE OR REPLACE VIEW pairs AS SELECT t.v AS a, w.v AS b FROM t, w"),
    ];
    let error = set(&files).migrator().redo(&mut client, 2).await.unwrap_err();
    assert_eq!((error.reverted().len(), error.applied().len()), (1, 1), "{error:?}");
    let failure = failed(Err(error));
    assert_eq!((failure.kind, failure.name.as_str()), (Kind::Repeatable, "pairs"));
    assert_eq!(rows(&database), ["one.repeatable, one, repeatable, applied, -"]);
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history WHERE version = 2"), "1");
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(value(&database, locks), "0");
}

#[tokio::test]
async fn a_reverse_that_a_repeatables_work_is_in_the_way_of_is_told_what_to_do() {
    let (database, mut client) = fresh().await;
    let down = ("0001_counts.down.sql", "DROP TABLE counts");
    let view = ("views.repeatable.sql", "CREATE OR REPLACE VIEW w AS SELECT v FROM counts");
    let migrations = set(&[COUNTS, down, view]);
    migrations.run(&mut client).await.unwrap();
    let error = migrations.migrator().revert(&mut client, Target::All).await.unwrap_err();
    assert!(error.hint().unwrap().contains("what a repeatable made as well"), "{error:?}");
    assert_eq!((rows(&database).len(), exists(&database, "w")), (1, true));
    let drops = ("0001_counts.down.sql", "DROP VIEW IF EXISTS w;\nDROP TABLE counts");
    let mended = set(&[COUNTS, drops, view]);
    mended.migrator().revert(&mut client, Target::All).await.unwrap();
    assert_eq!(applied(&mended.run(&mut client).await.unwrap()), ["1 counts", "repeatable views"]);
}

#[tokio::test]
async fn a_stamp_leaves_them_to_the_next_run() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE TABLE counts (v int)").unwrap();
    let report = first().migrator().stamp(&mut client, StampTo::Head).await.unwrap();
    assert_eq!(report.stamped.len(), 1);
    assert_eq!(applied(&first().run(&mut client).await.unwrap()), ["repeatable views"]);
}

#[tokio::test]
async fn a_run_up_to_a_version_below_the_head_leaves_them() {
    let (database, mut client) = fresh().await;
    assert_eq!(applied(&second().migrator().to(1).run(&mut client).await.unwrap()), ["1 counts"]);
    assert!(!exists(&database, "w"));
    assert_eq!(applied(&second().migrator().to(2).run(&mut client).await.unwrap()), ["2 b", "repeatable views"]);
}

#[tokio::test]
async fn a_large_one_goes_out_in_parts_and_is_claimed_all_the_same() {
    let (database, mut client) = fresh().await;
    let large = |number: i32| {
        format!("INSERT INTO counts VALUES ({number});\n{}\nSELECT 1;", "SELECT 'a line';\n".repeat(300_000))
    };
    for (number, expected) in [(30, 1), (31, 1), (31, 0)] {
        let text = large(number);
        let report = set(&[COUNTS, ("large.repeatable.sql", &text)]).run(&mut client).await.unwrap();
        assert_eq!(report.applied.iter().filter(|it| it.kind == Kind::Repeatable).count(), expected);
    }
    assert_eq!(counts(&database), ["30", "31"]);
}

#[tokio::test]
async fn events_tell_of_them_by_name() {
    let (_database, mut client) = fresh().await;
    let (sender, receiver) = std::sync::mpsc::channel();
    let tell = move |event: &Event<'_>| {
        let line = match event {
            Event::Applying { version, number, of, .. } => format!("applying {version}, {number} of {of}"),
            Event::ApplyingRepeatable { name, number, of, .. } => format!("applying {name}, {number} of {of}"),
            Event::Applied { version, .. } => format!("applied {version}"),
            Event::AppliedRepeatable { name, .. } => format!("applied {name}"),
            Event::Looked { pending, .. } => format!("{pending} pending"),
            _ => return,
        };
        sender.send(line).unwrap();
    };
    first().migrator().observe(tell).run(&mut client).await.unwrap();
    let told: Vec<String> = receiver.into_iter().collect();
    assert_eq!(told, ["2 pending", "applying 1, 1 of 2", "applying views, 2 of 2", "applied 1", "applied views"]);
}

/// How many round trips a run takes, and what it applied.
async fn costs(url: &str, migrations: Migrations) -> (usize, Vec<String>) {
    let proxy = Proxy::to(url).unwrap();
    let report = migrations.run(&mut proxy.connect().await.unwrap()).await.unwrap();
    (proxy.traffic().round_trips, applied(&report))
}

#[tokio::test]
async fn with_nothing_changed_a_start_is_one_round_trip_and_with_one_changed_four() {
    let (database, _client) = fresh().await;
    let url = database.url();
    assert_eq!(costs(url, first()).await.0, 4);
    assert_eq!(costs(url, first()).await, (1, Vec::new()));
    assert_eq!(costs(url, set(&[COUNTS, CHANGED])).await, (4, vec!["repeatable views".to_owned()]));
    // What was applied again lies elsewhere in the table than it did.
    assert_eq!(costs(url, set(&[COUNTS, CHANGED])).await, (1, Vec::new()));
    assert_eq!(costs(url, second()).await, (4, vec!["2 b".to_owned()]));
    assert_eq!(costs(url, second()).await, (1, Vec::new()));
}

/// Of a set so large, the server compares a digest: it covers texts and names of repeatables, whatever they sort like.
#[tokio::test]
async fn the_digest_of_a_large_set_covers_them() {
    let (database, _client) = fresh().await;
    let names: Vec<String> = (1..=200).map(|version| format!("{version:04}_m.sql")).collect();
    let versioned: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "SELECT 1")).collect();
    let with = |repeatables: &[(&str, &str)]| {
        let directory = Directory::new(&versioned);
        repeatables.iter().for_each(|(name, text)| directory.write(name, text));
        directory.load()
    };
    let three =
        [("B.repeatable.sql", "SELECT 1"), ("a b.repeatable.sql", "SELECT 2"), ("a.repeatable.sql", "SELECT 3")];
    let url = database.url();
    assert_eq!(costs(url, with(&three)).await.1.len(), 203);
    let proxy = Proxy::to(url).unwrap();
    let mut client = proxy.connect().await.unwrap();
    assert_eq!(with(&three).run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    let traffic = proxy.traffic();
    assert_eq!(traffic.round_trips, 1);
    let asked = traffic.messages.iter().filter_map(Message::sql).next().unwrap();
    let verdict = asked.rsplit(";\n").next().unwrap();
    let rows = database.rows(verdict).unwrap();
    assert_eq!((rows.len(), rows[0][0].as_deref()), (1, Some("t")), "one row, and a yes");
    let renamed = [three[0], three[1], ("c.repeatable.sql", "SELECT 3")];
    assert_eq!(costs(url, with(&renamed)).await, (4, vec!["repeatable c".to_owned()]));
    let changed = [three[0], ("a b.repeatable.sql", "SELECT 4"), three[2]];
    assert_eq!(costs(url, with(&changed)).await, (4, vec!["repeatable a b".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_locks_exclude_nobody_a_changed_one_is_applied_once_more_and_only_once() {
    for _ in 0..4 {
        let (database, mut client) = fresh().await;
        first().run(&mut client).await.unwrap();
        let proxy = without_locks(&database);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let mut client = proxy.connect().await.unwrap();
            tasks.spawn(async move { second().run(&mut client).await.unwrap() });
        }
        let reports = tasks.join_all().await;
        assert_eq!(reports.iter().map(|report| report.applied.len()).sum::<usize>(), 2);
        assert_eq!(counts(&database), ["10", "20"]);
    }
}

#[tokio::test]
async fn one_that_is_cut_off_at_any_message_is_made_good_by_the_next_run() {
    cut_at_every_message(None, first()).await;
    cut_at_every_message(Some(first()), second()).await;
}

#[tokio::test]
async fn a_standby_passes_when_nothing_has_changed_and_says_so_at_once_when_something_has() {
    let Some((primary, standby, database)) = pair() else { return };
    first().run_url(database.url()).await.unwrap();
    standby.catch_up_with(&primary).unwrap();
    let url = standby.url_of(&database);
    assert_eq!(costs(&url, first()).await, (1, Vec::new()));
    let error = set(&[COUNTS, CHANGED]).run_url(&url).await.unwrap_err();
    assert!(matches!(&error, Error::Standby { pending, .. } if pending.len() == 1), "{error:?}");
}

#[tokio::test]
async fn in_json_every_kind_of_migration_has_the_same_keys() {
    let (_database, mut client) = fresh().await;
    let migrations = set(&[
        ("1_a.sql", ""),
        ("1_all.baseline.sql", ""),
        ("2_b.sql", ""),
        ("views.repeatable.sql", "SELECT 1"),
        ("zeros.repeatable.sql", "SELECT 1"),
    ]);
    let report = serde_json::to_value(migrations.run(&mut client).await.unwrap()).unwrap();
    assert_eq!(report["orphaned"], serde_json::json!([]));
    let kinds = |list: &serde_json::Value| -> Vec<String> {
        let list = list.as_array().unwrap();
        let keys = |it: &serde_json::Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert!(list.iter().all(|it| keys(it) == keys(&list[0])), "{list:#?}");
        list.iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&report["applied"]), ["baseline", "versioned", "repeatable", "repeatable"]);
    let status = serde_json::to_value(migrations.status(&mut client).await.unwrap()).unwrap();
    assert_eq!(kinds(&status["migrations"]), ["versioned", "versioned", "repeatable", "repeatable"]);
    assert_eq!(
        (&status["migrations"][0]["baseline"], &status["migrations"][1]["baseline"]),
        (&1.into(), &serde_json::Value::Null)
    );
}
