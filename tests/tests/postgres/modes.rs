//! Modes and what the environment says, each in a process of its own.

use graven::{Error, Mode, Outcome};
use graven_testkit::Database;

use crate::common::{Instance, exists, fresh, named, set};

/// Where nobody answers.
const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";

#[test]
fn verify_by_environment_refuses_what_is_pending_and_writes_nothing() {
    let database = Database::create().unwrap();
    let verify = || Instance::of("plain", database.url()).env("GRAVEN_MODE", "verify").run().result;
    let page = verify().unwrap_err();
    assert!(page.contains("8 migrations are not applied: 1 counts, 2 m, 3 m and 5 more"), "{page}");
    assert!(page.contains("GRAVEN_MODE=apply"), "{page}");
    assert!(!exists(&database, "graven_history") && !exists(&database, "counts"));
    assert_eq!(Instance::of("plain", database.url()).run().result.unwrap(), ("Applied".to_owned(), 8));
    assert_eq!(verify().unwrap(), ("UpToDate".to_owned(), 0));
}

#[test]
fn skip_by_environment_does_not_even_connect() {
    let ended = Instance::of("plain", NOWHERE).env("GRAVEN_MODE", "skip").run();
    assert_eq!(ended.result.unwrap(), ("Skipped".to_owned(), 0));
    let page = Instance::of("plain", NOWHERE).run().result.unwrap_err();
    assert!(page.contains("cannot connect to 127.0.0.1:1/nothing"), "{page}");
}

#[test]
fn modes_are_read_without_regard_to_case_and_an_empty_one_is_none() {
    let database = Database::create().unwrap();
    for mode in ["", " ", "APPLY", " Apply "] {
        let ended = Instance::of("plain", database.url()).env("GRAVEN_MODE", mode).run();
        assert!(ended.result.is_ok(), "{mode:?}: {ended:?}");
    }
    assert!(exists(&database, "counts"));
}

#[test]
fn values_that_are_not_understood_are_refused_before_anything_is_done() {
    let database = Database::create().unwrap();
    for (variable, value) in [
        ("GRAVEN_MODE", "dry-run"),
        ("GRAVEN_MODE", "off"),
        ("GRAVEN_LOCK_TIMEOUT", "soon"),
        ("GRAVEN_LOCK_TIMEOUT", "-1s"),
        ("GRAVEN_LOCK_TIMEOUT", "99999999999999999999h"),
    ] {
        let page = Instance::of("plain", database.url()).env(variable, value).run().result.unwrap_err();
        assert!(page.contains(&format!("{variable} is {value:?}, which is not")), "{page}");
    }
    assert!(!exists(&database, "graven_history"));
}

#[tokio::test]
async fn the_lock_timeout_of_the_environment_holds() {
    let (database, holder) = fresh().await;
    // The key is that of a run on this history: derived from its name and nothing else, from version to version.
    let lock = "SET application_name = 'the holder'; \
                SELECT pg_advisory_lock(hashtextextended('graven \"public\".\"graven_history\"', 0))";
    holder.batch_execute(lock).await.unwrap();
    let began = std::time::Instant::now();
    let page = Instance::of("plain", database.url()).env("GRAVEN_LOCK_TIMEOUT", "200ms").run().result.unwrap_err();
    assert!(page.contains("waiting for another instance that is migrating"), "{page}");
    assert!(page.contains("the holder"), "{page}");
    assert!(began.elapsed() < std::time::Duration::from_secs(25), "{:?}", began.elapsed());
    assert!(!exists(&database, "counts"));
}

#[tokio::test]
async fn a_mode_by_api_does_what_it_says() {
    let (database, mut client) = fresh().await;
    let migrations = named("plain");
    let report = migrations.migrator().mode(Mode::Skip).run(&mut client).await.unwrap();
    assert_eq!((report.outcome, report.applied.len(), report.total), (Outcome::Skipped, 0, 8));
    let error = migrations.migrator().mode(Mode::Verify).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::NotApplied { .. }), "{error:?}");
    assert!(!exists(&database, "graven_history"));
    let report = migrations.migrator().mode(Mode::Apply).run(&mut client).await.unwrap();
    assert_eq!(report.outcome, Outcome::Applied);
    assert_eq!(migrations.migrator().mode(Mode::Verify).run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn a_mode_that_only_looks_leaves_an_open_transaction_alone() {
    let (_database, mut client) = fresh().await;
    client.batch_execute("BEGIN").await.unwrap();
    let report = set(&[]).migrator().mode(Mode::Skip).run(&mut client).await.unwrap();
    assert_eq!(report.outcome, Outcome::Skipped);
}
