//! What can be passed over without being looked at token by token.
//!
//! Each function is one loop with hardly a call in it: a procedural macro is mostly built without optimisation, where a
//! call costs as much as ten bytes, and would spend most of its time on tokens that nobody asks for.

use super::{
    CLASSES, DIGIT, IDENTIFIER, IDENTIFIER_START, LexError, Lexer, OPERATOR, SPACE, StringSyntax, Token, TokenKind,
};

/// A literal of more bytes than this is left to the standard library, which is optimised always and begins slowly.
const SHORT: usize = 64;

impl Lexer<'_> {
    /// Skips whitespace and comments.
    ///
    /// `comments` is given the offset of each `--` at the beginning of a line.
    pub(crate) fn skip_blanks(&mut self, comments: &mut Vec<usize>) -> Result<(), LexError> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        while at < bytes.len() {
            if CLASSES[bytes[at] as usize] & SPACE != 0 {
                at += 1;
            } else if matches!((bytes[at], self.byte(at + 1)), (b'-', b'-') | (b'/', b'*')) {
                at = self.skip_token(at, comments)?.1;
            } else {
                break;
            }
        }
        self.at = at;
        Ok(())
    }

    /// Skips everything up to a `;` outside of parentheses, or to the end of the text. Gives the end of the last token
    /// that is neither whitespace nor a comment.
    ///
    /// `parentheses` is how many are open, before and after. `comments` is given the offset of each `--` at the beginning
    /// of a line.
    pub(crate) fn skip_to_semicolon(
        &mut self,
        parentheses: &mut usize,
        comments: &mut Vec<usize>,
    ) -> Result<Option<usize>, LexError> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let mut end = 0;
        while at < bytes.len() {
            let start = at;
            let byte = bytes[at];
            let class = CLASSES[byte as usize];
            at += 1;
            if class & SPACE != 0 {
                continue;
            }
            let mut is_whole = true;
            if class & IDENTIFIER_START != 0 {
                while at < bytes.len() && CLASSES[bytes[at] as usize] & IDENTIFIER != 0 {
                    at += 1;
                }
                // One letter may be the prefix of a literal.
                is_whole = at > start + 1 || !matches!(self.byte(at), b'\'' | b'&');
            } else if class & DIGIT != 0 {
                while at < bytes.len() && CLASSES[bytes[at] as usize] & DIGIT != 0 {
                    at += 1;
                }
                is_whole = at < bytes.len() && CLASSES[bytes[at] as usize] & IDENTIFIER == 0 && bytes[at] != b'.';
            } else if class & OPERATOR != 0 {
                is_whole = !matches!((byte, self.byte(at)), (b'-', b'-') | (b'/', b'*'));
            } else {
                match byte {
                    b'(' => *parentheses += 1,
                    b')' if *parentheses > 0 => *parentheses -= 1,
                    b';' if *parentheses == 0 => {
                        at = start;
                        break;
                    }
                    b'\'' if self.strings == StringSyntax::Standard => is_whole = self.skip_short(&mut at, byte),
                    b'"' => is_whole = self.skip_short(&mut at, byte),
                    b'.' => is_whole = CLASSES[self.byte(at) as usize] & DIGIT == 0,
                    b',' | b':' | b'[' | b']' | b')' | b';' => {}
                    _ => is_whole = false,
                }
            }
            if is_whole {
                end = at;
                continue;
            }
            let (kind, after) = self.skip_token(start, comments)?;
            at = after;
            if !matches!(kind, TokenKind::LineComment | TokenKind::BlockComment) {
                end = at;
            }
        }
        self.at = at;
        // No token ends where the text begins.
        Ok(if end == 0 { None } else { Some(end) })
    }

    /// The next token, if it is a `;` or an identifier of several letters. If not, nothing is taken.
    pub(crate) fn next_simple(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if start >= bytes.len() {
            return None;
        }
        let mut end = start + 1;
        let kind = if bytes[start] == b';' {
            TokenKind::Semicolon
        } else if CLASSES[bytes[start] as usize] & IDENTIFIER_START != 0 {
            while end < bytes.len() && CLASSES[bytes[end] as usize] & IDENTIFIER != 0 {
                end += 1;
            }
            // One letter may be the prefix of a literal.
            if end == start + 1 {
                return None;
            }
            TokenKind::Identifier
        } else {
            return None;
        };
        self.at = end;
        Some(Token { kind, start, end })
    }

    /// Skips the rest of a literal in which only the doubled quote is special, unless it is long or does not end.
    fn skip_short(&self, at: &mut usize, quote: u8) -> bool {
        let bytes = self.text.as_bytes();
        let mut end = *at;
        let last = bytes.len().min(end + SHORT);
        while end < last {
            if bytes[end] != quote {
                end += 1;
            } else if self.byte(end + 1) == quote {
                end += 2;
            } else {
                *at = end + 1;
                return true;
            }
        }
        false
    }

    /// Reads one token, whatever it is.
    fn skip_token(&mut self, start: usize, comments: &mut Vec<usize>) -> Result<(TokenKind, usize), LexError> {
        let bytes = self.text.as_bytes();
        let read = self.read(start, bytes[start]);
        match &read {
            Ok((TokenKind::LineComment, _)) if start == 0 || bytes[start - 1] == b'\n' => comments.push(start),
            Ok(_) => {}
            Err(_) => self.at = bytes.len(),
        }
        read
    }
}
