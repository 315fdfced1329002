//! A role with few rights: each right that is lacking is named, with the GRANT to type, before anything is applied.

use graven::{Error, Migrations, Outcome, Resolution};
use graven_testkit::{Database, Role};

use crate::common::{Pooler, exists, failed, fresh, history, lines, set, value, versions};

const A: (&str, &str) = ("1_a.sql", "CREATE TABLE a (id int)");
const B: (&str, &str) = ("2_b.sql", "CREATE TABLE b (id int)");

/// A database whose schema `public` is as PostgreSQL 15 has it: only its owner may create in it.
async fn strict() -> (Database, Role) {
    let (database, _) = fresh().await;
    database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC").unwrap();
    let role = database.role("app").unwrap();
    (database, role)
}

async fn refused(role: &Role, migrations: Migrations) -> Error {
    migrations.run(&mut role.connect().await.unwrap()).await.unwrap_err()
}

/// Types what an error's hint tells to type.
fn obey(database: &Database, error: &Error) {
    let hint = error.hint().unwrap();
    let grant = hint.split('`').nth(1).unwrap_or_else(|| panic!("{hint}"));
    assert!(grant.starts_with("GRANT ") && !grant.contains('…'), "{hint}");
    database.execute(grant).unwrap();
}

#[tokio::test]
async fn each_right_that_is_lacking_is_granted_as_the_error_says_until_everything_is_applied() {
    let (database, role) = strict().await;
    database.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC").unwrap();
    let name = role.name();
    let migrations = set(&[A, B]);

    let error = refused(&role, migrations).await;
    assert_eq!(error.to_string(), format!("role {name} may not use schema public"));
    assert_eq!(error.hint().unwrap(), format!("`GRANT USAGE ON SCHEMA public TO {name}`"));
    obey(&database, &error);

    let error = refused(&role, migrations).await;
    assert_eq!(error.to_string(), format!("role {name} may not create the history table public.graven_history"));
    obey(&database, &error);

    assert_eq!(versions(&migrations.run(&mut role.connect().await.unwrap()).await.unwrap()), [1, 2]);
}

#[tokio::test]
async fn a_history_of_somebody_elses_is_granted_as_the_error_says() {
    let (database, role) = strict().await;
    let name = role.name();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {name}")).unwrap();
    set(&[A]).run(&mut database.connect().await.unwrap()).await.unwrap();

    for verb in ["run", "verify", "status"] {
        let mut client = role.connect().await.unwrap();
        let error = match verb {
            "run" => set(&[A]).run(&mut client).await.unwrap_err(),
            "verify" => set(&[A]).verify(&mut client).await.unwrap_err(),
            _ => set(&[A]).status(&mut client).await.unwrap_err(),
        };
        assert_eq!(error.to_string(), format!("role {name} may not read the history table public.graven_history"));
        let hint = error.hint().unwrap();
        assert!(hint.starts_with(&format!("`GRANT SELECT ON public.graven_history TO {name}`; INSERT")), "{hint}");
    }
    obey(&database, &refused(&role, set(&[A])).await);
    let mut client = role.connect().await.unwrap();
    assert_eq!(set(&[A]).run(&mut client).await.unwrap().outcome, Outcome::UpToDate);

    // It may read now, which serves until something is pending.
    let error = refused(&role, set(&[A, B])).await;
    assert_eq!(error.to_string(), format!("role {name} may not write to the history table public.graven_history"));
    assert!(!exists(&database, "b"));
    obey(&database, &error);
    assert_eq!(versions(&set(&[A, B]).run(&mut client).await.unwrap()), [2]);
    assert_eq!(value(&database, "SELECT tableowner FROM pg_tables WHERE tablename = 'b'"), name);
}

