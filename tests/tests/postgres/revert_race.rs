//! Two that revert at once, and a connection that is cut at every single message: each reverse takes effect once.

use std::time::Duration;

use graven::{Error, Migrations, Target};
use graven_testkit::{Cut, Database, Message, Proxy};
use tokio_postgres::Client;

use crate::common::{Pooler, connect_in, fresh, history, lines, set, until, value, without_locks};

/// Every reverse leaves a row in `counts`, which has no key and belongs to no migration: what ran twice is there twice.
fn migrations() -> Migrations {
    let mut files = Vec::new();
    for version in 1..=4 {
        files.push((format!("000{version}_m.sql"), format!("CREATE TABLE m{version} (v int)")));
        let down = format!("INSERT INTO counts VALUES ({version});\nDROP TABLE m{version};\n");
        files.push((format!("000{version}_m.down.sql"), down));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    set(&files)
}

const COUNTS: &str = "CREATE TABLE counts (v int)";

fn counts(database: &Database) -> Vec<String> {
    lines(database, "SELECT v || ':' || count(*) FROM counts GROUP BY v ORDER BY v")
}

async fn race(database: &Database, clients: Vec<Client>) {
    let migrations = migrations();
    let mut tasks = tokio::task::JoinSet::new();
    for mut client in clients {
        tasks
            .spawn(async move { migrations.migrator().revert(&mut client, Target::All).await.unwrap().reverted.len() });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<usize>(), 4);
    assert_eq!(counts(database), ["1:1", "2:1", "3:1", "4:1"]);
    assert_eq!(history(database), [""; 0]);
}

async fn applied() -> Database {
    let (database, mut client) = fresh().await;
    database.execute(COUNTS).unwrap();
    migrations().migrator().into_existing().run(&mut client).await.unwrap();
    database
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_that_revert_at_once_each_reverse_is_run_by_one() {
    for isolation in ["read committed", "serializable"] {
        let database = applied().await;
        let name = database.name();
        database.execute(&format!("ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")).unwrap();
        let mut clients = Vec::new();
        for _ in 0..6 {
            clients.push(database.connect().await.unwrap());
        }
        race(&database, clients).await;
    }
}

/// Behind a pooler in transaction mode, or on an engine without them, advisory locks exclude nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_locks_exclude_nobody_each_reverse_is_still_run_by_one() {
    for isolation in ["read committed", "repeatable read"] {
        let database = applied().await;
        let name = database.name();
        database.execute(&format!("ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")).unwrap();
        let proxy = without_locks(&database);
        let mut clients = Vec::new();
        for _ in 0..6 {
            clients.push(proxy.connect().await.unwrap());
        }
        race(&database, clients).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_a_transaction_is_reverted_and_what_has_none_is_refused() {
    let (database, mut client) = fresh().await;
    let Some(pooler) = Pooler::before(&database, "transaction", 3) else { return };
    let off = ("0002_b.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY a_v ON a (v)");
    let down = ("0002_b.down.sql", "-- graven: transaction = off\nDROP INDEX CONCURRENTLY IF EXISTS a_v");
    let migrations = set(&[("0001_a.sql", "CREATE TABLE a (v int)"), ("0001_a.down.sql", "DROP TABLE a"), off, down]);
    migrations.run(&mut client).await.unwrap();
    let mut pooled = graven::connect(&pooler.url(&database)).await.unwrap();
    let error = migrations.migrator().revert(&mut pooled, Target::All).await.unwrap_err();
    assert!(matches!(error, Error::Pooled { .. }), "{error:?}");
    assert_eq!(history(&database), ["1 a applied", "2 b applied"]);
    migrations.migrator().revert(&mut client, Target::Steps(1)).await.unwrap();
    let report = migrations.migrator().revert(&mut pooled, Target::Steps(1)).await.unwrap();
    assert_eq!(report.reverted.len(), 1);
    assert_eq!(history(&database), [""; 0]);
}

const LOCK: &str = "pg_advisory_lock(hashtextextended('graven \"public\".\"graven_history\"', 0))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_revert_one_step_at_the_same_moment_revert_one_migration() {
    let database = applied().await;
    let holder = database.connect().await.unwrap();
    holder.batch_execute(&format!("SELECT {LOCK}")).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let mut client = database.connect().await.unwrap();
        tasks.spawn(async move { migrations().migrator().revert(&mut client, Target::Steps(1)).await.unwrap() });
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()";
    until("both have looked and want the lock", || value(&database, waiting) == "2").await;
    drop(holder);
    let reports = tasks.join_all().await;
    assert_eq!(reports.iter().map(|report| report.reverted.len()).sum::<usize>(), 1);
    assert_eq!(counts(&database), ["4:1"]);
    assert_eq!(history(&database).len(), 3);
}

#[tokio::test]
async fn who_waits_for_the_lock_in_vain_reverts_nothing() {
    let database = applied().await;
    let holder = database.connect().await.unwrap();
    holder.batch_execute(&format!("SELECT {LOCK}")).await.unwrap();
    let mut client = database.connect().await.unwrap();
    let mut migrator = migrations().migrator().lock_timeout(Duration::from_millis(50));
    let error = migrator.revert(&mut client, Target::All).await.unwrap_err();
    assert!(matches!(&error, Error::LockTimeout { holder: Some(_), .. }), "{error:?}");
    // What cannot be is said without waiting.
    let bare = set(&[("0001_m.sql", "CREATE TABLE m1 (v int)")]).migrator().revert(&mut client, Target::All).await;
    assert!(matches!(bare, Err(Error::NotRevertible { .. })), "{bare:?}");
    assert_eq!((history(&database).len(), counts(&database).len()), (4, 0));
}

fn with_an_index() -> Migrations {
    set(&[
        ("0001_a.sql", "CREATE TABLE a (v int)"),
        ("0001_a.down.sql", "INSERT INTO counts VALUES (1); DROP TABLE a"),
        ("0002_off.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY a_v ON a (v);\n"),
        (
            "0002_off.down.sql",
            "-- graven: transaction = off\nSET work_mem = '5MB';\nDROP INDEX CONCURRENTLY IF EXISTS a_v;\n",
        ),
        ("0003_c.sql", "ALTER TABLE a ADD COLUMN w int"),
        ("0003_c.down.sql", "INSERT INTO counts VALUES (3);\nALTER TABLE a DROP COLUMN w;"),
    ])
}

/// A schema of its own for each case: a database of its own would cost more than all the rest.
async fn cut_at_every_message(cut: fn(usize) -> Cut) {
    let migrations = with_an_index();
    let database = Database::create().unwrap();
    let mut messages = Vec::new();
    let mut at = 0;
    // The first case is cut nowhere and counts.
    while at <= messages.len() {
        let schema = format!("case_{at}");
        database.execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.counts (v int)")).unwrap();
        let mut client = connect_in(database.url(), &schema).await;
        migrations.migrator().into_existing().run(&mut client).await.unwrap();
        let proxy = Proxy::to(database.url()).unwrap();
        proxy.cut(if at == 0 { Cut::Never } else { cut(at) });
        let result = migrations.migrator().revert(&mut connect_in(proxy.url(), &schema).await, Target::All).await;
        if at == 0 {
            assert_eq!(result.unwrap().reverted.len(), 3);
            let traffic = proxy.traffic();
            messages = traffic.messages.iter().filter_map(Message::sql).map(str::to_owned).collect();
            assert!(messages.len() >= 8 && messages.last().unwrap().contains("pg_advisory_unlock"), "{messages:#?}");
        } else {
            let name = format!("{:?} of {}: {}", cut(at), messages.len(), messages[at - 1]);
            match &result {
                Ok(report) => assert_eq!((report.reverted.len(), at), (3, messages.len()), "{name}"),
                Err(error) => {
                    let left = client.query("SELECT FROM graven_history", &[]).await.unwrap().len();
                    assert!(error.reverted().len() <= 3 - left, "{name}: {error:?}");
                }
            }
            migrations
                .migrator()
                .revert(&mut client, Target::All)
                .await
                .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        }
        let rows = client.query("SELECT v FROM counts ORDER BY v", &[]).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [1, 3], "case {at}");
        let left = "SELECT (SELECT count(*) FROM graven_history) + count(*) FROM pg_class \
                    WHERE relnamespace = current_schema()::regnamespace AND relname IN ('a', 'a_v')";
        assert_eq!(client.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0, "case {at}");
        at += 1;
    }
}

#[tokio::test]
async fn a_message_that_never_arrives_is_made_good_by_the_next_revert() {
    cut_at_every_message(Cut::Before).await;
}

#[tokio::test]
async fn a_message_whose_answer_never_arrives_is_not_repeated_by_the_next_revert() {
    cut_at_every_message(Cut::After).await;
}

#[tokio::test]
async fn a_message_that_the_server_is_still_busy_with_is_waited_for_by_the_next_revert() {
    cut_at_every_message(Cut::During).await;
}
