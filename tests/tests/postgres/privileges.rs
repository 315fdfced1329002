//! A role with few rights: each right that is lacking is named, with the GRANT to type, before anything is applied.

use graven::{Error, Migrations, Outcome, Report, Resolution};
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
    assert_eq!(failed.hint(), format!("`GRANT DELETE, SELECT ON TABLE public.t TO {}`, {OR}", role.name()));
}

const OR: &str = "or run migrations with a role that has this right";

/// A role that works in a database of others: their roles, each by its letter.
struct Others {
    database: Database,
    role: Role,
    owners: Vec<Role>,
}

impl Others {
    async fn new() -> Self {
        let (database, role) = strict().await;
        let owners: Vec<Role> =
            ["a", "b", "c", "d", "e", "f", "g", "h"].iter().map(|it| database.role(it).unwrap()).collect();
        let others = Self { database, role, owners };
        others.execute("GRANT ALL ON SCHEMA public TO {me}; CREATE SCHEMA o; GRANT ALL ON SCHEMA o TO {me}");
        others
    }

    /// With the names of this database.
    fn named(&self, text: &str) -> String {
        let text = text.replace("{me}", self.role.name()).replace("{db}", self.database.name());
        let owner = |text: String, owner: &Role| {
            let letter = owner.name().chars().next_back().unwrap();
            text.replace(&format!("{{{letter}}}"), owner.name())
        };
        self.owners.iter().fold(text, owner)
    }

    fn execute(&self, sql: &str) {
        self.database.execute(&self.named(sql)).unwrap();
    }

    async fn run(&self, files: &[(String, String)]) -> Result<Report, Error> {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        set(&files).run(&mut self.role.connect().await.unwrap()).await
    }
}

/// What others do first, the migration, and the hints on the way, after each of which is done what it says.
type Way = (&'static str, &'static str, &'static [&'static str]);

const RIGHTS: [Way; 16] = [
    ("", "CREATE SCHEMA x", &["`GRANT CREATE ON DATABASE {db} TO {me}`, "]),
    (
        "REVOKE TEMPORARY ON DATABASE {db} FROM PUBLIC",
        "CREATE TEMP TABLE tmp ()",
        &["`GRANT TEMPORARY ON DATABASE {db} TO {me}`, "],
    ),
    ("CREATE TABLE o.t ()", "CREATE TABLE t1 AS SELECT * FROM o.t", &["`GRANT SELECT ON TABLE o.t TO {me}`, "]),
    (
        "CREATE TABLE o.\"My i\" (id serial, v int)",
        "INSERT INTO o.\"My i\" (v) VALUES (1)",
        &["`GRANT INSERT ON TABLE o.\"My i\" TO {me}`, ", "`GRANT USAGE ON SEQUENCE o.\"My i_id_seq\" TO {me}`, "],
    ),
    (
        "CREATE TABLE o.u (v int)",
        "-- INSERT INTO o.u\nUPDATE o.u SET v = 1 WHERE v = 2",
        &["`GRANT UPDATE, SELECT ON TABLE o.u TO {me}`, "],
    ),
    (
        "CREATE TABLE o.de (v int); GRANT SELECT ON o.de TO {me}; CREATE TABLE o.fr (v int)",
        "DELETE FROM o.de USING o.fr WHERE o.de.v = o.fr.v",
        &["`GRANT DELETE ON TABLE o.de TO {me}`, ", "`GRANT SELECT ON TABLE o.fr TO {me}`, "],
    ),
    (
        "CREATE TABLE o.pk (id int PRIMARY KEY)",
        "CREATE TABLE fk (id int REFERENCES o.pk)",
        &["`GRANT REFERENCES ON TABLE o.pk TO {me}`, "],
    ),
    (
        "CREATE TABLE o.tr (id int)",
        "CREATE TRIGGER tr BEFORE UPDATE ON o.tr FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        &["`GRANT TRIGGER ON TABLE o.tr TO {me}`, "],
    ),
    (
        "CREATE SEQUENCE o.s; CREATE SEQUENCE public.s",
        "SELECT setval('o.s', 7)",
        &["`GRANT UPDATE ON SEQUENCE o.s TO {me}`, "],
    ),
    (
        "CREATE FUNCTION o.f(v int) RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION o.f FROM PUBLIC",
        "SELECT o.f(1)",
        &["`GRANT EXECUTE ON FUNCTION o.f(v integer) TO {me}`, "],
    ),
    (
        "CREATE DOMAIN o.d AS int; REVOKE USAGE ON TYPE o.d FROM PUBLIC",
        "CREATE TABLE ty (v o.d)",
        &["`GRANT USAGE ON TYPE o.d TO {me}`, "],
    ),
    (
        "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
        "CREATE FUNCTION pl() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
        &["`GRANT USAGE ON LANGUAGE plpgsql TO {me}`, "],
    ),
    // Granted to a whole schema, in a block, and by the search path.
    (
        "CREATE SCHEMA o2",
        "DO $$ BEGIN CREATE TABLE o2.a (); END $$",
        &["`GRANT USAGE ON SCHEMA o2 TO {me}`, ", "`GRANT CREATE ON SCHEMA o2 TO {me}`, "],
    ),
    ("CREATE TABLE o.lo (v int)", "SELECT * FROM o.lo FOR UPDATE", &["`GRANT SELECT, UPDATE ON TABLE o.lo TO {me}`, "]),
    ("CREATE TABLE o.me (v int)", "SET search_path = o; TRUNCATE me", &["`GRANT TRUNCATE ON TABLE o.me TO {me}`, "]),
    (
        "CREATE SCHEMA w; CREATE TABLE w.t (); ALTER TABLE w.t OWNER TO {a}; GRANT USAGE ON SCHEMA w TO {me}, {a}",
        "ALTER TABLE w.t ADD x int",
        &["w.t is {a}'s: `GRANT {a} TO {me}`, or run migrations with that role"],
    ),
];

