//! What somebody has put before `pg_catalog` in the search path: none of it is called.

use graven::{Migrations, StampTo, Target};
use graven_testkit::Database;
use tokio_postgres::Client;

use crate::common::{fresh, lines, set};

/// An operator for each of the server's own with such a name, and types with the names of its own: each does what that one does,
/// and tells. What it tells with a rollback is kept, too: a sequence does not roll back.
const TRAPS: &str = r#"
    CREATE SCHEMA traps;
    CREATE SEQUENCE traps.calls;
    CREATE TABLE traps.told (what text);
    CREATE FUNCTION traps.tell(what text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$ BEGIN
        PERFORM nextval('traps.calls');
        INSERT INTO traps.told VALUES ($1);
        RETURN true;
    END $$;
    DO $do$
    DECLARE
        o record;
        wanted text;
    BEGIN
        FOR o IN
            SELECT p.oprname AS name, p.oprleft::regtype::text AS l, p.oprright::regtype::text AS r,
                p.oprresult::regtype::text AS result, p.oid AS number
            FROM pg_operator p
            WHERE p.oprnamespace = 'pg_catalog'::regnamespace AND p.oprkind = 'b' AND p.oprcode <> 0
                AND p.oprname IN ('=', '<>', '<', '<=', '>', '>=', '||', '+', '-', '*', '/', '~', '!~', '&', '>>', '~~', '!~~')
                AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid IN (p.oprleft, p.oprright, p.oprresult) AND t.typtype = 'p')
        LOOP
            EXECUTE format(
                'CREATE FUNCTION public.trap_%s(%s, %s) RETURNS %s LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS '
                '$f$ BEGIN PERFORM traps.tell(%L); RETURN $1 OPERATOR(pg_catalog.%s) $2; END $f$',
                o.number, o.l, o.r, o.result, format('%s %s %s', o.l, o.name, o.r), o.name);
            EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.trap_%s)',
                o.name, o.l, o.r, o.number);
        END LOOP;
        FOREACH wanted IN ARRAY '{text,name,oid,int4,int8,float8,bool,uuid,bytea,timestamptz,regclass}'::text[] LOOP
            EXECUTE format('CREATE DOMAIN public.%I AS pg_catalog.%1$I CHECK (traps.tell(%L))', wanted, wanted);
        END LOOP;
    END $do$;
"#;

/// A database in which everybody's search path begins with all that.
async fn planted() -> (Database, Client) {
    let (database, _) = fresh().await;
    database.execute(TRAPS).unwrap();
    database.execute(&format!("ALTER DATABASE {} SET search_path = app, public, pg_catalog", database.name())).unwrap();
    database.execute("CREATE SCHEMA app").unwrap();
    let client = database.connect().await.unwrap();
    (database, client)
}

/// What was called since the last time.
fn told(database: &Database) -> Vec<String> {
    let told =
        lines(database, "SELECT pg_catalog.concat(count(*), ' ', what) FROM traps.told GROUP BY what ORDER BY what");
    let calls = lines(database, "SELECT pg_catalog.concat('in all ', last_value) FROM traps.calls WHERE is_called");
    database.execute("TRUNCATE traps.told; ALTER SEQUENCE traps.calls RESTART").unwrap();
    if calls.is_empty() { calls } else { [calls, told].concat() }
}

fn files() -> Migrations {
    set(&[
        ("1_a.sql", "CREATE TABLE a (id int)"),
        ("1_a.down.sql", "DROP TABLE a"),
        ("2_i.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY i ON a (id);\nCREATE TABLE b ();"),
        ("2_i.down.sql", "DROP TABLE b; DROP INDEX i"),
        ("v.repeatable.sql", "CREATE OR REPLACE VIEW v AS SELECT 1"),
    ])
}

