//! Crashes at random moments: of the program that migrates, by SIGKILL, and of the server, all of its processes at once.
//!
//! The failure guarded against is one that no count of messages finds: something half done in a moment between two of
//! them. Every statement that must take effect once leaves a row in `counts`, which has no key, so that what ran twice is
//! there twice. After each crash the program is started again, nobody is asked anything, and what is left must be what an
//! undisturbed run leaves.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use graven::{Migrations, Outcome};
use graven_testkit::{Cluster, Database};
use tokio_postgres::Client;

use crate::common::{Ended, Instance, set, value};

const KILLS: usize = 200;
/// How many have to be, also on a slow machine.
const FEWEST: usize = 20;
const SERVER_CRASHES: usize = 25;
/// When the killing stops on a slow machine, once there were enough, and when in any case.
const PATIENCE: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(600);
/// How many instances are started and killed beside each other, each in a schema of its own.
const LANES: usize = 4;

/// Files that must be run outside of a transaction, by version; all others are ordinary ones.
const OFF: [(i64, &str); 6] = [
    (
        4,
        "INSERT INTO counts VALUES (40);\nCREATE INDEX CONCURRENTLY items_n ON items (n);\nINSERT INTO counts VALUES (42);",
    ),
    (7, "CREATE UNIQUE INDEX CONCURRENTLY \"Items Id\" ON items (id);"),
    (
        9,
        "BEGIN;\nINSERT INTO counts VALUES (90);\nCREATE TABLE nine (v int);\nCOMMIT;\nINSERT INTO counts VALUES (91);",
    ),
    (
        12,
        "SET work_mem = '5MB';\nINSERT INTO counts VALUES (121);\nDROP INDEX CONCURRENTLY items_n;\n\
          REINDEX INDEX CONCURRENTLY \"Items Id\";",
    ),
    (15, "VACUUM items;\nINSERT INTO counts VALUES (151);"),
    (
        17,
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS items_t ON items (t);\nCREATE INDEX CONCURRENTLY items_tn ON items (t, n);\n\
         CREATE INDEX CONCURRENTLY ON items (n, lower(t));",
    ),
];
const LAST: i64 = 18;

/// The set of the instances, which are other processes.
pub(crate) fn migrations() -> Migrations {
    let file = |version: i64| match OFF.iter().find(|(off, _)| *off == version) {
        Some((_, text)) => (format!("{version:04}_off.sql"), format!("-- graven: transaction = off\n{text}\n")),
        None => (format!("{version:04}_m.sql"), transactional(version)),
    };
    let files: Vec<(String, String)> = (1..=LAST).map(file).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    set(&files)
}

fn transactional(version: i64) -> String {
    let count = format!("INSERT INTO counts VALUES ({});", version * 10);
    match version {
        1 => format!("CREATE TABLE counts (v int);\n{count}"),
        2 => format!(
            "CREATE TABLE items (id int, n int, t text);\n\
             INSERT INTO items SELECT i, i % 7, repeat('x', i % 50) FROM generate_series(1, 2000) i;\n{count}"
        ),
        even if even % 2 == 0 => format!("{count}\nALTER TABLE items ADD COLUMN c{even} int;"),
        odd => format!("CREATE TABLE m{odd} (v int PRIMARY KEY);\n{count}"),
    }
}

