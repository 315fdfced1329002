//! Reads directives off the comments of a text.

use std::fmt;
use std::ops::Range;

use super::{Directives, Transaction};
use crate::duration::{DurationError, parse_duration};
use crate::lexer::TokenKind;
use crate::problem::brief;
use crate::statement;

/// A directive that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectiveProblem {
    /// Why not.
    pub reason: DirectiveReason,
    /// The part of the comment that is meant: the key, the value, or all of it.
    pub span: Range<usize>,
}

/// Why a directive does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectiveReason {
    /// It is not `-- graven: key = value`.
    Malformed,
    /// There is no such key.
    UnknownKey {
        /// The key, as written.
        key: String,
        /// The key that is most like it, if one is.
        nearest: Option<&'static str>,
    },
    /// `transaction` is `on` or `off`.
    NotOnOrOff {
        /// The value, as written.
        value: String,
    },
    /// The value of a timeout is no duration.
    NotADuration {
        /// The value, as written.
        value: String,
        /// What is wrong with it.
        error: DurationError,
    },
    /// `retries` is a number from 0 to 100.
    NotANumberOfRetries {
        /// The value, as written.
        value: String,
    },
    /// The key has been given before, with another value or the same one.
    SaidTwice {
        /// The key.
        key: &'static str,
    },
    /// It stands after the first statement, where it would come too late.
    AfterFirstStatement,
}

impl fmt::Display for DirectiveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("a directive is written `-- graven: key = value`"),
            Self::UnknownKey { key, nearest: None } => write!(f, "there is no directive `{}`", brief(key)),
            Self::UnknownKey { key, nearest: Some(nearest) } => {
                write!(f, "there is no directive `{}`; `{nearest}` is the nearest", brief(key))
            }
            Self::NotOnOrOff { value } => {
                write!(f, "`transaction` is `on` or `off`, not `{}`", brief(value))
            }
            Self::NotADuration { value, error } => write!(f, "`{}`: {error}", brief(value)),
            Self::NotANumberOfRetries { value } => {
                write!(f, "`retries` is a number from 0 to 100, not `{}`", brief(value))
            }
            Self::SaidTwice { key } => write!(f, "`{key}` is given twice"),
            Self::AfterFirstStatement => f.write_str("a directive stands before the first statement"),
        }
    }
}

/// The keys, as documented.
const KEYS: [&str; 4] = ["transaction", "lock_timeout", "statement_timeout", "retries"];

/// The directives of a text, and what is wrong with those that do not hold, in order.
///
/// Case does not matter, nor do spaces around any part; a value may stand in quotes. `-- no-transaction` as the first
/// line, as sqlx has it, stands for `-- graven: transaction = off`. Where the text stops being tokens, it stops, too.
///
/// ```
/// use graven_source::directive::{Transaction, parse};
///
/// let (directives, problems) = parse("-- graven: transaction = off\ncreate index concurrently on t (a);");
/// assert_eq!(directives.transaction, Transaction::Off);
/// assert!(problems.is_empty());
/// ```
#[must_use]
pub fn parse(text: &str) -> (Directives, Vec<DirectiveProblem>) {
    let mut reader = Reader::default();
    if begins_as_sqlx_has_it(text) {
        reader.directives.transaction = Transaction::Off;
        reader.said.push("transaction");
    }
    let mut in_head = true;
    for token in statement::Reader::new(text).map_while(Result::ok) {
        match token.kind {
            TokenKind::LineComment => reader.comment(text, token.span(), in_head),
            TokenKind::Semicolon | TokenKind::Whitespace | TokenKind::BlockComment => {}
            _ if in_head && !mentions_graven(text, token.start) => break,
            _ => in_head = false,
        }
    }
    (reader.directives, reader.problems)
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    directives: Directives,
    problems: Vec<DirectiveProblem>,
    /// The keys given so far.
    said: Vec<&'static str>,
}

