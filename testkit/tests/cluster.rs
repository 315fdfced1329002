//! A private server keeps port, password and data across every way of going down, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "what the tests build on may panic as they may")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use graven_testkit::tokio_postgres::{self, SimpleQueryMessage};
use graven_testkit::{Cluster, Database, Error, Mode};

#[tokio::test]
async fn a_killed_server_keeps_what_was_committed_and_nothing_else() {
    let cluster = Cluster::builder().start().unwrap();
    let database = cluster.database().unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE t (x int); INSERT INTO t VALUES (1)").await.unwrap();
    client.batch_execute("BEGIN; INSERT INTO t VALUES (2)").await.unwrap();
    let url = database.url().to_owned();

    cluster.kill().unwrap();
    assert!(client.batch_execute("COMMIT").await.is_err());
    assert_eq!(cluster.pid(), None);
    assert!(TcpStream::connect(("127.0.0.1", cluster.port())).is_err());
    cluster.start_again().unwrap();

    assert_eq!(database.url(), url);
    assert_eq!(database.rows("SELECT x FROM t").unwrap(), [[Some("1".to_owned())]]);
    assert!(cluster.log().unwrap().contains("was not properly shut down"));
}

#[test]
fn every_way_of_stopping_can_be_started_again() {
    let cluster = Cluster::builder().start().unwrap();
    let database = cluster.database().unwrap();
    database.execute("CREATE TABLE t (x int)").unwrap();
    for (mode, log) in [
        (Mode::Smart, "received smart shutdown request"),
        (Mode::Fast, "received fast shutdown request"),
        (Mode::Immediate, "received immediate shutdown request"),
    ] {
        cluster.stop(mode).unwrap();
        assert!(database.execute("SELECT 1").is_err(), "{mode:?}");
        cluster.stop(mode).unwrap();
        cluster.start_again().unwrap();
        database.execute("INSERT INTO t VALUES (1)").unwrap();
        assert!(cluster.log().unwrap().contains(log), "{mode:?}");
    }
    assert_eq!(database.value("SELECT count(*) FROM t").unwrap().as_deref(), Some("3"));
}

#[test]
fn what_does_not_fit_the_state_is_refused() {
    let cluster = Cluster::builder().start().unwrap();
    let error = cluster.start_again().unwrap_err();
    assert!(matches!(error, Error::State { state: "running", .. }), "{error:?}");
    cluster.stop(Mode::Fast).unwrap();
    for error in [cluster.kill().unwrap_err(), cluster.reload().unwrap_err()] {
        assert!(matches!(error, Error::State { state: "stopped", .. }), "{error:?}");
        assert!(error.hint().unwrap().contains("start_again"));
    }
    assert!(cluster.database().is_err());
}

#[test]
fn settings_count_from_the_start_from_a_reload_or_from_a_restart() {
    let cluster = Cluster::builder().setting("wal_level", "logical").setting("test.note", "it's").start().unwrap();
    let database = cluster.database().unwrap();
    assert_eq!(database.value("SHOW wal_level").unwrap().as_deref(), Some("logical"));
    assert_eq!(database.value("SHOW test.note").unwrap().as_deref(), Some("it's"));

    cluster.configure("work_mem", "5MB").unwrap();
    cluster.configure("max_connections", "50").unwrap();
    cluster.reload().unwrap();
    assert!(eventually(|| database.value("SHOW work_mem").unwrap().as_deref() == Some("5MB")));
    assert_eq!(database.value("SHOW max_connections").unwrap().as_deref(), Some("200"));
    cluster.restart(Mode::Fast).unwrap();
    assert_eq!(database.value("SHOW max_connections").unwrap().as_deref(), Some("50"));
}

#[test]
fn a_server_that_does_not_start_says_why_and_leaves_nothing() {
    let error = Cluster::builder().setting("no_such_setting", "1").start().unwrap_err();
    assert!(matches!(error, Error::Program { program: "postgres", .. }), "{error:?}");
    assert!(error.output().unwrap().contains("unrecognized configuration parameter \"no_such_setting\""), "{error:?}");
}

