//! A standby: it cannot write, and its advisory locks exclude nobody. And URLs that name several servers.

use std::time::{Duration, Instant};

use graven::{Error, Outcome, Resolution};
use graven_testkit::{Cluster, Database};

use crate::common::{set, versions};

const A: (&str, &str) = ("1_a.sql", "CREATE TABLE a (id int)");
const B: (&str, &str) = ("2_b.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY a_id ON a (id)");

/// A primary, its standby and a database of both. `None` where PostgreSQL came without `pg_basebackup`.
pub(crate) fn pair() -> Option<(Cluster, Cluster, Database)> {
    let primary = Cluster::builder().start().unwrap();
    let database = primary.database().unwrap();
    match Cluster::builder().standby_of(&primary).start() {
        Ok(standby) => Some((primary, standby, database)),
        Err(graven_testkit::Error::ProgramAbsent { program, .. }) => {
            eprintln!("NOT TESTED: this PostgreSQL came without {program}");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Both servers in one URL, in that order.
fn both(first: &str, second: &str, database: &Database, rest: &str) -> String {
    let host = |url: &str| url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
    let user = first.split('@').next().unwrap();
    format!("{user}@{},{}/{}{rest}", host(first), host(second), database.name())
}

#[tokio::test]
async fn a_standby_passes_when_everything_is_applied_and_says_so_at_once_when_not() {
    let Some((primary, standby, database)) = pair() else { return };
    let url = standby.url_of(&database);
    // Nothing at all is there yet.
    let began = Instant::now();
    let error = set(&[A, B]).run_url(&url).await.unwrap_err();
    let Error::Standby { pending, .. } = &error else { panic!("{error:?}") };
    assert_eq!(pending.len(), 2);
    assert!(began.elapsed() < Duration::from_secs(20), "it is not to wait for a lock");
    assert!(error.to_string().contains("2 migrations are pending, and this server is a read-only standby"), "{error}");
    assert!(error.hint().unwrap().contains("target_session_attrs=read-write"), "{error:?}");

    set(&[A]).run_url(database.url()).await.unwrap();
    standby.catch_up_with(&primary).unwrap();
    assert_eq!(set(&[A]).run_url(&url).await.unwrap().outcome, Outcome::UpToDate);
    let error = set(&[A, B]).run_url(&url).await.unwrap_err();
    assert!(matches!(&error, Error::Standby { pending, .. } if pending.len() == 1), "{error:?}");
    // An edit is told there as it is anywhere.
    let error = set(&[("1_a.sql", "CREATE TABLE a (id bigint)")]).run_url(&url).await.unwrap_err();
    assert!(matches!(error, Error::Conflicts { .. }), "{error:?}");
}

#[tokio::test]
async fn of_several_servers_the_one_that_takes_writes_is_found_also_after_a_failover() {
    let Some((primary, standby, database)) = pair() else { return };
    let (first, second) = (standby.url_of(&database), database.url().to_owned());
    let read_write = "?target_session_attrs=read-write";
    // Whichever is named first; and without being asked to, the first one is taken.
    let any = both(&first, &second, &database, "");
    assert!(matches!(set(&[A]).run_url(&any).await, Err(Error::Standby { .. })));
    assert_eq!(versions(&set(&[A]).run_url(&both(&first, &second, &database, read_write)).await.unwrap()), [1]);
    let other_way_round = both(&second, &first, &database, read_write);
    assert_eq!(set(&[A]).run_url(&other_way_round).await.unwrap().outcome, Outcome::UpToDate);

    standby.catch_up_with(&primary).unwrap();
    primary.kill().unwrap();
    standby.promote().unwrap();
    assert_eq!(versions(&set(&[A, B]).run_url(&other_way_round).await.unwrap()), [2]);
    let error = set(&[A]).run_url(&second).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn where_no_server_is_the_one_that_is_asked_for_a_run_and_the_doctor_say_so() {
    let Some((_primary, standby, database)) = pair() else { return };
    let read_only = database.role("reader").unwrap();
    database.execute(&format!("ALTER ROLE {} SET default_transaction_read_only = on", read_only.name())).unwrap();
    let none_writes =
        ("none of the servers takes writes", "each that answers is a standby, or has default_transaction_read_only");
    let none_reads = ("none of the servers is read-only", "migrations need one that takes writes");
    for (url, (what, remedy)) in [
        (format!("{}?target_session_attrs=read-write", standby.url_of(&database)), none_writes),
        (format!("{}?target_session_attrs=primary", standby.url_of(&database)), none_writes),
        (format!("{}?target_session_attrs=read-write", read_only.url()), none_writes),
        (both(database.url(), database.url(), &database, "?target_session_attrs=standby"), none_reads),
    ] {
        let error = set(&[A]).run_url(&url).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{url}: {error:?}");
        assert!(error.hint().unwrap().starts_with(remedy), "{url}: {error:?}");
        let diagnosis = set(&[A]).migrator().doctor_url(&url).await;
        let found: Vec<_> = diagnosis.complaints().collect();
        assert!(found.len() == 1 && found[0].id == "connection", "{url}: {diagnosis:#?}");
        assert!(found[0].what.ends_with(what) || found[0].what.contains(&format!("{what}, ")), "{url}: {found:?}");
        assert!(found[0].remedy.as_ref().unwrap().starts_with(remedy), "{url}: {found:?}");
    }
    // Both words of libpq lead to the server that they mean.
    let hosts = both(&standby.url_of(&database), database.url(), &database, "?target_session_attrs=primary");
    assert_eq!(versions(&set(&[A]).run_url(&hosts).await.unwrap()), [1]);
}

#[tokio::test]
async fn on_a_standby_what_the_primary_may_be_at_above_where_to_stop_is_left_to_it() {
    let Some((primary, standby, database)) = pair() else { return };
    let b = ("2_b.sql", "-- graven: transaction = off\nCREATE TABLE b ();\nSELECT * FROM later;");
    let migrations = set(&[A, b]);
    migrations.run_url(database.url()).await.unwrap_err();
    standby.catch_up_with(&primary).unwrap();
    let url = standby.url_of(&database);
    assert_eq!(migrations.migrator().to(1).run_url(&url).await.unwrap().outcome, Outcome::UpToDate);
    let (mut client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    migrations.migrator().to(1).verify(&mut client).await.unwrap();
    let error = migrations.migrator().to(2).run_url(&url).await.unwrap_err();
    assert!(matches!(error, Error::Standby { .. }), "{error:?}");
}

#[tokio::test]
async fn what_became_of_a_statement_is_not_for_a_standby_to_record() {
    let Some((primary, standby, database)) = pair() else { return };
    let migrations = set(&[A, ("2_b.sql", "-- graven: transaction = off\nCREATE TABLE b ();\nSELECT * FROM later;")]);
    migrations.run_url(database.url()).await.unwrap_err();
    standby.catch_up_with(&primary).unwrap();
    let mut client = graven::connect(&standby.url_of(&database)).await.unwrap();
    let error = migrations.migrator().resolve(&mut client, 2, Resolution::Applied).await.unwrap_err();
    assert!(matches!(&error, Error::Standby { pending, .. } if pending.is_empty()), "{error:?}");
}
