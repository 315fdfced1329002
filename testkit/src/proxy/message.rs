//! What a proxy has seen clients send.

use std::fmt;

use super::First;

/// How much of a text `Debug` shows.
const SHOWN: usize = 300;

/// A moment in the life of a proxy; see [`Proxy::mark`](super::Proxy::mark).
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark(usize);

/// What clients sent through a proxy. `Debug` shows all of it, so that an assertion about a count can say what was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// How many connections became ready.
    pub connections: usize,
    /// How often a client sent something, be it one message or several, after the server had said something.
    ///
    /// That is how often it waited for the server, unless it sends what it does not wait for: some drivers close a
    /// prepared statement that way.
    pub round_trips: usize,
    /// What they sent, in order, without what belongs to connecting and leaving.
    pub messages: Vec<Message>,
}

/// A message from a client to the server.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Its type, as listed in PostgreSQL's manual under "Message Formats": `Q` is a simple query, `P` parses one with
    /// parameters.
    pub kind: char,
    /// What follows its length.
    pub body: Vec<u8>,
}

impl Message {
    /// The SQL that it brings; `None` where it brings none, or none in UTF-8.
    pub fn sql(&self) -> Option<&str> {
        // Texts end with a zero byte, and the name of a prepared statement comes before its SQL.
        let mut texts = self.body.split(|byte| *byte == 0);
        let sql = match self.kind {
            'Q' => texts.next(),
            'P' => texts.nth(1),
            _ => None,
        };
        std::str::from_utf8(sql?).ok()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sql() {
            Some(sql) if sql.chars().count() > SHOWN => {
                let head: String = sql.chars().take(SHOWN).collect();
                write!(f, "{} {head:?}… ({} bytes)", self.kind, self.body.len())
            }
            Some(sql) => write!(f, "{} {sql:?}", self.kind),
            None => write!(f, "{} ({} bytes)", self.kind, self.body.len()),
        }
    }
}

/// Everything that was seen, in order.
#[derive(Debug, Default)]
pub(super) struct Log(Vec<Entry>);

#[derive(Debug)]
pub(super) enum Entry {
    Connected,
    Sent(Message, First),
}

impl Log {
    pub(super) fn push(&mut self, entry: Entry) {
        self.0.push(entry);
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.0.len())
    }

    pub(super) fn since(&self, mark: Mark) -> Traffic {
        let mut traffic = Traffic::default();
        // A mark of another proxy may lie further on than this one has come.
        for entry in self.0.get(mark.0..).unwrap_or_default() {
            match entry {
                Entry::Connected => traffic.connections += 1,
                Entry::Sent(message, first) => {
                    traffic.round_trips += usize::from(*first == First::Yes);
                    traffic.messages.push(message.clone());
                }
            }
        }
        traffic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: char, body: &[u8]) -> Message {
        Message { kind, body: body.to_vec() }
    }

    #[test]
    fn sql_is_found_where_the_message_brings_some() {
        let cases: [(char, &[u8], Option<&str>); 6] = [
            ('Q', b"SELECT 1\0", Some("SELECT 1")),
            ('Q', b"", Some("")),
            ('P', b"s1\0SELECT $1\0\0\0", Some("SELECT $1")),
            ('P', b"", None),
            ('Q', b"SELECT '\xff'\0", None),
            ('S', b"", None),
        ];
        for (kind, body, sql) in cases {
            assert_eq!(message(kind, body).sql(), sql, "{kind} {body:?}");
        }
    }

    #[test]
    fn debug_shows_the_sql_and_cuts_a_long_one_short() {
        assert_eq!(format!("{:?}", message('Q', b"SELECT 1\0")), "Q \"SELECT 1\"");
        assert_eq!(format!("{:?}", message('S', b"")), "S (0 bytes)");
        let long = format!("{:?}", message('Q', &[b'x'; 1000]));
        assert!(long.len() < 400 && long.ends_with("… (1000 bytes)"), "{long}");
    }

    #[test]
    fn a_mark_of_another_proxy_is_no_panic() {
        let traffic = Log::default().since(Mark(5));
        assert_eq!(traffic, Traffic::default());
    }
}
