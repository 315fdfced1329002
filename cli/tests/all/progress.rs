//! What `graven apply` and `graven revert` show while they run: on a terminal, elsewhere, and to machines.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use graven_testkit::Database;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::world::World;

const ORDERS: &str = "CREATE TABLE orders (id bigint PRIMARY KEY); INSERT INTO orders VALUES (1)";
/// Waits for whoever holds the table, for as long as a test takes.
const ALTER: &str = "-- graven: lock_timeout = 60s\nalter table orders add column total bigint;\n";

/// Somebody else's session, which holds what a migration needs.
struct Holder {
    release: mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Holder {
    /// Runs some SQL in a transaction that stays open.
    fn of(database: &Database, sql: &'static str) -> Self {
        let url = database.url().to_owned();
        let (release, released) = mpsc::channel::<()>();
        let (held, holds) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let client = runtime.block_on(async {
                let url = format!("{url}?application_name=web-1");
                let client = graven::connect(&url).await.expect("a connection");
                client.batch_execute("BEGIN").await.expect("a transaction");
                client.batch_execute(sql).await.expect("it runs");
                client
            });
            held.send(()).expect("the test waits");
            // An error says that the test is over, and that serves as well.
            let _ = released.recv();
            drop(client);
            drop(runtime);
        });
        holds.recv_timeout(Duration::from_secs(60)).expect("it holds");
        Self { release, thread }
    }

    fn release(self) {
        self.release.send(()).expect("it waits");
        self.thread.join().expect("it ends");
    }
}

fn with_orders(file: &str, sql: &str) -> World {
    let world = World::with_database().with(&[(file, sql)]);
    world.database().execute(ORDERS).expect("a table");
    world
}

/// A world with a migration that is applied, and whose reverse waits for whoever holds the table.
fn with_total() -> World {
    let world = with_orders("14_add_total.sql", ALTER);
    world.write("14_add_total.down.sql", "-- graven: lock_timeout = 60s\nalter table orders drop column total;\n");
    world.done(&["apply", "--into-existing"]);
    world
}

fn apply(world: &World) -> Command {
    piped(world, &["apply", "--into-existing"])
}

fn piped(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A line without its numbers of seconds, which are larger where the machine is busy.
fn timeless(line: &str) -> String {
    let seconds = regex::Regex::new(r"\b\d+ s\b").expect("a pattern");
    seconds.replace_all(line, "… s").into_owned()
}

/// Runs the command until a line on stderr holds `text`, lets the holder go, and returns all of stderr.
fn until_it_says(mut command: Command, text: &str, holder: Holder) -> String {
    let mut child = command.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("its stderr")).lines();
    let mut said = String::new();
    let mut holder = Some(holder);
    for line in &mut lines {
        let line = line.expect("UTF-8");
        said.push_str(&line);
        said.push('\n');
        if line.contains(text)
            && let Some(holder) = holder.take()
        {
            holder.release();
        }
    }
    let code = child.wait().expect("it ends").code();
    assert!(holder.is_none(), "never said: {text}\n{said}");
    assert_eq!(code, Some(0), "{said}");
    said
}

#[test]
fn a_plain_line_says_who_holds_the_table_that_a_migration_waits_for() {
    let world = with_orders("14_add_total.sql", ALTER);
    let holder = Holder::of(world.database(), "UPDATE orders SET id = 2");
    let said = until_it_says(apply(&world), "waiting for pid", holder);
    let line = said.lines().find(|line| line.contains("waiting for pid")).expect("it was there");
    assert!(timeless(line).starts_with("  applying 14 add_total  … s  waiting for pid "), "{line}");
    assert!(line.contains("(app web-1, role ") && line.contains(", idle in transaction for "), "{line}");
    assert!(line.ends_with("): UPDATE orders SET id = 2"), "{line}");
    // It is a line of text where nobody has a terminal.
    assert!(!said.contains(['\r', '\u{1b}']), "{said:?}");
}

#[test]
fn of_repeatables_that_are_applied_again_the_one_that_waits_is_named() {
    let default = |number: u8| {
        format!("-- graven: lock_timeout = 60s\nalter table orders alter column id set default {number};\n")
    };
    let world = with_orders("1_nothing.sql", "select 1;\n");
    world.write("numbers.repeatable.sql", "create or replace view numbers as select 1 as number;\n");
    world.write("orders.repeatable.sql", &default(1));
    world.done(&["apply", "--into-existing"]);
    world.write("numbers.repeatable.sql", "create or replace view numbers as select 2 as number;\n");
    world.write("orders.repeatable.sql", &default(2));
    let holder = Holder::of(world.database(), "UPDATE orders SET id = 2");
    let said = until_it_says(apply(&world), "waiting for pid", holder);
    let line = said.lines().find(|line| line.contains("waiting for pid")).expect("it was there");
    // The other one of the same message has committed, which its row of before does not say.
    assert!(line.starts_with("  applying repeatable orders  "), "{said}");
    assert!(said.contains("applied repeatable numbers (") && said.contains("applied repeatable orders ("), "{said}");
}