const OWNERS: [Way; 10] = [
    (
        "CREATE SCHEMA w; GRANT USAGE ON SCHEMA w TO PUBLIC; CREATE TABLE w.t (v int); ALTER TABLE w.t OWNER TO {a}",
        "-- graven: transaction = off\nSELECT 1;\nCREATE INDEX CONCURRENTLY t_v ON w.t (v);",
        &["w.t is {a}'s: `GRANT {a} TO {me}`, ", "`GRANT CREATE ON SCHEMA w TO {me}`, "],
    ),
    (
        "CREATE TABLE t (); CREATE TABLE w.b (); ALTER TABLE w.b OWNER TO {b}",
        "DO $$ BEGIN ALTER TABLE w.b ADD x int; END $$",
        &["w.b is {b}'s: `GRANT {b} TO {me}`, "],
    ),
    ("", "SET ROLE {c}; SELECT 1", &["`GRANT {c} TO {me}`, "]),
    (
        "GRANT CREATE ON SCHEMA public TO {d}",
        "CREATE TABLE mine (); ALTER TABLE mine OWNER TO {d}",
        &["`GRANT {d} TO {me}`, "],
    ),
    (
        "CREATE TABLE w.e (); ALTER TABLE w.e OWNER TO {e}",
        "GRANT SELECT ON w.e TO {a}",
        &["w.e is {e}'s: `GRANT {e} TO {me}`, "],
    ),
    ("CREATE SCHEMA f AUTHORIZATION {f}", "DROP SCHEMA f", &["f is {f}'s: `GRANT {f} TO {me}`, "]),
    (
        "CREATE FUNCTION w.g(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION w.g OWNER TO {g}",
        "DROP FUNCTION w.g(int)",
        &["w.g(integer) is {g}'s: `GRANT {g} TO {me}`, "],
    ),
    (
        "CREATE TABLE w.h (v int); CREATE INDEX i ON w.h (v); ALTER TABLE w.h OWNER TO {h}; GRANT CREATE ON SCHEMA w TO {h}",
        "ALTER INDEX w.i RENAME TO j",
        &["w.i is {h}'s: `GRANT {h} TO {me}`, "],
    ),
    // Obeyed, USAGE would have let it pass, and grant nothing.
    (
        "CREATE SCHEMA sa AUTHORIZATION {a}; REVOKE {a} FROM {me}",
        "GRANT USAGE ON SCHEMA sa TO {h}",
        &["sa is {a}'s: `GRANT {a} TO {me}`, "],
    ),
    (
        "CREATE SCHEMA sb AUTHORIZATION {b}; REVOKE {b} FROM {me}",
        "DO $$ BEGIN REVOKE USAGE ON SCHEMA sb FROM {b}; END $$",
        &["sb is {b}'s: `GRANT {b} TO {me}`, "],
    ),
];

