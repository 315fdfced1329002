//! After a review, the history gets what the set has: the rows that were asked for, as they were seen, and nothing else.

use std::time::Duration;

use graven::{Conflict, Error, Migrations, Outcome, Repair, RepairReport, Repairable};
use graven_testkit::{Cut, Database, Message, Proxy};
use tokio_postgres::Client;

use crate::common::{connect_in, exists, fresh, history, lines, set, value};

const A: (&str, &str) = ("0001_a.sql", "CREATE TABLE a ()");
const B: (&str, &str) = ("0002_b.sql", "CREATE TABLE b ()");
const C: (&str, &str) = ("0003_c.sql", "CREATE TABLE c ()");
const A_EDITED: (&str, &str) = ("0001_a.sql", "CREATE TABLE a (); -- with a comment");
const B_EDITED: (&str, &str) = ("0002_b.sql", "CREATE TABLE b (); -- with a comment");

fn versions(found: &[Repairable]) -> Vec<i64> {
    found.iter().map(|difference| difference.version.value()).collect()
}

async fn repair(migrations: Migrations, client: &mut Client, which: Repair) -> Result<RepairReport, Error> {
    migrations.migrator().repair(client, which).await
}

fn conflicts(result: Result<RepairReport, Error>) -> Vec<Conflict> {
    match result {
        Err(Error::Conflicts { conflicts, .. }) => conflicts,
        other => panic!("no conflict: {other:?}"),
    }
}

/// What of the history a repair must not change.
fn origins(database: &Database) -> Vec<String> {
    lines(
        database,
        "SELECT concat_ws(' ', version, applied_at, applied_by, applied_as, duration, run) FROM graven_history ORDER BY 1",
    )
}

#[tokio::test]
async fn what_was_reviewed_is_accepted_and_the_next_run_goes_on() {
    let (database, mut client) = fresh().await;
    set(&[A, B]).run(&mut client).await.unwrap();
    let before = origins(&database);
    let edited = set(&[A_EDITED, B_EDITED, C]);

    let found = edited.migrator().repairable(&mut client).await.unwrap();
    assert_eq!(versions(&found), [1, 2]);
    assert_eq!(found[0].checksum, edited.by_version(1).unwrap().checksum());
    assert_eq!(found[0].recorded_checksum, set(&[A]).by_version(1).unwrap().checksum());
    assert_eq!((found[0].file.as_str(), found[0].is_modified), ("migrations/0001_a.sql", true));
    assert!(!found[0].is_another_migration());

    let report = repair(edited, &mut client, Repair::Versions(vec![2])).await.unwrap();
    assert_eq!((versions(&report.accepted), versions(&report.left)), (vec![2], vec![1]));
    assert!(matches!(report.conflicts[..], [Conflict::Modified { .. }]), "{report:?}");
    assert!(edited.run(&mut client).await.is_err());

    let report = repair(edited, &mut client, Repair::All).await.unwrap();
    assert_eq!((versions(&report.accepted), report.left.len(), report.conflicts.len()), (vec![1], 0, 0));
    assert_eq!(origins(&database), before);
    assert!(!exists(&database, "c"));
    assert_eq!(edited.run(&mut client).await.unwrap().applied.len(), 1);
    assert_eq!(edited.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn with_nothing_to_accept_it_succeeds_and_makes_no_history() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A]);
    for _ in 0..2 {
        assert_eq!(migrations.migrator().repairable(&mut client).await.unwrap(), []);
        for which in [Repair::All, Repair::Versions(vec![1]), Repair::Versions(Vec::new())] {
            let report = repair(migrations, &mut client, which).await.unwrap();
            assert!(report.accepted.is_empty() && report.left.is_empty() && report.conflicts.is_empty());
        }
        assert_eq!(exists(&database, "graven_history"), exists(&database, "a"));
        migrations.run(&mut client).await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_alone_has_changed_is_accepted_too() {
    let (database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    let renamed = set(&[("1_accounts.sql", A.1)]);
    let found = renamed.migrator().repairable(&mut client).await.unwrap();
    assert_eq!((found[0].recorded_name.as_str(), found[0].is_modified), ("a", false));
    assert_eq!(found[0].to_string(), "1 accounts: recorded as a");
    repair(renamed, &mut client, Repair::All).await.unwrap();
    assert_eq!(history(&database), ["1 accounts applied"]);
}

/// The failure guarded against: two branches have used one version, and a sweeping repair declares applied what never ran.
#[tokio::test]
async fn what_looks_like_another_migration_must_be_named() {
    let (database, mut client) = fresh().await;
    set(&[A, B]).run(&mut client).await.unwrap();
    let other = set(&[A_EDITED, ("0002_orders.sql", "CREATE TABLE orders ()")]);
    let found = conflicts(repair(other, &mut client, Repair::All).await);
    assert!(found.len() == 1 && found[0].remedy().contains("another branch has used the version 2"), "{found:?}");
    assert_eq!(versions(&other.migrator().repairable(&mut client).await.unwrap()), [1, 2]);

    let report = repair(other, &mut client, Repair::Versions(vec![1, 2])).await.unwrap();
    assert!(report.accepted[1].is_another_migration());
    assert_eq!(history(&database), ["1 a applied", "2 orders applied"]);
    assert!(!exists(&database, "orders"));
}

#[tokio::test]
async fn what_has_a_way_out_of_its_own_is_refused_and_nothing_is_changed() {
    let (database, mut client) = fresh().await;
    let broken = ("0003_c.sql", "-- graven: transaction = off\nCREATE TABLE c ();\nSELECT 1 / 0;\n");
    set(&[A, B, broken]).run(&mut client).await.unwrap_err();
    let before = history(&database);
    // Without 2, which is orphaned; 3 is incomplete; 9 is future.
    database
        .execute(
            "INSERT INTO graven_history SELECT (jsonb_populate_record(h, '{\"id\": \"9\", \"version\": 9}')).* \
             FROM graven_history h WHERE version = 2",
        )
        .unwrap();
    let edited = set(&[A_EDITED, broken]);
    for (version, word) in [(2, "orphaned"), (3, "incomplete"), (9, "future")] {
        let found = conflicts(repair(edited, &mut client, Repair::Versions(vec![1, version])).await);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_string().contains(word), "{found:?}");
        assert!(!found[0].remedy().is_empty());
    }
    let error = repair(edited, &mut client, Repair::Versions(vec![1, 7])).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchVersion { version: 7, .. }), "{error:?}");
    assert_eq!(versions(&edited.migrator().repairable(&mut client).await.unwrap()), [1]);
    assert_eq!(history(&database)[..3], before);
    // What is not asked for does not matter.
    let report = repair(edited, &mut client, Repair::All).await.unwrap();
    assert_eq!((versions(&report.accepted), report.conflicts.len()), (vec![1], 1));
}

