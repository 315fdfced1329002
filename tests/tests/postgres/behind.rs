//! Errors of what graven does behind a file, in the file's transaction: they name what failed and are no error in the file.

use graven::{Error, MigrationFailed};

use crate::common::{Directory, exists, failed, fresh, history, set, value, versions};

const A: (&str, &str) = ("1_a.sql", "CREATE TABLE a (id int)");

/// What the file is said to do, and that it was rolled back.
fn spares_the_table(failed: &MigrationFailed) {
    assert!(failed.to_string().contains(": while writing its row in the history after the file: "), "{failed}");
    assert!(failed.hint().contains("have it leave that table and its schema out"), "{}", failed.hint());
    assert_eq!((failed.line, failed.excerpt()), (None, None));
}

#[tokio::test]
async fn a_file_that_drops_the_historys_schema_is_said_to_do_so() {
    let (database, mut client) = fresh().await;
    let drops = "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;";
    let directory = Directory::new(&[A, ("2_drop.sql", drops)]);
    spares_the_table(&failed(directory.load().run(&mut client).await));
    assert_eq!((history(&database), exists(&database, "a")), (vec!["1 a applied".to_owned()], true));
    // In several messages as well, and where the file must stay as it is.
    directory.write("2_drop.sql", &format!("SET standard_conforming_strings = off;\n{drops}"));
    spares_the_table(&failed(directory.load().run(&mut client).await));
    directory.seal();
    let failed = failed(directory.load().run(&mut client).await);
    assert!(failed.hint().contains("`graven seal --accept-edit 2`"), "{}", failed.hint());
}

#[tokio::test]
async fn a_file_that_takes_away_the_rights_to_the_history_is_said_to_do_so() {
    let (database, _) = fresh().await;
    let role = database.role("own").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", role.name())).unwrap();
    let mut client = role.connect().await.unwrap();
    let revokes = format!("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}", role.name());
    let failed = failed(set(&[A, ("2_revoke.sql", &revokes)]).run(&mut client).await);
    assert!(failed.to_string().ends_with("permission denied for table graven_history (SQLSTATE 42501)"), "{failed}");
    spares_the_table(&failed);
    assert_eq!(history(&database), ["1 a applied"]);
}

#[tokio::test]
async fn a_file_that_renames_the_role_of_the_run_or_drops_what_a_setting_names_is_said_to_do_so() {
    let (database, mut client) = fresh().await;
    let role = database.role("own").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", role.name())).unwrap();
    let renames = format!("RESET ROLE;\nALTER ROLE {0} RENAME TO {0}_more;", role.name());
    let files = [A, ("2_rename.sql", renames.as_str())];
    let mut migrator = set(&files).migrator().role(role.name());
    let error = failed(migrator.run(&mut client).await);
    let said = error.to_string();
    assert!(said.contains(": while putting back the session's settings after the file: "), "{said}");
    assert!(error.hint().starts_with("before the file, the connection had that set"), "{}", error.hint());
    assert_eq!((error.line, error.excerpt()), (None, None), "{said}");

    let (database, mut client) = fresh().await;
    database.execute("CREATE TEXT SEARCH CONFIGURATION public.plain (COPY = simple)").unwrap();
    client.batch_execute("SET default_text_search_config = 'public.plain'").await.unwrap();
    let error = failed(set(&[A, ("2_drop.sql", "DROP TEXT SEARCH CONFIGURATION public.plain")]).run(&mut client).await);
    assert!(error.to_string().contains("while putting back the session's settings"), "{error}");
}

#[tokio::test]
async fn a_constraint_that_waits_for_the_end_is_still_the_files_own() {
    let (_database, mut client) = fresh().await;
    let text = "CREATE TABLE b (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO b VALUES (1), (1);";
    let failed = failed(set(&[A, ("2_b.sql", text)]).run(&mut client).await);
    assert!(!failed.to_string().contains("after the file"), "{failed}");
    assert!(failed.hint().contains("rows that are there are in the way"), "{}", failed.hint());
}

