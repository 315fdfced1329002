//! A run on a database that is as it should be: what it applies, writes down and leaves alone.

use graven::{Error, Outcome};
use graven_testkit::{Cluster, Database, Mode as Stop};
use tokio_postgres::Client;

use crate::common::{exists, fresh, history, lines, set, value, versions};

const THREE: [(&str, &str); 3] = [
    ("0001_create_users.sql", "CREATE TABLE users (id bigint PRIMARY KEY);\n"),
    ("0002_add_email.sql", "ALTER TABLE users ADD COLUMN email text;\n"),
    ("0010_fill.sql", "INSERT INTO users VALUES (1, 'a@b');\n"),
];

#[tokio::test]
async fn a_fresh_database_gets_every_migration_in_order() {
    let (database, mut client) = fresh().await;
    let report = set(&THREE).run(&mut client).await.unwrap();
    assert_eq!((report.outcome, versions(&report), report.total), (Outcome::Applied, vec![1, 2, 10], 3));
    assert_eq!(report.applied[1].name, "add_email");
    assert!(report.future.is_empty());
    assert!(report.duration >= report.applied.iter().map(|applied| applied.duration).sum::<std::time::Duration>());
    assert_eq!(history(&database), ["1 create_users applied", "2 add_email applied", "10 fill applied"]);
    assert_eq!(lines(&database, "SELECT email FROM users"), ["a@b"]);
}

#[tokio::test]
async fn versions_are_ordered_as_numbers_and_not_as_text() {
    let (database, mut client) = fresh().await;
    let files = [
        ("9_nine.sql", "CREATE TABLE seen (n serial, v int); INSERT INTO seen (v) VALUES (9)"),
        ("0010_ten.sql", "INSERT INTO seen (v) VALUES (10)"),
        ("20240131120000_stamp.sql", "INSERT INTO seen (v) VALUES (2024)"),
        ("100_hundred.sql", "INSERT INTO seen (v) VALUES (100)"),
    ];
    let report = set(&files).run(&mut client).await.unwrap();
    assert_eq!(versions(&report), [9, 10, 100, 20_240_131_120_000]);
    assert_eq!(lines(&database, "SELECT v FROM seen ORDER BY n"), ["9", "10", "100", "2024"]);
}

#[tokio::test]
async fn only_what_is_pending_is_applied() {
    let (database, mut client) = fresh().await;
    set(&THREE[..1]).run(&mut client).await.unwrap();
    let report = set(&THREE).run(&mut client).await.unwrap();
    assert_eq!((versions(&report), report.total), (vec![2, 10], 3));
    assert_eq!(value(&database, "SELECT count(DISTINCT run) FROM graven_history"), "2");
}

#[tokio::test]
async fn the_history_says_what_was_applied_by_whom_and_when() {
    let (database, mut client) = fresh().await;
    client.batch_execute("SET application_name = 'the app'").await.unwrap();
    let migrations = set(&THREE);
    migrations.run(&mut client).await.unwrap();
    assert_eq!(
        lines(&database, "SELECT 'sha256:' || encode(checksum, 'hex') FROM graven_history ORDER BY version"),
        migrations.iter().map(|migration| migration.checksum().to_string()).collect::<Vec<_>>(),
    );
    // What `sha256sum` says of a file of this text.
    let sum = "SELECT encode(sha256(convert_to(E'CREATE TABLE users (id bigint PRIMARY KEY);\\n', 'UTF8')), 'hex')";
    assert_eq!(
        value(&database, "SELECT encode(checksum, 'hex') FROM graven_history WHERE version = 1"),
        value(&database, sum)
    );
    let rows = "SELECT count(*) FROM graven_history WHERE namespace = '' AND id = version::text AND kind = 'versioned' \
                AND state = 'applied' AND statements_done = statements_total AND NOT in_doubt AND format = 1 \
                AND applied_by = 'postgres' AND applied_as LIKE 'the app/_%' AND duration BETWEEN '0' AND '1 minute' \
                AND applied_at BETWEEN now() - interval '1 minute' AND now()";
    assert_eq!(value(&database, rows), "3");
    assert_eq!(value(&database, "SELECT count(DISTINCT run) FROM graven_history"), "1");
}

