//! A development database is made anew, and nothing else ever is. What cannot be made again is not taken away.
//!
//! The rule of `GRAVEN_ENV` is about a process's environment, so that each reset is a process of its own: this very test
//! program, started again.

use std::process::{Command, Stdio};

use graven::Sessions;
use graven_testkit::{Cut, Database, Proxy};

use crate::common::{exists, fresh, history, lines, set, until, value};

const URL: &str = "GRAVEN_TEST_RESET_URL";
const FORCE: &str = "GRAVEN_TEST_RESET_FORCE";

const SET: [(&str, &str); 2] = [("0001_a.sql", "CREATE TABLE a (v int)"), ("0002_b.sql", "INSERT INTO a VALUES (1)")];

/// What the process does.
#[tokio::test]
#[ignore = "a reset: other tests start it as a process"]
async fn process() {
    let Ok(url) = std::env::var(URL) else { return };
    let sessions = if std::env::var_os(FORCE).is_some() { Sessions::End } else { Sessions::Refuse };
    let mut migrator = set(&SET).migrator();
    if let Ok(role) = std::env::var("GRAVEN_TEST_RESET_ROLE") {
        migrator = migrator.role(role);
    }
    match migrator.reset_url(&url, sessions).await {
        Ok(report) => println!(
            "reset: {} there={} applied={} not_restored={:?} gone={:?}",
            report.database,
            report.was_there,
            report.run.applied.len(),
            report.not_restored,
            report.extensions_gone
        ),
        Err(error) => panic!("{}", error.explain()),
    }
}

/// Resets, in an environment of these variables; hands back what the process said of its success or failure.
fn reset(url: &str, environment: &[(&str, &str)]) -> Result<String, String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "reset::process", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(URL, url).env("GRAVEN_ENV", "development").stdin(Stdio::null());
    for name in ["GRAVEN_MODE", "GRAVEN_LOCK_TIMEOUT", FORCE] {
        command.env_remove(name);
    }
    for (name, value) in environment {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match out.lines().find_map(|line| line.split("reset: ").nth(1)) {
        Some(said) if output.status.success() => Ok(said.to_owned()),
        _ => Err(format!("{out}\n{err}")),
    }
}

/// A database with a table that no migration makes, so that a reset shows.
async fn used() -> Database {
    let (database, mut client) = fresh().await;
    set(&SET).run(&mut client).await.unwrap();
    database.execute("CREATE TABLE by_hand ()").unwrap();
    drop(client);
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    until("nobody else is connected", || value(&database, others) == "0").await;
    database
}

fn is_untouched(database: &Database) -> bool {
    exists(database, "by_hand") && history(database).len() == 2
}

fn is_new(database: &Database) -> bool {
    !exists(database, "by_hand") && value(database, "SELECT count(*) FROM a") == "1" && history(database).len() == 2
}

/// What lies beside a database, which nothing but a reset that was cut off may leave.
fn beside(database: &Database) -> Vec<String> {
    lines(database, "SELECT datname FROM pg_database WHERE datname = current_database() || '_graven_reset'")
}

#[tokio::test]
async fn it_is_dropped_made_anew_and_filled() {
    let database = used().await;
    let said = reset(database.url(), &[]).unwrap();
    assert_eq!(said, format!("{} there=true applied=2 not_restored=[] gone=[]", database.name()));
    assert!(is_new(&database));
    assert_eq!(beside(&database), [""; 0]);
    // And again.
    reset(database.url(), &[("GRAVEN_MODE", "verify")]).unwrap();
    assert!(is_new(&database));
}

