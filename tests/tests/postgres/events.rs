//! What a run tells while it is under way: to its observer, and to `tracing`.

use std::sync::{Arc, Mutex};

use graven::{Error, Event, Target};
use graven_testkit::{Database, Message, Proxy};

use crate::common::{Ended, Instance, failed, fresh, named, set, until};

/// The events of a run, as short as they can be compared.
fn recorder() -> (Arc<Mutex<Vec<String>>>, impl FnMut(&Event<'_>) + Send + 'static) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let observer = move |event: &Event<'_>| {
        let line = match event {
            Event::Looked { history, applied, pending, .. } => format!("looked {history} {applied}+{pending}"),
            Event::Future { versions, .. } => format!("future {}", versions.len()),
            Event::LockWaiting { holder, .. } => format!("waiting for {}", holder.map_or("?", |holder| holder.name())),
            Event::LockAcquired { .. } => "lock".to_owned(),
            Event::AppliedElsewhere { .. } => "elsewhere".to_owned(),
            Event::Applying { version, name, number, of, .. } => format!("applying {version} {name} {number}/{of}"),
            Event::Statement { version, number, of, sql, .. } => format!("statement {version} {number}/{of} {sql}"),
            Event::Retrying { version, attempt, error, .. } => {
                format!("retrying {version} {attempt} {}", error.sqlstate)
            }
            Event::Applied { version, name, .. } => format!("applied {version} {name}"),
            Event::ToRevert { database, history, migrations, .. } => {
                assert!(!database.is_empty());
                let versions: Vec<String> = migrations.iter().map(|found| found.version.to_string()).collect();
                format!("to revert {} of {history}", versions.join(", "))
            }
            Event::Reverting { version, number, of, .. } => format!("reverting {version} {number}/{of}"),
            Event::Reverted { version, .. } => format!("reverted {version}"),
            Event::Done { applied, .. } => format!("done {applied}"),
            other => format!("{other:?}"),
        };
        seen.lock().unwrap().push(line);
    };
    (events, observer)
}

const FILES: [(&str, &str); 3] = [
    ("0001_a.sql", "CREATE TABLE a (v int)"),
    ("0002_b.sql", "-- graven: transaction = off\nSELECT 1;\nCREATE INDEX CONCURRENTLY a_v\n  ON a (v);\n"),
    ("0003_c.sql", "CREATE TABLE c ()"),
];

/// As `graven new` makes it: once it is recorded, what is written into it does not run.
#[tokio::test]
async fn a_migration_without_a_statement_is_told_with_its_file() {
    let (_database, mut client) = fresh().await;
    let (events, observer) = recorder();
    let files = [("0001_a.sql", "-- a\n\n  -- and more\n"), ("0002_b.sql", "-- b\nSELECT 1;\n")];
    set(&files).migrator().observe(observer).run(&mut client).await.unwrap();
    let told: Vec<String> = events.lock().unwrap().iter().filter(|it| it.contains("OnlyComments")).cloned().collect();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.contains("0001_a.sql"), "{told}");
}

#[tokio::test]
async fn an_observer_hears_of_each_step_in_order() {
    let (_database, mut client) = fresh().await;
    let (events, observer) = recorder();
    set(&FILES).migrator().observe(observer).run(&mut client).await.unwrap();
    let found = events.lock().unwrap().clone();
    // Which of the two comes first is of no matter.
    let (mut head, tail) = (found[..2].to_vec(), &found[2..]);
    head.sort();
    assert_eq!(head, ["lock", "looked public.graven_history 0+3"]);
    assert_eq!(
        tail,
        [
            "applying 1 a 1/3",
            "applied 1 a",
            "applying 2 b 2/3",
            "statement 2 1/2 SELECT 1;",
            "statement 2 2/2 CREATE INDEX CONCURRENTLY a_v",
            "applied 2 b",
            "applying 3 c 3/3",
            "applied 3 c",
            "done 3",
        ]
    );
}

/// Warns without a word in the file that says so.
const QUIET: &str = "DO $$ BEGIN EXECUTE 'DO $q$ BEGIN RAISE W' || 'ARNING ''quiet''; END $q$'; END $$;";

#[tokio::test]
async fn of_a_transaction_of_the_files_own_is_told_what_it_does() {
    let (_database, mut client) = fresh().await;
    let (events, observer) = recorder();
    let text = "-- graven: transaction = off\nCREATE TABLE a (id int);\nBEGIN;\n-- Both or none.\nINSERT INTO a\nVALUES (1);\n\
                DELETE FROM a;\nCOMMIT;";
    set(&[("1_a.sql", text)]).migrator().observe(observer).run(&mut client).await.unwrap();
    let found = events.lock().unwrap().clone();
    let statements: Vec<_> = found.iter().filter(|event| event.starts_with("statement")).collect();
    assert_eq!(statements, ["statement 1 1/2 CREATE TABLE a (id int);", "statement 1 2/2 INSERT INTO a"]);
}