impl Reader {
    fn comment(&mut self, text: &str, comment: Range<usize>, in_head: bool) {
        let whole = Part::new(text, comment).skip(2);
        let Some(rest) = whole.after_word("graven") else {
            return;
        };
        let Some(setting) = rest.after_colon() else {
            // The colon is forgotten if a key and `=` follow. Anything else is a comment that speaks of graven.
            if in_head && rest.split_at_equals().is_some_and(|(key, _)| key.known().is_some()) {
                self.problem(DirectiveReason::Malformed, &whole);
            }
            return;
        };
        if !in_head {
            return self.problem(DirectiveReason::AfterFirstStatement, &whole);
        }
        match setting.split_at_equals() {
            Some((key, value)) if !key.text.is_empty() && !value.text.is_empty() => {
                self.setting(&key, &value.unquoted())
            }
            _ => self.problem(DirectiveReason::Malformed, &whole),
        }
    }

    fn setting(&mut self, key: &Part<'_>, value: &Part<'_>) {
        let Some(known) = key.known() else {
            let reason = DirectiveReason::UnknownKey { key: key.text.to_owned(), nearest: nearest(key.text) };
            return self.problem(reason, key);
        };
        if self.said.contains(&known) {
            return self.problem(DirectiveReason::SaidTwice { key: known }, key);
        }
        self.said.push(known);
        let read = match known {
            "transaction" => transaction(value.text).map(|transaction| self.directives.transaction = transaction),
            "lock_timeout" => timeout(value.text).map(|timeout| self.directives.lock_timeout = Some(timeout)),
            "statement_timeout" => timeout(value.text).map(|timeout| self.directives.statement_timeout = Some(timeout)),
            _ => retries(value.text).map(|retries| self.directives.retries = Some(retries)),
        };
        if let Err(reason) = read {
            self.problem(reason, value);
        }
    }

    fn problem(&mut self, reason: DirectiveReason, part: &Part<'_>) {
        self.problems.push(DirectiveProblem { reason, span: part.start..part.start + part.text.len() });
    }
}

fn transaction(value: &str) -> Result<Transaction, DirectiveReason> {
    match value {
        _ if value.eq_ignore_ascii_case("on") => Ok(Transaction::On),
        _ if value.eq_ignore_ascii_case("off") => Ok(Transaction::Off),
        _ => Err(DirectiveReason::NotOnOrOff { value: value.to_owned() }),
    }
}

fn timeout(value: &str) -> Result<std::time::Duration, DirectiveReason> {
    parse_duration(value).map_err(|error| DirectiveReason::NotADuration { value: value.to_owned(), error })
}

fn retries(value: &str) -> Result<u32, DirectiveReason> {
    let digits_only = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse() {
        Ok(retries) if digits_only && retries <= MOST_RETRIES => Ok(retries),
        _ => Err(DirectiveReason::NotANumberOfRetries { value: value.to_owned() }),
    }
}

const MOST_RETRIES: u32 = 100;

/// The key that is most like it, unless none is like it at all. A comparison takes time by the length of both.
fn nearest(key: &str) -> Option<&'static str> {
    const LONGEST: usize = 64;
    if key.len() > LONGEST {
        return None;
    }
    let key = normal(key);
    let closeness = |known: &str| strsim::jaro_winkler(&key, known);
    KEYS.into_iter().filter(|known| closeness(known) > 0.75).max_by(|a, b| closeness(a).total_cmp(&closeness(b)))
}

fn normal(key: &str) -> String {
    key.to_lowercase()
}

/// Whether the first line is what sqlx takes for an order to use no transaction.
fn begins_as_sqlx_has_it(text: &str) -> bool {
    let order = text.strip_prefix("--").map(|rest| rest.trim_start_matches([' ', '\t']));
    let rest = order.and_then(|order| order.strip_prefix("no-transaction"));
    rest.is_some_and(|rest| !rest.starts_with(goes_on_with_a_word))
}

fn goes_on_with_a_word(character: char) -> bool {
    character.is_alphanumeric() || character == '-' || character == '_'
}

