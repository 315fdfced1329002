//! The words of a statement, one after the other, without the comments between them.

use graven_source::lexer::{Lexer, Token, TokenKind};

/// The words of one statement.
#[derive(Clone)]
pub(super) struct Words {
    pub(super) text: &'static str,
    pub(super) lexer: Lexer<'static>,
}

/// A relation as it is written, and its last part.
pub(super) struct Relation {
    pub(super) qualified: String,
    pub(super) name: String,
}

impl Words {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text, lexer: Lexer::new(text) }
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        self.lexer.by_ref().map_while(Result::ok).find(|token| !token.is_blank())
    }

    pub(super) fn any(mut self, found: impl Fn(Token, &str) -> bool) -> bool {
        while let Some(token) = self.next() {
            if found(token, self.text) {
                return true;
            }
        }
        false
    }

    /// Takes a word, if it stands there.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        let found = ahead.next().is_some_and(|token| is(token, self.text, word));
        if found {
            *self = ahead;
        }
        found
    }

    /// Takes these words. Where only some of them stand there, what is left does not matter.
    pub(super) fn eat_all(&mut self, words: &[&str]) -> bool {
        words.iter().all(|word| self.eat(word))
    }

    pub(super) fn eat_kind(&mut self, kind: TokenKind) -> bool {
        let mut ahead = self.clone();
        let found = ahead.next().is_some_and(|token| token.kind == kind);
        if found {
            *self = ahead;
        }
        found
    }

    /// A relation: `a`, `s.a`, `ONLY s.a`, `ONLY (s.a)`, `s.a *`.
    pub(super) fn relation(&mut self) -> Option<Relation> {
        let parenthesis = self.eat("only") && self.eat_kind(TokenKind::OpenParen);
        let mut name = self.name()?;
        let mut qualified = name.clone();
        while self.eat_kind(TokenKind::Dot) {
            name = self.name()?;
            qualified = format!("{qualified}.{name}");
        }
        if parenthesis {
            self.eat_kind(TokenKind::CloseParen);
        }
        let mut ahead = self.clone();
        if ahead.next().is_some_and(|token| token.text(self.text) == "*") {
            *self = ahead;
        }
        Some(Relation { qualified, name })
    }

    /// A name as it is written. PostgreSQL's `to_regclass` does not read `U&"…"`.
    pub(super) fn name(&mut self) -> Option<String> {
        let token = self.next()?;
        matches!(token.kind, TokenKind::Identifier | TokenKind::QuotedIdentifier)
            .then(|| token.text(self.text).to_owned())
    }
}

pub(super) fn is(token: Token, text: &str, word: &str) -> bool {
    token.kind == TokenKind::Identifier && token.text(text).eq_ignore_ascii_case(word)
}