#[tokio::test]
async fn what_belongs_to_the_database_itself_is_as_it_was() {
    let database = used().await;
    let (name, owner, reader) = (database.name(), database.role("owner").unwrap(), database.role("reader").unwrap());
    let (owner, reader) = (owner.name(), reader.name());
    database
        .execute(&format!(
            "ALTER DATABASE {name} OWNER TO {owner}; ALTER DATABASE {name} CONNECTION LIMIT 50; \
             ALTER DATABASE {name} SET search_path = \"$user\", public, 'it''s, odd'; \
             ALTER DATABASE {name} SET my.setting = 'a=b'; \
             ALTER ROLE {reader} IN DATABASE {name} SET statement_timeout = '7s'; \
             REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO {reader} WITH GRANT OPTION; \
             COMMENT ON DATABASE {name} IS 'it''s ours'"
        ))
        .unwrap();
    // Not every PostgreSQL brings along more than the one that each database has.
    let spare =
        "SELECT name FROM pg_available_extensions WHERE installed_version IS NULL AND name IN ('tablefunc', 'hstore')";
    let spare = lines(&database, spare).pop();
    if let Some(spare) = &spare {
        database.execute(&format!("CREATE EXTENSION {spare}")).unwrap();
    }
    let looks = [
        "SELECT concat_ws(' ', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit, \
         dattablespace, shobj_description(oid, 'pg_database')) FROM pg_database WHERE datname = current_database()",
        "SELECT setrole::regrole::text || ' ' || unnest(setconfig) FROM pg_db_role_setting \
         WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1",
        "SELECT concat_ws(' ', grantee::regrole, privilege_type, is_grantable) FROM pg_database, aclexplode(datacl) \
         WHERE datname = current_database() ORDER BY 1",
    ];
    let see = || looks.map(|sql| lines(&database, sql));
    let before = see();
    assert!(before[1].len() == 3 && before[2].len() >= 4, "{before:?}");
    let said = reset(database.url(), &[]).unwrap();
    let gone: Vec<String> = spare.into_iter().collect();
    assert!(said.ends_with(&format!("not_restored=[] gone={gone:?}")), "{said}");
    assert_eq!(see(), before);
    assert!(is_new(&database));
}

#[tokio::test]
async fn an_encoding_of_its_own_is_kept() {
    let database = used().await;
    let name = format!("{}_c", database.name());
    let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
    database.execute(&create).unwrap();
    let result = reset(&database.url().replace(database.name(), &name), &[]);
    let look = "SELECT concat_ws(' ', pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database";
    let kept = value(&database, &format!("{look} WHERE datname = '{name}'"));
    database.execute(&format!("DROP DATABASE {name}")).unwrap();
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(kept, "SQL_ASCII C C");
}

#[tokio::test]
async fn without_the_word_of_the_environment_it_does_not_even_connect() {
    let database = used().await;
    for environment in ["production", ""] {
        let proxy = Proxy::to(database.url()).unwrap();
        let said = reset(proxy.url(), &[("GRAVEN_ENV", environment)]).unwrap_err();
        assert!(said.contains("and not `development`"), "{said}");
        assert_eq!(proxy.traffic().connections, 0);
    }
    assert!(is_untouched(&database));
}

#[tokio::test]
async fn what_others_use_is_refused_with_their_names() {
    let database = used().await;
    let client = database.connect().await.unwrap();
    client.batch_execute("SET application_name = 'the service'").await.unwrap();
    database.execute("UPDATE graven_history SET applied_as = 'app/web-7' WHERE version = 2").unwrap();
    let said = reset(database.url(), &[]).unwrap_err();
    assert!(said.contains("(the service, role postgres, from 127.0.0.1)"), "{said}");
    assert!(is_untouched(&database));
    drop(client);
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'the service'";
    until("it has gone", || value(&database, open) == "0").await;
    let said = reset(database.url(), &[(FORCE, "1")]).unwrap_err();
    assert!(said.contains("from other machines: web-7"), "{said}");
    assert!(is_untouched(&database));
}

#[tokio::test]
async fn a_database_in_which_nothing_could_be_applied_is_refused() {
    let database = used().await;
    let name = database.name();
    let set = |setting: &str| database.execute(&format!("ALTER DATABASE {name} SET {setting}"));
    set("default_transaction_read_only = on").unwrap();
    let said = reset(database.url(), &[]).unwrap_err();
    assert!(said.contains("transactions in it are read-only: default_transaction_read_only is on"), "{said}");
    assert!(said.contains(&format!("`ALTER DATABASE {name} SET default_transaction_read_only = off`")), "{said}");
    assert!(is_untouched(&database));
    database
        .execute(&format!("BEGIN READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only; COMMIT"))
        .unwrap();
    set("search_path = pg_temp, public").unwrap();
    let said = reset(database.url(), &[]).unwrap_err();
    assert!(said.contains("its history cannot be read: schema pg_temp_"), "{said}");
    assert!(is_untouched(&database));
    assert_eq!(beside(&database), [""; 0]);
}

#[tokio::test]
async fn sessions_are_ended_where_that_was_said() {
    let database = used().await;
    let client = database.connect().await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    reset(database.url(), &[(FORCE, "1")]).unwrap();
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert!(is_new(&database));
}

#[tokio::test]
async fn a_role_without_the_rights_is_told_both_and_the_role_that_has_them_serves() {
    let database = used().await;
    let role = database.role("app").unwrap();
    database.execute(&format!("GRANT SELECT ON graven_history TO {}", role.name())).unwrap();
    let said = reset(role.url(), &[]).unwrap_err();
    assert!(said.contains(&format!("ALTER ROLE {} CREATEDB", role.name())), "{said}");
    assert!(said.contains(&format!("GRANT postgres TO {}", role.name())), "{said}");
    assert!(is_untouched(&database));
    database.execute(&format!("GRANT postgres TO {}", role.name())).unwrap();
    reset(role.url(), &[("GRAVEN_TEST_RESET_ROLE", "postgres")]).unwrap();
    assert!(is_new(&database));
}