#[tokio::test]
async fn a_row_that_changes_at_the_last_moment_is_left_alone_with_all_others() {
    let (database, mut client) = fresh().await;
    set(&[A, B]).run(&mut client).await.unwrap();
    let proxy = Proxy::to(database.url()).unwrap();
    proxy.rewrite(move |sql| {
        // As somebody does who works without the lock.
        let change = "UPDATE public.graven_history SET name = 'other' WHERE version = 2";
        sql.contains("WITH accepted AS").then(|| format!("{change};\n{sql}"))
    });
    let error = repair(set(&[A_EDITED, B_EDITED]), &mut proxy.connect().await.unwrap(), Repair::All).await.unwrap_err();
    assert!(matches!(error, Error::HistoryChanging { .. }), "{error:?}");
    let found = set(&[A, B]).run(&mut client).await.unwrap();
    assert_eq!(found.outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn it_waits_for_the_lock_and_gives_it_back() {
    let (database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    let edited = set(&[A_EDITED]);
    let lock = "hashtextextended('graven \"public\".\"graven_history\"', 0)";
    let holder = database.connect().await.unwrap();
    holder.batch_execute(&format!("SELECT pg_advisory_lock({lock})")).await.unwrap();
    let mut migrator = edited.migrator().lock_timeout(Duration::from_millis(50));
    let error = migrator.repair(&mut client, Repair::All).await.unwrap_err();
    assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
    // To look needs no lock.
    assert_eq!(versions(&migrator.repairable(&mut client).await.unwrap()), [1]);
    holder.batch_execute(&format!("SELECT pg_advisory_unlock({lock})")).await.unwrap();
    migrator.repair(&mut client, Repair::All).await.unwrap();
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(value(&database, locks), "0");
}

#[tokio::test]
async fn who_may_only_read_may_look_and_is_told_what_else_it_takes() {
    let (database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    let role = database.role("reader").unwrap();
    database.execute(&format!("GRANT SELECT ON graven_history TO {}", role.name())).unwrap();
    let mut reader = role.connect().await.unwrap();
    let edited = set(&[A_EDITED]);
    assert_eq!(versions(&edited.migrator().repairable(&mut reader).await.unwrap()), [1]);
    let error = repair(edited, &mut reader, Repair::All).await.unwrap_err();
    assert!(matches!(error, Error::HistoryDenied { .. }), "{error:?}");
    // As the role that may.
    database.execute(&format!("GRANT postgres TO {}", role.name())).unwrap();
    edited.migrator().role("postgres").repair(&mut reader, Repair::All).await.unwrap();
    assert_eq!(edited.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn a_repair_that_is_cut_at_any_message_has_accepted_all_or_nothing() {
    let database = Database::create().unwrap();
    let edited = set(&[A_EDITED, B_EDITED]);
    let mut messages = 0;
    let mut at = 0_usize;
    while at <= messages * 3 {
        let schema = format!("case_{at}");
        database.execute(&format!("CREATE SCHEMA {schema}")).unwrap();
        set(&[A, B]).run(&mut connect_in(database.url(), &schema).await).await.unwrap();
        let proxy = Proxy::to(database.url()).unwrap();
        let number = at.div_ceil(3);
        proxy.cut(match at {
            0 => Cut::Never,
            at => [Cut::Before, Cut::During, Cut::After][at % 3](number),
        });
        let mut client = connect_in(proxy.url(), &schema).await;
        let result = repair(edited, &mut client, Repair::All).await;
        if at == 0 {
            assert_eq!(result.unwrap().accepted.len(), 2);
            messages = proxy.traffic().messages.iter().filter_map(Message::sql).count();
            assert!(messages >= 3, "{messages}");
        } else {
            assert!(result.is_err() || number == messages, "case {at}");
        }
        let mut client = connect_in(database.url(), &schema).await;
        let _ = client.query("SELECT pg_sleep(0.02)", &[]).await;
        let left = edited.migrator().repairable(&mut client).await.unwrap().len();
        assert!(left == 0 || left == 2, "case {at}: {left}");
        repair(edited, &mut client, Repair::All).await.unwrap();
        assert_eq!(edited.run(&mut client).await.unwrap().outcome, Outcome::UpToDate, "case {at}");
        at += 1;
    }
}
