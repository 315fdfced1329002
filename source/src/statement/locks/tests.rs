use super::LockMode::{AccessExclusive, RowExclusive, Share, ShareUpdateExclusive};
use super::{ALTER_TABLE, Change, KNOWN, Lock, LockMode, Locked, QualifiedName, change, locks};

fn shown(name: &QualifiedName) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.clone(),
    }
}

fn found(statement: &str) -> Vec<(String, LockMode)> {
    let on = |lock: &Lock| match &lock.on {
        Locked::Relation(name) => shown(name),
        Locked::TableOf(index) => format!("table of {}", shown(index)),
    };
    locks(statement).iter().map(|lock| (on(lock), lock.mode)).collect()
}

#[test]
fn the_examples_of_the_table_are_read_as_it_says() {
    let examples = KNOWN.iter().flat_map(|known| known.examples).chain(ALTER_TABLE);
    let mut count = 0;
    for (statement, wanted) in examples {
        let wanted: Vec<_> = wanted.iter().map(|(on, mode)| ((*on).to_owned(), *mode)).collect();
        assert_eq!(found(statement), wanted, "{statement}");
        assert_eq!(found(&format!("{}; -- x", statement.to_lowercase())), wanted, "{statement}");
        count += 1;
    }
    assert!(count > 60, "{count}");
    let without: Vec<_> = KNOWN.iter().filter(|known| known.examples.is_empty()).map(|known| known.begins).collect();
    assert_eq!(without, ["alter table all", "alter materialized view all"], "every other row has an example");
}

#[test]
fn of_what_is_not_known_nothing_is_said() {
    for statement in [
        "",
        "SELECT * FROM a FOR UPDATE",
        "WITH x AS (DELETE FROM a RETURNING 1) SELECT * FROM x",
        "WITH x AS (SELECT 1) SELECT 1 FROM a FOR UPDATE",
        "CREATE EXTENSION hstore",
        "CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION f()",
        "CREATE TYPE t AS ENUM ('on')",
        "ALTER TYPE t ADD VALUE 'a'",
        "ALTER TABLE ALL IN TABLESPACE x SET TABLESPACE y",
        "ALTER TABLE a SET (user_catalog_table)",
        "ALTER TABLE a SET (fillfactor = 50, user_catalog_table = on)",
        "COMMENT ON FOREIGN DATA WRAPPER w IS 'x'",
        "COMMENT ON TYPE t IS 'x'",
        "COPY a TO STDOUT",
        "COPY (SELECT 1) TO STDOUT",
        "VACUUM",
        "VACUUM (FULL)",
        "REINDEX SCHEMA s",
        "REINDEX DATABASE",
        "CLUSTER",
        "DO $$ BEGIN DROP TABLE a; END $$",
        "GRANT SELECT ON a TO b",
        "DROP FUNCTION f()",
        "LOCK a IN",
    ] {
        assert_eq!(found(statement), [], "{statement}");
    }
}

#[test]
fn the_strongest_lock_of_all_actions_counts_once_a_table() {
    let one = |statement: &str, mode| assert_eq!(found(statement), [("a".to_owned(), mode)], "{statement}");
    one("ALTER TABLE a ALTER x SET STATISTICS 5, VALIDATE CONSTRAINT c", ShareUpdateExclusive);
    one("ALTER TABLE a ALTER x SET STATISTICS 5, ALTER x SET NOT NULL", AccessExclusive);
    one("ALTER TABLE a ADD COLUMN z numeric(10, 2) DEFAULT (1), CLUSTER ON i", AccessExclusive);
    one("CREATE INDEX \"on\" ON a (x)", Share);
    one("COMMENT ON COLUMN a.x IS NULL", ShareUpdateExclusive);
    one("WITH RECURSIVE update AS (SELECT 1) UPDATE a SET x = 1", RowExclusive);
    one("CLUSTER i ON a", AccessExclusive);
}

#[test]
fn what_a_statement_makes_renames_and_drops() {
    let name =
        |schema: Option<&str>, name: &str| QualifiedName { schema: schema.map(str::to_owned), name: name.to_owned() };
    let a = || name(None, "a");
    for (statement, wanted) in [
        ("CREATE TABLE a ()", Some(Change::Makes(a()))),
        ("create unlogged table \"S\".a as select 1", Some(Change::Makes(name(Some("S"), "a")))),
        ("CREATE MATERIALIZED VIEW a AS SELECT 1", Some(Change::Makes(a()))),
        ("CREATE FOREIGN TABLE a () SERVER s", Some(Change::Makes(a()))),
        ("CREATE TEMP TABLE a ()", Some(Change::MakesTemporary(a()))),
        ("CREATE LOCAL TEMPORARY TABLE a ()", Some(Change::MakesTemporary(a()))),
        ("ALTER TABLE IF EXISTS s.a RENAME TO b", Some(Change::Renames(name(Some("s"), "a"), "b".to_owned()))),
        ("DROP TABLE IF EXISTS a, s.b CASCADE", Some(Change::Drops(vec![a(), name(Some("s"), "b")]))),
        ("CREATE TABLE IF NOT EXISTS a ()", None),
        ("CREATE OR REPLACE VIEW a AS SELECT 1", None),
        ("ALTER TABLE a RENAME x TO y", None),
        ("ALTER TABLE a ADD x int", None),
        ("CREATE INDEX a ON b (x)", None),
        ("", None),
    ] {
        assert_eq!(change(statement), wanted, "{statement}");
    }
}

#[test]
fn the_modes_are_in_order_of_strength() {
    assert!(LockMode::ALL.is_sorted());
    assert_eq!(LockMode::ALL.map(LockMode::as_str).last(), Some(&"ACCESS EXCLUSIVE"));
}