#[tokio::test]
async fn whatever_a_migration_lacks_is_granted_as_the_error_says_until_it_is_applied() {
    for ways in [RIGHTS.as_slice(), &OWNERS] {
        let others = Others::new().await;
        let mut files = Vec::new();
        for (at, (before, text, hints)) in ways.iter().enumerate() {
            others.execute(before);
            files.push((format!("{}_m.sql", at + 1), others.named(text)));
            for hint in *hints {
                let error = others.run(&files).await.unwrap_err();
                let found = error.hint().unwrap();
                assert!(found.starts_with(&others.named(hint)), "{text}: {found}\n{error:?}");
                obey(&others.database, &error);
            }
            let report = others.run(&files).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!(report.applied.len(), 1, "{text}");
        }
    }
}

#[tokio::test]
async fn an_extension_that_is_trusted_takes_a_right_on_the_database() {
    let others = Others::new().await;
    let trusted = "SELECT count(*) FROM pg_available_extension_versions WHERE name = 'hstore' AND trusted";
    if value(&others.database, trusted) == "0" {
        eprintln!("NOT TESTED: this PostgreSQL came without hstore");
        return;
    }
    let files = [("1_h.sql".to_owned(), "CREATE EXTENSION hstore".to_owned())];
    let error = others.run(&files).await.unwrap_err();
    let expected = others.named("`GRANT CREATE ON DATABASE {db} TO {me}`, ");
    assert!(error.hint().unwrap().starts_with(&expected), "{error:?}");
    obey(&others.database, &error);
    others.run(&files).await.unwrap();
}

#[tokio::test]
async fn a_grant_that_would_not_help_is_not_named() {
    const OWNS: &str = "run migrations with the role that owns these objects, or grant it the right";
    let others = Others::new().await;
    others.execute(
        "CREATE TABLE o.guarded (v int); ALTER TABLE o.guarded ENABLE ROW LEVEL SECURITY; GRANT INSERT ON o.guarded TO {me}; \
         CREATE SCHEMA secret; CREATE SCHEMA of_owner AUTHORIZATION pg_database_owner; GRANT {a} TO {me}; GRANT USAGE ON SCHEMA public TO {a}; CREATE TABLE o.t (); \
         CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM o.t'; \
         CREATE FUNCTION makes() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'CREATE TABLE secret.t ()'; \
         ALTER FUNCTION makes OWNER TO {a}; \
         CREATE FUNCTION block() RETURNS int LANGUAGE plpgsql SECURITY DEFINER \
         AS 'BEGIN CREATE TABLE secret.t (); RETURN 1; END'; \
         ALTER FUNCTION block OWNER TO {a}",
    );
    for text in [
        // A policy is lacking.
        "INSERT INTO o.guarded VALUES (1)",
        // To another role, whose rights are not asked for any more.
        "SET ROLE {a}; CREATE TABLE secret.t ()",
        // It is not said what the function does there.
        "SELECT reads()",
        // Whose rights count there.
        "SELECT makes()",
        "DO $$ BEGIN PERFORM makes(); END $$",
        "DO $$ DECLARE v int; BEGIN v := block(); END $$",
        "DO $$ BEGIN PERFORM block(); END $$",
        "DO $$ BEGIN SET LOCAL ROLE {a}; CREATE TABLE secret.t (); END $$",
        // Nobody can become a member of the database's owner.
        "DROP SCHEMA of_owner",
        "CREATE ROLE {me}_2",
        "SET SESSION AUTHORIZATION {b}",
        "SET ROLE postgres",
        "DO $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'not in schema secret'; END $$",
    ] {
        let error = others.run(&[("1_m.sql".to_owned(), others.named(text))]).await.unwrap_err();
        assert_eq!(error.hint().unwrap(), OWNS, "{text}: {error:?}");
    }
    let error = others.run(&[("1_m.sql".to_owned(), "DROP TABLE o.t".to_owned())]).await.unwrap_err();
    let of_a_superuser =
        "run migrations with the role that owns these objects (o.t is postgres's), or have them handed";
    assert!(error.hint().unwrap().starts_with(of_a_superuser), "{error:?}");
    // The role goes with the file's own transaction.
    let off = "-- graven: transaction = off\nBEGIN;\nSET LOCAL ROLE {a};\nCREATE TABLE secret.t ();\nCOMMIT;";
    let error = others.run(&[("1_m.sql".to_owned(), others.named(off))]).await.unwrap_err();
    assert!(error.to_string().contains("permission denied for schema secret"), "{error:?}");
    assert!(error.hint().unwrap().starts_with(OWNS), "{error:?}");
}