#[tokio::test]
async fn no_operator_and_no_type_that_stands_before_the_servers_own_is_called() {
    let (database, mut client) = planted().await;
    // The traps are live.
    database.execute("SELECT 'a'::text = 'b'::name").unwrap();
    assert!(!told(&database).is_empty());

    let migrations = files();
    let mut migrator = migrations.migrator();
    assert_eq!(migrator.doctor(&mut client).await.complaints().next().map(|it| it.what.clone()), None);
    assert_eq!(told(&database), [""; 0], "doctor");
    migrator.plan(&mut client).await.unwrap();
    assert_eq!(told(&database), [""; 0], "plan");
    for _ in 0..2 {
        migrations.run(&mut client).await.unwrap();
        assert_eq!(told(&database), [""; 0], "run");
    }
    migrations.status(&mut client).await.unwrap();
    assert_eq!(told(&database), [""; 0], "status");
    migrations.verify(&mut client).await.unwrap();
    assert_eq!(told(&database), [""; 0], "verify");
    migrations.health(&mut client).await.unwrap();
    assert_eq!(told(&database), [""; 0], "health");
    migrator.plan(&mut client).await.unwrap();
    migrator.doctor(&mut client).await;
    assert_eq!(told(&database), [""; 0], "plan and doctor of what is applied");
    migrator.redo(&mut client, 2).await.unwrap();
    assert_eq!(told(&database), [""; 0], "redo");
    migrator.repairable(&mut client).await.unwrap();
    assert_eq!(told(&database), [""; 0], "repair");
    migrator.revert(&mut client, Target::Steps(2)).await.unwrap();
    assert_eq!(told(&database), [""; 0], "revert");
    migrator.stamp(&mut client, StampTo::Head).await.unwrap();
    assert_eq!(told(&database), [""; 0], "stamp");
}

#[tokio::test]
async fn nor_where_rights_are_lacking() {
    let (database, _client) = planted().await;
    let role = database.role("app").unwrap();
    let name = role.name();
    database
        .execute(&format!("GRANT USAGE ON SCHEMA traps, app TO {name}; GRANT ALL ON traps.told, traps.calls TO {name}"))
        .unwrap();
    let mut client = role.connect().await.unwrap();
    let migrations = set(&[("1_a.sql", "CREATE TABLE a (id int)"), ("2_b.sql", "DROP SCHEMA traps")]);
    migrations.run(&mut client).await.unwrap_err();
    assert_eq!(told(&database), [""; 0], "no right to make the history");
    database.execute(&format!("GRANT CREATE ON SCHEMA app TO {name}")).unwrap();
    assert!(migrations.run(&mut client).await.unwrap_err().hint().is_some());
    assert_eq!(told(&database), [""; 0], "no right to do what a migration does");
    migrations.migrator().role("postgres").run(&mut client).await.unwrap_err();
    assert_eq!(told(&database), [""; 0], "no right to a role");
}
#[tokio::test]
async fn nor_where_a_run_fails_or_has_to_wait() {
    let (database, mut client) = planted().await;
    let (a, torn) = ("1_a.sql", "2_torn.sql");
    let files = [
        (a, "CREATE TABLE a (id int)"),
        (torn, "-- graven: transaction = off\nANALYZE a;\nCALL nothing();\nANALYZE a;"),
    ];
    let migrations = set(&files);
    migrations.run(&mut client).await.unwrap_err();
    migrations.run(&mut client).await.unwrap_err();
    assert_eq!(told(&database), [""; 0], "a failure");
    let mut migrator = migrations.migrator();
    migrator.resolve(&mut client, 2, graven::Resolution::Applied).await.unwrap();
    assert_eq!(told(&database), [""; 0], "resolve");

    let other = database.connect().await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE").await.unwrap();
    let waits =
        set(&[files[0], files[1], ("3_c.sql", "-- graven: lock_timeout = 50ms\nALTER TABLE a ADD COLUMN c int")]);
    waits.migrator().retries(0).run(&mut client).await.unwrap_err();
    assert_eq!(told(&database), [""; 0], "a table that is locked");
    other.batch_execute("ROLLBACK; BEGIN; LOCK TABLE graven_history").await.unwrap();
    waits.migrator().lock_timeout(std::time::Duration::from_millis(50)).run(&mut client).await.unwrap_err();
    assert_eq!(told(&database), [""; 0], "a history that is locked");
    other.batch_execute("ROLLBACK").await.unwrap();

    let key = "pg_catalog.hashtextextended('graven \"app\".\"graven_history\"', 0)";
    other.batch_execute(&format!("SELECT pg_catalog.pg_advisory_lock({key})")).await.unwrap();
    let error = waits.migrator().lock_timeout(std::time::Duration::from_millis(50)).run(&mut client).await.unwrap_err();
    assert!(matches!(&error, graven::Error::LockTimeout { holder: Some(_), .. }), "{error:?}");
    assert!(waits.health(&mut client).await.unwrap().lock_holder.is_some());
    assert_eq!(told(&database), [""; 0], "somebody who migrates");
}
