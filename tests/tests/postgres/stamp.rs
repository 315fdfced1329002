//! A schema that was made otherwise is recorded as what the migrations would have made.

use graven::{Conflict, Error, Migrations, Outcome, StampReport, StampTo, State};
use graven_testkit::{Cut, Database, Message, Proxy};

use crate::common::{connect_in, exists, fresh, history, lines, set, value, versions};

const A: (&str, &str) = ("0001_a.sql", "CREATE TABLE a ()");
const B: (&str, &str) = ("0002_b.sql", "-- graven: transaction = off\nCREATE TABLE b ();\nCREATE TABLE b_too ();\n");
const C: (&str, &str) = ("0003_c.sql", "CREATE TABLE c ()");

fn stamped(report: &StampReport) -> Vec<i64> {
    report.stamped.iter().map(|stamped| stamped.version.value()).collect()
}

/// A schema that psql has made: what the first two migrations make.
const BY_HAND: &str = "CREATE TABLE a (); CREATE TABLE b (); CREATE TABLE b_too ()";

#[tokio::test]
async fn after_a_stamp_a_run_applies_only_the_rest() {
    let (database, mut client) = fresh().await;
    database.execute(BY_HAND).unwrap();
    let migrations = set(&[A, B, C]);
    let error = migrations.run(&mut client).await.unwrap_err();
    assert!(error.hint().unwrap().contains("Migrator::stamp"), "{error:?}");
    let report = migrations.migrator().stamp(&mut client, StampTo::Version(2)).await.unwrap();
    assert_eq!((stamped(&report), report.pending.len(), report.applied_before), (vec![1, 2], 1, 0));
    assert_eq!(history(&database), ["1 a applied", "2 b applied"]);
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [3]);
    assert!(exists(&database, "c"));
    // By hand and by graven can be told apart.
    let told = lines(
        &database,
        "SELECT version || ' ' || statements_done || '/' || statements_total || \
                                 coalesce(' ' || (duration > '0'), ' -') FROM graven_history ORDER BY version",
    );
    assert_eq!(told, ["1 0/1 -", "2 0/2 -", "3 1/1 true"]);
    let status = migrations.status(&mut client).await.unwrap();
    assert_eq!((status.count(State::Applied), status.migrations[0].seconds), (3, None));
    assert!(status.migrations[0].applied_at.is_some() && status.migrations[2].seconds.is_some());
}

#[tokio::test]
async fn after_a_stamp_of_everything_a_run_does_nothing() {
    let (database, mut client) = fresh().await;
    database.execute(BY_HAND).unwrap();
    let migrations = set(&[A, B, C]);
    let report = migrations.migrator().stamp(&mut client, StampTo::Head).await.unwrap();
    assert_eq!(stamped(&report), [1, 2, 3]);
    let run = migrations.run(&mut client).await.unwrap();
    assert_eq!((run.outcome, run.total), (Outcome::UpToDate, 3));
    assert!(!exists(&database, "c"));
    let again = migrations.migrator().stamp(&mut client, StampTo::Head).await.unwrap();
    assert_eq!((again.stamped.len(), again.applied_before), (0, 3));
}

#[tokio::test]
async fn what_is_applied_already_is_passed_over_and_stays_as_it_is() {
    let (database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    let before = value(&database, "SELECT h::text || xmin FROM graven_history h");
    let report = set(&[A, B, C]).migrator().stamp(&mut client, StampTo::Head).await.unwrap();
    assert_eq!((stamped(&report), report.applied_before), (vec![2, 3], 1));
    assert_eq!(value(&database, "SELECT h::text || xmin FROM graven_history h WHERE version = 1"), before);
    assert!(!exists(&database, "b") && !exists(&database, "c"));
}

#[tokio::test]
async fn a_history_that_says_otherwise_is_refused_and_stays_as_it_is() {
    let (database, mut client) = fresh().await;
    set(&[A, ("0002_lost.sql", "")]).run(&mut client).await.unwrap();
    let before = lines(&database, "SELECT h::text || xmin FROM graven_history h ORDER BY 1");
    let migrations = set(&[("0001_a.sql", "-- edited"), C]);
    let error = migrations.migrator().stamp(&mut client, StampTo::Head).await.unwrap_err();
    let Error::Conflicts { conflicts, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(conflicts[..], [Conflict::Modified { .. }, Conflict::Orphaned { .. }]), "{error:?}");
    assert_eq!(lines(&database, "SELECT h::text || xmin FROM graven_history h ORDER BY 1"), before);
}

#[tokio::test]
async fn what_a_run_has_begun_is_not_called_applied() {
    let (database, mut client) = fresh().await;
    let off = ("0001_off.sql", "-- graven: transaction = off\nCREATE TABLE one ();\nCREATE TABLE there ();\n");
    database.execute("CREATE TABLE there ()").unwrap();
    let migrations = set(&[off, C]);
    migrations.migrator().into_existing().run(&mut client).await.unwrap_err();
    assert_eq!(history(&database), ["1 off started 1/2"]);
    let error = migrations.migrator().stamp(&mut client, StampTo::Head).await.unwrap_err();
    assert!(error.explain().contains("let a run finish it first"), "{error:?}");
    assert_eq!(history(&database), ["1 off started 1/2"]);
}

#[tokio::test]
async fn a_version_that_the_set_does_not_have_is_refused_with_the_nearest() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A, ("0007_z.sql", "")]);
    for (version, nearest) in [(5, "1, 7"), (0, "1"), (8, "7"), (-1, "1")] {
        let error = migrations.migrator().stamp(&mut client, StampTo::Version(version)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("there is no migration {version}"));
        assert!(error.hint().unwrap().contains(&format!("the nearest that the set has: {nearest};")), "{error:?}");
    }
    assert!(!exists(&database, "graven_history"));
}