#[tokio::test]
async fn with_nothing_pending_a_role_that_may_only_read_the_history_starts() {
    let (database, mut client) = fresh().await;
    let migrations = set(&THREE);
    migrations.run(&mut client).await.unwrap();
    let reader = database.role("reader").unwrap();
    database.execute(&format!("GRANT SELECT ON graven_history TO {}", reader.name())).unwrap();
    let mut client = reader.connect().await.unwrap();
    client.batch_execute("SET default_transaction_read_only = on").await.unwrap();
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    migrations.verify(&mut client).await.unwrap();
    assert_eq!(migrations.health(&mut client).await.unwrap().state.as_str(), "healthy");
    assert_eq!(migrations.status(&mut client).await.unwrap().migrations.len(), 3);
}

#[tokio::test]
async fn a_standby_starts_with_nothing_pending_and_refuses_otherwise() {
    let cluster = Cluster::builder().start().unwrap();
    let database = cluster.database().unwrap();
    let migrations = set(&THREE);
    migrations.run(&mut database.connect().await.unwrap()).await.unwrap();
    cluster.stop(Stop::Fast).unwrap();
    // With this file and nobody to follow, the server recovers for ever: a standby of its own past.
    std::fs::write(cluster.data_directory().join("standby.signal"), "").unwrap();
    cluster.start_again().unwrap();
    let mut client = database.connect().await.unwrap();
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);

    let mut more = THREE.to_vec();
    more.push(("0011_more.sql", "CREATE TABLE more ()"));
    let error = set(&more).run(&mut client).await.unwrap_err();
    let Error::Standby { pending, .. } = &error else { panic!("{error:?}") };
    assert_eq!(pending.iter().map(ToString::to_string).collect::<Vec<_>>(), ["11 more"]);
    assert!(error.hint().unwrap().contains("target_session_attrs=read-write"), "{error:?}");
}

#[tokio::test]
async fn an_empty_set_is_up_to_date_on_any_database() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE TABLE theirs ()").unwrap();
    let report = set(&[]).run(&mut client).await.unwrap();
    assert_eq!((report.outcome, report.total), (Outcome::UpToDate, 0));
    assert!(!exists(&database, "graven_history"));
}

#[tokio::test]
async fn namespaces_keep_sets_apart_in_one_history() {
    let (database, mut client) = fresh().await;
    set(&THREE).run(&mut client).await.unwrap();
    let other = set(&[("0001_other.sql", "CREATE TABLE other ()")]);
    let report = other.migrator().namespace("it's \\ other").run(&mut client).await.unwrap();
    assert_eq!(versions(&report), [1]);
    assert_eq!(other.migrator().namespace("it's \\ other").run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(set(&THREE).run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history"), "4");
    assert_eq!(value(&database, "SELECT namespace FROM graven_history WHERE name = 'other'"), "it's \\ other");
}

#[tokio::test]
async fn the_history_is_kept_where_it_is_asked_for() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA ops; CREATE SCHEMA \"My Ops\"").unwrap();
    let migrations = set(&THREE);
    for (name, found) in [
        ("ops.history", "ops.history"),
        ("\"My Ops\".\"the \"\"History\"\"\"", "\"My Ops\".\"the \"\"History\"\"\""),
        ("plain", "public.plain"),
    ] {
        database.execute("DROP TABLE IF EXISTS users").unwrap();
        let mut migrator = migrations.migrator().history(name);
        assert_eq!(migrator.run(&mut client).await.unwrap().applied.len(), 3, "{name}");
        assert_eq!(value(&database, &format!("SELECT count(*) FROM {found}")), "3");
        assert_eq!(migrator.run(&mut client).await.unwrap().outcome, Outcome::UpToDate, "{name}");
        assert_eq!(migrator.status(&mut client).await.unwrap().history.as_deref(), Some(found));
    }
    assert!(!exists(&database, "graven_history"));
}