#[tokio::test]
async fn what_postgresql_warns_of_is_told_with_whose_it_is() {
    let warn = |what: &str| format!("DO $$ BEGIN RAISE WARNING '{what}' USING HINT = 'look'; END $$;");
    let off = format!("-- graven: transaction = off\n{}", warn("off"));
    let (two, every) = (format!("DROP TABLE IF EXISTS nowhere;\n{}", warn("two")), warn("each time"));
    let files = [
        ("1_a.sql", QUIET),
        ("2_b.sql", &two),
        ("3_c.sql", &off),
        ("4_d.sql", "SELECT 1"),
        ("e.repeatable.sql", &every),
    ];
    let database = Database::create().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let mut migrator = set(&files).migrator().observe(move |event| {
        let line = match event {
            Event::Warned { version, name, warning, .. } => {
                let version = version.map(|version| version.value());
                format!("{version:?} {name:?} {} {:?}", warning.message, warning.hint)
            }
            Event::Applied { name, .. } => format!("applied {name}"),
            _ => return,
        };
        seen.lock().unwrap().push(line);
    });
    migrator.run_url(database.url()).await.unwrap();
    assert_eq!(
        *told.lock().unwrap(),
        [
            "Some(1) Some(\"a\") quiet None",
            "applied a",
            "Some(2) Some(\"b\") two Some(\"look\")",
            "applied b",
            "Some(3) Some(\"c\") off Some(\"look\")",
            "applied c",
            "applied d",
            "None Some(\"e\") each time Some(\"look\")",
        ]
    );
}

#[tokio::test]
async fn a_warning_of_several_that_travel_together_is_nobodys_in_particular() {
    let database = Database::create().unwrap();
    let (events, observer) = recorder();
    let migrations = set(&[("1_a.sql", "SELECT 1"), ("2_b.sql", QUIET)]);
    migrations.migrator().observe(observer).run_url(database.url()).await.unwrap();
    let events = events.lock().unwrap().clone();
    let warned: Vec<&String> = events.iter().filter(|event| event.contains("Warned")).collect();
    assert_eq!(warned.len(), 1, "{events:?}");
    assert!(warned[0].contains("version: None, name: None") && warned[0].contains("quiet"), "{warned:?}");
}

#[tokio::test]
async fn every_observer_hears_of_everything() {
    let (_database, mut client) = fresh().await;
    let ((first, one), (second, other)) = (recorder(), recorder());
    set(&FILES[..1]).migrator().observe(one).observe(other).run(&mut client).await.unwrap();
    assert_eq!(*first.lock().unwrap(), *second.lock().unwrap());
    assert!(first.lock().unwrap().contains(&"applied 1 a".to_owned()));
}

#[tokio::test]
async fn a_revert_says_what_it_takes_back_before_it_touches_any_of_it() {
    let (_database, mut client) = fresh().await;
    let files = [("1_a.sql", ""), ("1_a.down.sql", ""), ("2_b.sql", ""), ("2_b.down.sql", ""), ("3_c.sql", "")];
    let without = set(&files);
    let migrations = set(&[&files[..], &[("3_c.down.sql", "")]].concat());
    migrations.run(&mut client).await.unwrap();
    let (events, observer) = recorder();
    migrations.migrator().observe(observer).revert(&mut client, Target::To(1)).await.unwrap();
    assert_eq!(
        *events.lock().unwrap(),
        [
            "lock",
            "to revert 3, 2 of public.graven_history",
            "reverting 3 1/2",
            "reverted 3",
            "reverting 2 2/2",
            "reverted 2",
        ]
    );
    // What is refused, or comes to nothing, is not announced.
    let (events, observer) = recorder();
    migrations.migrator().observe(observer).revert(&mut client, Target::To(1)).await.unwrap();
    assert!(events.lock().unwrap().is_empty(), "{events:?}");
    migrations.run(&mut client).await.unwrap();
    let (events, observer) = recorder();
    let error = without.migrator().observe(observer).revert(&mut client, Target::All).await.unwrap_err();
    assert!(matches!(error, Error::NotRevertible { .. }) && events.lock().unwrap().is_empty(), "{error:?}, {events:?}");
}

#[tokio::test]
async fn with_nothing_pending_a_run_says_what_it_saw_and_that_it_is_done() {
    let (_database, mut client) = fresh().await;
    set(&FILES).run(&mut client).await.unwrap();
    let (events, observer) = recorder();
    set(&FILES).migrator().observe(observer).run(&mut client).await.unwrap();
    assert_eq!(*events.lock().unwrap(), ["looked public.graven_history 3+0", "done 0"]);
    let (events, observer) = recorder();
    set(&FILES[..1]).migrator().observe(observer).run(&mut client).await.unwrap();
    assert_eq!(*events.lock().unwrap(), ["looked public.graven_history 1+0", "future 2", "done 0"]);
}