/// The first column of a query.
async fn lines(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Everything that a run leaves behind but times: tables, indexes and their columns, rows, history.
async fn left_behind(client: &Client) -> Vec<String> {
    lines(
        client,
        "(SELECT c.relname || '.' || a.attname || ' ' || coalesce(i.indisvalid::text, 'table') FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_index i ON i.indexrelid = c.oid \
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'i') ORDER BY 1) \
         UNION ALL (SELECT v::text FROM counts ORDER BY v) UNION ALL (SELECT 'items ' || count(*) FROM items) \
         UNION ALL (SELECT version || encode(checksum, 'hex') || state || statements_done || statements_total || in_doubt \
         FROM graven_history ORDER BY version)",
    )
    .await
}

/// The next run finishes what was begun, and asks nobody.
async fn converge(client: &mut Client, case: &str) {
    if let Err(error) = migrations().run(client).await {
        panic!("{case}: {error:?}");
    }
}

/// What an undisturbed run leaves.
async fn undisturbed(database: &Database) -> Vec<String> {
    let url = Case::new(database, "undisturbed").url;
    let report = migrations().run_url(&url).await.unwrap();
    assert_eq!(report.applied.len(), 18);
    let expected = left_behind(&graven::connect(&url).await.unwrap()).await;
    for line in
        ["Items Id.id true", "items_t.t true", "items_tn.n true", "items_n_lower_idx.n true", "items 2000", "10", "151"]
    {
        assert!(expected.iter().any(|found| found == line), "{line}: {expected:#?}");
    }
    assert!(!expected.iter().any(|line| line.starts_with("items_n.") || line.contains("_cc")), "{expected:#?}");
    expected
}

/// A schema of its own for each crash: a database of its own would cost more than all the rest.
struct Case {
    url: String,
    name: String,
}

impl Case {
    fn new(database: &Database, name: &str) -> Self {
        database.execute(&format!("CREATE SCHEMA {name}")).unwrap();
        Self { url: format!("{}?options=-c%20search_path%3D{name}", database.url()), name: name.to_owned() }
    }

    /// What a crash that came before the end of the run came upon.
    async fn hit(&self, client: &Client) -> Hit {
        if lines(client, "SELECT 'there' WHERE to_regclass('graven_history') IS NOT NULL").await.is_empty() {
            return Hit::Early;
        }
        let applied = lines(client, "SELECT id FROM graven_history WHERE state = 'applied'").await;
        let history = lines(client, "SELECT id FROM graven_history ORDER BY graven_history.version").await;
        // Never a gap: what comes later was not begun before what comes first had ended.
        let expected: Vec<String> = (1..=history.len()).map(|version| version.to_string()).collect();
        assert_eq!(history, expected, "{}", self.name);
        match (history.len(), applied.len()) {
            (0, _) => Hit::Early,
            (_, 18) => Hit::Late,
            _ => Hit::Midway,
        }
    }

    async fn converges(&self, client: &mut Client, expected: &[String]) {
        converge(client, &self.name).await;
        assert_eq!(left_behind(client).await, expected, "{}", self.name);
        assert_eq!(migrations().run(client).await.unwrap().outcome, Outcome::UpToDate, "{}", self.name);
    }
}

/// Random moments of a run whose length is not known for sure, on a machine that others use, too.
struct Moments {
    random: fastrand::Rng,
    from: Duration,
    length: Duration,
}

impl Moments {
    fn new(seed: u64, from: Duration, to: Duration) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), from, length: to.saturating_sub(from) }
    }

    fn next(&mut self) -> Duration {
        self.from + self.length.mul_f64(self.random.f64())
    }

    /// Learns from what a moment was: what else the machine has to do changes how long everything takes.
    fn learn(&mut self, hit: Hit) {
        let (from, length) = match hit {
            Hit::Early => (1.05, 1.05),
            Hit::Midway => (1.0, 1.02),
            Hit::Late => (0.95, 0.9),
        };
        self.from = self.from.mul_f64(from);
        self.length = self.length.mul_f64(length);
    }
}

/// What a crash came upon.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hit {
    /// Nothing was done yet.
    Early,
    /// Something was done, and not everything.
    Midway,
    /// Everything was done.
    Late,
}

