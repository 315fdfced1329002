//! A standby: it cannot write, and its advisory locks exclude nobody. And URLs that name several servers.

use std::time::{Duration, Instant};

use graven::{Error, Outcome};
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