#[tokio::test]
async fn whose_own_limit_has_ended_a_wait_is_not_advised_to_set_another() {
    let (database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    let blocker = database.connect().await.unwrap();
    blocker.batch_execute("BEGIN; LOCK TABLE a").await.unwrap();
    let waits = |text: &str| Directory::new(&[A, ("2_wait.sql", &format!("-- graven: retries = 0\n{text}"))]).load();

    let own = waits("SET LOCAL lock_timeout = '150ms';\nALTER TABLE a ADD COLUMN b int;");
    let hint = failed(own.run(&mut client).await).hint();
    assert!(hint.contains("the file's own `SET lock_timeout`") && !hint.contains("-- graven:"), "{hint}");
    let own = waits("SET statement_timeout = '150ms';\nALTER TABLE a ADD COLUMN b int;");
    let hint = failed(own.run(&mut client).await).hint();
    assert!(hint.contains("the file's own `SET statement_timeout`") && !hint.contains("-- graven:"), "{hint}");
    let directive = waits("-- graven: lock_timeout = 150ms\nALTER TABLE a ADD COLUMN b int; -- lock_timeout");
    let hint = failed(directive.run(&mut client).await).hint();
    assert!(hint.contains("`-- graven: lock_timeout = 1min`"), "{hint}");

    let off = waits("-- graven: transaction = off\nSET lock_timeout = '150ms';\nALTER TABLE a ADD COLUMN b int;");
    let hint = failed(off.run(&mut client).await).hint();
    assert!(hint.contains("its own `SET lock_timeout`") && !hint.contains("--statement-timeout"), "{hint}");
    blocker.batch_execute("COMMIT").await.unwrap();
    assert_eq!(versions(&off.run(&mut client).await.unwrap()), [2]);
}

#[tokio::test]
async fn what_a_run_that_was_cut_off_had_made_in_the_temporary_schema_is_said_to_be_gone() {
    let (database, mut client) = fresh().await;
    let text = "-- graven: transaction = off\nCREATE TABLE b AS SELECT 0 AS d;\nCREATE TEMP TABLE ids AS SELECT 1 AS id;\n\
                INSERT INTO a SELECT id / d FROM ids, b;\nCREATE TABLE c ();";
    let migrations = set(&[A, ("2_off.sql", text)]);
    let first = failed(migrations.run(&mut client).await);
    assert!(!first.hint().contains("temporary"), "{}", first.hint());
    database.execute("UPDATE b SET d = 1").unwrap();
    for _ in 0..2 {
        let again = failed(migrations.run(&mut client).await);
        assert!(again.to_string().contains("relation \"ids\" does not exist"), "{again}");
        assert!(again.hint().starts_with("statement 2 of the file made something temporary"), "{}", again.hint());
        assert!(again.hint().contains("`graven resolve 2 --applied`"), "{}", again.hint());
    }
    migrations.migrator().resolve(&mut client, 2, graven::Resolution::Applied).await.unwrap();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [2]);
    assert!(exists(&database, "c"));
}

/// A history of the first migration, and what a lesser role is told under such policies.
async fn under(policies: &str, before: &str) -> Error {
    let (database, mut client) = fresh().await;
    let off = ("2_off.sql", "-- graven: transaction = off\nCREATE TABLE b ();\nSELECT 1 / count(*) FROM a;");
    set(&[A]).run(&mut client).await.unwrap();
    let role = database.role("own").unwrap();
    let name = role.name();
    let grants = format!(
        "GRANT CREATE ON SCHEMA public TO {name}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}; ALTER TABLE a OWNER TO {name};"
    );
    database.execute(&grants).unwrap();
    let mut client = role.connect().await.unwrap();
    set(&[A, off]).run(&mut client).await.unwrap_err();
    database.execute(&format!("ALTER TABLE graven_history ENABLE ROW LEVEL SECURITY; {policies}")).unwrap();
    client.batch_execute(before).await.unwrap();
    let error = set(&[A, off, ("3_c.sql", "CREATE TABLE c ()")]).run(&mut client).await.unwrap_err();
    assert_eq!(value(&database, "SELECT to_regclass('c') IS NULL"), "t");
    error
}