fn seed() -> u64 {
    let seed = std::env::var("GRAVEN_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("GRAVEN_TEST_SEED={seed}");
    seed
}

/// How long an instance takes until it would connect, and how long in all.
fn measured(database: &Database) -> (Duration, Duration) {
    let case = Case::new(database, "measured");
    let began = Instant::now();
    Instance::of("crash", &case.url).env("GRAVEN_MODE", "skip").run().result.unwrap();
    let start = began.elapsed();
    let began = Instant::now();
    assert_eq!(Instance::of("crash", &case.url).run().result.unwrap(), ("Applied".to_owned(), 18));
    (start, began.elapsed())
}

/// Kills it, and says whether it had ended by itself before.
fn kill(mut child: Child) -> bool {
    if child.try_wait().unwrap().is_some() {
        let ended = Ended::of(child);
        assert!(ended.result.is_ok(), "{ended:?}");
        return true;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_killed_at_any_moment_is_made_good_by_its_next_start() {
    let database = Arc::new(Database::create().unwrap());
    let expected: Arc<[String]> = undisturbed(&database).await.into();
    let (from, to) = measured(&database);
    let (seed, began) = (seed(), Instant::now());
    let (kills, midway) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        let (database, expected) = (Arc::clone(&database), Arc::clone(&expected));
        let (kills, midway) = (Arc::clone(&kills), Arc::clone(&midway));
        // The lanes slow each other down.
        let mut moments = Moments::new(seed.wrapping_add(lane as u64), from, to * 2);
        lanes.spawn(async move {
            for number in 0.. {
                let (killed, caught) = (kills.load(Ordering::SeqCst), midway.load(Ordering::SeqCst));
                let is_enough = killed >= FEWEST && caught >= killed / 5;
                let end = if is_enough { PATIENCE } else { END };
                if began.elapsed() > end || (is_enough && killed >= KILLS) {
                    break;
                }
                let case = Case::new(&database, &format!("lane_{lane}_{number}"));
                let child = Instance::of("crash", &case.url).start();
                tokio::time::sleep(moments.next()).await;
                let had_ended = kill(child);
                let mut client = graven::connect(&case.url).await.unwrap();
                let hit = if had_ended { Hit::Late } else { case.hit(&client).await };
                moments.learn(hit);
                if !had_ended {
                    midway.fetch_add(usize::from(hit == Hit::Midway), Ordering::SeqCst);
                    kills.fetch_add(1, Ordering::SeqCst);
                }
                case.converges(&mut client, &expected).await;
            }
        });
    }
    lanes.join_all().await;
    let (kills, midway) = (kills.load(Ordering::SeqCst), midway.load(Ordering::SeqCst));
    println!("{kills} kills in {:.1?}, {midway} of them midway", began.elapsed());
    // The last kill of each lane may have come after it was enough.
    assert!(kills >= FEWEST && midway >= kills.saturating_sub(LANES) / 5, "only {midway} of {kills} kills came midway");
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(value(&database, locks), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_at_any_moment_is_made_good_by_the_next_start() {
    // A crash of processes, not of the machine: what they had written is there, synced or not.
    let cluster = Cluster::builder().start().unwrap();
    let database = cluster.database().unwrap();
    let began = Instant::now();
    let expected = undisturbed(&database).await;
    let mut moments = Moments::new(seed(), Duration::ZERO, began.elapsed());
    let mut midway = 0;
    // A few more, where what else the machine does has made most of them come at the wrong moment.
    for crash in 0..SERVER_CRASHES * 4 {
        if crash >= SERVER_CRASHES && midway >= 3 {
            break;
        }
        let case = Case::new(&database, &format!("crash_{crash}"));
        let url = case.url.clone();
        let run = tokio::spawn(async move { migrations().run_url(&url).await });
        tokio::time::sleep(moments.next()).await;
        cluster.kill().unwrap();
        let result = run.await.unwrap();
        cluster.start_again().unwrap();
        let mut client = graven::connect(&case.url).await.unwrap();
        let hit = match result {
            // It had said so: then all of it is on disk.
            Ok(_) => {
                assert_eq!(left_behind(&client).await, expected, "{}", case.name);
                Hit::Late
            }
            Err(_) => case.hit(&client).await,
        };
        moments.learn(hit);
        midway += usize::from(hit == Hit::Midway);
        case.converges(&mut client, &expected).await;
    }
    println!("{midway} crashes came midway");
    assert!(midway >= 3, "only {midway} crashes came midway");
}
