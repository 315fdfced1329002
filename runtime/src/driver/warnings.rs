//! What PostgreSQL warns of while migrations run: the task that drives a connection hears it, and the run tells it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::ServerError;

/// As many warnings as are kept of one message: a loop may warn at each row.
const MOST: usize = 200;

/// The warnings of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warnings(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    listening: bool,
    kept: Vec<ServerError>,
    /// How many came after those.
    more: usize,
}

impl Warnings {
    /// Keeps the warnings that come from now on, until what is handed back is dropped.
    pub(crate) fn listen(&self) -> Listening<'_> {
        *self.lock() = Heard { listening: true, ..Heard::default() };
        Listening(self)
    }

    /// A warning has come. Where nobody listens, it goes to the log.
    pub(crate) fn hear(&self, warning: ServerError) {
        let mut heard = self.lock();
        if !heard.listening {
            log(&warning);
        } else if heard.kept.len() < MOST {
            heard.kept.push(warning);
        } else {
            heard.more += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who listens, for the length of one message.
pub(crate) struct Listening<'a>(&'a Warnings);

impl Listening<'_> {
    /// What has come since. The server's answer comes behind the warnings that belong to it, and is handed on behind them.
    pub(crate) fn heard(self) -> Vec<ServerError> {
        let Heard { mut kept, more, .. } = std::mem::take(&mut *self.0.lock());
        if more > 0 {
            let message = format!("{more} more warnings, which are not shown");
            kept.push(ServerError { severity: "WARNING".to_owned(), message, ..ServerError::default() });
        }
        kept
    }
}

impl Drop for Listening<'_> {
    /// What nobody has asked for, since whoever listened was dropped, goes to the log.
    fn drop(&mut self) {
        let Heard { kept, .. } = std::mem::take(&mut *self.0.lock());
        kept.iter().for_each(log);
    }
}

fn log(warning: &ServerError) {
    tracing::warn!(target: "graven", "PostgreSQL: {}", warning.message);
}

#[cfg(test)]
mod tests {
    use super::{MOST, Warnings};
    use crate::error::ServerError;

    fn warning(number: usize) -> ServerError {
        ServerError { message: number.to_string(), ..ServerError::default() }
    }

    #[test]
    fn only_what_comes_while_somebody_listens_is_kept_and_not_without_end() {
        let warnings = Warnings::default();
        warnings.hear(warning(0));
        let listening = warnings.listen();
        (1..=MOST + 3).for_each(|number| warnings.hear(warning(number)));
        let heard: Vec<String> = listening.heard().into_iter().map(|warning| warning.message).collect();
        assert_eq!((heard.len(), heard.first().map(String::as_str)), (MOST + 1, Some("1")));
        assert_eq!(heard.last().map(String::as_str), Some("3 more warnings, which are not shown"));
        drop(warnings.listen());
        warnings.hear(warning(1));
        assert!(warnings.listen().heard().is_empty());
    }
}
