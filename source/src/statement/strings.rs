//! How plain strings are read, as the statements of a text leave it: PostgreSQL's setting `standard_conforming_strings`,
//! followed through SET, transactions and savepoints. What a function or another session does to it, nobody can tell.

use super::StatementKind;
use super::tokens::{Tokens, boolean};
use crate::lexer::{StringSyntax, TokenKind};

/// The setting, and what it will be again.
#[derive(Default)]
pub(super) struct Strings {
    values: Values,
    /// As they were when the open transaction block began.
    before_block: Option<Values>,
    /// As they were at each savepoint that is open.
    savepoints: Vec<(String, Values)>,
}

#[derive(Clone, Copy, Default)]
struct Values {
    now: StringSyntax,
    /// What holds once the transaction has committed. SET LOCAL leaves it alone.
    after_commit: StringSyntax,
}

impl Strings {
    pub(super) const fn now(&self) -> StringSyntax {
        self.values.now
    }

    /// Takes note of a statement.
    pub(super) fn follow(&mut self, kind: &StatementKind, tokens: Tokens<'_>) {
        match kind {
            StatementKind::Session | StatementKind::NeedsNoTransaction { command: "DISCARD ALL" } => self.set(tokens),
            StatementKind::Begin { .. } => {
                self.before_block.get_or_insert(self.values);
            }
            StatementKind::Commit { .. } | StatementKind::PrepareTransaction => self.end_block(),
            StatementKind::Rollback => {
                self.values = self.before_block.unwrap_or(self.values);
                self.end_block();
            }
            StatementKind::Ordinary => self.savepoint(tokens),
            _ => {}
        }
    }

    fn set(&mut self, tokens: Tokens<'_>) {
        match string_setting(tokens) {
            Some(StringSetting::Session(syntax)) => self.values = Values { now: syntax, after_commit: syntax },
            Some(StringSetting::Local(syntax)) => self.values.now = syntax,
            None => {}
        }
    }

    fn end_block(&mut self) {
        self.values.now = self.values.after_commit;
        self.before_block = None;
        self.savepoints.clear();
    }

    /// ROLLBACK TO puts a setting back to what it was at the savepoint, which stays open; RELEASE does not.
    fn savepoint(&mut self, mut tokens: Tokens<'_>) {
        let mut buffer = [0; 16];
        match tokens.word(&mut buffer) {
            "savepoint" => self.savepoints.extend(tokens.name().map(|name| (name, self.values))),
            "release" => {
                let at = self.position(tokens);
                self.savepoints.truncate(at.unwrap_or(0));
            }
            "rollback" | "abort" => {
                tokens.eat_work();
                tokens.eat("to");
                let at = self.position(tokens);
                self.values = at.and_then(|at| self.savepoints.get(at)).map_or(self.values, |(_, values)| *values);
                self.savepoints.truncate(at.map_or(0, |at| at + 1));
            }
            _ => {}
        }
    }

    /// The youngest savepoint of the name that stands there. Where there is none, PostgreSQL refuses the statement, and
    /// the ones there are will not be looked through again.
    fn position(&self, mut tokens: Tokens<'_>) -> Option<usize> {
        // A savepoint may be named `savepoint`.
        let has_word = tokens.eat("savepoint");
        let name = if has_word && tokens.at_end() { "savepoint".to_owned() } else { tokens.name()? };
        self.savepoints.iter().rposition(|(savepoint, _)| *savepoint == name)
    }
}

/// A change of `standard_conforming_strings`.
enum StringSetting {
    /// For the session.
    Session(StringSyntax),
    /// For the transaction.
    Local(StringSyntax),
}

/// What SET, RESET, DISCARD ALL or a `SELECT set_config(…)` does to `standard_conforming_strings`.
fn string_setting(mut tokens: Tokens<'_>) -> Option<StringSetting> {
    const SETTING: &str = "standard_conforming_strings";
    let mut buffer = [0; 16];
    match tokens.word(&mut buffer) {
        "set" => {
            let local = tokens.eat("local");
            let _ = !local && tokens.eat("session");
            if !tokens.name()?.eq_ignore_ascii_case(SETTING) {
                return None;
            }
            // What stands there is TO or `=`.
            tokens.next()?;
            let value = tokens.next()?;
            let syntax = syntax_of(&tokens.value(value)?)?;
            Some(if local { StringSetting::Local(syntax) } else { StringSetting::Session(syntax) })
        }
        "reset" | "discard" => {
            let name = tokens.name()?;
            let concerned = name == "all" || name.eq_ignore_ascii_case(SETTING);
            concerned.then_some(StringSetting::Session(StringSyntax::Standard))
        }
        "select" => {
            while !tokens.eat_kind(TokenKind::OpenParen) {
                tokens.next()?;
            }
            let setting = tokens.next()?;
            let comma = TokenKind::Comma;
            if !tokens.value(setting)?.eq_ignore_ascii_case(SETTING) || !tokens.eat_kind(comma) {
                return None;
            }
            let value = tokens.next()?;
            let syntax = syntax_of(&tokens.value(value)?)?;
            let local = tokens.eat_kind(comma) && tokens.sees("true");
            Some(if local { StringSetting::Local(syntax) } else { StringSetting::Session(syntax) })
        }
        _ => None,
    }
}

fn syntax_of(value: &str) -> Option<StringSyntax> {
    Some(match boolean(value)? {
        true => StringSyntax::Standard,
        false => StringSyntax::Escape,
    })
}
