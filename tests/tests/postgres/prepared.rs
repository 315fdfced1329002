//! The statement that the first transaction of a message prepares for the others: none of it is left, and whatever a file does
//! to it changes nothing that is applied.

use graven::{Cause, Migrations};
use graven_testkit::Database;
use tokio_postgres::Client;

use crate::common::{exists, failed, fresh, history, set, until, value, versions};

/// Eight migrations, of which the one at that place has this text as well. Each notes that it ran.
fn eight(at: usize, text: &str) -> Migrations {
    let files: Vec<(String, String)> = (1..=8)
        .map(|number| {
            let table = if number == 1 { "CREATE TABLE ran (number int);\n" } else { "" };
            let more = if number == at { text } else { "" };
            (format!("{number}_step.sql"), format!("{table}INSERT INTO ran VALUES ({number});\n{more}"))
        })
        .collect();
    set(&files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
}

/// Which have run, in order, and how many rows of the history say how long that took.
fn ran(database: &Database) -> (String, String) {
    let ran = value(database, "SELECT string_agg(number::text, ' ' ORDER BY number) FROM ran");
    (ran, value(database, "SELECT count(*) FROM graven_history WHERE duration > interval '0'"))
}

const ALL: &str = "1 2 3 4 5 6 7 8";

/// What the session has prepared, but for what is the caller's own.
async fn left(client: &Client) -> Vec<String> {
    // As text: else the driver would prepare this, too.
    let rows = client.simple_query("SELECT name FROM pg_prepared_statements WHERE name <> 'own'").await.unwrap();
    rows.iter()
        .filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_run_leaves_nothing_prepared_and_keeps_what_is_the_callers() {
    let (database, mut client) = fresh().await;
    client.batch_execute("PREPARE own AS SELECT 7").await.unwrap();
    // It is prepared while the second of them runs, and planned as the caller's session says.
    let looks = "CREATE TABLE seen AS SELECT name, current_setting('plan_cache_mode') FROM pg_prepared_statements;";
    assert_eq!(eight(2, looks).run(&mut client).await.unwrap().applied.len(), 8);
    assert_eq!(ran(&database), (ALL.to_owned(), "8".to_owned()));
    assert_eq!(left(&client).await, [""; 0]);
    client.batch_execute("EXECUTE own").await.unwrap();
    let seen = "SELECT string_agg(concat_ws(' ', left(name, 15), current_setting), ', ' ORDER BY name) FROM seen";
    assert_eq!(value(&database, seen), "graven finished auto, own auto");
}

#[tokio::test]
async fn a_failure_leaves_nothing_prepared() {
    // The one has a place of its own, the other is found by counting.
    for (at, text) in [1, 2, 5, 8].into_iter().flat_map(|at| [(at, "SELECT nothing"), (at, "SELECT 1 / (SELECT 0);")]) {
        let (database, mut client) = fresh().await;
        let failed = failed(eight(at, text).run(&mut client).await);
        let line = if at == 1 { 3 } else { 2 };
        assert_eq!((failed.version.unwrap().value(), failed.line), (at as i64, Some(line)), "{failed}");
        assert_eq!((left(&client).await, history(&database).len()), (vec![], at - 1), "{at}");
        assert_eq!(eight(0, "").run(&mut client).await.unwrap().applied.len(), 9 - at);
        assert_eq!(ran(&database), (ALL.to_owned(), "8".to_owned()));
        assert_eq!(left(&client).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_file_that_deallocates_everything_is_applied_once_like_all_others() {
    for text in ["DEALLOCATE ALL;", "DO $$ BEGIN EXECUTE 'DEALLO' || 'CATE ALL'; END $$;", "DISCARD PLANS;"] {
        for at in [1, 2, 5, 8] {
            let (database, mut client) = fresh().await;
            let report = eight(at, text).run(&mut client).await.unwrap();
            assert_eq!(versions(&report), [1, 2, 3, 4, 5, 6, 7, 8], "{text} {at}");
            assert_eq!(ran(&database), (ALL.to_owned(), "8".to_owned()), "{text} {at}");
            assert_eq!(left(&client).await, [""; 0], "{text} {at}");
        }
    }
}

#[tokio::test]
async fn a_commit_that_fails_is_tried_again_and_counts_for_nothing() {
    for at in [1, 2, 5, 8] {
        let (database, mut client) = fresh().await;
        database
            .execute(
                "CREATE SCHEMA other;
                 CREATE SEQUENCE other.tries;
                 CREATE FUNCTION other.fails_once() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
                     IF nextval('other.tries') = 1 THEN RAISE serialization_failure; END IF;
                     RETURN 1;
                 END $$;",
            )
            .unwrap();
        // A cursor that outlives its transaction is run at the COMMIT.
        let text = "DECLARE c CURSOR WITH HOLD FOR SELECT other.fails_once();";
        let report = eight(at, text).run(&mut client).await.unwrap();
        assert_eq!(versions(&report), [1, 2, 3, 4, 5, 6, 7, 8], "{at}");
        assert_eq!((ran(&database), history(&database).len()), ((ALL.to_owned(), "8".to_owned()), 8), "{at}");
        assert_eq!((left(&client).await, value(&database, "SELECT nextval('other.tries')")), (vec![], "3".to_owned()));
    }
}

#[tokio::test]
async fn a_commit_that_fails_for_good_is_its_own_migrations_failure() {
    for at in [1, 2, 5, 8] {
        let (database, mut client) = fresh().await;
        let failed = failed(eight(at, "DECLARE c CURSOR WITH HOLD FOR SELECT 1 / (SELECT 0);").run(&mut client).await);
        assert_eq!((failed.version.unwrap().value(), failed.applied.len()), (at as i64, at - 1), "{failed}");
        assert_eq!((history(&database).len(), left(&client).await), (at - 1, vec![]));
    }
}

#[tokio::test]
async fn a_claim_that_another_run_has_made_is_noticed_at_any_place() {
    for at in [2, 3, 8] {
        let (database, mut client) = fresh().await;
        // The file before it stands in for that run: its row commits right before the claim.
        let checksum = eight(0, "").by_version(at).unwrap().checksum().to_string();
        let claims = format!(
            "INSERT INTO graven_history SELECT namespace, '{at}', {at}, name, kind, \
             decode('{}', 'hex'), state, statements_done, statements_total, in_doubt, was_there, applied_at, applied_by, \
             applied_as, interval '1 s', run, format FROM graven_history WHERE version = {};",
            checksum.trim_start_matches("sha256:"),
            at - 1
        );
        let report = eight(at as usize - 1, &claims).run(&mut client).await.unwrap();
        let others: Vec<i64> = (1..=8).filter(|number| *number != at).collect();
        assert_eq!(versions(&report), others);
        assert_eq!((history(&database).len(), left(&client).await), (8, vec![]));
    }
}

#[tokio::test]
async fn a_row_that_is_gone_is_noticed_by_what_was_prepared() {
    for (at, text) in [
        (1, "DELETE FROM graven_history WHERE version = 1;"),
        (5, "DELETE FROM graven_history WHERE version = 5;"),
        (
            6,
            "CREATE TABLE other (LIKE graven_history INCLUDING ALL); DROP TABLE graven_history; \
             ALTER TABLE other RENAME TO graven_history;",
        ),
    ] {
        let (database, mut client) = fresh().await;
        let failed = failed(eight(at, text).run(&mut client).await);
        assert!(matches!(failed.cause, Cause::RowGone), "{failed:?}");
        assert_eq!((history(&database).len(), left(&client).await), (at - 1, vec![]));
    }
    let (database, mut client) = fresh().await;
    let failed = failed(eight(4, "ALTER TABLE graven_history RENAME TO other").run(&mut client).await);
    assert!(failed.to_string().contains(": while writing its row in the history after the file: "), "{failed}");
    assert_eq!(history(&database).len(), 3);
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_nothing_prepared() {
    let (database, mut client) = fresh().await;
    {
        let waits = eight(5, "SELECT pg_sleep(1); SELECT 1 / (SELECT 0);");
        let run = waits.run(&mut client);
        tokio::select! {
            _ = run => panic!("it waits"),
            () = until("the first is applied", || exists(&database, "ran")) => {}
        }
    }
    assert_eq!((left(&client).await, history(&database).len()), (vec![], 4));
    assert_eq!(versions(&eight(0, "").run(&mut client).await.unwrap()), [5, 6, 7, 8]);
    assert_eq!(ran(&database), (ALL.to_owned(), "8".to_owned()));
}