#[tokio::test]
async fn a_first_run_into_another_tools_schema_says_whose_it_is_and_how_to_ask_it() {
    for (table, rows, tool, query, listed) in [
        (
            "_sqlx_migrations (version bigint, success boolean)",
            "(3, true), (2, false), (1, true)",
            "sqlx",
            "SELECT version FROM public._sqlx_migrations WHERE success ORDER BY version",
            "1 3",
        ),
        (
            "refinery_schema_history (version int)",
            "(1), (2)",
            "refinery",
            "SELECT version FROM public.refinery_schema_history ORDER BY version",
            "1 2",
        ),
        // What came late may never have run: the highest alone would hide that.
        (
            "__diesel_schema_migrations (version text)",
            "('3'), ('1')",
            "diesel",
            "SELECT version FROM public.__diesel_schema_migrations ORDER BY version",
            "1 3",
        ),
        (
            "flyway_schema_history (version text, installed_rank int, success boolean)",
            "('1', 1, true), ('2', 2, true), (NULL, 3, true)",
            "Flyway",
            "SELECT version FROM public.flyway_schema_history WHERE success AND version IS NOT NULL ORDER BY installed_rank",
            "1 2",
        ),
        (
            "schema_migrations (version bigint, \"dirty\" boolean)",
            "(4, true)",
            "golang-migrate",
            "SELECT version, \"dirty\" FROM public.schema_migrations",
            "4",
        ),
        (
            "schema_migrations (version text)",
            "('2'), ('1')",
            "dbmate or Rails",
            "SELECT version FROM public.schema_migrations ORDER BY version",
            "1 2",
        ),
        (
            "goose_db_version (version_id bigint, is_applied boolean)",
            "(0, true), (1, true)",
            "goose",
            "SELECT version_id FROM public.goose_db_version WHERE is_applied AND version_id > 0 ORDER BY version_id",
            "1",
        ),
        (
            "seaql_migrations (version text)",
            "('m1_a')",
            "SeaORM",
            "SELECT version FROM public.seaql_migrations ORDER BY version",
            "m1_a",
        ),
        (
            "atlas_schema_revisions.atlas_schema_revisions (version text, applied int, total int)",
            "('.atlas_cloud_identifier', 0, 0), ('1', 2, 2), ('2', 1, 2)",
            "Atlas",
            "SELECT version FROM atlas_schema_revisions.atlas_schema_revisions WHERE applied = total \
             AND version NOT LIKE '.%' ORDER BY version",
            "1",
        ),
        (
            "atlas_schema_revisions (version text, applied int, total int)",
            "('1', 2, 2)",
            "Atlas",
            "SELECT version FROM public.atlas_schema_revisions WHERE applied = total AND version NOT LIKE '.%' \
             ORDER BY version",
            "1",
        ),
        (
            "databasechangelog (id text, author text, filename text, orderexecuted int, exectype text)",
            "('b', 'me', 'f', 2, 'EXECUTED'), ('a', 'me', 'f', 1, 'MARK_RAN')",
            "Liquibase",
            "SELECT id, author, filename FROM public.databasechangelog WHERE exectype <> 'FAILED' ORDER BY orderexecuted",
            "a b",
        ),
        (
            "_prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz)",
            "('1_a', now(), NULL), ('2_b', NULL, now())",
            "Prisma",
            "SELECT migration_name FROM public._prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL \
             ORDER BY migration_name",
            "1_a",
        ),
    ] {
        let (database, mut client) = fresh().await;
        let name = table.split(' ').next().unwrap();
        database
            .execute(&format!(
                "CREATE SCHEMA atlas_schema_revisions; CREATE TABLE {table}; INSERT INTO {name} VALUES {rows}; \
                 CREATE TABLE a1 (); CREATE TABLE a2 (); CREATE TABLE a3 (); CREATE TABLE a4 (); CREATE TABLE a5 ()"
            ))
            .unwrap();
        let error = set(&[A]).run(&mut client).await.unwrap_err();
        let Error::NotEmpty { foreign: Some(foreign), .. } = &error else { panic!("{error:?}") };
        assert_eq!((foreign.query.as_str(), foreign.tool), (query, tool));
        assert_eq!(lines(&database, &foreign.query).join(" "), listed, "{tool}");
        let hint = error.hint().unwrap();
        assert!(hint.contains(&format!("is the history of {tool}")) && hint.contains("Migrator::stamp"), "{hint}");
        let warned =
            if tool == "golang-migrate" { "where \"dirty\" is true" } else { "where the list lacks one of them" };
        assert!(hint.contains(warned), "{hint}");
    }
}

