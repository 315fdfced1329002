//! The demo does what it is there to show: every promise is checked on the built binary, in real processes on a real
//! PostgreSQL.

// The lints know a test function by its attribute, and not the functions that it calls.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use graven_testkit::{Cluster, Database, Mode};
use serde_json::{Value, json};

#[test]
fn three_at_once_apply_each_migration_once_and_all_become_ready() {
    let output = demo().arg("--exit").output().expect("the demo starts");
    let (out, log) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{log}");
    let all = migrations();
    assert!(all >= 18, "there are migrations to apply");
    assert_eq!(out.matches(&format!("applied {all} in ")).count(), 1, "{out}");
    assert_eq!(out.matches("  healthy  ").count(), 3, "{out}");
    assert!(out.contains("Healthy: 3 of 3 instances"), "{out}");
    assert_eq!(log.matches("INFO applied version=").count(), all, "{log}");
    assert!(log.lines().all(|line| line.starts_with("instance ")), "{log}");
    assert!(!out.contains('\x1b') && !log.contains('\x1b'), "colours are for terminals");
}

#[test]
fn a_second_launch_finds_it_done() {
    let database = Database::create().expect("a database");
    for (instances, role) in [("1", "applied "), ("2", "found it done")] {
        let output = on(database.url()).args(["--exit", "--instances", instances]).output().expect("the demo starts");
        let (out, log) = texts(&output);
        assert_eq!(output.status.code(), Some(0), "{out}{log}");
        assert!(out.starts_with("Using the database that DATABASE_URL names, as it is."), "{out}");
        assert_eq!(out.matches(role).count().to_string(), instances, "{out}");
    }
    let rows = database.value("SELECT count(*) FROM graven_history WHERE state = 'applied'").expect("a count");
    assert_eq!(rows, Some(migrations().to_string()));
    let origins = database.value("SELECT string_agg(DISTINCT split_part(applied_as, '/', 1), ' ') FROM graven_history");
    assert_eq!(origins.expect("the names"), Some("demo-1".to_owned()));
}

#[test]
fn an_operator_looks_after_the_database_with_the_same_binary() {
    let database = Database::create().expect("a database");
    let migrate = |verb: &str| {
        let output = on(database.url()).args(["migrate", verb]).output().expect("the demo starts");
        let (out, log) = texts(&output);
        (output.status.code(), out, log)
    };
    let (code, out, log) = migrate("verify");
    assert_eq!(code, Some(8), "{out}{log}");
    assert!(log.contains("hint: `cargo demo -- migrate apply` applies them"), "{log}");
    let (code, out, log) = migrate("apply");
    assert_eq!(code, Some(0), "{out}{log}");
    let (code, out, log) = migrate("verify");
    assert_eq!(code, Some(0), "{out}{log}");
    assert_eq!(out, format!("everything is applied: {} migrations\n", migrations()));
}

#[test]
fn tables_of_others_are_refused_until_told_otherwise() {
    let database = Database::create().expect("a database");
    database.execute("CREATE TABLE theirs (x int)").expect("a table");
    let output = on(database.url()).arg("--exit").output().expect("the demo starts");
    let (out, log) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{log}");
    assert!(
        log.contains("error: 3 of 3 instances did not become ready\n\ninstances 1, 2, 3: schema public has no"),
        "{log}"
    );
    assert!(log.contains("it holds tables: theirs") && log.contains("here: `cargo demo -- --into-existing`"), "{log}");
    assert_eq!(log.matches("theirs").count(), 1, "one page serves for all: {log}");
    assert_eq!(database.value("SELECT to_regclass('graven_history')::text").expect("an answer"), None);

    let output = on(database.url()).args(["--exit", "--into-existing"]).output().expect("the demo starts");
    let (out, log) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{log}");
    assert!(out.contains("Healthy: 3 of 3 instances"), "{out}");
}

