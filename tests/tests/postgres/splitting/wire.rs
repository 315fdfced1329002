//! The protocol itself, as far as it takes to see what a server answers: every row, command tag and notice of a message,
//! and what its grammar makes of a text. No driver shows all of that.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use graven_testkit::Database;
use tokio_postgres::Config;

/// A connection.
pub(super) struct Wire(BufReader<TcpStream>);

/// What a server answers, as far as two databases should answer the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A command is complete.
    Tag(String),
    /// There was no command.
    Empty,
    /// The names of a result's columns.
    Columns(Vec<String>),
    /// A row, or a line of COPY.
    Row(String),
    /// A notice or warning.
    Notice(String),
    /// An error: SQLSTATE and message.
    Refused(String, String),
    /// The grammar has taken it.
    Parsed,
}

impl Wire {
    pub(super) fn connect(database: &Database) -> Self {
        let config: Config = database.url().parse().unwrap();
        let stream = TcpStream::connect(("127.0.0.1", config.get_ports()[0])).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut wire = Self(BufReader::new(stream));
        let parameters = ["user", config.get_user().unwrap(), "database", config.get_dbname().unwrap(), "", ""];
        // Version 3.0 of the protocol, and a last NUL after the parameters.
        let body =
            [&196_608_u32.to_be_bytes(), parameters.join("\0").trim_end_matches('\0').as_bytes(), b"\0\0"].concat();
        wire.send(None, &body);
        wire.send(Some(b'p'), &[config.get_password().unwrap(), b"\0"].concat());
        assert_eq!(wire.replies(), []);
        wire
    }

    /// Sends a text as one message, as `psql -c` does.
    pub(super) fn query(&mut self, text: &str) -> Vec<Reply> {
        self.send(Some(b'Q'), &[text.as_bytes(), b"\0"].concat());
        self.replies()
    }

    /// Has a text parsed, which must be one statement at most. It is not run.
    pub(super) fn parse(&mut self, text: &str) -> Vec<Reply> {
        self.send(Some(b'P'), &[b"\0", text.as_bytes(), b"\0\0\0"].concat());
        self.send(Some(b'S'), &[]);
        self.replies()
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        let kind: Vec<u8> = kind.into_iter().collect();
        self.0.get_mut().write_all(&[&kind, &length[..], body].concat()).unwrap();
    }

    /// Everything up to the server's being ready for the next message.
    fn replies(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            let mut body = vec![0; length - 4];
            self.0.read_exact(&mut body).unwrap();
            replies.push(match head[0] {
                b'Z' => return replies,
                b'C' => Reply::Tag(text(&body)),
                b'I' => Reply::Empty,
                b'T' => Reply::Columns(columns(&body)),
                b'D' | b'd' => Reply::Row(body.escape_ascii().to_string()),
                b'N' => Reply::Notice(field(&body, b'M')),
                b'E' => Reply::Refused(field(&body, b'C'), field(&body, b'M')),
                b'1' => Reply::Parsed,
                b'G' => panic!("the server waits for rows"),
                // How it is authenticated, its parameters, the end of COPY, notifications: nothing to compare.
                _ => continue,
            });
        }
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8(body.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()).unwrap()
}

/// A field of an error or a notice.
fn field(body: &[u8], code: u8) -> String {
    let found = body.split(|byte| *byte == 0).find(|field| field.first() == Some(&code));
    text(&found.unwrap_or_default()[1..])
}

/// The names of a row description: each is followed by 18 bytes, of which some are numbers of this one database.
fn columns(body: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = &body[2..];
    while !rest.is_empty() {
        let name = text(rest);
        rest = &rest[name.len() + 1 + 18..];
        names.push(name);
    }
    names
}
