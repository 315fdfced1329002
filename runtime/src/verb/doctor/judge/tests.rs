//! What the server says and what it comes to, as tables.

use std::time::{Duration, UNIX_EPOCH};

use super::{clock, connection, connections, encoding, may_create, version, writable};
use crate::verb::doctor::facts::Facts;
use crate::verb::doctor::{Finding, Severity};

fn facts() -> Facts {
    Facts {
        version: "17.2".to_owned(),
        version_number: 170_002,
        product: "PostgreSQL 17.2 on x86_64".to_owned(),
        encoding: "UTF8".to_owned(),
        database: "app".to_owned(),
        user: "anna".to_owned(),
        schema: Some("public".to_owned()),
        may_create: true,
        most_connections: 97,
        connections: 3,
        most_of_database: -1,
        of_database: 2,
        ..Facts::default()
    }
}

fn words(findings: &[Finding]) -> Vec<(&'static str, Severity)> {
    findings.iter().map(|finding| (finding.id, finding.severity)).collect()
}

#[test]
fn fourteen_to_eighteen_are_supported() {
    for (number, severity) in
        [(130_014, Severity::Error), (140_000, Severity::Ok), (180_003, Severity::Ok), (190_000, Severity::Warning)]
    {
        assert_eq!(version(&Facts { version_number: number, ..facts() }).severity, severity, "{number}");
    }
    let other = Facts { product: "CockroachDB CCL v24.1".to_owned(), ..facts() };
    assert!(version(&other).what.contains("CockroachDB"));
}

#[test]
fn clear_text_matters_where_it_leaves_the_machine() {
    let from = |client: Option<&str>, is_encrypted| {
        connection(&Facts { client: client.map(str::to_owned), is_encrypted, ..facts() })
    };
    let ok = ("connection", Severity::Ok);
    assert_eq!(words(&from(None, Some(false))), [ok]);
    assert_eq!(words(&from(Some("127.0.0.1"), Some(false))), [ok]);
    assert_eq!(words(&from(Some("10.0.0.7"), Some(true))), [ok]);
    assert_eq!(words(&from(Some("10.0.0.7"), Some(false))), [ok, ("tls", Severity::Warning)]);
    assert!(from(Some("10.0.0.7"), Some(true))[0].what.ends_with("over TLS"));
}

#[test]
fn what_cannot_write_is_an_error_only_where_something_is_to_be_written() {
    let standby = Facts { in_recovery: true, read_only: true, ..facts() };
    let read_only = Facts { read_only: true, ..facts() };
    assert_eq!(words(&writable(&facts(), true)), [("standby", Severity::Ok)]);
    assert_eq!(words(&writable(&standby, true)), [("standby", Severity::Error)]);
    assert_eq!(words(&writable(&standby, false)), [("standby", Severity::Warning)]);
    assert_eq!(words(&writable(&read_only, true)), [("read-only", Severity::Error)]);
    assert_eq!(words(&writable(&read_only, false)), [("read-only", Severity::Warning)]);
}

#[test]
fn the_right_to_create_matters_where_there_is_a_schema() {
    assert_eq!(may_create(&facts()), None);
    assert_eq!(may_create(&Facts { schema: None, may_create: false, ..facts() }), None);
    let finding = may_create(&Facts { may_create: false, ..facts() }).expect("it may not");
    assert_eq!(finding.remedy.as_deref(), Some("`GRANT CREATE ON SCHEMA public TO anna`"));
}

#[test]
fn only_utf8_keeps_every_character() {
    for (name, severity) in [("UTF8", Severity::Ok), ("LATIN1", Severity::Warning), ("SQL_ASCII", Severity::Warning)] {
        assert_eq!(encoding(&Facts { encoding: name.to_owned(), ..facts() }).severity, severity, "{name}");
    }
}

#[test]
fn clocks_may_be_five_seconds_apart_and_a_slow_answer_is_no_difference() {
    let at = |epoch: f64, before: u64, after: u64| {
        let moment = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        clock(&Facts { epoch, ..facts() }, moment(before), moment(after))
    };
    assert_eq!(at(1000.0, 1000, 1001).severity, Severity::Ok);
    assert_eq!(at(1005.9, 1000, 1001).severity, Severity::Ok);
    assert_eq!(at(995.1, 1000, 1001).severity, Severity::Ok);
    assert_eq!(at(1030.0, 1000, 1060).severity, Severity::Ok, "it lies within the time that the answer took");
    assert!(at(1010.0, 1000, 1001).what.contains("9 s ahead of"));
    assert!(at(900.0, 1000, 1001).what.contains("100 s behind"));
}

#[test]
fn nine_tenths_of_the_connections_are_a_warning() {
    let used = |used, most_of_database, of_database| {
        connections(&Facts { connections: used, most_of_database, of_database, ..facts() })
    };
    assert_eq!(used(87, -1, 5).severity, Severity::Ok);
    assert!(used(88, -1, 5).what.contains("88 of the 97"));
    assert!(used(3, 10, 9).what.contains("9 of the 10 connections of app"));
    assert_eq!(used(3, 10, 8).severity, Severity::Ok);
    assert_eq!(used(3, 0, 1).severity, Severity::Ok, "a superuser is not bound by a limit of none");
}