#[test]
fn a_port_in_use_is_named_before_the_database_is_touched() {
    let database = Database::create().expect("a database");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its number").port().to_string();
    let output = on(database.url()).args(["--exit", "--instances", "1", "--port", &port]).output().expect("it starts");
    let (_, log) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains(&format!("cannot listen on 127.0.0.1:{port}: ")), "{log}");
    assert!(log.contains("hint: choose another port with --port"), "{log}");
    assert_eq!(database.value("SELECT to_regclass('graven_history')::text").expect("an answer"), None);
}

#[test]
fn a_database_that_is_not_there_is_told_without_the_password() {
    // Nothing listens on a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let url = format!("postgres://somebody:swordfish@127.0.0.1:{port}/nothing");
    let output = on(&url).args(["--exit", "--instances", "1"]).output().expect("the demo starts");
    let (out, log) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{log}");
    assert!(log.contains(&format!("cannot connect to 127.0.0.1:{port}/nothing")), "{log}");
    assert!(!out.contains("swordfish") && !log.contains("swordfish"), "{out}{log}");
}

#[test]
fn readiness_follows_the_history() {
    let database = Database::create().expect("a database");
    let instance = Instance::start(&database);
    let all = migrations();
    let health = |state, counts: [usize; 4]| {
        let [applied, pending, modified, future] = counts;
        json!({
            "state": state, "total": all, "applied": applied, "pending": pending, "modified": modified, "future": future,
            "out_of_order": 0, "incomplete": 0, "orphaned": 0,
        })
    };
    let head = "version = (SELECT max(version) FROM graven_history)";
    let row = "INSERT INTO graven_history SELECT (jsonb_populate_record(h, ";
    for (change, status, body) in [
        ("SELECT", 200, health("healthy", [all, 0, 0, 0])),
        (
            &format!("CREATE TABLE kept AS SELECT * FROM graven_history; DELETE FROM graven_history WHERE {head}"),
            503,
            health("unhealthy", [all - 1, 1, 0, 0]),
        ),
        (
            "TRUNCATE graven_history; INSERT INTO graven_history SELECT * FROM kept",
            200,
            health("healthy", [all, 0, 0, 0]),
        ),
        (
            &format!("{row} '{{\"version\": 9999, \"id\": \"9999\"}}')).* FROM graven_history h WHERE {head}"),
            200,
            health("degraded", [all, 0, 0, 1]),
        ),
        (
            "UPDATE graven_history SET checksum = sha256('edited') WHERE version = 1",
            503,
            health("unhealthy", [all - 1, 0, 1, 1]),
        ),
    ] {
        database.execute(change).expect(change);
        let (answered, answer) =
            instance.ask_until("/health/ready", |answered, answer| answered == status && agrees(answer, &body));
        assert!(answered == status && agrees(&answer, &body), "{change}: {answered} {answer}");
    }
    assert_eq!(instance.ask_json("/health/live"), (200, json!({ "live": true })));
}

#[test]
fn the_board_is_a_page_or_json_with_what_the_migrations_made() {
    let database = Database::create().expect("a database");
    let instance = Instance::start(&database);
    let (status, board) = instance.ask_json("/");
    let sailings = board.as_array().expect("a list");
    assert_eq!((status, sailings.len()), (200, 14), "{board}");
    assert!(sailings.iter().any(|sailing| sailing["status"] == "delayed" && sailing["delay_minutes"] == 45), "{board}");

    database.execute("UPDATE vessels SET name = '<b>Æður & \"co\"</b>' WHERE name = 'Æður'").expect("a change");
    let (status, page) = instance.ask("/", "text/html,*/*;q=0.8");
    assert_eq!((status, page.matches("<th scope=\"row\">").count()), (200, 14), "{page}");
    assert!(page.contains("&lt;b&gt;Æður &amp; &quot;co&quot;&lt;/b&gt;") && !page.contains("<b>"), "{page}");
    assert!(page.contains("delayed, 45 min late") && page.contains("<strong>demo-1</strong>"), "{page}");
}

