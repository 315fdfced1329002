//! Many instances that start at the same moment on a fresh database: all start, and each migration is applied once.

use std::process::{Child, Command, Stdio};

use graven::{Migrations, Outcome};
use graven_testkit::Database;

use crate::common::{Proxy, fresh, history, lines, set, value};

/// Tells a child that it is one, and which database is meant.
const URL: &str = "GRAVEN_TEST_RACE_URL";
const SET: &str = "GRAVEN_TEST_RACE_SET";

/// Every migration counts itself, outside of any history. `counts` has no key: a second run would be a second row.
fn counting(kind: &str) -> Migrations {
    let mut files = vec![("0001_counts.sql".to_owned(), "CREATE TABLE counts (version int, pid int);\nINSERT INTO counts VALUES (1, pg_backend_pid());".to_owned())];
    for version in 2..=8 {
        files.push((
            format!("{version:04}_m.sql"),
            format!("CREATE TABLE m{version} (v int);\nINSERT INTO counts VALUES ({version}, pg_backend_pid());"),
        ));
    }
    if kind == "concurrently" {
        files[4].1 = "-- graven: transaction = off\nINSERT INTO counts VALUES (5, pg_backend_pid());\n\
                      CREATE INDEX CONCURRENTLY counts_version ON counts (version);\n"
            .to_owned();
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    set(&files)
}

fn each_was_applied_once(database: &Database) {
    let counts = lines(database, "SELECT version || ':' || count(*) FROM counts GROUP BY version ORDER BY version");
    assert_eq!(counts, ["1:1", "2:1", "3:1", "4:1", "5:1", "6:1", "7:1", "8:1"]);
    assert_eq!(history(database).len(), 8);
    assert_eq!(value(database, "SELECT count(*) FROM graven_history WHERE state <> 'applied'"), "0");
    assert_eq!(
        value(database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"),
        "0"
    );
}

/// One instance: this very test program, started again to run [`instance`] alone.
fn start(database: &Database, kind: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "race::instance", "--ignored", "--nocapture", "--test-threads=1"])
        .env(URL, database.url())
        .env(SET, kind)
        .env_remove("GRAVEN_MODE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child does.
#[tokio::test]
#[ignore = "an instance that takes part in a race: the other tests start it"]
async fn instance() {
    let (Ok(url), Ok(kind)) = (std::env::var(URL), std::env::var(SET)) else { return };
    let migrations = counting(&kind);
    let report = migrations.run_url(&url).await.unwrap();
    println!("applied {} of {}", report.applied.len(), report.total);
}

fn race_processes(instances: usize, kind: &str) {
    let database = Database::create().unwrap();
    let children: Vec<Child> = (0..instances).map(|_| start(&database, kind)).collect();
    let mut applied = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}\n{err}");
        let line = out.lines().find_map(|line| line.split("applied ").nth(1)).unwrap_or_else(|| panic!("{out}"));
        applied += line.trim_end_matches(" of 8").parse::<usize>().unwrap();
    }
    assert_eq!(applied, 8);
    each_was_applied_once(&database);
}

#[test]
fn two_processes_at_once_apply_each_migration_once() {
    race_processes(2, "plain");
}

#[test]
fn sixteen_processes_at_once_apply_each_migration_once() {
    race_processes(16, "plain");
}

#[test]
fn eight_processes_at_once_do_not_deadlock_over_a_concurrent_index() {
    race_processes(8, "concurrently");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_tasks_of_one_process_apply_each_migration_once() {
    let (database, _) = fresh().await;
    let migrations = counting("plain");
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(database.connect().await.unwrap());
    }
    let mut tasks = tokio::task::JoinSet::new();
    for mut client in clients {
        tasks.spawn(async move { migrations.run(&mut client).await.unwrap() });
    }
    let reports = tasks.join_all().await;
    assert_eq!(reports.iter().map(|report| report.applied.len()).sum::<usize>(), 8);
    assert!(reports.iter().all(|report| matches!(report.outcome, Outcome::Applied | Outcome::UpToDate)), "{reports:?}");
    each_was_applied_once(&database);
}

/// Behind a pooler in transaction mode, or on an engine without them, advisory locks exclude nobody.
async fn race_without_locks(instances: usize, kind: &str) {
    let (database, _) = fresh().await;
    let migrations = counting(kind);
    let proxy = Proxy::without_locks(&database).await;
    let mut clients = Vec::new();
    for _ in 0..instances {
        clients.push(proxy.connect(&database).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for mut client in clients {
        tasks.spawn(async move { migrations.run(&mut client).await.unwrap() });
    }
    let reports = tasks.join_all().await;
    assert_eq!(reports.iter().map(|report| report.applied.len()).sum::<usize>(), 8);
    each_was_applied_once(&database);
    let asked = proxy.texts().iter().filter(|text| text.contains("pg_try_advisory_lock")).count();
    assert!(asked >= instances, "only {asked} asked for a lock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_locks_exclude_nobody_the_claims_still_apply_each_migration_once() {
    race_without_locks(8, "plain").await;
}
