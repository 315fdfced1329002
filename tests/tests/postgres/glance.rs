//! The one message with which a start learns that everything is as the set says: it must see whatever a look would see.
//!
//! The failures guarded against: a difference that the digest of a large set, or the rows of a small one, does not show;
//! a start that needs a second message although nothing is wrong; and rows that are read from somebody else's table.

use graven::__private as private;
use graven::{Error, Migrations, Outcome, State};
use graven_source::{Checksum, Version, digest};
use graven_testkit::{Database, Proxy};

use crate::common::{fresh, value};

/// A set whose rows come back at each start, and one that the server compares by its digest.
const SIZES: [i64; 2] = [7, 200];

/// A set that no directory holds: every version is a multiple of ten, and its text a comment that names it.
pub(crate) fn in_memory(migrations: i64) -> Migrations {
    let text = |version: i64| format!("-- {version}");
    let migration = |version: i64| {
        let file: &str = format!("{version}_m.sql").leak();
        let start = u16::try_from(file.len() - "m.sql".len()).unwrap();
        private::migration(
            version,
            file,
            (start, start + 1),
            private::Sealing::Sealed,
            text(version),
            Checksum::of_text(&text(version)).as_bytes(),
            &private::DEFAULT,
        )
    };
    let versions = || (1..=migrations).map(|number| number * 10);
    let pair = |version| (Version::new(version).unwrap(), Checksum::of_text(&text(version)));
    let digest = Box::leak(Box::new(digest::of(versions().map(pair), [])));
    let migrations: Vec<_> = versions().map(migration).collect();
    private::with_digest(private::migrations(migrations.leak(), "migrations", None, None, ""), digest)
}

/// A database on which such a set is applied, as the first of it was.
pub(crate) async fn applied(migrations: i64) -> (Database, Migrations) {
    let (database, mut client) = fresh().await;
    assert_eq!(in_memory(1).run(&mut client).await.unwrap().applied.len(), 1);
    let fill = format!(
        "INSERT INTO graven_history SELECT (jsonb_populate_record(h, jsonb_build_object('version', v, 'id', v, 'name', 'm', \
         'checksum', sha256(convert_to('-- ' || v, 'UTF8'))))).* FROM graven_history h, generate_series(20, {}, 10) v",
        migrations * 10
    );
    database.execute(&fill).unwrap();
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history"), migrations.to_string());
    (database, in_memory(migrations))
}

/// How many round trips a start takes, and what it comes to.
async fn start(url: &str, migrations: Migrations) -> (usize, Result<Outcome, Error>) {
    let proxy = Proxy::to(url).unwrap();
    let mut client = proxy.connect().await.unwrap();
    let outcome = migrations.verify(&mut client).await.map(|report| report.outcome);
    (proxy.traffic().round_trips, outcome)
}

async fn is_up_to_date_at_once(database: &Database, migrations: Migrations, why: &str) {
    let (round_trips, outcome) = start(database.url(), migrations).await;
    assert_eq!((round_trips, outcome.unwrap()), (1, Outcome::UpToDate), "{why}");
}

/// What health says by a glance, and what status says by a look.
async fn glance_and_look(database: &Database, migrations: Migrations) -> [Vec<usize>; 2] {
    let mut client = database.connect().await.unwrap();
    let health = migrations.health(&mut client).await.unwrap();
    let status = migrations.status(&mut client).await.unwrap();
    let by_look = [
        State::Applied,
        State::Pending,
        State::OutOfOrder,
        State::Modified,
        State::Incomplete,
        State::Orphaned,
        State::Future,
    ];
    let by_glance = [
        health.applied,
        health.pending,
        health.out_of_order,
        health.modified,
        health.incomplete,
        health.orphaned,
        health.future,
    ];
    [by_glance.to_vec(), by_look.map(|state| status.count(state)).to_vec()]
}

#[tokio::test]
async fn whatever_differs_is_seen() {
    for size in SIZES {
        let (database, migrations) = applied(size).await;
        let (middle, last) = (size / 2 * 10, size * 10);
        let checksum = |version: i64, other: i64| {
            format!("UPDATE graven_history SET checksum = sha256('-- {other}') WHERE version = {version}")
        };
        let renumber = |from: i64, to: i64| {
            format!("UPDATE graven_history SET version = {to}, id = '{to}' WHERE version = {from}")
        };
        let copy = |version: i64| {
            format!(
                "INSERT INTO graven_history SELECT (jsonb_populate_record(h, '{{\"version\": {version}, \"id\": {version}}}')).* \
                 FROM graven_history h WHERE version = 10"
            )
        };
        let started = |version: i64| {
            format!("UPDATE graven_history SET state = 'started', in_doubt = true WHERE version = {version}")
        };
        let mut changes = vec![
            "DELETE FROM graven_history".to_owned(),
            format!("{}; {}", checksum(middle, last), checksum(last, middle)),
            "UPDATE graven_history SET version = NULL, id = name || '.repeatable' WHERE version = 10".to_owned(),
            copy(5),
            copy(middle + 5),
            copy(last + 5),
            renumber(10, 5),
            renumber(10, 15),
            renumber(last, last + 1),
            format!("{}; {}", renumber(10, 11), renumber(20, 19)),
        ];
        for version in [10, middle, last] {
            changes.push(checksum(version, 1));
            changes.push(started(version));
            changes.push(format!("DELETE FROM graven_history WHERE version = {version}"));
        }
        database.execute("CREATE TABLE kept AS SELECT * FROM graven_history").unwrap();
        for change in changes {
            database.execute(&change).unwrap();
            let [by_glance, by_look] = glance_and_look(&database, migrations).await;
            assert_eq!(by_glance, by_look, "{size}: {change}");
            let intact = [size as usize, 0, 0, 0, 0, 0, 0];
            assert_ne!(by_look, intact, "{size}: {change}");
            let (round_trips, _) = start(database.url(), migrations).await;
            // What is incomplete needs a look, and then who is at it. Where there is no row, they may be hidden.
            let asks_more = change.contains("started") || change == "DELETE FROM graven_history";
            assert!(round_trips == 1 || asks_more, "{size}: {change}: {round_trips} round trips");
            database.execute("TRUNCATE graven_history; INSERT INTO graven_history SELECT * FROM kept").unwrap();
        }
        is_up_to_date_at_once(&database, migrations, "as it was before").await;
    }
}

