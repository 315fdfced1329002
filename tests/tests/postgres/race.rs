//! Many instances that start at the same moment on a fresh database: all start, and each migration is applied once.

use graven::Outcome;
use graven_testkit::{Database, Message};

use crate::common::{Ended, Instance, fresh, history, lines, named, value, without_locks};

fn each_was_applied_once(database: &Database) {
    let counts = lines(database, "SELECT version || ':' || count(*) FROM counts GROUP BY version ORDER BY version");
    assert_eq!(counts, ["1:1", "2:1", "3:1", "4:1", "5:1", "6:1", "7:1", "8:1"]);
    assert_eq!(history(database).len(), 8);
    assert_eq!(value(database, "SELECT count(*) FROM graven_history WHERE state <> 'applied'"), "0");
    assert_eq!(
        value(
            database,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        "0"
    );
}

fn race_processes(instances: usize, set: &str) {
    let database = Database::create().unwrap();
    let children: Vec<_> = (0..instances).map(|_| Instance::of(set, database.url()).start()).collect();
    let applied = children.into_iter().map(|child| Ended::of(child).result.unwrap().1);
    assert_eq!(applied.sum::<usize>(), 8);
    each_was_applied_once(&database);
}

#[test]
fn two_processes_at_once_apply_each_migration_once() {
    race_processes(2, "plain");
}

#[test]
fn sixty_four_processes_at_once_apply_each_migration_once() {
    race_processes(64, "plain");
}

#[test]
fn eight_processes_at_once_do_not_deadlock_over_a_concurrent_index() {
    race_processes(8, "concurrently");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_tasks_of_one_process_apply_each_migration_once() {
    race_tasks("read committed").await;
}

/// Where the default is stricter, a look that takes the lock is as old as the attempt, and may miss what was applied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_tasks_apply_each_migration_once_whatever_the_default_isolation_is() {
    race_tasks("repeatable read").await;
    race_tasks("serializable").await;
}

async fn race_tasks(isolation: &str) {
    let (database, _) = fresh().await;
    let name = database.name();
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")).unwrap();
    let migrations = named("plain");
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(database.connect().await.unwrap());
    }
    let mut tasks = tokio::task::JoinSet::new();
    for mut client in clients {
        tasks.spawn(async move { migrations.run(&mut client).await.unwrap() });
    }
    let reports = tasks.join_all().await;
    assert_eq!(reports.iter().map(|report| report.applied.len()).sum::<usize>(), 8, "{isolation}");
    assert!(reports.iter().all(|report| matches!(report.outcome, Outcome::Applied | Outcome::UpToDate)), "{reports:?}");
    each_was_applied_once(&database);
}

/// Behind a pooler in transaction mode, or on an engine without them, advisory locks exclude nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_locks_exclude_nobody_the_claims_still_apply_each_migration_once() {
    let migrations = named("plain");
    let (mut rounds, mut races) = (0, 0);
    while rounds < 4 || races == 0 {
        rounds += 1;
        assert!(rounds < 20, "one is always done before another begins");
        let (database, _) = fresh().await;
        let proxy = without_locks(&database);
        let mut clients = Vec::new();
        for _ in 0..12 {
            clients.push(proxy.connect().await.unwrap());
        }
        let mut tasks = tokio::task::JoinSet::new();
        for mut client in clients {
            tasks.spawn(async move { migrations.run(&mut client).await.unwrap() });
        }
        let reports = tasks.join_all().await;
        assert_eq!(reports.iter().map(|report| report.applied.len()).sum::<usize>(), 8);
        each_was_applied_once(&database);
        let traffic = proxy.traffic();
        let asked = traffic.messages.iter().filter_map(Message::sql).filter(|sql| sql.contains("pg_try_advisory_lock"));
        races += usize::from(asked.count() > 1);
    }
}
