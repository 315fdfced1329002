//! The tokens of one statement, read one after another, and the few constructs of the grammar that several commands share.

use super::name::{QualifiedName, name, string};
use crate::lexer::{Lexer, StringSyntax, Token, TokenKind};

/// The tokens of one statement, blanks and the final `;` left out.
#[derive(Clone)]
pub(super) struct Tokens<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    ahead: Option<Token>,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str, strings: StringSyntax) -> Self {
        let mut lexer = Lexer::new(text);
        lexer.read_strings_as(strings);
        Self { text, lexer, ahead: None }
    }

    pub(super) fn peek(&mut self) -> Option<Token> {
        if self.ahead.is_none() {
            self.ahead = self.lexer.by_ref().map_while(Result::ok).find(|token| !token.is_blank());
        }
        self.ahead
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.peek();
        self.ahead = None;
        token
    }

    pub(super) fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Takes one token, and gives it in lower case if it is a word that fits. Every keyword looked for does.
    pub(super) fn word<'b>(&mut self, buffer: &'b mut [u8; 16]) -> &'b str {
        let Some(token) = self.next().filter(|token| token.kind == TokenKind::Identifier) else {
            return "";
        };
        let written = token.text(self.text).as_bytes();
        let Some(word) = buffer.get_mut(..written.len()) else {
            return "";
        };
        word.copy_from_slice(written);
        word.make_ascii_lowercase();
        std::str::from_utf8(word).unwrap_or_default()
    }

    pub(super) fn sees(&mut self, word: &str) -> bool {
        let text = self.text;
        self.peek()
            .is_some_and(|token| token.kind == TokenKind::Identifier && token.text(text).eq_ignore_ascii_case(word))
    }

    pub(super) fn eat(&mut self, word: &str) -> bool {
        let seen = self.sees(word);
        if seen {
            self.ahead = None;
        }
        seen
    }

    pub(super) fn eat_kind(&mut self, kind: TokenKind) -> bool {
        let seen = self.peek().is_some_and(|token| token.kind == kind);
        if seen {
            self.ahead = None;
        }
        seen
    }

    pub(super) fn eat_work(&mut self) {
        let _ = self.eat("work") || self.eat("transaction");
    }

    pub(super) fn skip_parentheses(&mut self) {
        if !self.eat_kind(TokenKind::OpenParen) {
            return;
        }
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next().map(|token| token.kind) {
                None => return,
                Some(TokenKind::OpenParen) => depth += 1,
                Some(TokenKind::CloseParen) => depth -= 1,
                Some(_) => {}
            }
        }
    }

    /// A name, if one stands there.
    pub(super) fn name(&mut self) -> Option<String> {
        let token = self.next()?;
        let mut escape = '\\';
        if token.kind == TokenKind::UnicodeIdentifier && self.eat("uescape") {
            let token = self.next()?;
            escape = string(token, self.text)?.chars().next()?;
        }
        name(token, self.text, escape)
    }

    /// A relation: `a`, `s.a`, `ONLY s.a`, `ONLY (s.a)`, `s.a *`.
    pub(super) fn relation(&mut self) -> Option<QualifiedName> {
        let parenthesis = self.eat("only") && self.eat_kind(TokenKind::OpenParen);
        let mut relation = QualifiedName { schema: None, name: self.name()? };
        while self.eat_kind(TokenKind::Dot) {
            relation = QualifiedName { schema: Some(relation.name), name: self.name()? };
        }
        if parenthesis {
            self.eat_kind(TokenKind::CloseParen);
        }
        let text = self.text;
        if self.peek().is_some_and(|token| token.text(text) == "*") {
            self.ahead = None;
        }
        Some(relation)
    }

    /// The text of a value: a string's content, a name folded, a number as it is written.
    pub(super) fn value(&self, token: Token) -> Option<String> {
        match token.kind {
            TokenKind::Number => Some(token.text(self.text).to_owned()),
            TokenKind::EscapeString => {
                let written = token.text(self.text);
                Some(written.trim_start_matches(['e', 'E']).trim_matches('\'').to_owned())
            }
            _ => string(token, self.text).or_else(|| name(token, self.text, '\\')),
        }
    }

    /// The value of an option in the list in parentheses that begins here: `(a, b = off, c false)`. It looks ahead only.
    pub(super) fn option(&self, wanted: &str) -> Option<bool> {
        let mut tokens = self.clone();
        if !tokens.eat_kind(TokenKind::OpenParen) {
            return None;
        }
        loop {
            let found = tokens.name()?.eq_ignore_ascii_case(wanted);
            let text = tokens.text;
            if tokens.peek().is_some_and(|token| token.text(text) == "=") {
                tokens.ahead = None;
            }
            let ends = |token: Token| matches!(token.kind, TokenKind::Comma | TokenKind::CloseParen);
            let mut value = Some(true);
            while let Some(token) = tokens.peek().filter(|&token| !ends(token)) {
                value = tokens.value(token).and_then(|value| boolean(&value));
                tokens.next();
            }
            if found {
                // A value that is no boolean is for PostgreSQL to refuse.
                return value.or(Some(true));
            }
            if !tokens.eat_kind(TokenKind::Comma) {
                return None;
            }
        }
    }
}

/// PostgreSQL takes every unambiguous beginning of these words, in any case.
pub(super) fn boolean(value: &str) -> Option<bool> {
    let value = value.to_ascii_lowercase();
    let begins = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    if value == "1" || value == "default" || value == "on" || begins("true", 1) || begins("yes", 1) {
        return Some(true);
    }
    (value == "0" || begins("off", 2) || begins("false", 1) || begins("no", 1)).then_some(false)
}