#[tokio::test]
async fn what_makes_no_difference_takes_no_second_message() {
    for size in SIZES {
        let (database, migrations) = applied(size).await;
        is_up_to_date_at_once(&database, migrations, "just applied").await;
        for change in [
            "UPDATE graven_history SET duration = '1s' WHERE version = 10; VACUUM graven_history",
            "UPDATE graven_history SET name = E'ren\\named', applied_by = 'somebody'",
            "INSERT INTO graven_history SELECT (jsonb_populate_record(h, '{\"namespace\": \"other\", \"format\": 2}')).* \
             FROM graven_history h",
        ] {
            for statement in change.split(';') {
                database.execute(statement).unwrap();
            }
            is_up_to_date_at_once(&database, migrations, change).await;
        }
        let name = value(&database, "SELECT current_database()");
        for setting in [
            "bytea_output = escape",
            "standard_conforming_strings = off",
            "DateStyle = 'SQL, DMY'",
            "TimeZone = 'Asia/Kathmandu'",
            "extra_float_digits = 0",
            "default_transaction_isolation = serializable",
            "default_transaction_read_only = on",
            "search_path = nowhere, public, pg_catalog",
        ] {
            database.execute(&format!("ALTER DATABASE {name} SET {setting}")).unwrap();
            is_up_to_date_at_once(&database, migrations, setting).await;
            let reset = setting.split(' ').next().unwrap();
            let reset = format!("SET transaction_read_only = off; ALTER DATABASE {name} RESET {reset}");
            database.connect().await.unwrap().batch_execute(&reset).await.unwrap();
        }
    }
}

#[tokio::test]
async fn names_that_need_quotes_are_found_at_once() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA \"100% \"\"Mine\"\"\"").unwrap();
    client.batch_execute("SET search_path = \"100% \"\"Mine\"\"\"").await.unwrap();
    let migrations = in_memory(3);
    for history in ["\"It's 100% \"\"so\"\"\"", "\"100% \"\"Mine\"\"\".\"b\\ack\""] {
        let mut migrator = migrations.migrator().history(history).namespace("it's\\so").into_existing();
        assert_eq!(migrator.run(&mut client).await.unwrap().applied.len(), 3, "{history}");
        let proxy = Proxy::to(database.url()).unwrap();
        let mut client = proxy.connect().await.unwrap();
        client.batch_execute("SET search_path = \"100% \"\"Mine\"\"\"").await.unwrap();
        let mark = proxy.mark();
        assert_eq!(migrator.run(&mut client).await.unwrap().outcome, Outcome::UpToDate, "{history}");
        assert_eq!(proxy.since(mark).round_trips, 1, "{history}");
    }
}

#[tokio::test]
async fn a_temporary_table_of_that_name_is_not_taken_for_the_history() {
    for size in SIZES {
        let (database, migrations) = applied(size).await;
        let mut client = database.connect().await.unwrap();
        client.batch_execute("CREATE TEMP TABLE graven_history (LIKE public.graven_history)").await.unwrap();
        assert_eq!(migrations.verify(&mut client).await.unwrap().outcome, Outcome::UpToDate);
        // One that says that everything is applied, before a history that does not.
        client.batch_execute("INSERT INTO pg_temp.graven_history SELECT * FROM public.graven_history").await.unwrap();
        database.execute("DELETE FROM public.graven_history WHERE version = 20").unwrap();
        let error = migrations.verify(&mut client).await.unwrap_err();
        assert!(matches!(error, Error::Conflicts { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_history_further_along_the_search_path_does_not_count_as_applied() {
    for size in SIZES {
        let (database, migrations) = applied(size).await;
        database.execute("CREATE SCHEMA app").unwrap();
        let mut client = database.connect().await.unwrap();
        client.batch_execute("SET search_path = app, public").await.unwrap();
        let error = migrations.verify(&mut client).await.unwrap_err();
        assert!(matches!(error, Error::HistoryElsewhere { .. }), "{error:?}");
        assert_eq!(migrations.health(&mut client).await.unwrap().pending, size as usize);
        let error = migrations.run(&mut client).await.unwrap_err();
        assert!(matches!(error, Error::HistoryElsewhere { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_transaction_of_the_callers_own_is_refused_though_everything_is_applied() {
    for size in SIZES {
        let (database, migrations) = applied(size).await;
        let mut client = database.connect().await.unwrap();
        client.batch_execute("BEGIN").await.unwrap();
        assert!(matches!(migrations.run(&mut client).await, Err(Error::InTransaction)));
        assert!(matches!(migrations.verify(&mut client).await, Err(Error::InTransaction)));
        assert!(matches!(migrations.health(&mut client).await, Err(Error::InTransaction)));
        client.batch_execute("CREATE TABLE callers (); COMMIT").await.unwrap();
        assert_eq!(value(&database, "SELECT count(*) FROM callers"), "0");
        assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    }
}
