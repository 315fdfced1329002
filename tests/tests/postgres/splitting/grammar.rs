//! The server's own grammar, asked how many statements a text is, without running anything of it.

use graven_testkit::Database;

use super::wire::{Reply, Wire};

/// How many statements a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Count {
    None,
    One,
    Several,
    /// It is no SQL: SQLSTATE and message.
    Refused(String, String),
}

/// A session in a transaction that has failed. There PostgreSQL still parses what it is sent, and then refuses to go on
/// (SQLSTATE 25P02), so that neither tables nor their contents matter and nothing can happen.
pub(super) struct Grammar {
    wire: Wire,
    _database: Database,
}

const IN_FAILED_TRANSACTION: &str = "25P02";

impl Grammar {
    pub(super) fn new() -> Self {
        let database = Database::create().unwrap();
        let mut wire = Wire::connect(&database);
        wire.query("BEGIN");
        let failed = wire.query("SELECT 1/0");
        assert!(matches!(&failed[..], [.., Reply::Refused(state, _)] if state == "22012"), "{failed:?}");
        let mut grammar = Self { wire, _database: database };
        for (text, wanted) in [
            ("", Count::None),
            (" ;/* ; */", Count::None),
            ("nonsense", Count::Refused("42601".to_owned(), "syntax error at or near \"nonsense\"".to_owned())),
            ("select nothing", Count::One),
            ("commit;", Count::One),
            ("select;select", Count::Several),
        ] {
            assert_eq!(grammar.count(text), wanted, "{text:?}");
        }
        grammar
    }

    /// How many statements a text is.
    pub(super) fn count(&mut self, text: &str) -> Count {
        match self.ask(text) {
            Ok(()) => {}
            Err(count) => return count,
        }
        // Neither no statement nor one that ends the transaction is refused: one more tells them apart.
        match self.ask(&format!("{text}\n;select")) {
            Err(Count::One) => Count::None,
            Err(Count::Several) => Count::One,
            other => panic!("{text:?} was parsed, and with one statement more: {other:?}"),
        }
    }

    fn ask(&mut self, text: &str) -> Result<(), Count> {
        let replies = self.wire.parse(text);
        // Warnings may come first, such as of a name that is cut.
        let last = replies.into_iter().rfind(|reply| !matches!(reply, Reply::Notice(_)));
        match last {
            Some(Reply::Parsed) => Ok(()),
            Some(Reply::Refused(state, _)) if state == IN_FAILED_TRANSACTION => Err(Count::One),
            Some(Reply::Refused(_, message)) if message.starts_with("cannot insert multiple commands") => {
                Err(Count::Several)
            }
            Some(Reply::Refused(state, message)) => Err(Count::Refused(state, message)),
            other => panic!("{other:?} to {text:?}"),
        }
    }
}