#[tokio::test]
async fn the_history_lies_in_the_first_schema_of_the_search_path_that_exists() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA \"My \"\"App\"\"\"").unwrap();
    client.batch_execute("SET search_path = nowhere, \"My \"\"App\"\"\", public").await.unwrap();
    let migrations = set(&THREE);
    migrations.run(&mut client).await.unwrap();
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert!(exists(&database, "\"My \"\"App\"\"\".graven_history"));
    assert!(exists(&database, "\"My \"\"App\"\"\".users"));
    assert!(!exists(&database, "public.graven_history"));
}

#[tokio::test]
async fn a_temporary_table_of_the_historys_name_changes_nothing() {
    let (database, mut client) = fresh().await;
    client.batch_execute("CREATE TEMP TABLE graven_history (version text)").await.unwrap();
    let migrations = set(&THREE);
    migrations.run(&mut client).await.unwrap();
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(value(&database, "SELECT count(*) FROM public.graven_history"), "3");
}

#[tokio::test]
async fn a_files_own_begin_and_commit_are_absorbed() {
    let (database, mut client) = fresh().await;
    let files = [
        (
            "1_a.sql",
            "CREATE TABLE log (n serial, xid text);\nBEGIN;\nINSERT INTO log (xid) VALUES (txid_current());\nCOMMIT;\nINSERT INTO log (xid) VALUES (txid_current());\n",
        ),
        (
            "2_b.sql",
            "-- ü\nSTART TRANSACTION;\nINSERT INTO log (xid) VALUES (txid_current());\nEND;\nBEGIN WORK;\nINSERT INTO log (xid) VALUES (txid_current());\nCOMMIT\n",
        ),
    ];
    let report = set(&files).run(&mut client).await.unwrap();
    assert_eq!(versions(&report), [1, 2]);
    assert_eq!(value(&database, "SELECT count(*) || ' in ' || count(DISTINCT xid) FROM log"), "4 in 2");
}

#[tokio::test]
async fn what_pg_dump_writes_at_the_head_of_a_file_does_no_harm() {
    let (database, mut client) = fresh().await;
    let dump = "SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET client_encoding = 'UTF8';\n\
                SET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n\
                SET check_function_bodies = false;\nSET row_security = off;\nSET default_table_access_method = heap;\n\
                CREATE TABLE public.dumped (t text DEFAULT 'a\\b');\n";
    let files = [("1_dump.sql", dump), ("2_next.sql", "CREATE TABLE next ();\nINSERT INTO dumped DEFAULT VALUES;")];
    let migrations = set(&files);
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1, 2]);
    assert_eq!(history(&database).len(), 2);
    assert_eq!(value(&database, "SELECT t FROM dumped"), "a\\b");
    assert!(exists(&database, "public.next"));
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn savepoints_inside_a_file_work() {
    let (database, mut client) = fresh().await;
    let text = "CREATE TABLE t (v int);\nSAVEPOINT one;\nINSERT INTO t VALUES (1);\nROLLBACK TO one;\n\
                INSERT INTO t VALUES (2);\nRELEASE one;\nINSERT INTO t VALUES (3);";
    set(&[("1_t.sql", text)]).run(&mut client).await.unwrap();
    assert_eq!(lines(&database, "SELECT v FROM t ORDER BY v"), ["2", "3"]);
}

