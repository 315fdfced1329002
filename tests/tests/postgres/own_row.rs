//! A migration that takes its own row in the history away, moves it or hides it: nothing of it may commit that no history
//! knows of, and no run may go on for ever.

use graven::{Cause, Kind, MigrationFailed, Migrations};
use graven_testkit::Database;
use tokio_postgres::Client;

use crate::common::{Directory, exists, failed, fresh, history, set, value, versions};

const EMPTY_ALL: &str = "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class \
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP EXECUTE 'TRUNCATE ' || t; END LOOP; END $$;\n";
const FILES: [(&str, &str); 2] = [("1_n.sql", "CREATE TABLE n (c int);"), ("2_seed.sql", "INSERT INTO n VALUES (1)")];

/// The failure of a run that comes to an end.
async fn run(migrations: Migrations, client: &mut Client) -> Box<MigrationFailed> {
    let run = tokio::time::timeout(std::time::Duration::from_secs(60), migrations.run(client));
    failed(run.await.expect("the run comes to an end"))
}

fn n(database: &Database) -> String {
    value(database, "SELECT string_agg(c::text, ' ' ORDER BY c) FROM n")
}

#[tokio::test]
async fn a_file_that_empties_all_tables_is_rolled_back_and_says_what_it_did() {
    for head in [
        "",
        // It travels in several messages.
        "SET standard_conforming_strings = off;\n",
    ] {
        let (database, mut client) = fresh().await;
        let text = format!("{head}{EMPTY_ALL}INSERT INTO n VALUES (7);");
        let directory = Directory::new(&[FILES[0], FILES[1], ("3_empty.sql", &text), ("4_b.sql", "CREATE TABLE b ()")]);
        for _ in 0..2 {
            let failed = run(directory.load(), &mut client).await;
            assert!(matches!(failed.cause, Cause::RowGone), "{failed:?}");
            assert_eq!(
                failed.to_string(),
                "migration 3 empty failed at migrations/3_empty.sql: its own row in the history is gone"
            );
            assert!(failed.hint().contains("have it leave that table out"), "{}", failed.hint());
            assert_eq!((n(&database).as_str(), exists(&database, "b")), ("1", false));
            assert_eq!(history(&database), ["1 n applied", "2 seed applied"]);
        }
        directory.seal();
        let failed = run(directory.load(), &mut client).await;
        assert!(failed.hint().contains("`graven seal --accept-edit 3`"), "{}", failed.hint());

        let spares = text.replace("relkind = 'r'", "relkind = 'r' AND relname <> 'graven_history'");
        directory.write("seal.lock", "");
        directory.write("3_empty.sql", &spares);
        assert_eq!(versions(&directory.load().run(&mut client).await.unwrap()), [3, 4]);
        assert_eq!(n(&database), "7");
    }
}

#[tokio::test]
async fn a_row_that_is_deleted_moved_or_hidden_is_gone_as_well() {
    let (database, _) = fresh().await;
    let role = database.role("owner").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", role.name())).unwrap();
    let mut client = role.connect().await.unwrap();
    set(&FILES).run(&mut client).await.unwrap();
    for text in [
        "DELETE FROM graven_history WHERE version = 3",
        "UPDATE graven_history SET namespace = 'billing'",
        "ALTER TABLE graven_history ENABLE ROW LEVEL SECURITY; ALTER TABLE graven_history FORCE ROW LEVEL SECURITY",
    ] {
        let failed = run(set(&[FILES[0], FILES[1], ("3_it.sql", text)]), &mut client).await;
        assert!(matches!(failed.cause, Cause::RowGone), "{text}: {failed:?}");
        assert_eq!(history(&database), ["1 n applied", "2 seed applied"], "{text}");
    }
    // What it takes away of others is its own business, and it is applied once.
    let others = set(&[FILES[0], FILES[1], ("3_it.sql", "DELETE FROM graven_history WHERE version = 2")]);
    assert_eq!(versions(&others.run(&mut client).await.unwrap()), [3]);
    assert_eq!(history(&database), ["1 n applied", "3 it applied"]);
}

#[tokio::test]
async fn a_baseline_a_repeatable_and_a_redone_one_keep_their_rows_or_fail() {
    let (_database, mut client) = fresh().await;
    let baseline = [FILES[0], ("1_all.baseline.sql", "CREATE TABLE n (c int); DELETE FROM graven_history")];
    let failed_at = run(set(&baseline), &mut client).await;
    assert!(matches!((failed_at.kind, &failed_at.cause), (Kind::Baseline, Cause::RowGone)), "{failed_at:?}");

    let (database, mut client) = fresh().await;
    let directory = Directory::new(&[FILES[0], ("v.repeatable.sql", EMPTY_ALL)]);
    let failed_at = run(directory.load(), &mut client).await;
    assert!(matches!((failed_at.kind, &failed_at.cause), (Kind::Repeatable, Cause::RowGone)), "{failed_at:?}");
    directory.write("v.repeatable.sql", "SELECT 1");
    directory.load().run(&mut client).await.unwrap();
    directory.write("v.repeatable.sql", EMPTY_ALL);
    let failed_at = run(directory.load(), &mut client).await;
    assert!(matches!((failed_at.kind, &failed_at.cause), (Kind::Repeatable, Cause::RowGone)), "{failed_at:?}");
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history"), "2");

    let (database, mut client) = fresh().await;
    let down = ("1_n.down.sql", "DROP TABLE n");
    set(&[FILES[0], down]).run(&mut client).await.unwrap();
    let edited = set(&[("1_n.sql", "CREATE TABLE n (c int); TRUNCATE graven_history"), down]);
    let error = edited.migrator().redo(&mut client, 1).await.unwrap_err();
    assert!(error.explain().contains("its own row in the history is gone"), "{error:?}");
    assert_eq!((exists(&database, "n"), history(&database).len()), (false, 0));
}

#[tokio::test]
async fn without_a_transaction_it_is_said_what_is_left_and_that_nobody_else_has_it() {
    const TRUNCATE: &str = "DO $$ BEGIN TRUNCATE graven_history; END $$;";
    for statements in [TRUNCATE.to_owned(), format!("{TRUNCATE}\nINSERT INTO n VALUES (8);")] {
        let (database, mut client) = fresh().await;
        let text = format!("-- graven: transaction = off\nINSERT INTO n VALUES (7);\n{statements}\n");
        let failed = run(set(&[FILES[0], ("2_off.sql", &text)]), &mut client).await;
        assert!(matches!(failed.cause, Cause::RowGone), "{failed:?}");
        assert!(failed.to_string().ends_with("its own row in the history is gone"), "{failed}");
        assert!(failed.hint().contains("`graven stamp`"), "{}", failed.hint());
        // Nothing more of it was sent.
        assert_eq!((n(&database).as_str(), history(&database).len()), ("7", 0), "{statements}");
    }
}

#[tokio::test]
async fn a_statement_that_takes_the_row_away_is_rolled_back_with_its_record() {
    let (database, mut client) = fresh().await;
    let text = "-- graven: transaction = off\nINSERT INTO n VALUES (7);\nTRUNCATE graven_history;\nINSERT INTO n VALUES (8);\n";
    let failed = run(set(&[FILES[0], ("2_off.sql", text)]), &mut client).await;
    assert!(matches!(failed.cause, Cause::RowGone), "{failed:?}");
    assert!(format!("{failed:?}").contains("Statements { done: 1, total: 3 }"), "{failed:?}");
    assert_eq!((n(&database).as_str(), history(&database)[1].as_str()), ("7", "2 off started 1/3"));
}