#[test]
fn a_plain_line_of_a_revert_says_that_it_is_one() {
    let world = with_total();
    let holder = Holder::of(world.database(), "UPDATE orders SET id = 2");
    let said = until_it_says(piped(&world, &["revert"]), "waiting for pid", holder);
    let lines: Vec<&str> = said.lines().collect();
    let [first, alive @ .., last] = &lines[..] else { panic!("{said}") };
    assert!(first.ends_with(": to revert 14 add_total"), "{said}");
    assert!(alive.iter().all(|line| timeless(line).starts_with("  reverting 14 add_total  … s")), "{said}");
    assert!(alive.iter().any(|line| timeless(line).contains("  … s  waiting for pid ")), "{said}");
    assert!(last.starts_with("reverted 14 add_total ("), "{said}");
}

#[test]
fn of_migrations_that_travel_together_the_one_that_waits_is_named() {
    let world = with_orders("3_add_total.sql", ALTER);
    world.write("1_a.sql", "create table a ();\n");
    world.write("2_b.sql", "create table b ();\n");
    world.write("4_c.sql", "create table c ();\n");
    let holder = Holder::of(world.database(), "LOCK TABLE orders");
    let said = until_it_says(apply(&world), "  waiting for pid ", holder);
    let line = said.lines().find(|line| line.contains("waiting for pid")).expect("it was there");
    assert!(line.starts_with("  applying 3 add_total  "), "{said}");
}

#[test]
fn a_new_try_says_whom_the_last_one_waited_for() {
    let world = with_orders("2_add_total.sql", &ALTER.replace("60s", "3s"));
    // It travels in the same message, and is told of when that comes to its end.
    world.write("1_a.sql", "create table a ();\n");
    let holder = Holder::of(world.database(), "LOCK TABLE orders");
    let said = until_it_says(apply(&world), "  it was waiting for pid ", holder);
    assert!(said.contains("retrying 2 add_total in "), "{said}");
    assert!(said.contains("): LOCK TABLE orders\n"), "{said}");
}

#[test]
fn a_concurrent_build_says_its_phase_and_whose_transaction_it_waits_for() {
    let sql = "-- graven: transaction = off\ncreate index concurrently orders_id on orders (id);\n";
    let world = with_orders("2_index_orders.sql", sql);
    let holder = Holder::of(world.database(), "UPDATE orders SET id = 3");
    let said = until_it_says(apply(&world), "waiting for writers before build: pid ", holder);
    assert!(said.contains("  applying 2 index_orders  "), "{said}");
}

