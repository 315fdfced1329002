//! A proxy counts what it says it counts, cuts where it is told to, delays without reordering, and else changes nothing.

#![allow(clippy::unwrap_used, reason = "what the tests build on may panic as they may")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use graven_testkit::tokio_postgres::{self, Client, NoTls};
use graven_testkit::{Cluster, Cut, Database, Error, Mode, Proxy};

async fn fresh() -> (Database, Proxy, Client) {
    let database = Database::create().unwrap();
    database.execute("CREATE TABLE t (x int)").unwrap();
    let proxy = Proxy::to(database.url()).unwrap();
    let client = proxy.connect().await.unwrap();
    (database, proxy, client)
}

/// Waits for something that happens in another session.
async fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn count(database: &Database) -> String {
    database.value("SELECT count(*) FROM t").unwrap().unwrap()
}

#[tokio::test]
async fn connecting_and_leaving_are_neither_messages_nor_round_trips() {
    let (database, proxy, client) = fresh().await;
    drop(client);
    let mark = proxy.mark();
    drop(proxy.connect().await.unwrap());
    let (since, all) = (proxy.since(mark), proxy.traffic());
    assert_eq!((since.connections, since.round_trips, since.messages.len()), (1, 0, 0), "{since:#?}");
    assert_eq!((all.connections, all.round_trips, all.messages.len()), (2, 0, 0), "{all:#?}");
    assert!(proxy.url().ends_with(database.name()) && proxy.url() != database.url());
}

#[tokio::test]
async fn a_simple_query_is_one_round_trip_whatever_it_holds() {
    let (database, proxy, client) = fresh().await;
    for sql in ["", "SELECT 1", "INSERT INTO t VALUES (1); SELECT * FROM t; SELECT 2", "SELECT repeat('x', 1000000)"] {
        let mark = proxy.mark();
        client.simple_query(sql).await.unwrap();
        let traffic = proxy.since(mark);
        assert_eq!((traffic.round_trips, traffic.messages.len()), (1, 1), "{traffic:#?}");
        assert_eq!((traffic.messages[0].kind, traffic.messages[0].sql()), ('Q', Some(sql)));
    }
    let mark = proxy.mark();
    client.simple_query("SELECT nothing").await.unwrap_err();
    assert_eq!(proxy.since(mark).round_trips, 1);
    assert_eq!(count(&database), "1");
}

#[tokio::test]
async fn a_query_with_parameters_is_two_round_trips_of_several_messages_and_one_once_prepared() {
    let (_database, proxy, client) = fresh().await;
    let mark = proxy.mark();
    let statement = client.prepare("SELECT $1::int + 1").await.unwrap();
    let traffic = proxy.since(mark);
    assert_eq!(traffic.round_trips, 1, "{traffic:#?}");
    assert_eq!(traffic.messages.iter().find_map(|message| message.sql()), Some("SELECT $1::int + 1"));
    assert_eq!(traffic.messages.iter().map(|message| message.kind).collect::<String>(), "PDS");
    for _ in 0..3 {
        let mark = proxy.mark();
        assert_eq!(client.query_one(&statement, &[&1]).await.unwrap().get::<_, i32>(0), 2);
        let traffic = proxy.since(mark);
        assert_eq!((traffic.round_trips, traffic.messages.len()), (1, 3), "{traffic:#?}");
    }
}

#[tokio::test]
async fn what_is_sent_in_one_go_is_one_round_trip() {
    let (database, proxy, client) = fresh().await;
    proxy.latency(Duration::from_millis(200));
    let mark = proxy.mark();
    let insert = |x: i32| {
        let (client, sql) = (&client, format!("INSERT INTO t VALUES ({x})"));
        async move { client.batch_execute(&sql).await.unwrap() }
    };
    let began = Instant::now();
    tokio::join!(insert(1), insert(2), insert(3));
    let took = began.elapsed();
    let traffic = proxy.since(mark);
    assert_eq!((traffic.round_trips, traffic.messages.len()), (1, 3), "{traffic:#?}");
    assert_eq!(database.value("SELECT string_agg(x::text, '') FROM t").unwrap().as_deref(), Some("123"));
    // A machine that is busy may take longer, but not each time.
    let quick = async || {
        let began = Instant::now();
        tokio::join!(insert(4), insert(5), insert(6));
        began.elapsed()
    };
    let mut took = vec![took];
    while took.len() < 20 && took[took.len() - 1] >= Duration::from_millis(400) {
        took.push(quick().await);
    }
    assert!(took.iter().all(|took| *took >= Duration::from_millis(200)), "{took:?}");
    assert!(took.iter().any(|took| *took < Duration::from_millis(400)), "{took:?}");
}