/// The right to create in a tablespace is one that only superusers have where nobody has granted it.
#[tokio::test]
async fn a_role_that_owns_the_database_and_may_create_others_needs_no_more() {
    let database = used().await;
    let role = database.role("app").unwrap();
    let (name, role_name) = (database.name(), role.name());
    let rights = format!(
        "ALTER ROLE {role_name} CREATEDB; ALTER DATABASE {name} OWNER TO {role_name}; \
         GRANT SELECT ON graven_history TO {role_name}"
    );
    database.execute(&rights).unwrap();
    let said = reset(role.url(), &[]).unwrap();
    assert_eq!(said, format!("{name} there=true applied=2 not_restored=[] gone=[]"));
    assert!(is_new(&database));
}

#[tokio::test]
async fn where_there_is_none_it_is_made() {
    let database = used().await;
    let name = format!("{}_absent", database.name());
    let result = reset(&database.url().replace(database.name(), &name), &[]);
    database.execute(&format!("DROP DATABASE {name}")).unwrap();
    assert_eq!(result.unwrap(), format!("{name} there=false applied=2 not_restored=[] gone=[]"));
    assert!(is_untouched(&database));
}

#[tokio::test]
async fn where_the_new_one_cannot_be_made_the_old_one_stays() {
    let database = used().await;
    for (refused, instead) in [("CREATE DATABASE", "SELECT 1 / 0"), ("DROP DATABASE", "SELECT 1 / 0")] {
        let proxy = Proxy::to(database.url()).unwrap();
        proxy.rewrite(move |sql| {
            let old = sql.starts_with(refused) && !(refused == "DROP DATABASE" && sql.contains("_graven_reset"));
            old.then(|| instead.to_owned())
        });
        let said = reset(proxy.url(), &[]).unwrap_err();
        assert!(said.contains("division by zero"), "{said}");
        assert!(is_untouched(&database), "{refused}");
        assert_eq!(beside(&database), [""; 0], "{refused}");
    }
}

/// Another project's: the URL was the wrong one.
#[tokio::test]
async fn a_database_with_tables_and_no_history_of_these_migrations_is_refused() {
    const THEIRS: &str = "it holds tables and no history of these migrations: public.";
    let (database, mut client) = fresh().await;
    database.execute("CREATE TABLE theirs (v int)").unwrap();
    let said = reset(database.url(), &[(FORCE, "1")]).unwrap_err();
    assert!(said.contains(&format!("{THEIRS}theirs")), "{said}");
    database.execute("DROP TABLE theirs").unwrap();
    // Of graven as well, and with the same versions.
    set(&[("0001_c.sql", "CREATE TABLE c (v int)"), ("0002_d.sql", "")]).run(&mut client).await.unwrap();
    drop(client);
    let said = reset(database.url(), &[(FORCE, "1")]).unwrap_err();
    assert!(said.contains(&format!("{THEIRS}c")), "{said}");
    assert_eq!(history(&database).len(), 2);
}

#[tokio::test]
async fn an_empty_database_may_be_reset_and_so_may_one_whose_migrations_were_edited() {
    let (database, mut client) = fresh().await;
    reset(database.url(), &[(FORCE, "1")]).unwrap();
    assert!(is_new(&database));
    assert!(client.batch_execute("SELECT 1").await.is_err());
    client = database.connect().await.unwrap();
    client.batch_execute("UPDATE graven_history SET checksum = sha256(checksum)").await.unwrap();
    reset(database.url(), &[(FORCE, "1")]).unwrap();
    assert!(is_new(&database));
}

/// As a drop that was cancelled leaves it: nobody can connect to it any more.
fn invalidate(database: &str) -> String {
    format!("UPDATE pg_catalog.pg_database SET datconnlimit = -2 WHERE datname = '{database}'")
}

