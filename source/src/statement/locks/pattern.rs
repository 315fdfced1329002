//! The small language in which the table of locks says how a command begins, and what else it asks of tokens.

use super::super::name::QualifiedName;
use super::super::tokens::Tokens;
use crate::lexer::TokenKind;

impl Tokens<'_> {
    /// Reads the words of a pattern, if they stand there: `[a]` may be absent, `a|b` is one of them, `*` is any name, `.` any
    /// relation, `(` itself. Where they do not stand there, nothing is read.
    pub(super) fn follow(&mut self, pattern: &str) -> bool {
        let before = self.clone();
        let fits = self.follow_words(pattern);
        if !fits {
            *self = before;
        }
        fits
    }

    fn follow_words(&mut self, pattern: &str) -> bool {
        let mut rest = pattern.trim_start();
        while !rest.is_empty() {
            let (element, is_optional);
            if let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                (element, is_optional, rest) = (inside, true, after);
            } else {
                let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
                (element, is_optional, rest) = (word, false, after);
            }
            // Words that may be absent together: `[if exists]`.
            let fits = match element.split_once(' ') {
                Some(_) if is_optional => self.follow(element),
                _ => self.follow_one(element),
            };
            if !fits && !is_optional {
                return false;
            }
            rest = rest.trim_start();
        }
        true
    }

    fn follow_one(&mut self, element: &str) -> bool {
        match element {
            "*" => self.name().is_some(),
            "." => self.relation().is_some(),
            "(" => self.eat_kind(TokenKind::OpenParen),
            words => words.split('|').any(|word| self.eat(word)),
        }
    }

    /// One relation or several, each perhaps with a list of columns.
    pub(super) fn relations(&mut self) -> Vec<QualifiedName> {
        let mut relations = Vec::new();
        while let Some(relation) = self.relation() {
            relations.push(relation);
            self.skip_parentheses();
            if !self.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        relations
    }

    /// The relation of a column: `a.x`, `s.a.x`.
    pub(super) fn owner(&mut self) -> Option<QualifiedName> {
        let mut parts = vec![self.name()?];
        while self.eat_kind(TokenKind::Dot) {
            parts.push(self.name()?);
        }
        parts.pop()?;
        Some(QualifiedName { name: parts.pop()?, schema: parts.pop() })
    }

    /// Reads one token, or all that stands in parentheses.
    pub(super) fn skip_one(&mut self) {
        if self.peek().is_some_and(|token| token.kind == TokenKind::OpenParen) {
            self.skip_parentheses();
        } else {
            self.next();
        }
    }

    /// Reads up to that word, outside of parentheses, and past it. The first token is a name, and not the word.
    pub(super) fn skip_to(&mut self, word: &str) -> Option<()> {
        while !self.at_end() {
            if self.eat(word) {
                return Some(());
            }
            self.skip_one();
        }
        None
    }

    /// Reads past the next comma outside of parentheses, if there is one.
    pub(super) fn skip_to_comma(&mut self) -> bool {
        while !self.at_end() {
            if self.eat_kind(TokenKind::Comma) {
                return true;
            }
            self.skip_one();
        }
        false
    }

    /// Whether each option of the list in parentheses that begins here has one of these beginnings.
    pub(super) fn all_options_begin(&mut self, beginnings: &[&str]) -> bool {
        if !self.eat_kind(TokenKind::OpenParen) {
            return false;
        }
        loop {
            let Some(mut name) = self.name() else { return false };
            // `toast.autovacuum_enabled`
            if self.eat_kind(TokenKind::Dot) {
                let Some(inner) = self.name() else { return false };
                name = inner;
            }
            if !beginnings.iter().any(|beginning| name.starts_with(beginning)) {
                return false;
            }
            loop {
                match self.next().map(|token| token.kind) {
                    None => return false,
                    Some(TokenKind::CloseParen) => return true,
                    Some(TokenKind::Comma) => break,
                    Some(_) => {}
                }
            }
        }
    }
}