/// Whether `graven:` in any spelling stands somewhere from there on. It spares reading a long text a second time, only
/// to find a directive that comes too late.
fn mentions_graven(text: &str, from: usize) -> bool {
    let rest = text.get(from..).unwrap_or_default();
    rest.match_indices(':').any(|(colon, _)| {
        let before = rest.get(..colon).unwrap_or_default().trim_end();
        let word = before.len().checked_sub("graven".len()).and_then(|start| before.get(start..));
        word.is_some_and(|word| word.eq_ignore_ascii_case("graven"))
    })
}

/// A part of a comment and where it begins in the whole text, without blanks around it.
struct Part<'t> {
    text: &'t str,
    start: usize,
}

impl<'t> Part<'t> {
    fn new(text: &'t str, span: Range<usize>) -> Self {
        Self { start: span.start, text: text.get(span).unwrap_or_default() }
    }

    /// What is left after so many bytes.
    fn skip(&self, bytes: usize) -> Self {
        let rest = self.text.get(bytes..).unwrap_or_default();
        let trimmed = rest.trim_start();
        Self { start: self.start + bytes + (rest.len() - trimmed.len()), text: trimmed.trim_end() }
    }

    fn until(&self, end: usize) -> Self {
        Self { start: self.start, text: self.text.get(..end).unwrap_or_default().trim_end() }
    }

    /// The rest, if it begins with that word, in any case.
    fn after_word(&self, word: &str) -> Option<Self> {
        let begins = self.text.get(..word.len())?.eq_ignore_ascii_case(word);
        let ends = !self.text.get(word.len()..)?.starts_with(goes_on_with_a_word);
        (begins && ends).then(|| self.skip(word.len()))
    }

    fn after_colon(&self) -> Option<Self> {
        self.text.starts_with(':').then(|| self.skip(1))
    }

    fn split_at_equals(&self) -> Option<(Self, Self)> {
        let at = self.text.find('=')?;
        Some((self.until(at), self.skip(at + 1)))
    }

