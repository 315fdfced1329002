//! What a run is doing, as far as its events and a look from beside tell. Pure: the time is given.

use std::fmt;
use std::time::{Duration, Instant};

use crate::{Event, Version};

use crate::cli::progress::sight::Sight;

/// How long nothing must have happened before it is worth a look whom the run waits for.
const QUIET: Duration = Duration::from_secs(1);
/// How long where it only reads: a server far away takes its time, and whole fleets read at once.
const QUIET_READING: Duration = Duration::from_secs(5);
/// How long until the first plain line says that the run is alive.
const FIRST_LINE: Duration = Duration::from_secs(5);
/// How long until each further one.
const NEXT_LINE: Duration = Duration::from_secs(10);
/// How long a new try must have been going before a plain line speaks of it: a look has been taken by then.
const TRY_SEEN: Duration = Duration::from_millis(1500);

/// What a run is doing, and since when.
pub(crate) struct Course {
    /// When the run began.
    began: Instant,
    doing: Doing,
    /// When that began. A new try at the same migration does not change it.
    since: Instant,
    line_due: Instant,
    /// How many of the migrations to apply or to revert are done.
    done: usize,
    /// How many there are. Zero until it is known.
    of: usize,
    /// Where the run keeps its history. Empty until it is known.
    history: String,
    /// Counts events, so that what was seen before one is not said of what comes after it.
    event: u64,
    sight: Option<Sight>,
}

/// A look that is worth taking.
#[derive(Debug, PartialEq)]
pub(crate) struct LookDue {
    /// The last event before it.
    pub(crate) event: u64,
    /// The history table, as SQL has it.
    pub(crate) history: String,
    /// What the server has in one message: the history tells which of it has committed. Empty where it is one at a time.
    pub(crate) together: Vec<Key>,
}

/// What a run is doing.
enum Doing {
    Connecting,
    Reading,
    WaitingForLock {
        timeout: Duration,
    },
    Running {
        way: Way,
        /// What the server has and has not answered, in order: several where they travel in one message.
        sent: Vec<Sent>,
        statement: Option<(usize, usize)>,
        /// A new try begins then.
        resumes: Option<Instant>,
    },
}

/// What is being done with migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Applying,
    Reverting,
}

/// A migration that the server has.
struct Sent {
    key: Key,
    name: String,
}

/// Which migration it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Versioned(Version),
    /// By its name.
    Repeatable(String),
}

impl Key {
    fn repeatable(name: &str) -> Self {
        Self::Repeatable(name.to_owned())
    }
}

/// As one end of a range.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Versioned(version) => version.fmt(f),
            Self::Repeatable(name) => write!(f, "repeatable {name}"),
        }
    }
}

impl Sent {
    fn versioned(version: Version, name: &str) -> Self {
        Self { key: Key::Versioned(version), name: name.to_owned() }
    }

    fn repeatable(name: &str) -> Self {
        Self { key: Key::repeatable(name), name: name.to_owned() }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Key::Versioned(version) => write!(f, "{version} {}", self.name),
            key @ Key::Repeatable(_) => key.fmt(f),
        }
    }
}