#[tokio::test]
async fn names_that_need_quotes_are_quoted_in_what_is_to_be_typed() {
    let (database, role) = strict().await;
    database.execute("CREATE SCHEMA \"My Ops\"").unwrap();
    let migrations = set(&[A]);
    let mut owner = database.connect().await.unwrap();
    let history = "\"My Ops\".\"The History\"";
    migrations.migrator().history(history).run(&mut owner).await.unwrap();
    let mut client = role.connect().await.unwrap();
    for expected in [
        format!("`GRANT USAGE ON SCHEMA \"My Ops\" TO {}`", role.name()),
        format!("`GRANT SELECT ON {history} TO {}`", role.name()),
    ] {
        let error = migrations.migrator().history(history).run(&mut client).await.unwrap_err();
        assert!(error.hint().unwrap().starts_with(&expected), "{error:?}");
        obey(&database, &error);
    }
    let report = migrations.migrator().history(history).run(&mut client).await.unwrap();
    assert_eq!(report.outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn a_role_that_may_only_read_cannot_resolve_and_is_told_the_grant() {
    let (database, role) = strict().await;
    let off = ("2_b.sql", "-- graven: transaction = off\nSELECT 1;\nSELECT nothing;");
    let migrations = set(&[A, off]);
    failed(migrations.run(&mut database.connect().await.unwrap()).await);
    database.execute(&format!("GRANT SELECT ON graven_history TO {}", role.name())).unwrap();
    let mut client = role.connect().await.unwrap();
    let error = migrations.migrator().resolve(&mut client, 2, Resolution::Applied).await.unwrap_err();
    assert!(matches!(error, Error::HistoryDenied { .. }), "{error:?}");
    assert_eq!(history(&database), ["1 a applied", "2 b started 1/2"]);
    obey(&database, &error);
    migrations.migrator().resolve(&mut client, 2, Resolution::Applied).await.unwrap();
    assert_eq!(history(&database), ["1 a applied", "2 b applied"]);
}

#[tokio::test]
async fn a_migration_that_changes_what_belongs_to_another_says_so() {
    let (database, role) = strict().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.t (id int)").unwrap();
    database.execute(&format!("GRANT ALL ON SCHEMA public, app TO {}", role.name())).unwrap();
    let migrations = set(&[("1_a.sql", "ALTER TABLE app.t ADD COLUMN x int")]);
    let failed = failed(migrations.run(&mut role.connect().await.unwrap()).await);
    assert!(failed.to_string().contains("must be owner of table t (SQLSTATE 42501)"), "{failed}");
    assert!(failed.hint().contains("with the role that owns these objects"), "{}", failed.hint());
    assert_eq!(history(&database), [""; 0]);
}

#[tokio::test]
async fn a_migration_that_may_make_nothing_in_a_schema_is_told_the_grant() {
    let (database, role) = strict().await;
    database.execute("CREATE SCHEMA \"My Ops\"; CREATE SCHEMA ops; CREATE TABLE t (id int)").unwrap();
    set(&[("1_s.sql", "")]).migrator().history("ops.h").into_existing().run_url(database.url()).await.unwrap();
    database.execute(&format!("GRANT USAGE ON SCHEMA ops TO {0}; GRANT ALL ON ops.h TO {0}", role.name())).unwrap();
    let migrations = set(&[("1_s.sql", ""), ("2_a.sql", A.1), ("3_ops.sql", "CREATE TABLE \"My Ops\".t ()")]);
    let mut client = role.connect().await.unwrap();
    for expected in [
        format!("`GRANT CREATE ON SCHEMA public TO {}`", role.name()),
        format!("`GRANT USAGE ON SCHEMA \"My Ops\" TO {}`", role.name()),
        format!("`GRANT CREATE ON SCHEMA \"My Ops\" TO {}`", role.name()),
    ] {
        let error = migrations.migrator().history("ops.h").run(&mut client).await.unwrap_err();
        assert!(error.hint().unwrap().starts_with(&expected), "{error:?}");
        obey(&database, &error);
    }
    migrations.migrator().history("ops.h").run(&mut client).await.unwrap();
    // Of another object, the schema has all that it needs.
    let failed = failed(
        set(&[
            ("1_s.sql", ""),
            ("2_a.sql", A.1),
            ("3_ops.sql", "CREATE TABLE \"My Ops\".t ()"),
            ("4_d.sql", "DELETE FROM t"),
        ])
        .migrator()
        .history("ops.h")
        .run(&mut client)
        .await,
    );
    assert!(failed.hint().starts_with("run migrations with the role that owns"), "{}", failed.hint());
}

#[tokio::test]
async fn no_role_is_not_taken_for_one() {
    let (_database, mut client) = fresh().await;
    let error = set(&[A]).migrator().role("none").run(&mut client).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot become the role \"none\"");
    assert!(error.hint().unwrap().starts_with("`none` is no role"), "{error:?}");
}

/// Somebody who may do nothing but become the owner, and the owner, who may create in `public`.
async fn member() -> (Database, Role, Role) {
    let (database, member) = strict().await;
    let owner = database.role("owner").unwrap();
    database
        .execute(&format!("GRANT CREATE ON SCHEMA public TO {0}; GRANT {0} TO {1}", owner.name(), member.name()))
        .unwrap();
    database.execute(&format!("ALTER ROLE {} NOINHERIT", member.name())).unwrap();
    (database, member, owner)
}

#[tokio::test]
async fn a_run_as_another_role_leaves_everything_to_that_role_and_the_session_as_it_was() {
    let (database, member, owner) = member().await;
    let files = [
        A,
        ("2_b.sql", "RESET ROLE; SET search_path = pg_catalog; SELECT 1"),
        ("3_c.sql", "CREATE TABLE c ()"),
        (
            "4_d.sql",
            "-- graven: transaction = off\nCREATE TABLE d (id int);\nCREATE INDEX CONCURRENTLY d_id ON d (id);",
        ),
        ("5_e.sql", "CREATE TABLE e ()"),
    ];
    let migrations = set(&files);
    let mut client = member.connect().await.unwrap();
    let report = migrations.migrator().role(owner.name()).run(&mut client).await.unwrap();
    assert_eq!(versions(&report), [1, 2, 3, 4, 5]);
    let owners = "SELECT tableowner, count(*)::text FROM pg_tables WHERE schemaname = 'public' GROUP BY tableowner";
    assert_eq!(database.rows(owners).unwrap(), [[Some(owner.name().to_owned()), Some("5".to_owned())]]);
    assert_eq!(lines(&database, "SELECT DISTINCT applied_by FROM graven_history"), [owner.name()]);
    let user: String = client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    assert_eq!(user, member.name());

    // Nothing is pending any more: still as that role, which alone may read the history.
    assert_eq!(migrations.migrator().role(owner.name()).run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(migrations.migrator().role(owner.name()).verify(&mut client).await.unwrap().total, 5);
    assert_eq!(migrations.migrator().role(owner.name()).status(&mut client).await.unwrap().migrations.len(), 5);
    let user: String = client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    assert_eq!(user, member.name());
}

#[tokio::test]
async fn a_run_as_another_role_that_fails_puts_the_callers_own_role_back() {
    let (database, member, owner) = member().await;
    let third = database.role("third").unwrap();
    database.execute(&format!("GRANT {} TO {}", third.name(), member.name())).unwrap();
    let mut client = member.connect().await.unwrap();
    client.batch_execute(&format!("SET ROLE {}", third.name())).await.unwrap();
    for text in ["SELECT nothing", "-- graven: transaction = off\nSELECT nothing;"] {
        let migrations = set(&[A, ("2_b.sql", text)]);
        failed(migrations.migrator().role(owner.name()).run(&mut client).await);
        let user: String = client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
        assert_eq!(user, third.name());
    }
    assert_eq!(history(&database), ["1 a applied"]);
}

#[tokio::test]
async fn a_role_that_cannot_be_taken_is_named_with_the_grant() {
    let (database, member, owner) = member().await;
    let mut client = member.connect().await.unwrap();
    database.execute(&format!("REVOKE {} FROM {}", owner.name(), member.name())).unwrap();
    let error = set(&[A]).migrator().role(owner.name()).run(&mut client).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot become the role {:?}", owner.name()));
    assert_eq!(error.hint().unwrap(), format!("`GRANT {} TO {}`", owner.name(), member.name()));
    obey(&database, &error);
    set(&[A]).migrator().role(owner.name()).run(&mut client).await.unwrap();

    let error = set(&[A]).migrator().role("no such role").run(&mut client).await.unwrap_err();
    assert!(error.explain().contains("role \"no such role\" does not exist"), "{error:?}");
    client.batch_execute("BEGIN").await.unwrap();
    let error = set(&[A]).migrator().role(owner.name()).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::InTransaction), "{error:?}");
    client.batch_execute("ROLLBACK").await.unwrap();
    let user: String = client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    assert_eq!(user, member.name());
}

/// The role would stay behind in the pool, with strangers.
#[tokio::test]
async fn behind_a_pooler_a_run_as_another_role_is_refused() {
    let (database, _, owner) = member().await;
    let Some(pooler) = Pooler::before(&database, "transaction", 2) else { return };
    let mut client = graven::connect(&pooler.url(&database)).await.unwrap();
    let error = set(&[A]).migrator().role(owner.name()).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::Pooled { .. }), "{error:?}");
    assert!(!exists(&database, "a") && !exists(&database, "graven_history"));
}