#[test]
fn while_the_database_is_away_the_answer_is_503_and_then_it_is_found_again() {
    let cluster = Cluster::builder().start().expect("a server");
    let database = cluster.database().expect("a database");
    let instance = Instance::start(&database);
    assert_eq!(instance.ask_json("/health/ready").0, 200);

    cluster.stop(Mode::Immediate).expect("it stops");
    for path in ["/health/ready", "/", "/health/ready"] {
        let (status, body) = instance.ask_until(path, |status, _| status == 503);
        assert_eq!(status, 503, "{path}: {body}");
        assert!(body["error"].as_str().is_some_and(|error| !error.is_empty()), "{path}: {body}");
    }
    assert_eq!(instance.ask_json("/health/live").0, 200, "it is not the process that is at fault");

    cluster.start_again().expect("it starts");
    for path in ["/health/ready", "/"] {
        let (status, body) = instance.ask_until(path, |status, _| status == 200);
        assert_eq!(status, 200, "{path}: {body}");
    }
}

#[test]
fn no_instance_outlives_a_killed_launcher() {
    let mut launcher = Launcher::start();
    launcher.process.kill().expect("it is killed");
    launcher.process.wait().expect("it is gone");
    let deadline = Instant::now() + Duration::from_secs(60);
    for address in &launcher.addresses {
        while TcpStream::connect(address).is_ok() {
            assert!(Instant::now() < deadline, "{address} still answers");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn ctrl_c_ends_all_of_it_in_order() {
    let mut launcher = Launcher::start();
    let sent = Command::new("kill").args(["-INT", &launcher.process.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    assert_eq!(launcher.process.wait().expect("it ends").code(), Some(0));
    for address in &launcher.addresses {
        assert!(TcpStream::connect(address).is_err(), "{address} still answers");
    }
}

/// The demo, free of what the environment of the tests says.
fn demo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    for variable in ["DATABASE_URL", "GRAVEN_MODE", "GRAVEN_LOCK_TIMEOUT", "RUST_LOG", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

fn on(url: &str) -> Command {
    let mut command = demo();
    command.env("DATABASE_URL", url);
    command
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// How many migrations the directory holds.
fn migrations() -> usize {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let files = std::fs::read_dir(directory).expect("the migrations");
    files
        .filter(|file| file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|kind| kind == "sql")))
        .count()
}

/// Whether an answer has all that is expected of it. It may have more.
fn agrees(answer: &Value, expected: &Value) -> bool {
    expected.as_object().expect("an object").iter().all(|(key, value)| answer[key] == *value)
}

/// A launcher that goes on until it is ended, once its instances serve.
struct Launcher {
    process: Child,
    addresses: BTreeSet<SocketAddr>,
}

impl Launcher {
    fn start() -> Self {
        let process = demo().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the demo starts");
        let mut launcher = Self { process, addresses: BTreeSet::new() };
        let output = launcher.process.stdout.take().expect("its output");
        for line in BufReader::new(output).lines() {
            let line = line.expect("it can be read");
            let url = line.split_whitespace().last().and_then(|word| word.strip_prefix("http://"));
            launcher.addresses.extend(url.and_then(|url| url.trim_end_matches('/').parse::<SocketAddr>().ok()));
            if line.starts_with("Ctrl-C") {
                assert_eq!(launcher.addresses.len(), 3, "each instance has an address of its own");
                return launcher;
            }
        }
        panic!("it ended by itself");
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One instance without its launcher.
struct Instance {
    process: Child,
    address: SocketAddr,
}

impl Instance {
    fn start(database: &Database) -> Self {
        let mut command = on(database.url());
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the instance starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let address = told["serving"]["address"].as_str().and_then(|address| address.parse().ok());
        Self { process, address: address.unwrap_or_else(|| panic!("it serves: {line}")) }
    }

    fn ask_json(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.ask(path, "application/json");
        (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path} answers {body}: {error}")))
    }

    /// Asks until the answer is what is wanted, for longer than an answer is handed out again; then whatever it is.
    fn ask_until(&self, path: &str, wanted: impl Fn(u16, &Value) -> bool) -> (u16, Value) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let (status, body) = self.ask_json(path);
            if wanted(status, &body) || Instant::now() > deadline {
                return (status, body);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ask(&self, path: &str, accept: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: demo\r\nAccept: {accept}\r\n\r\n").expect("it hears");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