#[tokio::test]
async fn a_plain_role_that_may_create_in_its_schema_applies_everything() {
    let (database, _) = fresh().await;
    let role = database.role("app").unwrap();
    database.execute(&format!("GRANT ALL ON SCHEMA public TO {}", role.name())).unwrap();
    let mut client = role.connect().await.unwrap();
    client.batch_execute("SET work_mem = '7MB'").await.unwrap();
    let mut files = THREE.to_vec();
    files.push((
        "0011_off.sql",
        "-- graven: transaction = off\nSET work_mem = '9MB';\nCREATE INDEX CONCURRENTLY users_email ON users (email)",
    ));
    let migrations = set(&files);
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1, 2, 10, 11]);
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(value(&database, "SELECT DISTINCT applied_by FROM graven_history"), role.name());
    assert_eq!(client.query_one("SHOW work_mem", &[]).await.unwrap().get::<_, &str>(0), "7MB");
}

/// What a migration can change about its session, read back from within one.
const SETTINGS: &str = "current_user || ',' || session_user || ',' || current_setting('search_path') || ',' || \
                        current_setting('statement_timeout') || ',' || current_setting('work_mem') || ',' || \
                        current_setting('standard_conforming_strings') || ',' || current_setting('TimeZone') || ',' || \
                        coalesce(current_setting('my.own', true), '')";

