//! How text becomes text that psql takes for just that: SQL, a comment, an argument. Pure.

use graven_source::lexer::{Lexer, Token, TokenKind};
use graven_source::statement::split;

/// Statements of a migration, each as psql sends it whole and unchanged, every one ended.
///
/// psql looks for its own variables in SQL (`:name`), ends a statement where it believes that a body `BEGIN ATOMIC … END`
/// ends, and forgets at the end of a line in what kind of string it is. A statement that it could take for another one goes to the server as the value of a string, and is sent from there
/// (`\gexec`), as does any text that cannot be taken apart.
pub(super) fn statements(sql: &str) -> String {
    let Ok(statements) = split(sql) else { return by_value(sql) };
    let mut text = String::with_capacity(sql.len() + 64);
    let mut end = 0;
    for statement in statements {
        text.push_str(sql.get(end..statement.span.start).unwrap_or_default());
        end = statement.span.end;
        let piece = sql.get(statement.span).unwrap_or_default();
        if is_read_otherwise(piece) {
            text.push_str(&by_value(piece));
        } else {
            text.push_str(piece);
            if !piece.ends_with(';') {
                // A comment may stand behind it.
                text.push_str("\n;");
            }
        }
    }
    text.push_str(sql.get(end..).unwrap_or_default());
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// How the strings of a text are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As the standard says, all of them.
    Standard,
    /// As the text itself says from some statement on.
    Changing,
}

/// A text that is one statement to the server, or goes to it in one message, as psql is to send it.
///
/// Once a file changes how strings are read, a part of it can neither be taken apart by itself nor stand in the script as it
/// is: psql would read it the other way, also where it is passed over by an `\if`.
pub(super) fn piece(sql: &str, reading: Reading) -> String {
    match reading {
        Reading::Changing if split(sql).is_ok_and(|statements| statements.is_empty()) => String::new(),
        Reading::Changing => by_value(sql),
        Reading::Standard => statements(sql),
    }
}

/// A text, sent as it is and in one message.
pub(super) fn by_value(sql: &str) -> String {
    let tag = (0..).map(|number| format!("$graven{number}$")).find(|tag| !sql.contains(tag.as_str()));
    let tag = tag.unwrap_or_default();
    // What follows on the line would be an argument of the command.
    format!("SELECT {tag}{sql}{tag} \\gexec\n")
}

/// Whether psql could take a statement for another one.
fn is_read_otherwise(statement: &str) -> bool {
    let tokens: Vec<_> = Lexer::new(statement).map_while(Result::ok).collect();
    let is = |at: usize, word: &str| {
        let token = tokens.get(at).copied();
        token.is_some_and(|token| {
            token.kind == TokenKind::Identifier && token.text(statement).eq_ignore_ascii_case(word)
        })
    };
    let kind = |at: usize| tokens.get(at).map(|token| token.kind);
    // psql reads line by line, and does not see that `E'a'`, a line end and `'\''` are one string.
    let goes_on = |token: &Token| token.kind == TokenKind::EscapeString && token.text(statement).contains('\n');
    let has_body = is(0, "create") && (1..tokens.len()).any(|at| is(at, "begin"));
    has_body
        || tokens.iter().any(goes_on)
        || (0..tokens.len()).any(|at| {
            let is_cast = kind(at + 1) == Some(TokenKind::Colon) || at > 0 && kind(at - 1) == Some(TokenKind::Colon);
            kind(at) == Some(TokenKind::Colon) && !is_cast
        })
}

/// A text for a comment line: what would end the line is left out.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An argument of a command of psql, in quotes, in which a backslash means what it means in C.
pub(super) fn argument(text: &str) -> String {
    format!("'{}'", comment(text).replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::{Reading, argument, by_value, comment, piece, statements};

    #[test]
    fn what_psql_reads_as_the_server_does_stays_as_it_is() {
        for text in [
            "CREATE TABLE t (a int DEFAULT 1::int); -- it's :x\n",
            "SELECT ':x', \":x\", $$ :x \\ $$, E'\\':x'; /* :'x' */\n",
            "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);\n",
            "BEGIN;\nCOMMIT;\n",
            "-- nothing\n",
            "",
        ] {
            assert_eq!(statements(text), text);
        }
        assert_eq!(statements("SELECT 1 -- one"), "SELECT 1\n; -- one\n");
    }

    #[test]
    fn a_statement_with_what_may_be_a_variable_is_sent_by_value() {
        for text in ["SELECT a[1:n]", "SELECT a[:'x'::int]", "SELECT a[1 : \"x\"]"] {
            let sent = statements(&format!("SELECT 1;{text};"));
            assert_eq!(sent, format!("SELECT 1;SELECT $graven0${text};$graven0$ \\gexec\n"));
        }
    }

    #[test]
    fn a_body_that_psql_would_cut_is_sent_by_value() {
        let body = "create function f() returns int begin atomic select 1 as end; select 2; end";
        assert_eq!(statements(body), format!("SELECT $graven0${body}$graven0$ \\gexec\n"));
        let quoted = "create function f() returns int language plpgsql as $$ begin return 1; end $$;\n";
        assert_eq!(statements(quoted), quoted);
    }

    #[test]
    fn a_string_that_goes_on_on_the_next_line_is_sent_by_value() {
        let string = "SELECT E'a\\''\n';\\'';";
        assert_eq!(statements(string), format!("SELECT $graven0${string}$graven0$ \\gexec\n"));
    }

    #[test]
    fn the_tag_is_one_that_the_text_does_not_hold() {
        assert_eq!(by_value("$graven0$ $graven1$"), "SELECT $graven2$$graven0$ $graven1$$graven2$ \\gexec\n");
    }

    #[test]
    fn with_changing_strings_every_piece_is_sent_by_value_whether_it_can_be_taken_apart_or_not() {
        for text in ["SET standard_conforming_strings = off;", "SELECT 'it\\'s;';", "SELECT 'a\\'; b';", "SELECT 1"] {
            assert_eq!(piece(text, Reading::Changing), by_value(text));
        }
        assert_eq!(piece("-- nothing, it's said\n", Reading::Changing), "");
        assert_eq!(piece("SELECT 1;", Reading::Standard), "SELECT 1;\n");
    }

    #[test]
    fn what_cannot_be_taken_apart_is_sent_by_value_and_not_left_out() {
        assert_eq!(statements("SELECT 'it\\'s;';"), by_value("SELECT 'it\\'s;';"));
    }

    #[test]
    fn a_name_ends_no_comment_and_no_argument() {
        assert_eq!(comment("a\nDROP TABLE b\r;"), "a DROP TABLE b ;");
        assert_eq!(argument("it's \\! rm\n"), "'it''s \\\\! rm '");
    }
}