#[test]
fn machines_are_shown_nothing_and_nobody_looks_for_them() {
    let world = with_orders("1_add_total.sql", ALTER);
    let holder = Holder::of(world.database(), "LOCK TABLE orders");
    let child = {
        let mut command = world.command(&["apply", "--into-existing", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass";
    while world.database().value(waits).expect("an answer").as_deref() != Some("1") {
        thread::sleep(Duration::from_millis(20));
    }
    // A line would be due by then, and a look before it.
    thread::sleep(Duration::from_secs(6));
    let connections =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'graven'";
    assert_eq!(world.database().value(connections).expect("an answer").as_deref(), Some("1"));
    holder.release();
    let ran = world.ran(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.page());
}

#[test]
fn where_no_second_connection_can_be_made_the_time_alone_is_shown() {
    let world = World::with_database().with(&[("1_slow.sql", "select pg_sleep(6);\n")]);
    let role = world.database().role("deployer").expect("a role");
    let name = role.name();
    let rights = format!("ALTER ROLE {name} CONNECTION LIMIT 1; GRANT CREATE ON SCHEMA public TO {name}");
    world.database().execute(&rights).expect("rights");
    let mut command = world.command(&["apply"]);
    command.env("DATABASE_URL", role.url());
    let ran = world.finish(command);
    assert_eq!(ran.code, Some(0), "{}", ran.page());
    let (alive, others): (Vec<&str>, Vec<&str>) = ran.stderr.lines().partition(|line| line.starts_with("  "));
    assert!(!alive.is_empty() && others.len() == 2, "{}", ran.page());
    assert!(alive.iter().all(|line| timeless(line) == "  applying 1 slow  … s"), "{}", ran.page());
}

/// Runs the command with a pseudo-terminal as its stderr, until that shows `text`; lets the holder go, and returns all
/// that the terminal was sent.
fn until_the_terminal_shows(command: Command, text: &str, holder: Holder) -> String {
    // Wide enough for all that there is to see.
    until_a_terminal_shows(command, 200, text, holder)
}

/// The same with a terminal of so many columns.
fn until_a_terminal_shows(mut command: Command, columns: u16, text: &str, holder: Holder) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&terminal).expect("it is ours");
    unlockpt(&terminal).expect("it opens");
    let name = ptsname(&terminal, Vec::new()).expect("its name").into_string().expect("UTF-8");
    let side = File::options().read(true).write(true).open(name).expect("its other side");
    let mut size = rustix::termios::tcgetwinsize(&side).expect("a size");
    (size.ws_col, size.ws_row) = (columns, 24);
    rustix::termios::tcsetwinsize(&side, size).expect("a terminal has a size");
    command.env("TERM", "xterm").stdout(Stdio::null()).stderr(side);
    let mut child = command.spawn().expect("it starts");
    // Its copy of the other side must be closed here, or the end is never read.
    drop(command);
    let mut terminal = File::from(terminal);
    let (mut shown, mut buffer, mut holder) = (String::new(), [0; 4096], Some(holder));
    // Once nobody has the other side open any more, Linux answers with an error, other systems with nothing.
    while let Ok(read @ 1..) = terminal.read(&mut buffer) {
        shown.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if shown.contains(text)
            && let Some(holder) = holder.take()
        {
            holder.release();
        }
    }
    assert!(child.wait().expect("it ends").success(), "{shown:?}");
    assert!(holder.is_none(), "never shown: {text}\n{shown:?}");
    shown
}

#[test]
fn a_terminal_has_one_live_line_with_a_bar_that_is_gone_in_the_end() {
    let world = with_orders("2_add_total.sql", ALTER);
    world.write("1_a.sql", "-- graven: transaction = off\ncreate table a ();\n");
    let holder = Holder::of(world.database(), "LOCK TABLE orders");
    let shown = until_the_terminal_shows(apply(&world), "waiting for pid", holder);
    assert!(shown.contains("1/2  2 add_total  "), "{shown:?}");
    assert!(shown.contains("======>"), "{shown:?}");
    // Plain lines are for where there is no terminal.
    assert!(!shown.contains("applying "), "{shown:?}");
    // The live line is taken away before the last line that stays, and is not drawn again.
    let (_, last) = shown.rsplit_once("\u{1b}[2K").expect("the line is cleared");
    assert!(last.contains("applied") && last.ends_with("\r\n") && last.lines().count() == 1, "{shown:?}");
}

#[test]
fn a_terminal_is_told_which_ones_first_and_then_that_they_are_reverted() {
    let world = with_total();
    let holder = Holder::of(world.database(), "LOCK TABLE orders");
    let shown = until_the_terminal_shows(piped(&world, &["revert"]), "waiting for pid", holder);
    let (before, after) = shown.split_once(": to revert 14 add_total").expect("it says which ones");
    assert!(!before.contains("reverting "), "{shown:?}");
    assert!(after.contains("0/1  reverting 14 add_total  "), "{shown:?}");
    let (_, last) = shown.rsplit_once("\u{1b}[2K").expect("the line is cleared");
    assert!(last.contains("reverted") && last.ends_with("\r\n") && last.lines().count() == 1, "{shown:?}");
}

#[test]
fn a_narrow_terminal_shows_whom_a_migration_waits_for_as_well() {
    let pid = regex::Regex::new(r"waiting for pid \d+ \(app web-1, ").expect("a pattern");
    let escapes = regex::Regex::new(r"\x1b\[[0-9;]*[A-Za-z]").expect("a pattern");
    for columns in [60, 80, 100] {
        let world = with_orders("20260131140000_add_customer_to_orders.sql", ALTER);
        let holder = Holder::of(world.database(), "LOCK TABLE orders");
        let shown = until_a_terminal_shows(apply(&world), columns, "(app web-1", holder);
        assert!(pid.is_match(&shown), "{columns}: {shown:?}");
        // The first line is as long as the terminal is wide, the second follows without a line end and is no longer.
        let drawn = escapes.replace_all(&shown, "\n");
        let two = drawn.split(['\r', '\n']).find(|drawn| drawn.contains("waiting for pid")).expect("it was there");
        let (first, second) = two.split_at(two.char_indices().nth(usize::from(columns)).expect("two lines").0);
        assert!(first.contains("0/1  20260131140000 add_customer_to_o"), "{columns}: {two:?}");
        assert!(second.starts_with("  waiting for pid "), "{columns}: {two:?}");
        assert!(second.chars().count() <= usize::from(columns), "{columns}: {two:?}");
        // Both are taken away before the line that stays.
        let (_, last) = shown.rsplit_once("\u{1b}[2K").expect("the lines are cleared");
        assert!(last.contains("applied") && !last.contains("waiting") && last.lines().count() == 1, "{shown:?}");
    }
}