/// As `SET ROLE` and `--role` ask whether somebody is a member, and ownership whether he has the role's rights.
#[tokio::test]
async fn who_does_not_inherit_is_told_to_work_as_the_owner() {
    let (database, member, owner) = member().await;
    let name = owner.name();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", member.name())).unwrap();
    database
        .execute(&format!(
            "CREATE SCHEMA o; GRANT USAGE ON SCHEMA o TO PUBLIC; CREATE TABLE o.t (); ALTER TABLE o.t OWNER TO {name}; \
             REVOKE {name} FROM {}",
            member.name()
        ))
        .unwrap();
    let migrations = set(&[("1_t.sql", "ALTER TABLE o.t ADD v int")]);
    let error = refused(&member, migrations).await;
    let as_owner = format!("run migrations as that role, `--role {name}` (in code, `Migrator::role`)");
    let grant = format!("`GRANT {name} TO {}`", member.name());
    assert_eq!(error.hint().unwrap(), format!("o.t is {name}'s: {grant}, and {as_owner}"));
    // In PostgreSQL 16 and later it is the grant that says so, by what the role says at that time.
    obey(&database, &error);
    let error = refused(&member, migrations).await;
    assert_eq!(error.hint().unwrap(), format!("o.t is {name}'s: {as_owner}"));
    // The history was made by the other role.
    database.execute(&format!("GRANT ALL ON graven_history TO {name}")).unwrap();
    let mut client = member.connect().await.unwrap();
    migrations.migrator().role(name).run(&mut client).await.unwrap();
}

#[tokio::test]
async fn a_right_that_is_lacking_midway_is_named_as_well() {
    let (database, role) = strict().await;
    let name = role.name();
    database.execute(&format!("CREATE SCHEMA o; GRANT CREATE ON SCHEMA public TO {name}")).unwrap();
    let off = "-- graven: transaction = off\nSELECT 1;\nCREATE TABLE o.a ();\nCREATE ROLE nobody_at_all;";
    let migrations = set(&[("1_a.sql", off)]);
    for grant in ["USAGE", "CREATE"] {
        let error = refused(&role, migrations).await;
        let hint = error.hint().unwrap();
        assert!(hint.starts_with(&format!("`GRANT {grant} ON SCHEMA o TO {name}`, ")), "{hint}");
        assert!(hint.ends_with(", and start again"), "{hint}");
        assert_eq!(history(&database), ["1 a started 1/3"]);
        obey(&database, &error);
    }
    let hint = refused(&role, migrations).await.hint().unwrap();
    assert_eq!(hint, "run migrations with the role that owns these objects, or grant it the right, and start again");
    assert_eq!(history(&database), ["1 a started 2/3"]);
}

#[tokio::test]
async fn who_may_not_connect_is_told_the_grant_by_a_run_and_by_the_doctor() {
    let (database, role) = strict().await;
    database.execute(&format!("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", database.name())).unwrap();
    let grant = format!("`GRANT CONNECT ON DATABASE {} TO {}`", database.name(), role.name());
    let diagnosis = set(&[A]).migrator().doctor_url(role.url()).await;
    let remedies: Vec<_> = diagnosis.complaints().map(|it| it.remedy.clone().unwrap()).collect();
    assert_eq!(remedies, std::slice::from_ref(&grant), "{diagnosis:#?}");
    let error = set(&[A]).run_url(role.url()).await.unwrap_err();
    assert_eq!(error.hint().unwrap(), grant);
    obey(&database, &error);
    // A setting that it may not make is another thing.
    let setting = format!("{}?options=-c%20log_statement%3Dall", role.url());
    let error = set(&[A]).run_url(&setting).await.unwrap_err();
    assert!(matches!(&error, Error::Connect { grant: None, .. }), "{error:?}");
    assert!(!error.hint().unwrap().contains("CONNECT"), "{error:?}");
    // Nor is a role that it may not take, were it called as the database.
    database.execute(&format!("CREATE ROLE {}", database.name())).unwrap();
    let result = set(&[A]).run_url(&format!("{}?options=-c%20role%3D{}", role.url(), database.name())).await;
    database.execute(&format!("DROP ROLE {}", database.name())).unwrap();
    let error = result.unwrap_err();
    assert!(error.explain().contains("permission denied to set role"), "{error:?}");
    assert!(matches!(&error, Error::Connect { grant: None, .. }), "{error:?}");
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