#[tokio::test]
async fn latency_is_added_to_each_round_trip_and_can_be_taken_away() {
    let (_database, proxy, client) = fresh().await;
    let took = async || {
        let began = Instant::now();
        client.batch_execute("SELECT 1").await.unwrap();
        client.batch_execute("SELECT 2").await.unwrap();
        began.elapsed()
    };
    for millis in [1, 20, 300] {
        let latency = Duration::from_millis(millis);
        proxy.latency(latency);
        let took = took().await;
        assert!(took >= latency * 2, "{latency:?}: {took:?}");
    }
    proxy.latency(Duration::ZERO);
    // A machine that is busy may take longer, but not each time.
    let mut without = vec![took().await];
    while without.len() < 20 && without[without.len() - 1] >= Duration::from_millis(300) {
        without.push(took().await);
    }
    assert!(without.iter().any(|took| *took < Duration::from_millis(300)), "{without:?}");
}

#[tokio::test]
async fn large_messages_pass_whole_in_both_directions_and_in_order() {
    let (_database, proxy, client) = fresh().await;
    proxy.latency(Duration::from_millis(2));
    let text = "äöü".repeat(500_000);
    let echo: String = client.query_one("SELECT $1::text", &[&text]).await.unwrap().get(0);
    assert!(echo == text, "{} bytes came back of {}", echo.len(), text.len());
    let rows = client.query("SELECT g FROM generate_series(1, 50000) g", &[]).await.unwrap();
    assert!(rows.iter().map(|row| row.get::<_, i32>(0)).eq(1..=50_000));
}

#[tokio::test]
async fn a_cut_before_a_message_keeps_it_from_the_server() {
    let (database, proxy, client) = fresh().await;
    proxy.cut(Cut::Before(2));
    client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    assert!(client.batch_execute("INSERT INTO t VALUES (2)").await.unwrap_err().is_closed());
    assert_eq!(count(&database), "1");
}

#[tokio::test]
async fn a_cut_after_a_message_loses_its_answer_alone() {
    let (database, proxy, client) = fresh().await;
    for latency in [0, 5] {
        proxy.latency(Duration::from_millis(latency));
        let client = proxy.connect().await.unwrap();
        proxy.cut(Cut::After(2));
        client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
        assert!(client.batch_execute("INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)").await.is_err());
        // Everything was committed before the client saw the end.
        assert_eq!(count(&database), if latency == 0 { "3" } else { "6" });
    }
    client.batch_execute("INSERT INTO t VALUES (4)").await.unwrap();
}

#[tokio::test]
async fn a_cut_after_the_first_message_of_a_query_with_parameters_ends_at_the_answer_to_all_of_them() {
    let (database, proxy, client) = fresh().await;
    let statement = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    proxy.cut(Cut::After(1));
    assert!(client.execute(&statement, &[&1]).await.is_err());
    assert_eq!(count(&database), "1");
}

#[tokio::test]
async fn a_cut_during_a_message_lets_the_server_go_on_alone() {
    let (database, proxy, client) = fresh().await;
    database.execute("CREATE TABLE gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE gate").await.unwrap();
    proxy.cut(Cut::During(1));
    assert!(client.batch_execute("LOCK TABLE gate; INSERT INTO t VALUES (1)").await.is_err());
    assert_eq!(count(&database), "0", "the client does not wait for the server");
    gate.batch_execute("COMMIT").await.unwrap();
    eventually("the server has finished", || count(&database) == "1").await;
}

#[tokio::test]
async fn a_cut_during_a_message_loses_even_the_fastest_answer() {
    let (database, proxy, _client) = fresh().await;
    for _ in 0..50 {
        let client = proxy.connect().await.unwrap();
        proxy.cut(Cut::During(1));
        assert!(client.batch_execute("").await.is_err());
    }
    assert_eq!(count(&database), "0");
}