async fn settings(client: &Client) -> String {
    client.query_one(&format!("SELECT {SETTINGS}"), &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_a_file_sets_reaches_neither_the_next_file_nor_the_caller() {
    let (database, mut client) = fresh().await;
    let role = database.role("lesser").unwrap();
    database.execute(&format!("GRANT ALL ON SCHEMA public TO {}; CREATE SCHEMA other", role.name())).unwrap();
    let change = format!(
        "SET search_path = other, pg_catalog; SET statement_timeout = '1h'; SET work_mem = '5MB'; SET my.own = 'x';\n\
         SET TimeZone = 'Asia/Tokyo'; SET SESSION AUTHORIZATION {0}; SET ROLE {0}; SET standard_conforming_strings = off;",
        role.name()
    );
    let log = format!("INSERT INTO public.log SELECT {SETTINGS};\n");
    let off = format!("-- graven: transaction = off\n{change}");
    let create = format!("CREATE TABLE public.log (settings text);\n{log}");
    let files = [
        ("1_create.sql", create.as_str()),
        ("2_change.sql", change.as_str()),
        ("3_look.sql", log.as_str()),
        ("4_change.sql", off.as_str()),
        ("5_look.sql", log.as_str()),
    ];
    client
        .batch_execute("SET work_mem = '7MB'; SET TimeZone = 'Europe/Lisbon'; SET statement_timeout = '9min'")
        .await
        .unwrap();
    let before = settings(&client).await;
    set(&files).run(&mut client).await.unwrap();
    assert_eq!(settings(&client).await, before);
    // graven itself sets the timeout of each migration.
    let expected = before.replace("9min", "0");
    assert_eq!(lines(&database, "SELECT settings FROM log"), vec![expected; 3]);
}

#[tokio::test]
async fn a_role_that_the_caller_has_set_stays_set() {
    let (database, mut client) = fresh().await;
    let role = database.role("owner").unwrap();
    database.execute(&format!("GRANT ALL ON SCHEMA public TO {}", role.name())).unwrap();
    client.batch_execute(&format!("SET ROLE {}", role.name())).await.unwrap();
    let files = [
        ("1_a.sql", "CREATE TABLE a ()"),
        ("2_b.sql", "SET ROLE NONE; CREATE TABLE b ()"),
        ("3_c.sql", "CREATE TABLE c ()"),
    ];
    set(&files).run(&mut client).await.unwrap();
    assert_eq!(client.query_one("SELECT current_user::text", &[]).await.unwrap().get::<_, &str>(0), role.name());
    let owners = "SELECT tablename || ' ' || tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let owner = role.name();
    assert_eq!(
        lines(&database, owners),
        [format!("a {owner}"), "b postgres".to_owned(), format!("c {owner}"), format!("graven_history {owner}")]
    );
}

#[tokio::test]
async fn files_that_end_or_begin_oddly_are_applied_as_they_are() {
    let (database, mut client) = fresh().await;
    let files = [
        ("01_empty.sql", ""),
        ("02_blank.sql", " \n\n\t\n"),
        ("03_comments.sql", "-- nothing\n/* to /* be */ done */\n-- here"),
        ("04_no_semicolon.sql", "CREATE TABLE no_semicolon ()"),
        ("05_line_comment.sql", "CREATE TABLE line_comment (); -- the end"),
        ("06_line_comment_no_semicolon.sql", "CREATE TABLE line_comment_no_semicolon () -- the end"),
        ("07_semicolons.sql", ";;CREATE TABLE semicolons ();;;\n;"),
        ("08_bom.sql", "\u{feff}CREATE TABLE bom ();\r\nCREATE TABLE crlf ();\r\n"),
        ("09_block_comment.sql", "CREATE TABLE block_comment (); /* the end */"),
        ("10_empty_off.sql", "-- graven: transaction = off\n-- nothing\n"),
        ("11_a name [with] $1, 'quotes' & \u{fc}.sql", "CREATE TABLE odd_name ();"),
        ("12_dollar.sql", "DO $do$ BEGIN CREATE TABLE dollar (); END $do$"),
    ];
    let migrations = set(&files);
    assert_eq!(migrations.run(&mut client).await.unwrap().applied.len(), files.len());
    assert_eq!(history(&database).len(), files.len());
    assert_eq!(history(&database)[10], "11 a name [with] $1, 'quotes' & \u{fc} applied");
    let tables = [
        "no_semicolon",
        "line_comment",
        "line_comment_no_semicolon",
        "semicolons",
        "bom",
        "crlf",
        "block_comment",
        "odd_name",
        "dollar",
    ];
    assert_eq!(tables.map(|table| exists(&database, table)), [true; 9]);
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn a_file_of_a_megabyte_is_applied() {
    let (database, mut client) = fresh().await;
    let rows: String = (0..16_000)
        .map(|n| format!("INSERT INTO big VALUES ({n}, 'row {n} of a rather large file of inserts');\n"))
        .collect();
    let text = format!("CREATE TABLE big (n int, t text);\n{rows}");
    assert!(text.len() > 1_000_000);
    set(&[("1_big.sql", &text)]).run(&mut client).await.unwrap();
    assert_eq!(value(&database, "SELECT count(*) FROM big"), "16000");
}

#[tokio::test]
async fn backslashes_mean_what_the_files_own_setting_says() {
    let (database, mut client) = fresh().await;
    let files = [
        ("1_on.sql", "CREATE TABLE t (n serial, v text);\nINSERT INTO t (v) VALUES ('a\\b');\n"),
        (
            "2_off.sql",
            "SET standard_conforming_strings = off;\nINSERT INTO t (v) VALUES ('it\\'s; c');\nINSERT INTO t (v) VALUES ('d');\n",
        ),
        ("3_on.sql", "INSERT INTO t (v) VALUES ('e\\f');\n"),
    ];
    assert_eq!(versions(&set(&files).run(&mut client).await.unwrap()), [1, 2, 3]);
    assert_eq!(lines(&database, "SELECT v FROM t ORDER BY n"), ["a\\b", "it's; c", "d", "e\\f"]);
}

#[tokio::test]
async fn a_database_that_reads_backslashes_as_escapes_keeps_its_history_all_the_same() {
    let database = Database::create().unwrap();
    database.execute(&format!("ALTER DATABASE {} SET standard_conforming_strings = off", database.name())).unwrap();
    let mut client = database.connect().await.unwrap();
    let migrations = set(&[("1_a\\b.sql", "CREATE TABLE a ()")]);
    migrations.run(&mut client).await.unwrap();
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(lines(&database, "SELECT name FROM graven_history"), ["a\\b"]);
}
