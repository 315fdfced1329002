//! Reads directives off the comments of a text.

use std::fmt;
use std::ops::Range;

use super::allow::{self, Allowed};
use super::misspelt;
use super::part::{Part, goes_on_with_a_word, normal};
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
    /// It is not written as a directive at all, and so clearly meant as one that it is none by mistake.
    Misspelt {
        /// The comment as it should be.
        meant: String,
    },
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
    /// `allow` is a list of rules.
    NotARule {
        /// What stands in the place of a rule, as written.
        value: String,
    },
    /// A rule of graven's own cannot be allowed to be broken.
    OwnRule {
        /// The rule.
        rule: &'static str,
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
            Self::Malformed | Self::Misspelt { .. } => f.write_str("a directive is written `-- graven: key = value`"),
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
            Self::NotARule { value } if value.is_empty() => f.write_str("`allow` names no rule there"),
            Self::NotARule { value } => write!(f, "`{}` is not the name of a rule", brief(value)),
            Self::OwnRule { rule } => write!(f, "the rule `{rule}` cannot be allowed to be broken"),
            Self::SaidTwice { key } => write!(f, "`{key}` is given twice"),
            Self::AfterFirstStatement => f.write_str("a directive stands before the first statement"),
        }
    }
}

/// The keys, as documented.
const KEYS: [&str; 5] = ["transaction", "lock_timeout", "statement_timeout", "retries", ALLOW];
/// The one that may be given several times.
const ALLOW: &str = "allow";

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
    let reader = read(text);
    (reader.directives, reader.problems)
}

/// The lints that the head of a text allows itself to break, in order: `-- graven: allow = ban-drop-column`.
///
/// They are no concern of a run, which is why they are not among the [`Directives`]. What does not hold is told of by
/// [`parse`] and left out here. Whether there is such a lint is the linter's to know.
///
/// ```
/// use graven_source::directive::allowed;
///
/// let allowed = allowed("-- graven: allow = ban-drop-column, squawk/ban-drop-table\ndrop table t;");
/// assert_eq!(allowed[1].rule, "squawk/ban-drop-table");
/// ```
#[must_use]
pub fn allowed(text: &str) -> Vec<Allowed> {
    read(text).allowed
}

fn read(text: &str) -> Reader {
    let mut reader = Reader::default();
    if begins_as_sqlx_has_it(text) {
        reader.directives.transaction = Transaction::Off;
        reader.said.push("transaction");
    }
    let mut in_head = true;
    for token in statement::Reader::new(text).map_while(Result::ok) {
        match token.kind {
            TokenKind::LineComment => reader.comment(text, token.span(), in_head),
            TokenKind::BlockComment if in_head => reader.misspelt(misspelt::in_block(text, token.span())),
            TokenKind::Semicolon | TokenKind::Whitespace | TokenKind::BlockComment => {}
            _ if in_head && !mentions_graven(text, token.start) => break,
            _ => in_head = false,
        }
    }
    reader
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    directives: Directives,
    allowed: Vec<Allowed>,
    problems: Vec<DirectiveProblem>,
    /// The keys given so far.
    said: Vec<&'static str>,
}

impl Reader {
    fn comment(&mut self, text: &str, comment: Range<usize>, in_head: bool) {
        let whole = Part::new(text, comment.clone()).skip(2);
        let Some(setting) = whole.after_word("graven").and_then(|rest| rest.after_colon()) else {
            if in_head {
                self.misspelt(misspelt::in_line(text, comment));
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

    fn misspelt(&mut self, meant: impl IntoIterator<Item = (String, Range<usize>)>) {
        let problem = |(meant, span)| DirectiveProblem { reason: DirectiveReason::Misspelt { meant }, span };
        self.problems.extend(meant.into_iter().map(problem));
    }

    fn setting(&mut self, key: &Part<'_>, value: &Part<'_>) {
        let Some(known) = known(key.text) else {
            let reason = DirectiveReason::UnknownKey { key: key.text.to_owned(), nearest: nearest(key.text) };
            return self.problem(reason, key);
        };
        if known == ALLOW {
            return self.allow(value);
        }
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

    fn allow(&mut self, rules: &Part<'_>) {
        for rule in rules.list() {
            match allow::rule(&rule) {
                Ok(allowed) => self.allowed.push(allowed),
                Err(reason) => self.problem(reason, &rule),
            }
        }
    }

    fn problem(&mut self, reason: DirectiveReason, part: &Part<'_>) {
        self.problems.push(DirectiveProblem { reason, span: part.span() });
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

/// Whether that is a value of the key. What `allow` may name is not known here.
pub(super) fn holds(key: &str, value: &str) -> bool {
    match key {
        "transaction" => transaction(value).is_ok(),
        "lock_timeout" | "statement_timeout" => timeout(value).is_ok(),
        "retries" => retries(value).is_ok(),
        _ => false,
    }
}

/// The key that it is.
pub(super) fn known(key: &str) -> Option<&'static str> {
    let key = normal(key);
    KEYS.into_iter().find(|known| *known == key)
}

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

/// Whether the first line is what sqlx takes for an order to use no transaction.
fn begins_as_sqlx_has_it(text: &str) -> bool {
    let order = text.strip_prefix("--").map(|rest| rest.trim_start_matches([' ', '\t']));
    let rest = order.and_then(|order| order.strip_prefix("no-transaction"));
    rest.is_some_and(|rest| !rest.starts_with(goes_on_with_a_word))
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
