//! When the server has run out of something: the error says of what, and a later run goes on as if nothing had been.

use std::path::Path;
use std::process::Command;

use graven::{Cause, Error, Outcome};
use graven_testkit::{Cluster, Database, Message, Proxy};
use tempfile::TempDir;

use crate::common::{Ended, Instance, failed, history, set, value, versions};

/// A small file system of its own. It goes away with the value.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where this process may not mount one.
    fn mount(owner: &Path) -> Option<Self> {
        let directory = TempDir::new_in("/tmp").unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs"]).arg(directory.path());
        if !mount.output().is_ok_and(|output| output.status.success()) {
            eprintln!("NOT TESTED: no file system can be mounted here, which takes root");
            return None;
        }
        let disk = Self(directory);
        let reference = format!("--reference={}", owner.display());
        assert!(Command::new("chown").arg(reference).arg(disk.0.path()).status().unwrap().success());
        Some(disk)
    }

    fn fill(&self) {
        // It ends where the disk does.
        let _ = std::fs::write(self.0.path().join("ballast"), vec![0; 8 << 20]);
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}

/// A server with a tablespace on a small disk. The server goes first.
fn small() -> Option<(Database, Cluster, SmallDisk)> {
    let cluster = Cluster::builder().start().unwrap();
    let disk = SmallDisk::mount(&cluster.data_directory())?;
    let database = cluster.database().unwrap();
    let directory = disk.0.path().display();
    database.execute(&format!("CREATE TABLESPACE small LOCATION '{directory}'")).unwrap();
    Some((database, cluster, disk))
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full_and_once_there_is_room_the_run_goes_on() {
    let Some((database, _cluster, disk)) = small() else { return };
    let fill = "CREATE TABLE big (t text) TABLESPACE small;\nINSERT INTO big SELECT repeat(i::text, 20) FROM generate_series(1, 9000) i;";
    let index = "-- graven: transaction = off\nCREATE TABLE started ();\nCREATE INDEX CONCURRENTLY big_t ON big (t) TABLESPACE small;";
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_big.sql", fill), ("3_index.sql", index)]);
    let mut client = database.connect().await.unwrap();
    disk.fill();
    let full = failed(migrations.run(&mut client).await);
    let Cause::Server(error) = &full.cause else { panic!("{full:?}") };
    assert_eq!(error.sqlstate, "53100", "{full:?}");
    assert!(full.hint().contains("make room on the server's disk"), "{}", full.hint());
    assert_eq!(history(&database), ["1 a applied"]);

    disk.make_room();
    set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_big.sql", fill)]).run(&mut client).await.unwrap();
    disk.fill();
    let full = failed(migrations.run(&mut client).await);
    assert_eq!((full.version.unwrap().value(), full.line), (3, Some(3)));
    assert!(full.hint().contains("make room on the server's disk"), "{}", full.hint());
    assert_eq!(history(&database), ["1 a applied", "2 big applied", "3 index started 1/2"]);
    assert_eq!(value(&database, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");

    disk.make_room();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [3]);
    assert_eq!(value(&database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'big_t'::regclass"), "t");
    assert_eq!(history(&database), ["1 a applied", "2 big applied", "3 index applied"]);
}

/// The history itself does not fit: nothing is applied that could not be recorded.
#[tokio::test]
async fn a_disk_that_has_no_room_for_the_history_lets_nothing_be_applied() {
    let Some((database, _cluster, disk)) = small() else { return };
    database.execute(&format!("ALTER DATABASE {} SET default_tablespace = small", database.name())).unwrap();
    let migrations = set(&[("1_a.sql", "CREATE TABLE a () TABLESPACE pg_default")]);
    let mut client = database.connect().await.unwrap();
    disk.fill();
    let error = migrations.run(&mut client).await.unwrap_err();
    assert!(error.explain().contains("No space left on device"), "{error:?}");
    assert_eq!(error.hint().as_deref(), Some("make room on the server's disk, then start again"));
    assert_eq!(value(&database, "SELECT to_regclass('a') IS NULL"), "t");
    disk.make_room();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_said_to_have_none() {
    let cluster =
        Cluster::builder().setting("max_connections", "5").setting("superuser_reserved_connections", "2").start();
    let cluster = cluster.unwrap();
    let database = cluster.database().unwrap();
    let role = database.role("app").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", role.name())).unwrap();
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()")]);
    // Sessions that are about to end count still, and would be free a moment later: only all three leave none.
    let mut open = Vec::new();
    for _ in 0..2000 {
        match role.connect().await {
            Ok(client) => open.push(client),
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
        if open.len() == 3 {
            break;
        }
    }
    assert_eq!(open.len(), 3);
    let error = migrations.run_url(role.url()).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.explain().contains("(SQLSTATE 53300)"), "{error:?}");
    assert!(error.hint().unwrap().contains("out of connections"), "{error:?}");
    drop(open);
    // The server takes a moment to notice.
    for _ in 0..2000 {
        match migrations.run_url(role.url()).await {
            Ok(report) => return assert_eq!(report.outcome, Outcome::Applied),
            Err(Error::Connect { .. }) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("no connection has become free");
}

/// A driver copies what it sends more than once: of a large file, it is given a part at a time.
#[tokio::test]
async fn a_large_file_travels_in_parts_and_is_one_transaction_all_the_same() {
    const ROWS: usize = 60_000;
    let database = Database::create().unwrap();
    let insert = |row: usize| format!("INSERT INTO big VALUES ({row}, '{}');\n", "x".repeat(60));
    let rows: String = (0..ROWS).map(insert).collect();
    let begin = "BEGIN;\nCREATE TABLE big (id int, t text);\n";
    let wrong = format!("{begin}{rows}INSERT INTO big VALUES ('wrong', '');\nCOMMIT;\n");
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    let failed = failed(set(&[("1_big.sql", &wrong)]).run(&mut client).await);
    assert_eq!((failed.line, failed.column), (Some(ROWS + 3), Some(25)));
    assert_eq!(value(&database, "SELECT to_regclass('big') IS NULL"), "t");
    assert_eq!(history(&database), [""; 0]);

    let right = set(&[("1_big.sql", &format!("{begin}{rows}COMMIT;\n"))]);
    assert_eq!(versions(&right.run(&mut client).await.unwrap()), [1]);
    assert_eq!(
        value(&database, "SELECT count(DISTINCT id) || ' ' || count(DISTINCT xmin::text) FROM big"),
        format!("{ROWS} 1")
    );
    assert_eq!(history(&database), ["1 big applied"]);
    let longest = proxy.traffic().messages.iter().filter_map(Message::sql).map(str::len).max().unwrap();
    assert!(longest < 1 << 21, "{longest}");
}

#[test]
fn the_rows_of_a_query_are_not_kept() {
    let database = Database::create().unwrap();
    let Ended { result, log } = Instance::of("rows", database.url()).run();
    assert_eq!(result.unwrap(), ("Applied".to_owned(), 2));
    let Some(peak) = log.lines().find_map(|line| line.strip_prefix("VmHWM:")) else {
        return println!("NOT TESTED: the system does not tell how much memory a process had");
    };
    let kilobytes: u64 = peak.trim().trim_end_matches("kB").trim().parse().unwrap();
    assert!(kilobytes < 100_000, "{kilobytes} kB");
}

/// Between two messages its transaction is idle.
#[tokio::test]
async fn a_file_that_goes_in_pieces_outlasts_a_limit_to_how_long_a_transaction_may_be_idle() {
    let database = Database::create().unwrap();
    let limit = format!("ALTER DATABASE {} SET idle_in_transaction_session_timeout = '20ms'", database.name());
    database.execute(&limit).unwrap();
    let proxy = Proxy::to(database.url()).unwrap();
    proxy.latency(std::time::Duration::from_millis(200));
    let sql = "CREATE TABLE a (t text);\nSET standard_conforming_strings = off;\nINSERT INTO a VALUES ('\\x41');";
    let migrations = set(&[("1_a.sql", sql)]);
    assert_eq!(migrations.run_url(proxy.url()).await.unwrap().outcome, Outcome::Applied);
    assert_eq!(value(&database, "SELECT t FROM a"), "A");
}
