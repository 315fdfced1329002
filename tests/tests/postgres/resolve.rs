//! An operator's word about a migration that was cut off: under the lock, like every verb that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use graven::{Error, Event, Migrations, Repair, Resolution, StampTo};
use graven_testkit::{Database, Proxy};

use crate::common::{Pooler, failed, fresh, history, lines, set};

/// Two of three statements are done, and the third cannot succeed.
async fn cut_off(database: &Database) -> Migrations {
    let text = "-- graven: transaction = off\nCREATE TABLE a ();\nSELECT 1;\nSELECT * FROM later;";
    let migrations = set(&[("1_a.sql", text)]);
    failed(migrations.run_url(database.url()).await);
    assert_eq!(history(database), ["1 a started 2/3"]);
    migrations
}

#[tokio::test]
async fn what_an_operator_says_is_on_disk_also_where_a_role_does_not_wait_for_it() {
    let (database, _) = fresh().await;
    let migrations = cut_off(&database).await;
    let notes = "CREATE TABLE notes (n serial, s text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO notes (s) VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER note AFTER INSERT OR UPDATE ON graven_history DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION note();";
    database.execute(notes).unwrap();
    database.execute(&format!("ALTER DATABASE {} SET synchronous_commit = off", database.name())).unwrap();
    let mut client = database.connect().await.unwrap();
    migrations.migrator().resolve(&mut client, 1, Resolution::Applied).await.unwrap();
    let edited = set(&[("1_a.sql", "CREATE TABLE a ();"), ("2_b.sql", "SELECT 2")]);
    edited.migrator().repair(&mut client, Repair::All).await.unwrap();
    edited.migrator().stamp(&mut client, StampTo::Head).await.unwrap();
    assert_eq!(lines(&database, "SELECT s FROM notes"), ["on", "on", "on"]);
    let setting: String = client.query_one("SHOW synchronous_commit", &[]).await.unwrap().get(0);
    assert_eq!(setting, "off");
}

#[tokio::test]
async fn what_is_recorded_is_so_also_where_the_lock_cannot_be_given_back() {
    let (database, _) = fresh().await;
    let migrations = cut_off(&database).await;
    let proxy = Proxy::to(database.url()).unwrap();
    proxy.rewrite(|sql| {
        sql.contains("pg_advisory_unlock(").then(|| sql.replace("pg_advisory_unlock(", "nothing_of_that_name("))
    });
    let mut client = graven::connect(proxy.url()).await.unwrap();
    let resolved = migrations.migrator().resolve(&mut client, 1, Resolution::Applied).await.unwrap();
    assert_eq!((resolved.statements_done, resolved.statements_total), (3, 3));
    assert_eq!(history(&database), ["1 a applied"]);
}

#[tokio::test]
async fn an_observer_is_told_of_the_lock() {
    let (database, mut client) = fresh().await;
    let migrations = cut_off(&database).await;
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let mut migrator = migrations.migrator().observe(move |event| {
        count.fetch_add(usize::from(matches!(event, Event::LockAcquired { .. })), Ordering::Relaxed);
    });
    migrator.resolve(&mut client, 1, Resolution::Retry).await.unwrap();
    assert_eq!(told.load(Ordering::Relaxed), 1);
    assert_eq!(history(&database), ["1 a started 2/3"]);
}

#[tokio::test]
async fn behind_a_pooler_it_is_not_done_as_another_role() {
    let (database, _) = fresh().await;
    let migrations = cut_off(&database).await;
    let Some(pooler) = Pooler::before(&database, "transaction", 3) else { return };
    let mut client = graven::connect(&pooler.url(&database)).await.unwrap();
    let error = migrations.migrator().role("postgres").resolve(&mut client, 1, Resolution::Applied).await.unwrap_err();
    assert!(matches!(error, Error::Pooled { .. }), "{error:?}");
    assert_eq!(history(&database), ["1 a started 2/3"]);
}

#[tokio::test]
async fn a_word_is_not_taken_for_one_about_another_statement() {
    let (database, mut client) = fresh().await;
    let migrations = cut_off(&database).await;
    database.execute("UPDATE graven_history SET statements_done = 1").unwrap();
    let holder = Arc::new(database.connect().await.unwrap());
    let key = "hashtextextended('graven \"public\".\"graven_history\"', 0)";
    holder.batch_execute(&format!("SELECT pg_advisory_lock({key})")).await.unwrap();
    let goes_on = Arc::clone(&holder);
    let unlock = format!("UPDATE graven_history SET statements_done = 2; SELECT pg_advisory_unlock({key})");
    let observer = move |event: &Event<'_>| {
        if matches!(event, Event::LockWaiting { .. }) {
            let (goes_on, unlock) = (Arc::clone(&goes_on), unlock.clone());
            tokio::spawn(async move { goes_on.batch_execute(&unlock).await });
        }
    };
    let mut migrator = migrations.migrator().observe(observer);
    let error = migrator.resolve(&mut client, 1, Resolution::Applied).await.unwrap_err();
    assert!(matches!(error, Error::HistoryChanging { .. }), "{error:?}");
    assert_eq!(history(&database), ["1 a started 2/3"]);
}