#[test]
fn dropping_the_value_stops_the_server_and_removes_its_directory() {
    let cluster = Cluster::builder().start().unwrap();
    let (port, data) = (cluster.port(), cluster.data_directory());
    assert!(data.join("PG_VERSION").exists());
    drop(cluster);
    assert!(!data.parent().unwrap().exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn dropping_a_killed_server_removes_its_directory_too() {
    let cluster = Cluster::builder().start().unwrap();
    let data = cluster.data_directory();
    cluster.kill().unwrap();
    drop(cluster);
    assert!(!data.parent().unwrap().exists());
}

#[test]
fn a_database_may_outlive_its_server() {
    let cluster = Cluster::builder().start().unwrap();
    let database = cluster.database().unwrap();
    drop(cluster);
    let start = Instant::now();
    assert!(database.execute("SELECT 1").is_err());
    drop(database);
    assert!(start.elapsed() < Duration::from_secs(20), "it waits for nobody");
}

#[test]
fn private_servers_are_apart_from_each_other_and_from_the_shared_one() {
    let (one, other) = (Cluster::builder().start().unwrap(), Cluster::builder().start().unwrap());
    let shared = Database::create().unwrap();
    let directory = |database: &Database| database.value("SHOW data_directory").unwrap().unwrap();
    let directories = [directory(&one.database().unwrap()), directory(&other.database().unwrap()), directory(&shared)];
    assert_eq!(directories[0], one.data_directory().display().to_string());
    assert_eq!(directories[1], other.data_directory().display().to_string());
    assert_ne!(directories[0], directories[1]);
    assert!(!directories[..2].contains(&directories[2]));
}

#[test]
fn a_server_that_is_to_lie_on_disk_lies_below_the_temporary_directory() {
    let cluster = Cluster::builder().on_disk().start().unwrap();
    let directory = cluster.database().unwrap().value("SHOW data_directory").unwrap().unwrap();
    let temporary = std::env::temp_dir();
    assert!(directory.starts_with("/tmp/") || std::path::Path::new(&directory).starts_with(&temporary), "{directory}");
    assert!(!directory.starts_with("/dev/shm/") || temporary.starts_with("/dev/shm"), "{directory}");
}

#[tokio::test]
async fn a_server_with_a_certificate_offers_tls_and_still_takes_plain_connections() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cluster = Cluster::builder().tls(made.cert.pem(), made.signing_key.serialize_pem()).start().unwrap();
    assert_eq!(answer_to_tls_request(cluster.port()), b'S');
    let database = cluster.database().unwrap();
    let client = database.connect().await.unwrap();
    assert_eq!(client.query_one("SHOW ssl", &[]).await.unwrap().get::<_, &str>(0), "on");

    let plain = Cluster::builder().start().unwrap();
    assert_eq!(answer_to_tls_request(plain.port()), b'N');
}

#[test]
fn a_standby_follows_refuses_writes_and_takes_over() {
    let primary = Cluster::builder().start().unwrap();
    let database = primary.database().unwrap();
    database.execute("CREATE TABLE t (x int)").unwrap();
    let standby = match Cluster::builder().standby_of(&primary).setting("work_mem", "5MB").start() {
        Ok(standby) => standby,
        Err(Error::ProgramAbsent { program, directory, .. }) => {
            return eprintln!("NOT TESTED: a standby, because {} holds no {program}", directory.display());
        }
        Err(error) => panic!("{error:?}"),
    };
    assert_ne!(standby.port(), primary.port());
    database.execute("INSERT INTO t VALUES (1), (2)").unwrap();
    standby.catch_up_with(&primary).unwrap();
    let (one, two) = (Some("1".to_owned()), Some("2".to_owned()));
    let url = standby.url_of(&database);
    assert_eq!(rows_at(&url, "SELECT x FROM t ORDER BY x").unwrap(), [one.clone(), two.clone()]);
    assert_eq!(rows_at(&url, "SHOW work_mem").unwrap(), [Some("5MB".to_owned())]);
    assert_eq!(rows_at(&url, "INSERT INTO t VALUES (3)").unwrap_err().code().unwrap().code(), "25006");
    assert!(standby.database().is_err());

    primary.kill().unwrap();
    standby.promote().unwrap();
    rows_at(&url, "INSERT INTO t VALUES (3)").unwrap();
    assert_eq!(rows_at(&url, "SELECT x FROM t ORDER BY x").unwrap(), [one, two, Some("3".to_owned())]);
    assert!(standby.promote().is_err(), "it is no standby any more");
}

/// The first column of a query's rows.
fn rows_at(url: &str, sql: &str) -> Result<Vec<Option<String>>, tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let messages = client.simple_query(sql).await?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        });
        Ok(rows.collect())
    })
}

/// An SSLRequest message: its length, and the code that stands for TLS.
fn answer_to_tls_request(port: u16) -> u8 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    answer[0]
}

fn eventually(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}