#[tokio::test]
async fn who_waits_hears_of_the_holder_once_and_that_another_applied() {
    let (database, mut holder) = fresh().await;
    let mut client = database.connect().await.unwrap();
    let lock = "SET application_name = 'the holder'; \
                SELECT pg_advisory_lock(hashtextextended('graven \"public\".\"graven_history\"', 0))";
    holder.batch_execute(lock).await.unwrap();
    let migrations = set(&FILES);
    let (events, observer) = recorder();
    let mut migrator = migrations.migrator().observe(observer);
    let apply = async {
        until("the other waits", || events.lock().unwrap().iter().any(|event| event.starts_with("waiting"))).await;
        migrations.run(&mut holder).await.unwrap()
    };
    let (second, first) = tokio::join!(migrator.run(&mut client), apply);
    assert_eq!((first.applied.len(), second.unwrap().applied.len()), (3, 0));
    assert_eq!(
        *events.lock().unwrap(),
        ["looked public.graven_history 0+3", "waiting for the holder", "elsewhere", "done 0"]
    );
}

#[tokio::test]
async fn a_failure_is_no_event_but_the_error() {
    let (_database, mut client) = fresh().await;
    let (events, observer) = recorder();
    let files = [FILES[0], ("0002_bad.sql", "SELECT nothing")];
    let failed = failed(set(&files).migrator().observe(observer).run(&mut client).await);
    assert_eq!(failed.version.unwrap().value(), 2);
    let events = events.lock().unwrap();
    assert!(events.contains(&"applied 1 a".to_owned()), "{events:?}");
    assert!(!events.iter().any(|event| event.starts_with("done") || event.contains("applied 2")), "{events:?}");
}

/// The line of a log with these words in it.
fn line<'a>(log: &'a str, words: &str) -> &'a str {
    log.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("no {words:?} in:\n{log}"))
}

#[test]
fn the_log_says_who_applied_what_in_what_time() {
    let database = Database::create().unwrap();
    let url = format!("{}?application_name=the%20app", database.url());
    let log = Instance::of("concurrently", &url).run().log;
    let looked = line(&log, "looked at the history");
    assert!(looked.contains("pending=8") && looked.contains("history=\"public.graven_history\""), "{looked}");
    let applied = line(&log, "version=2");
    assert!(applied.contains("INFO graven: applied instance=\"the app/"), "{applied}");
    assert!(applied.contains("name=\"m\"") && applied.contains("duration="), "{applied}");
    let statement = line(&log, "number=2 of=2");
    assert!(statement.contains("sql=\"CREATE INDEX CONCURRENTLY counts_version"), "{statement}");
    assert!(line(&log, "acquired the lock").contains("waited="), "{log}");
    let done = line(&log, "done instance");
    assert!(done.contains("applied=8") && done.contains("duration="), "{done}");

    let older = Instance::of("older", &url).run().log;
    let future = line(&older, "does not know");
    assert!(future.contains("WARN graven: ") && future.contains("versions=[3, 4, 5, 6, 7, 8]"), "{future}");
}

#[tokio::test]
async fn the_log_says_who_holds_the_lock_and_that_another_applied() {
    let (database, mut holder) = fresh().await;
    // A session may hold an advisory lock several times over: the run below takes and gives back one of two.
    let lock = "SET application_name = 'the holder'; \
                SELECT pg_advisory_lock(hashtextextended('graven \"public\".\"graven_history\"', 0))";
    holder.batch_execute(lock).await.unwrap();
    let proxy = Proxy::to(database.url()).unwrap();
    let instance = Instance::of("plain", proxy.url()).start();
    // Whoever tries a second time has been told before who holds the lock.
    let tries = || {
        let messages = proxy.traffic().messages;
        messages.iter().filter_map(Message::sql).filter(|sql| sql.contains("pg_try_advisory_lock")).count()
    };
    until("the instance waits for the lock", || tries() >= 2).await;
    assert_eq!(named("plain").run(&mut holder).await.unwrap().applied.len(), 8);
    drop(holder);
    let Ended { result, log } = Ended::of(instance);
    assert_eq!(result.unwrap(), ("UpToDate".to_owned(), 0));
    let waiting = line(&log, "waiting for its lock");
    assert!(waiting.contains("holder=pid ") && waiting.contains("(the holder, role postgres"), "{waiting}");
    assert!(waiting.contains("timeout=30") && waiting.contains("instance=\"graven/"), "{waiting}");
    assert!(line(&log, "another instance has applied").contains("waited="), "{log}");
}