impl Course {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            doing: Doing::Connecting,
            since: now,
            line_due: now + FIRST_LINE,
            done: 0,
            of: 0,
            history: String::new(),
            event: 0,
            sight: None,
        }
    }

    pub(crate) fn connected(&mut self) {
        self.doing = Doing::Reading;
    }

    /// Takes note of what has happened.
    pub(crate) fn note(&mut self, event: &Event<'_>, now: Instant) {
        self.event += 1;
        match event {
            Event::Applied { version, .. } | Event::Reverted { version, .. } => {
                return self.finished(&Key::Versioned(*version), now);
            }
            Event::AppliedRepeatable { name, .. } => return self.finished(&Key::repeatable(name), now),
            _ => {}
        }
        self.sight = None;
        match event {
            Event::Looked { history, pending, .. } => {
                (*history).clone_into(&mut self.history);
                self.of = *pending;
            }
            Event::LockWaiting { timeout, .. } => self.begin(Doing::WaitingForLock { timeout: *timeout }, now),
            Event::LockAcquired { .. } => self.begin(Doing::Reading, now),
            Event::Applying { version, name, number, of, .. } => {
                self.applying(Sent::versioned(*version, name), *number, *of, now);
            }
            Event::ApplyingRepeatable { name, number, of, .. } => {
                self.applying(Sent::repeatable(name), *number, *of, now);
            }
            Event::Reverting { version, name, number, of, .. } => {
                self.reverting(Sent::versioned(*version, name), *number, *of, now);
            }
            Event::Statement { number, of, .. } => self.statement(*number, *of, now),
            Event::Retrying { version, pause, .. } => self.retrying(&Key::Versioned(*version), now + *pause),
            Event::RetryingRepeatable { name, pause, .. } => self.retrying(&Key::repeatable(name), now + *pause),
            _ => {}
        }
    }

    fn begin(&mut self, doing: Doing, now: Instant) {
        self.doing = doing;
        self.since = now;
        self.line_due = now + FIRST_LINE;
    }

    fn applying(&mut self, migration: Sent, number: usize, of: usize, now: Instant) {
        self.of = of;
        match &mut self.doing {
            // It travels with those before it. (One that is sent anew begins a new message.)
            Doing::Running { way: Way::Applying, sent, .. }
                if !sent.is_empty() && sent.iter().all(|earlier| earlier.key != migration.key) =>
            {
                sent.push(migration);
            }
            _ => self.begin_with(Way::Applying, migration, number, now),
        }
    }

    /// Reverses travel one at a time.
    fn reverting(&mut self, migration: Sent, number: usize, of: usize, now: Instant) {
        self.of = of;
        self.begin_with(Way::Reverting, migration, number, now);
    }

    fn begin_with(&mut self, way: Way, migration: Sent, number: usize, now: Instant) {
        self.done = number.saturating_sub(1);
        self.begin(Doing::Running { way, sent: vec![migration], statement: None, resumes: None }, now);
    }

    fn statement(&mut self, number: usize, of: usize, now: Instant) {
        if let Doing::Running { statement, resumes, .. } = &mut self.doing {
            *statement = Some((number, of));
            *resumes = None;
            self.since = now;
            self.line_due = now + FIRST_LINE;
        }
    }

    /// It is tried again, and what was sent behind it with it.
    fn retrying(&mut self, key: &Key, at: Instant) {
        self.line_due = self.line_due.max(at + TRY_SEEN);
        if let Doing::Running { sent, resumes, .. } = &mut self.doing {
            let before = sent.iter().position(|sent| sent.key == *key).unwrap_or_default();
            sent.drain(..before);
            *resumes = Some(at);
        }
    }

    fn finished(&mut self, key: &Key, now: Instant) {
        self.done += 1;
        self.line_due = now + FIRST_LINE;
        // What travels together is told of at once, at its end: what was seen may be of one that comes after this.
        if self.running().is_none_or(|running| running.key == *key) {
            self.sight = None;
            self.since = now;
        }
        if let Doing::Running { sent, resumes, .. } = &mut self.doing {
            sent.retain(|sent| sent.key != *key);
            *resumes = None;
        }
    }

    /// Takes note of what was seen, unless something has happened since the look began.
    pub(crate) fn see(&mut self, sight: Option<Sight>, event: u64, now: Instant) {
        if event != self.event {
            return;
        }
        let before = self.running_or_first().cloned();
        self.sight = sight;
        // Another one of the same message runs by now. That the run is alive is said as often as before.
        if self.running_or_first() != before.as_ref() {
            self.since = now;
        }
    }

    /// Whom a migration was last seen waiting for.
    pub(crate) fn waited_for(&self, key: &Key) -> Option<String> {
        self.sight.as_ref().filter(|_| self.running_or_first() == Some(key)).and_then(Sight::holder)
    }

    /// The look that is worth taking, where nothing has happened for so long.
    pub(crate) fn look_due(&self, now: Instant) -> Option<LookDue> {
        let (began, quiet) = match &self.doing {
            Doing::Connecting | Doing::WaitingForLock { .. } => return None,
            Doing::Reading => (self.since, QUIET_READING),
            Doing::Running { resumes, .. } => (resumes.unwrap_or(self.since), QUIET),
        };
        let together = match self.sent() {
            [] | [_] => Vec::new(),
            several => several.iter().map(|sent| sent.key.clone()).collect(),
        };
        let due = now.saturating_duration_since(began) >= quiet;
        due.then(|| LookDue { event: self.event, history: self.history.clone(), together })
    }

    /// Whether it is time for a plain line. Says so once.
    pub(crate) fn is_line_due(&mut self, now: Instant) -> bool {
        let due = now >= self.line_due;
        if due {
            self.line_due = now + NEXT_LINE;
        }
        due
    }

    /// How many migrations are done, and of how many.
    pub(crate) fn count(&self) -> (u64, u64) {
        let count = |of: usize| u64::try_from(of).unwrap_or(u64::MAX);
        let committed = self.sent().iter().filter(|sent| self.has_committed(sent)).count();
        (count(self.done + committed), count(self.of))
    }

    /// How long the run takes.
    pub(crate) fn elapsed(&self, now: Instant) -> String {
        age(now.saturating_duration_since(self.began))
    }

    /// [`describe`](Self::describe) for a line that stands by itself.
    pub(crate) fn line(&self, now: Instant) -> String {
        // A revert says so in any case.
        let verb = match &self.doing {
            Doing::Running { way: Way::Applying, sent, .. } if !sent.is_empty() => "applying ",
            _ => "",
        };
        format!("{verb}{}", self.describe(now))
    }

    /// What is going on, for how long, and whom it waits for.
    pub(crate) fn describe(&self, now: Instant) -> String {
        let seen = self.seen(now).map_or_else(String::new, |seen| format!("  {seen}"));
        format!("{}{seen}", self.doing(now))
    }

    /// What is going on, and for how long.
    pub(crate) fn doing(&self, now: Instant) -> String {
        let elapsed = age(now.saturating_duration_since(self.since));
        match &self.doing {
            Doing::Connecting => format!("connecting  {elapsed}"),
            Doing::WaitingForLock { timeout } => {
                format!("waiting for another instance  {elapsed} of {}", age(*timeout))
            }
            Doing::Reading => format!("reading the history  {elapsed}"),
            Doing::Running { resumes: Some(at), .. } if *at > now => {
                format!("{}  {elapsed}  about to try again", self.what())
            }
            Doing::Running { .. } => format!("{}  {elapsed}", self.what()),
        }
    }

    /// Whom it waits for, or how far an index is, where that was seen: not of the last try, while the next one has not begun.
    pub(crate) fn seen(&self, now: Instant) -> Option<String> {
        match &self.doing {
            Doing::Running { resumes: Some(at), .. } if *at > now => None,
            Doing::Reading | Doing::Running { .. } => self.sight.as_ref()?.describe(),
            Doing::Connecting | Doing::WaitingForLock { .. } => None,
        }
    }

    /// Which migrations the server is at.
    fn what(&self) -> String {
        let statement = match &self.doing {
            Doing::Running { statement: Some((number, of)), .. } if *of > 1 => format!(", statement {number} of {of}"),
            _ => String::new(),
        };
        let back = match &self.doing {
            Doing::Running { way: Way::Reverting, .. } => "reverting ",
            _ => "",
        };
        match (self.running(), self.sent()) {
            (Some(one), _) | (None, [one]) => format!("{back}{one}{statement}"),
            (None, [first, .., last]) => format!("{} to {}", first.key, last.key),
            (None, []) => "finishing".to_owned(),
        }
    }

    /// The one of a message that runs, where that was seen: the first that has not committed.
    fn running(&self) -> Option<&Sent> {
        self.sight.as_ref()?.committed.as_ref()?;
        self.sent().iter().find(|sent| !self.has_committed(sent))
    }

    fn running_or_first(&self) -> Option<&Key> {
        self.running().or(self.sent().first()).map(|sent| &sent.key)
    }

    fn has_committed(&self, sent: &Sent) -> bool {
        let committed = self.sight.as_ref().and_then(|sight| sight.committed.as_ref());
        committed.is_some_and(|committed| committed.contains(&sent.key))
    }

    fn sent(&self) -> &[Sent] {
        if let Doing::Running { sent, .. } = &self.doing { sent } else { &[] }
    }
}

/// A time as people say it: `12 s`, `3 min 05 s`, `2 h 05 min`.
pub(crate) fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests;
