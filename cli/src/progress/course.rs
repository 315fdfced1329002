//! What a run is doing, as far as its events and a look from beside tell. Pure: the time is given.

use std::time::{Duration, Instant};

use graven::{Event, Version};

use crate::progress::sight::Sight;

/// How long nothing must have happened before it is worth a look whom the run waits for.
const QUIET: Duration = Duration::from_secs(1);
/// How long until the first plain line says that the run is alive.
const FIRST_LINE: Duration = Duration::from_secs(5);
/// How long until each further one.
const NEXT_LINE: Duration = Duration::from_secs(10);
/// How long a new try must have been going before a plain line speaks of it: a look has been taken by then.
const TRY_SEEN: Duration = Duration::from_millis(1500);

/// What a run is doing, and since when.
pub(crate) struct Course {
    doing: Doing,
    /// When that began. A new try at the same migration does not change it.
    since: Instant,
    line_due: Instant,
    /// How many of the pending migrations are done.
    done: usize,
    /// How many there are. Zero until it is known.
    of: usize,
    /// Counts events, so that what was seen before one is not said of what comes after it.
    event: u64,
    sight: Option<Sight>,
}

/// What a run is doing.
enum Doing {
    Connecting,
    Reading,
    WaitingForLock {
        timeout: Duration,
    },
    /// What was sent, the first and the last of it. Where that is more than one, which of them runs cannot be seen: the
    /// server has them in one message.
    Applying {
        sent: Vec<Sent>,
        statement: Option<(usize, usize)>,
        /// A new try begins then.
        resumes: Option<Instant>,
    },
}

struct Sent {
    version: Version,
    name: String,
}

impl Course {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            doing: Doing::Connecting,
            since: now,
            line_due: now + FIRST_LINE,
            done: 0,
            of: 0,
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
        self.sight = None;
        match event {
            Event::Looked { pending, .. } => self.of = *pending,
            Event::LockWaiting { timeout, .. } => self.begin(Doing::WaitingForLock { timeout: *timeout }, now),
            Event::LockAcquired { .. } => self.begin(Doing::Reading, now),
            Event::Applying { version, name, number, of, .. } => {
                self.applying(Sent { version: *version, name: (*name).to_owned() }, now);
                self.of = *of;
                // Of several that were sent at once, those before this one are on their way only.
                if self.sent().len() == 1 {
                    self.done = number.saturating_sub(1);
                }
            }
            Event::Statement { number, of, .. } => self.statement(*number, *of, now),
            Event::Retrying { version, pause, .. } => self.retrying(*version, now + *pause),
            Event::Applied { version, .. } => self.applied(*version, now),
            _ => {}
        }
    }

    fn begin(&mut self, doing: Doing, now: Instant) {
        self.doing = doing;
        self.since = now;
        self.line_due = now + FIRST_LINE;
    }

    fn applying(&mut self, migration: Sent, now: Instant) {
        if let Doing::Applying { sent, .. } = &mut self.doing
            && !sent.is_empty()
            // One that was sent already is sent again, by itself.
            && sent.iter().all(|earlier| earlier.version != migration.version)
        {
            sent.push(migration);
        } else {
            self.begin(Doing::Applying { sent: vec![migration], statement: None, resumes: None }, now);
        }
    }

    fn statement(&mut self, number: usize, of: usize, now: Instant) {
        if let Doing::Applying { statement, resumes, .. } = &mut self.doing {
            *statement = Some((number, of));
            *resumes = None;
            self.since = now;
            self.line_due = now + FIRST_LINE;
        }
    }

    fn retrying(&mut self, version: Version, at: Instant) {
        self.line_due = self.line_due.max(at + TRY_SEEN);
        if let Doing::Applying { sent, resumes, .. } = &mut self.doing {
            sent.retain(|sent| sent.version == version);
            *resumes = Some(at);
        }
    }

    fn applied(&mut self, version: Version, now: Instant) {
        self.done += 1;
        self.since = now;
        self.line_due = now + FIRST_LINE;
        if let Doing::Applying { sent, .. } = &mut self.doing {
            sent.retain(|sent| sent.version != version);
        }
    }

    /// Takes note of what was seen, unless something has happened since the look began.
    pub(crate) fn see(&mut self, sight: Option<Sight>, event: u64) {
        if event == self.event {
            self.sight = sight;
        }
    }

    pub(crate) fn sight(&self) -> Option<&Sight> {
        self.sight.as_ref()
    }

    /// The last event's number, where nothing has happened for so long that a look is worth it.
    pub(crate) fn is_look_due(&self, now: Instant) -> Option<u64> {
        let began = match &self.doing {
            Doing::Connecting | Doing::WaitingForLock { .. } => return None,
            Doing::Reading => self.since,
            Doing::Applying { resumes, .. } => resumes.unwrap_or(self.since),
        };
        (now.saturating_duration_since(began) >= QUIET).then_some(self.event)
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
        (count(self.done), count(self.of))
    }

    /// What is going on, for how long, and whom it waits for, in one line.
    pub(crate) fn describe(&self, now: Instant) -> String {
        let elapsed = age(now.saturating_duration_since(self.since));
        match &self.doing {
            Doing::Connecting => format!("connecting  {elapsed}"),
            Doing::WaitingForLock { timeout } => {
                format!("waiting for another instance  {elapsed} of {}", age(*timeout))
            }
            Doing::Reading => format!("reading the history  {elapsed}{}", self.seen()),
            Doing::Applying { sent, statement, resumes } => {
                let what = what(sent, *statement);
                match resumes {
                    Some(at) if *at > now => format!("{what}  {elapsed}  about to try again"),
                    _ => format!("{what}  {elapsed}{}", self.seen()),
                }
            }
        }
    }

    fn seen(&self) -> String {
        self.sight.as_ref().and_then(Sight::describe).map_or_else(String::new, |seen| format!("  {seen}"))
    }

    fn sent(&self) -> &[Sent] {
        if let Doing::Applying { sent, .. } = &self.doing { sent } else { &[] }
    }
}

/// Which migrations are on their way.
fn what(sent: &[Sent], statement: Option<(usize, usize)>) -> String {
    match (sent, statement) {
        ([one], Some((number, of))) if of > 1 => {
            format!("applying {} {}, statement {number} of {of}", one.version, one.name)
        }
        ([one], _) => format!("applying {} {}", one.version, one.name),
        ([first, .., last], _) => format!("applying {} to {}", first.version, last.version),
        ([], _) => "finishing".to_owned(),
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