#[tokio::test]
async fn a_stamp_that_may_not_make_the_table_leaves_nothing() {
    let (database, _) = fresh().await;
    let role = database.role("app").unwrap();
    database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC").unwrap();
    let mut client = role.connect().await.unwrap();
    let error = set(&[A]).migrator().stamp(&mut client, StampTo::Head).await.unwrap_err();
    assert!(matches!(error, Error::MayNotCreate { .. }), "{error:?}");
    assert!(!exists(&database, "graven_history"));
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(value(&database, locks), "0");
}

#[tokio::test]
async fn a_stamp_as_another_role_makes_the_history_that_roles() {
    let (database, mut client) = fresh().await;
    let owner = database.role("owner").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", owner.name())).unwrap();
    set(&[A]).migrator().role(owner.name()).stamp(&mut client, StampTo::Head).await.unwrap();
    let who =
        "SELECT tableowner || ' ' || applied_by FROM pg_tables, graven_history WHERE tablename = 'graven_history'";
    assert_eq!(value(&database, who), format!("{0} {0}", owner.name()));
    assert!(client.query_one("SELECT current_user = session_user", &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn what_another_namespace_has_is_not_stamped_under_the_default_one() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A]);
    migrations.migrator().namespace("web").run(&mut client).await.unwrap();
    let error = migrations.migrator().stamp(&mut client, StampTo::Head).await.unwrap_err();
    assert!(matches!(error, Error::AppliedUnder { .. }), "{error:?}");
    assert_eq!(history(&database).len(), 1);
    set(&[C]).migrator().namespace("ops").stamp(&mut client, StampTo::Head).await.unwrap();
    assert_eq!(history(&database), ["3 c applied", "1 a applied"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_stamps_and_runs_at_once_all_succeed_and_each_row_is_there_once() {
    for _ in 0..4 {
        let (database, _) = fresh().await;
        let proxy = crate::common::without_locks(&database);
        let migrations: Migrations = set(&[A, C]);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let mut client = proxy.connect().await.unwrap();
            tasks.spawn(async move { migrations.migrator().stamp(&mut client, StampTo::Head).await.unwrap() });
        }
        let reports = tasks.join_all().await;
        assert_eq!(reports.iter().map(|report| report.stamped.len()).sum::<usize>(), 2);
        assert_eq!(history(&database), ["1 a applied", "3 c applied"]);
    }
}

/// The failure guarded against: a history table without its rows, by which the next run would apply everything once more.
#[tokio::test]
async fn a_stamp_that_is_cut_at_any_message_has_recorded_all_or_nothing() {
    let migrations = set(&[A, B, C]);
    let database = Database::create().unwrap();
    let mut messages = 0;
    let mut at = 0_usize;
    while at <= messages * 3 {
        let schema = format!("case_{at}");
        database.execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.theirs ()")).unwrap();
        let proxy = Proxy::to(database.url()).unwrap();
        let number = at.div_ceil(3);
        proxy.cut(match at {
            0 => Cut::Never,
            at => [Cut::Before, Cut::During, Cut::After][at % 3](number),
        });
        let result = migrations.migrator().stamp(&mut connect_in(proxy.url(), &schema).await, StampTo::Head).await;
        let mut client = connect_in(database.url(), &schema).await;
        if at == 0 {
            assert_eq!(result.unwrap().stamped.len(), 3);
            messages = proxy.traffic().messages.iter().filter_map(Message::sql).count();
            assert!(messages >= 4, "{messages}");
        } else {
            assert!(result.is_err() || number == messages, "case {at}");
            let _ = client.query("SELECT pg_sleep(0.02)", &[]).await;
            let there = client
                .query(
                    "SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'graven_history'",
                    &[],
                )
                .await
                .unwrap();
            if !there.is_empty() {
                assert_eq!(client.query("SELECT FROM graven_history", &[]).await.unwrap().len(), 3, "case {at}");
            }
        }
        migrations.migrator().stamp(&mut client, StampTo::Head).await.unwrap();
        assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate, "case {at}");
        at += 1;
    }
}
