//! What a verb that writes shows while it runs: lines for what has happened, and that it is alive while nothing does.
//!
//! On a terminal a live line stands below the others, or two; elsewhere a plain line comes now and then. Both say what is
//! being applied or reverted, for how long, and whom it waits for. Machines are shown nothing. Nothing here can fail or stop a run.

mod bar;
mod course;
mod line;
mod sight;
mod watch;

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::cli::failure::Failure;
use crate::cli::interrupt::unless_interrupted;
use crate::cli::output::Output;
use crate::cli::progress::bar::Bar;
use crate::cli::progress::course::{Course, Key};
use crate::cli::progress::line::Line;
use crate::cli::progress::watch::Watched;
use crate::cli::verb::Scene;
use crate::cli::words::Words;
use crate::driver::{CancelOnDrop, connect_cancelling};
use crate::{Error, Event, Migrator};

/// How often a terminal's line moves.
const TERMINAL_TICK: Duration = Duration::from_millis(100);
/// How often it is seen whether a plain line is due.
const PLAIN_TICK: Duration = Duration::from_millis(250);

/// What a verb runs with.
pub(crate) struct Tools<'v> {
    pub(crate) migrator: &'v mut Migrator,
    pub(crate) client: &'v mut Client,
}

/// Runs a verb over a connection of its own, and shows how it goes.
pub(crate) async fn run<T>(
    scene: &Scene<'_>,
    migrator: Migrator,
    url: &str,
    verb: impl AsyncFnOnce(Tools<'_>) -> Result<T, Error>,
) -> Result<T, Failure> {
    let (output, words) = (scene.output, scene.words.clone());
    let shown = Shown::new(output, words.clone());
    if output.is_json() {
        let waits = Waits::default();
        let seen = waits.clone();
        // Warnings are for people, and they read stderr.
        let warn = move |event: &Event<'_>| {
            seen.note(event);
            Line::of(event, None, &words).into_iter().for_each(|line| line.print(output));
        };
        let (mut client, cancelling) = connect_cancelling(url).await?;
        let tools = Tools { migrator: &mut migrator.hearing(cancelling.warnings()).observe(warn), client: &mut client };
        return to_its_end(cancelling, &waits, verb(tools)).await;
    }
    let ticking = Background(tokio::spawn(tick(shown.clone())));
    let outcome = run_shown(&shown, migrator, url, verb).await;
    drop(ticking);
    shown.lock().clear();
    outcome
}

async fn run_shown<T>(
    shown: &Shown,
    migrator: Migrator,
    url: &str,
    verb: impl AsyncFnOnce(Tools<'_>) -> Result<T, Error>,
) -> Result<T, Failure> {
    let (mut client, cancelling) = connect_cancelling(url).await?;
    shown.lock().course.connected();
    let pid = watch::ask_pid(&client).await;
    // Options that cannot be are refused by the verb itself.
    let namespace = migrator.options().map(|options| options.namespace).unwrap_or_default();
    let watched = Watched { url: url.to_owned(), set: *migrator.migrations(), namespace, pid };
    let _watching = Background(tokio::spawn(watch::watch(watched, shown.clone())));
    let waits = Waits::default();
    let (observer, seen) = (shown.clone(), waits.clone());
    let mut migrator = migrator.beside(url).hearing(cancelling.warnings()).observe(move |event| {
        seen.note(event);
        observer.lock().event(event);
    });
    to_its_end(cancelling, &waits, verb(Tools { migrator: &mut migrator, client: &mut client })).await
}

/// Awaits a verb, or cancels it on the server where somebody wants the program to end.
async fn to_its_end<T>(
    cancelling: CancelOnDrop,
    waits: &Waits,
    verb: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    if let Some(outcome) = unless_interrupted(verb).await {
        return Ok(cancelling.disarm_after(outcome)?);
    }
    cancelling.cancel().await;
    let (message, hint) = match waits.for_another() {
        true => (
            "interrupted while it waited for another instance",
            "no statement was under way: `graven status` shows what is applied",
        ),
        false => (
            "interrupted",
            "what had committed stays, and a statement that was under way was cancelled: `graven status` shows how far it came",
        ),
    };
    Err(Failure::Failed(message.to_owned(), hint.to_owned()))
}

/// Whether a verb waits for another instance at this moment, as its events tell.
#[derive(Clone, Default)]
struct Waits(Arc<AtomicBool>);

impl Waits {
    fn note(&self, event: &Event<'_>) {
        self.0.store(matches!(event, Event::LockWaiting { .. }), Ordering::Relaxed);
    }

    fn for_another(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What goes on beside the verb, and ends with it: also where the application gives up waiting for it.
struct Background(JoinHandle<()>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn tick(shown: Shown) {
    let every = if shown.lock().terminal { TERMINAL_TICK } else { PLAIN_TICK };
    loop {
        tokio::time::sleep(every).await;
        shown.lock().tick(Instant::now());
    }
}

/// The display, which the run, the clock and the watch all tell things.
#[derive(Clone)]
pub(crate) struct Shown(Arc<Mutex<Progress>>);

impl Shown {
    fn new(output: Output, words: Words) -> Self {
        Self(Arc::new(Mutex::new(Progress {
            output,
            words,
            terminal: std::io::stderr().is_terminal(),
            course: Course::new(Instant::now()),
            bar: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        // Whatever a panic has left half done, it is only for show.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Progress {
    output: Output,
    words: Words,
    /// Whether there is a terminal to draw on.
    terminal: bool,
    course: Course,
    /// The live line, while it is there: from the first tick on, so that a run which is over before that shows none.
    bar: Option<Bar>,
}

impl Progress {
    fn event(&mut self, event: &Event<'_>) {
        let waited_for = match event {
            Event::Retrying { version, .. } => self.course.waited_for(&Key::Versioned(*version)),
            Event::RetryingRepeatable { name, .. } => self.course.waited_for(&Key::Repeatable((*name).to_owned())),
            _ => None,
        };
        self.course.note(event, Instant::now());
        if let Some(line) = Line::of(event, waited_for.as_deref(), &self.words) {
            // The next tick draws the live line anew, below this one and all that come at the same moment.
            self.clear();
            line.print(self.output);
        }
    }

    /// Time goes by.
    fn tick(&mut self, now: Instant) {
        if self.terminal {
            self.bar.get_or_insert_with(|| Bar::new(&self.course, now)).draw(&self.course, now);
        } else if self.course.is_line_due(now) {
            self.output.progress(format_args!("  {}", self.course.line(now)));
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
    }
}