#[tokio::test]
async fn a_drop_that_is_cut_off_is_repeated_and_the_new_database_is_never_taken_back() {
    let database = used().await;
    let name = database.name().to_owned();
    // The drop fails, once or each time, after PostgreSQL has marked the database.
    let cut_off = |which: &'static str| {
        let proxy = Proxy::to(database.url()).unwrap();
        let (old, name) = (format!("\"{name}\""), name.clone());
        proxy.rewrite(move |sql| {
            let is_it = sql.starts_with(which) && sql.contains(&old);
            is_it.then(|| format!("BEGIN; {}; COMMIT; SELECT 1 / 0", invalidate(&name)))
        });
        proxy
    };
    reset(cut_off("DROP DATABASE \"").url(), &[]).unwrap();
    assert!(is_new(&database));
    assert_eq!(beside(&database), [""; 0]);

    database.execute("CREATE TABLE by_hand ()").unwrap();
    let said = reset(cut_off("DROP DATABASE").url(), &[]).unwrap_err();
    assert!(said.contains("is unfinished") && said.contains("division by zero"), "{said}");
    assert!(said.contains(&format!("`DROP DATABASE \"{name}\"` first if it is listed still")), "{said}");
    let said = reset(database.url(), &[]).unwrap();
    assert_eq!(said, format!("{name} there=true applied=2 not_restored=[] gone=[]"));
    assert!(is_new(&database));
    assert_eq!(beside(&database), [""; 0]);
}

#[tokio::test]
async fn a_database_whose_drop_was_cut_off_is_made_anew() {
    let database = used().await;
    let limit = "SELECT datconnlimit FROM pg_database WHERE datname = current_database()";
    for leftover in [None, Some(""), Some("invalid")] {
        if leftover.is_some() {
            database.execute(&format!("CREATE DATABASE {}_graven_reset", database.name())).unwrap();
        }
        if leftover == Some("invalid") {
            database.execute(&invalidate(&format!("{}_graven_reset", database.name()))).unwrap();
        }
        if !exists(&database, "by_hand") {
            database.execute("CREATE TABLE by_hand ()").unwrap();
        }
        database.execute(&invalidate(database.name())).unwrap();
        reset(database.url(), &[]).unwrap();
        assert!(is_new(&database), "{leftover:?}");
        assert_eq!(value(&database, limit), "-1", "{leftover:?}");
        assert_eq!(beside(&database), [""; 0], "{leftover:?}");
    }
}

#[tokio::test]
async fn what_a_reset_has_left_half_dropped_is_not_given_the_name() {
    let database = used().await;
    let name = format!("{}_half", database.name());
    database.execute(&format!("CREATE DATABASE {name}_graven_reset")).unwrap();
    database.execute(&invalidate(&format!("{name}_graven_reset"))).unwrap();
    let result = reset(&database.url().replace(database.name(), &name), &[]);
    let left = lines(&database, &format!("SELECT datname FROM pg_database WHERE datname = '{name}_graven_reset'"));
    database.execute(&format!("DROP DATABASE IF EXISTS {name}")).unwrap();
    assert_eq!(result.unwrap(), format!("{name} there=false applied=2 not_restored=[] gone=[]"));
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn a_timeout_of_the_connection_does_not_cut_it_off() {
    let database = used().await;
    let proxy = Proxy::to(database.url()).unwrap();
    proxy.rewrite(|sql| {
        let slow = sql.starts_with("SELECT pg_catalog.pg_try_advisory_lock(") && sql.contains("graven reset");
        slow.then(|| format!("{sql} FROM pg_catalog.pg_sleep(1.5)"))
    });
    let mark = if proxy.url().contains('?') { '&' } else { '?' };
    reset(&format!("{}{mark}options=-c%20statement_timeout%3D1s", proxy.url()), &[]).unwrap();
    assert!(is_new(&database));
}

/// The failure guarded against: a database that is gone, with nobody knowing what to do about it.
#[tokio::test]
async fn cut_off_at_any_message_another_reset_finishes_it() {
    let database = used().await;
    let proxy = Proxy::to(database.url()).unwrap();
    reset(proxy.url(), &[]).unwrap();
    let messages = proxy.traffic().messages.len();
    assert!(messages >= 9, "{messages}");
    let mut unfinished = 0;
    for at in 1..=messages {
        if !exists(&database, "by_hand") {
            database.execute("CREATE TABLE by_hand ()").unwrap();
        }
        let proxy = Proxy::to(database.url()).unwrap();
        // Cut before the next message, the database would be the same.
        proxy.cut(Cut::After(at));
        let result = reset(proxy.url(), &[]);
        if let Err(said) = &result {
            unfinished += usize::from(said.contains("is unfinished") && said.contains("RENAME TO"));
        }
        // What it left is ended, as its processes may still be at it.
        let again = reset(database.url(), &[(FORCE, "1")]);
        assert!(again.is_ok(), "{at}: {result:?} {again:?}");
        assert!(is_new(&database), "{at}");
        assert_eq!(beside(&database), [""; 0], "{at}");
    }
    assert!(unfinished >= 2, "{unfinished}");
}