#[tokio::test]
async fn a_cut_happens_once_and_counts_from_when_it_was_asked_for() {
    let (database, proxy, client) = fresh().await;
    client.batch_execute("SELECT 1").await.unwrap();
    proxy.cut(Cut::Before(1));
    let other = proxy.connect().await.unwrap();
    assert!(client.batch_execute("SELECT 1").await.is_err());
    other.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    proxy.cut(Cut::Before(1));
    proxy.cut(Cut::Never);
    other.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(count(&database), "2");
}

#[tokio::test]
async fn dropping_the_value_cuts_every_connection_and_stops_listening() {
    let (_database, proxy, client) = fresh().await;
    let other = proxy.connect().await.unwrap();
    let url = proxy.url().to_owned();
    drop(proxy);
    for client in [client, other] {
        assert!(client.batch_execute("SELECT 1").await.is_err());
    }
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
}

#[tokio::test]
async fn a_connection_that_its_client_leaves_is_left_on_the_servers_side_too() {
    let (database, proxy, client) = fresh().await;
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(database.value(others).unwrap().as_deref(), Some("1"));
    drop(client);
    eventually("the server has no connection", || database.value(others).unwrap().as_deref() == Some("0")).await;
    drop(proxy);
}

#[tokio::test]
async fn what_the_server_refuses_or_ends_arrives_as_it_is() {
    let cluster = Cluster::builder().start().unwrap();
    let database = cluster.database().unwrap();
    let wrong = Proxy::to(&database.url().replace("//postgres:", "//postgres:wrong")).unwrap();
    let error = tokio_postgres::connect(wrong.url(), NoTls).await.err().unwrap();
    assert_eq!(error.code().map(|code| code.code()), Some("28P01"));
    assert_eq!(wrong.traffic().connections, 0);

    let proxy = Proxy::to(database.url()).unwrap();
    let client = proxy.connect().await.unwrap();
    cluster.stop(Mode::Fast).unwrap();
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert!(proxy.connect().await.is_err());
    cluster.start_again().unwrap();
    proxy.connect().await.unwrap().batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_query_that_is_rewritten_is_shown_as_it_was_sent() {
    let (database, proxy, client) = fresh().await;
    proxy.rewrite(|sql| sql.contains("42").then(|| sql.replace("42", "4711")));
    client.batch_execute("INSERT INTO t VALUES (42)").await.unwrap();
    client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(database.value("SELECT string_agg(x::text, ' ') FROM t").unwrap().as_deref(), Some("4711 1"));
    assert_eq!(proxy.traffic().messages[0].sql(), Some("INSERT INTO t VALUES (42)"));
}

#[tokio::test]
async fn a_running_query_can_be_cancelled_through_it() {
    let (database, proxy, client) = fresh().await;
    let cancel = client.cancel_token();
    let sleep = client.batch_execute("SELECT pg_sleep(60)");
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let stop = async {
        eventually("the query runs", || database.value(sleeps).unwrap().as_deref() == Some("1")).await;
        cancel.cancel_query(NoTls).await.unwrap();
    };
    let (slept, ()) = tokio::join!(sleep, stop);
    assert_eq!(slept.unwrap_err().code().map(|code| code.code()), Some("57014"));
    assert_eq!(proxy.traffic().messages.len(), 1);
}

#[test]
fn a_request_for_encryption_is_declined_and_what_is_no_message_is_dropped() {
    let database = Database::create().unwrap();
    let proxy = Proxy::to(database.url()).unwrap();
    let port = proxy.url().rsplit_once(':').unwrap().1.split('/').next().unwrap().parse::<u16>().unwrap();
    for code in [[4, 210, 22, 47], [4, 210, 22, 48]] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&[[0, 0, 0, 8], code].concat()).unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"N");
    }
    // A length that cannot be, and one that is not true.
    for bytes in [[0, 0, 0, 3], [255, 255, 255, 255]] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}

#[test]
fn a_socket_cannot_be_reached_through_a_proxy() {
    let database = Database::create().unwrap();
    let error = Proxy::to(&database.socket_url()).unwrap_err();
    assert!(matches!(error, Error::Url { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("TCP"), "{error:?}");
}