    fn unquoted(self) -> Self {
        for quote in ['\'', '"'] {
            if let Some(inside) = self.text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
                return Self { start: self.start + 1, text: inside }.skip(0);
            }
        }
        self
    }

    /// The key that it is.
    fn known(&self) -> Option<&'static str> {
        let key = normal(self.text);
        KEYS.into_iter().find(|known| *known == key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Directives, Transaction};
    use super::{DirectiveReason, parse};
    use crate::duration::DurationError;

    #[test]
    fn directives_are_read_however_they_are_spaced_and_cased() {
        let off = Directives { transaction: Transaction::Off, ..Directives::default() };
        let waits = Directives { lock_timeout: Some(Duration::from_secs(2)), ..Directives::default() };
        for (text, wanted) in [
            ("-- graven: transaction = off\nselect 1;", &off),
            ("--graven:transaction=off", &off),
            ("--   Graven :  TRANSACTION  =  OFF  \r\n", &off),
            ("-- graven: transaction = 'off'", &off),
            ("/* head */\n\n-- about this\n  -- graven: transaction = \"off\"\n;", &off),
            ("-- no-transaction\nselect 1", &off),
            ("-- no-transaction: it builds an index\n", &off),
            ("--no-transaction", &off),
            ("-- graven: lock_timeout = 2s", &waits),
            ("-- graven: Lock_Timeout = '2 s'", &waits),
            ("-- graven: lock_timeout = 2000", &waits),
        ] {
            assert_eq!(parse(text), (wanted.clone(), vec![]), "{text:?}");
        }
        let text = "-- graven: lock_timeout = 0\n-- graven: statement_timeout = 1.5min\n-- graven: retries = 100";
        let wanted = Directives {
            transaction: Transaction::On,
            lock_timeout: Some(Duration::ZERO),
            statement_timeout: Some(Duration::from_secs(90)),
            retries: Some(100),
        };
        assert_eq!(parse(text), (wanted, vec![]));
    }

    #[test]
    fn ordinary_comments_are_not_directives() {
        for text in [
            "",
            "-- graven is nice",
            "-- graven-style: x = y",
            "-- graven",
            "-- see graven: transaction = off",
            "-- engraven: x = y",
            "-- graven is nice = true",
            "/* graven: transaction = off */",
            "select '-- graven: transaction = off';",
            "select $$\n-- graven: transaction = off\n$$;",
            "\n-- no-transaction",
            "-- no-transactional",
            "-- transaction = off",
            "select 1;\n-- graven transaction = off",
            "select 1; -- graven is good\n",
        ] {
            assert_eq!(parse(text), (Directives::default(), vec![]), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_hold_is_reported_at_its_place() {
        use DirectiveReason::*;
        let unknown = |key: &str, nearest| UnknownKey { key: key.to_owned(), nearest };
        let duration = |value: &str, error| NotADuration { value: value.to_owned(), error };
        let retries = |value: &str| NotANumberOfRetries { value: value.to_owned() };
        for (text, reason, place) in [
            ("-- graven:", Malformed, "graven:"),
            ("-- graven: off", Malformed, "graven: off"),
            ("-- graven: no-transaction", Malformed, "graven: no-transaction"),
            ("-- graven: transaction =", Malformed, "graven: transaction ="),
            ("-- graven: = off", Malformed, "graven: = off"),
            ("-- graven: transaction: off", Malformed, "graven: transaction: off"),
            ("-- graven transaction = off", Malformed, "graven transaction = off"),
            ("-- graven: transactions = off", unknown("transactions", Some("transaction")), "transactions"),
            ("-- graven: lock-timeout = 2s", unknown("lock-timeout", Some("lock_timeout")), "lock-timeout"),
            (
                "-- graven: statment_timeout = 2s",
                unknown("statment_timeout", Some("statement_timeout")),
                "statment_timeout",
            ),
            ("-- graven: colour = red", unknown("colour", None), "colour"),
            ("-- graven: ключ = off", unknown("ключ", None), "ключ"),
            ("-- graven: transaction = no", NotOnOrOff { value: "no".to_owned() }, "no"),
            ("-- graven: transaction = off -- why", NotOnOrOff { value: "off -- why".to_owned() }, "off -- why"),
            ("-- graven: lock_timeout = soon", duration("soon", DurationError::NotANumber), "soon"),
            ("-- graven: lock_timeout = -1", duration("-1", DurationError::NotANumber), "-1"),
            ("-- graven: lock_timeout = '2 sec'", duration("2 sec", DurationError::UnknownUnit), "2 sec"),
            ("-- graven: retries = 101", retries("101"), "101"),
            ("-- graven: retries = -1", retries("-1"), "-1"),
            ("-- graven: retries = +1", retries("+1"), "+1"),
            ("-- graven: retries = 99999999999999999999", retries("99999999999999999999"), "99999999999999999999"),
            ("-- graven: retries = ''", retries(""), ""),
            ("-- graven: retries = 1\n-- graven: Retries = 1", SaidTwice { key: "retries" }, "Retries"),
            ("-- no-transaction\n-- graven: transaction = off", SaidTwice { key: "transaction" }, "transaction"),
            ("select 1;\n-- graven: retries = 1", AfterFirstStatement, "graven: retries = 1"),
            ("select 1 -- GRAVEN : x\n", AfterFirstStatement, "GRAVEN : x"),
        ] {
            let (_, mut problems) = parse(text);
            assert_eq!(problems.len(), 1, "{text:?}: {problems:?}");
            let problem = problems.remove(0);
            assert_eq!(problem.reason, reason, "{text:?}");
            assert_eq!(&text[problem.span.clone()], place, "{text:?}");
            assert!(text[..problem.span.start].ends_with([' ', '\'']), "{text:?}");
        }
    }

    #[test]
    fn one_that_does_not_hold_does_not_hide_the_others() {
        let text = "-- graven: retries = x\n-- graven: y = z\n-- graven: transaction = off\nselect 1; -- graven: a = b";
        let (directives, problems) = parse(text);
        assert_eq!(directives.transaction, Transaction::Off);
        assert_eq!(problems.len(), 3);
        assert!(problems.is_sorted_by_key(|problem| problem.span.start));
    }
}