#[tokio::test]
async fn a_policy_for_reading_alone_is_said_to_keep_a_run_from_writing() {
    for policies in [
        "CREATE POLICY r ON graven_history FOR SELECT USING (true)",
        "CREATE POLICY r ON graven_history FOR SELECT USING (true); CREATE POLICY w ON graven_history FOR UPDATE USING (true)",
        "CREATE POLICY r ON graven_history FOR SELECT USING (true); CREATE POLICY a ON graven_history FOR INSERT WITH CHECK (true)",
        // It lets every row be changed but the one that is to be.
        "CREATE POLICY r ON graven_history FOR SELECT USING (true); CREATE POLICY a ON graven_history FOR INSERT WITH CHECK (true);
         CREATE POLICY w ON graven_history FOR UPDATE USING (version <> 2); CREATE POLICY d ON graven_history FOR DELETE USING (true)",
    ] {
        let error = tokio::time::timeout(std::time::Duration::from_secs(30), under(policies, "")).await.unwrap();
        assert!(matches!(error, Error::HistoryHidden { .. }), "{policies}: {error:?}");
        assert!(error.to_string().starts_with("row-level security keeps role "), "{error}");
    }
}

#[tokio::test]
async fn a_policy_that_keeps_single_rows_from_a_claim_ends_a_verb_and_does_not_make_it_start_over_and_over() {
    let (database, mut client) = fresh().await;
    let view = |number: u8| format!("CREATE OR REPLACE VIEW v AS SELECT {number} AS one;");
    let down = ("1_a.down.sql", "DROP TABLE a;");
    let role = database.role("own").unwrap();
    database.execute(&format!("GRANT ALL ON SCHEMA public TO {}", role.name())).unwrap();
    set(&[A, down, ("v.repeatable.sql", &view(1))]).run(&mut client).await.unwrap();
    let policies = format!(
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO {0}; ALTER VIEW v OWNER TO {0}; ALTER TABLE a OWNER TO {0};
         ALTER TABLE graven_history ENABLE ROW LEVEL SECURITY;
         CREATE POLICY r ON graven_history FOR SELECT USING (true); CREATE POLICY i ON graven_history FOR INSERT WITH CHECK (true);
         CREATE POLICY w ON graven_history FOR UPDATE USING (version <> 1);
         CREATE POLICY d ON graven_history FOR DELETE USING (version <> 1)",
        role.name()
    );
    database.execute(&policies).unwrap();
    let mut client = role.connect().await.unwrap();
    let edited = set(&[A, down, ("v.repeatable.sql", &view(2))]);
    let patience = std::time::Duration::from_secs(30);
    let run = tokio::time::timeout(patience, edited.run(&mut client)).await.unwrap();
    assert!(matches!(run, Err(Error::HistoryHidden { .. })), "{run:?}");
    let mut migrator = edited.migrator();
    let revert = tokio::time::timeout(patience, migrator.revert(&mut client, graven::Target::All)).await.unwrap();
    assert!(matches!(revert, Err(Error::HistoryHidden { .. })), "{revert:?}");
    assert_eq!((value(&database, "SELECT one FROM v"), exists(&database, "a")), ("1".to_owned(), true));
}

/// The last piece of a file whose strings are not the standard's cannot be taken apart by itself.
#[tokio::test]
async fn a_deferred_constraint_is_not_blamed_on_the_connections_settings() {
    let (_database, mut client) = fresh().await;
    let text = "SET standard_conforming_strings = off;\nCREATE TABLE t (v text UNIQUE DEFERRABLE INITIALLY DEFERRED);\n\
                INSERT INTO t VALUES ('it''s');\nINSERT INTO t VALUES ('it\\'s');";
    let failed = failed(set(&[("1_t.sql", text)]).run(&mut client).await);
    let said = failed.to_string();
    assert!(said.contains("duplicate key value") && !said.contains("while putting back"), "{said}");
}

#[tokio::test]
async fn a_connection_that_makes_an_error_of_hidden_rows_is_told_of_its_setting() {
    let error = under("CREATE POLICY p ON graven_history USING (version < 9)", "SET row_security = off").await;
    assert!(error.hint().unwrap().contains("`row_security = off`"), "{error:?}");
}
