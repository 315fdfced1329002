//! A migration that is still being written is taken back and applied again.

use graven::{Conflict, Error, Kind, Obstacle};

use crate::common::{Directory, exists, failed, fresh, history, set, value};

const A: (&str, &str) = ("0001_a.sql", "CREATE TABLE a ()");
const B: (&str, &str) = ("0002_b.sql", "CREATE TABLE b (v int)");
const B_EDITED: (&str, &str) = ("0002_b.sql", "CREATE TABLE b (v bigint, w text)");
const B_DOWN: (&str, &str) = ("0002_b.down.sql", "DROP TABLE b");
const C: (&str, &str) = ("0003_c.sql", "CREATE TABLE c ()");

const COLUMNS: &str = "SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum) FROM pg_attribute \
                       WHERE attrelid = 'b'::regclass AND attnum > 0 AND NOT attisdropped";

#[tokio::test]
async fn an_edited_migration_is_applied_as_it_is_now_by_the_command_that_its_conflict_names() {
    let (database, mut client) = fresh().await;
    set(&[A, B, B_DOWN]).run(&mut client).await.unwrap();
    let migrations = set(&[A, B_EDITED, B_DOWN, C]);
    let error = migrations.run(&mut client).await.unwrap_err();
    assert!(error.explain().contains("`graven redo 2` takes it back with its reverse"), "{error:?}");
    let redone = migrations.migrator().redo(&mut client, 2).await.unwrap();
    assert_eq!((redone.version.value(), redone.name.as_str()), (2, "b"));
    assert_eq!(value(&database, COLUMNS), "v bigint, w text");
    // What is pending above stays so, and the run goes on with it.
    assert_eq!(history(&database), ["1 a applied", "2 b applied"]);
    assert_eq!(migrations.run(&mut client).await.unwrap().applied.len(), 1);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(value(&database, locks), "0");
}

#[tokio::test]
async fn one_that_was_not_edited_is_redone_as_well_with_or_without_a_transaction() {
    let (database, mut client) = fresh().await;
    let index = ("0003_i.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY b_v ON b (v);\n");
    let down = ("0003_i.down.sql", "-- graven: transaction = off\nDROP INDEX CONCURRENTLY b_v");
    let migrations = set(&[A, B, index, down]);
    migrations.run(&mut client).await.unwrap();
    let oid = value(&database, "SELECT 'b_v'::regclass::oid");
    migrations.migrator().redo(&mut client, 3).await.unwrap();
    assert_ne!(value(&database, "SELECT 'b_v'::regclass::oid"), oid);
    assert_eq!(history(&database), ["1 a applied", "2 b applied", "3 i applied"]);
}

#[tokio::test]
async fn what_is_not_to_be_redone_is_refused_and_nothing_is_touched() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A, B, B_DOWN, C]);
    migrations.run(&mut client).await.unwrap();
    let before = value(&database, "SELECT string_agg(h::text || xmin, ' ') FROM graven_history h");
    let error = migrations.migrator().redo(&mut client, 2).await.unwrap_err();
    assert!(matches!(&error, Error::NotHighest { above, .. } if above.len() == 1), "{error:?}");
    assert_eq!(error.to_string(), "migration 2 cannot be redone: 3 is applied above it");
    assert!(error.hint().unwrap().contains("graven revert --to 2"), "{error:?}");
    let error = migrations.migrator().redo(&mut client, 3).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotRevertible { obstacles, .. } if matches!(obstacles[..], [Obstacle::NoReverse { .. }]))
    );
    assert!(matches!(migrations.migrator().redo(&mut client, 8).await, Err(Error::NoSuchVersion { .. })));
    let more = set(&[A, B, B_DOWN, C, ("0004_d.sql", "")]);
    assert!(matches!(more.migrator().redo(&mut client, 4).await, Err(Error::NothingToRedo { .. })));
    let other = set(&[A, B, B_DOWN, ("0003_other.sql", ""), ("0003_other.down.sql", "DROP TABLE c")]);
    let error = other.migrator().redo(&mut client, 3).await.unwrap_err();
    let Error::NotRevertible { obstacles, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(obstacles[..], [Obstacle::Conflict(Conflict::Modified { .. })]), "{error:?}");
    assert_eq!(value(&database, "SELECT string_agg(h::text || xmin, ' ') FROM graven_history h"), before);
    assert!(exists(&database, "b") && exists(&database, "c"));
}

#[tokio::test]
async fn a_sealed_migration_is_redone_only_where_that_is_said() {
    let (database, mut client) = fresh().await;
    let directory = Directory::new(&[B, B_DOWN]);
    directory.seal();
    let migrations = directory.load();
    migrations.run(&mut client).await.unwrap();
    database.execute("INSERT INTO b VALUES (1)").unwrap();
    let error = migrations.migrator().redo(&mut client, 2).await.unwrap_err();
    assert!(matches!(error, Error::RedoSealed { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("other databases may have run it"), "{error:?}");
    assert_eq!(value(&database, "SELECT count(*) FROM b"), "1");
    migrations.migrator().redo_sealed().redo(&mut client, 2).await.unwrap();
    assert_eq!(value(&database, "SELECT count(*) FROM b"), "0");
}

#[tokio::test]
async fn where_the_new_text_fails_the_old_one_is_reverted_and_the_error_says_so() {
    let (database, mut client) = fresh().await;
    set(&[A, B, B_DOWN]).run(&mut client).await.unwrap();
    let bad = set(&[A, ("0002_b.sql", "CREATE TABLE b (v nothing)"), B_DOWN]);
    let error = bad.migrator().redo(&mut client, 2).await.unwrap_err();
    assert_eq!(error.reverted().len(), 1);
    assert!(error.explain().contains("reverted before it: 2 b"), "{error:?}");
    let Error::MigrationFailed(failure) = error else { panic!("{error:?}") };
    assert_eq!(failure.kind, Kind::Versioned);
    assert_eq!(history(&database), ["1 a applied"]);
    assert_eq!(set(&[A, B_EDITED, B_DOWN]).run(&mut client).await.unwrap().applied.len(), 1);
}

#[tokio::test]
async fn where_the_reverse_fails_everything_is_as_it_was() {
    let (database, mut client) = fresh().await;
    set(&[A, B, B_DOWN]).run(&mut client).await.unwrap();
    let bad = set(&[A, B_EDITED, ("0002_b.down.sql", "DROP TABLE b;\nDROP TABLE renamed")]);
    let result = bad.migrator().redo(&mut client, 2).await.map(|_| panic!("it was redone"));
    let failure = failed(result);
    assert_eq!((failure.kind, failure.line, failure.reverted.len()), (Kind::Reverse, Some(2), 0));
    assert_eq!(value(&database, COLUMNS), "v integer");
    assert_eq!(history(&database), ["1 a applied", "2 b applied"]);
}
