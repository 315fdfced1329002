//! A text that is not the one whose checksum stands beside it: the compiler has read the file once more than the macro, and
//! somebody wrote to it in between.
//!
//! The failures guarded against: it is run, and the history says that another one was; and a start with nothing pending pays
//! for the look.

use graven::__private as private;
use graven::{Checksum, Error, Migrations, Outcome, ScriptRange, Sealing, Sessions, Target};

use crate::common::{exists, fresh, history, lines, set};

/// What the macro has read, and what is in the binary.
const READ: &str = "CREATE TABLE a (v int);";
const INCLUDED: &str = "CREATE TABLE z (v int);";

fn migration(
    version: i64,
    file: &str,
    read: &str,
    included: &str,
    details: &'static private::Details,
) -> private::Migration {
    let checksum = Checksum::of_text(read);
    private::migration(version, file, (2, 3), Sealing::Unsealed, included, checksum.as_bytes(), details)
}

fn of(migrations: Vec<private::Migration>) -> Migrations {
    private::migrations(migrations.leak(), "db/migrations", None, None, "")
}

#[track_caller]
fn is_refused<T: std::fmt::Debug>(result: Result<T, Error>, file: &str) {
    let error = result.expect_err("it was run");
    assert!(matches!(error, Error::StaleBuild { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("this binary was built before db/migrations/{file} was written to the end"));
    assert!(error.hint().unwrap().contains("touch db/migrations/seal.lock"), "{:?}", error.hint());
}

#[tokio::test]
async fn a_text_that_its_checksum_is_not_of_is_not_run_and_nor_is_what_stands_before_it() {
    let (database, mut client) = fresh().await;
    let sound = || migration(1, "1_a.sql", "CREATE TABLE first ();", "CREATE TABLE first ();", &private::DEFAULT);
    let torn = of(vec![sound(), migration(2, "2_b.sql", READ, INCLUDED, &private::DEFAULT)]);
    is_refused(torn.run(&mut client).await, "2_b.sql");
    is_refused(torn.migrator().script(ScriptRange::all()), "2_b.sql");
    assert!(!exists(&database, "first") && !exists(&database, "z"));
    assert_eq!(history(&database), [] as [&str; 0]);

    // Up to there it is whole.
    assert_eq!(torn.migrator().to(1).run(&mut client).await.unwrap().outcome, Outcome::Applied);
    assert!(torn.migrator().script(ScriptRange::all().to(1)).is_ok());
    assert_eq!(history(&database), ["1 a applied"]);

    // Where the whole build has applied it, there is nothing to run.
    let whole = of(vec![sound(), migration(2, "2_b.sql", READ, READ, &private::DEFAULT)]);
    assert_eq!(whole.run(&mut client).await.unwrap().outcome, Outcome::Applied);
    assert_eq!(torn.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert!(torn.verify(&mut client).await.is_ok());
}

#[tokio::test]
async fn no_kind_of_migration_is_run_so() {
    let (database, mut client) = fresh().await;
    let with_reverse = |included: &str, reverse: &str| {
        let reverse = migration(1, "1_a.down.sql", "DROP TABLE a;", reverse, &private::REVERSE);
        let plain = private::details(private::Transaction::On, None, None, None, &[], &[], &[]);
        let details = private::with_reverse(plain, Box::leak(Box::new(reverse)));
        of(vec![migration(1, "1_a.sql", READ, included, Box::leak(Box::new(details)))])
    };
    let torn = with_reverse(READ, "DROP TABLE b;");
    assert_eq!(torn.run(&mut client).await.unwrap().outcome, Outcome::Applied);
    is_refused(torn.migrator().revert(&mut client, Target::Steps(1)).await, "1_a.down.sql");
    is_refused(torn.migrator().redo(&mut client, 1).await, "1_a.down.sql");
    assert_eq!(history(&database), ["1 a applied"]);

    // What could not be applied again is not taken back.
    let torn = with_reverse(INCLUDED, "DROP TABLE a;");
    is_refused(torn.migrator().redo(&mut client, 1).await, "1_a.sql");
    assert!(exists(&database, "a"));

    let checksum = Checksum::of_text(READ);
    let (file, details) = (u16::try_from("v.repeatable.sql".len()).unwrap(), &private::REPEATABLE);
    let embedded = format!("v.repeatable.sql{INCLUDED}").leak();
    let repeatable = private::repeatable(embedded, file, 1, checksum.as_bytes(), details);
    let torn = private::with_repeatables(with_reverse(READ, "DROP TABLE a;"), vec![repeatable].leak());
    is_refused(torn.run(&mut client).await, "v.repeatable.sql");
    is_refused(torn.migrator().redo(&mut client, 1).await, "v.repeatable.sql");
    is_refused(torn.migrator().reset_url(database.url(), Sessions::End).await, "v.repeatable.sql");
    assert!(exists(&database, "a"));

    let (database, mut client) = fresh().await;
    let baseline = migration(1, "1_a.baseline.sql", READ, INCLUDED, &private::BASELINE);
    let torn = private::with_baselines(with_reverse(READ, "DROP TABLE a;"), vec![baseline].leak());
    is_refused(torn.run(&mut client).await, "1_a.baseline.sql");
    assert!(!exists(&database, "a") && !exists(&database, "z"));
}

#[tokio::test]
async fn other_line_ends_and_a_byte_order_mark_are_no_other_text() {
    let (database, mut client) = fresh().await;
    let windows = set(&[("1_a.sql", "\u{feff}CREATE TABLE a (v int);\r\nCREATE TABLE b ();\r\n")]);
    assert_eq!(windows.run(&mut client).await.unwrap().outcome, Outcome::Applied);
    assert_eq!(lines(&database, "SELECT name FROM graven_history"), ["a"]);
}
