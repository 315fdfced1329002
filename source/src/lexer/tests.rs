use proptest::prelude::*;

use super::{LexError, LexErrorKind, Lexer, StringSyntax, Token, TokenKind, TokenKind::*};

fn tokens(text: &str) -> Vec<Token> {
    Lexer::new(text).collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// All tokens but whitespace.
fn seen(text: &str, strings: StringSyntax) -> Vec<(TokenKind, &str)> {
    let mut lexer = Lexer::new(text);
    lexer.read_strings_as(strings);
    let tokens = lexer.map(|token| token.unwrap_or_else(|error| panic!("{text:?}: {error}")));
    tokens.filter(|token| token.kind != Whitespace).map(|token| (token.kind, token.text(text))).collect()
}

fn check(table: &[(&str, &[(TokenKind, &str)])]) {
    for (text, wanted) in table {
        assert_eq!(seen(text, StringSyntax::Standard), *wanted, "{text:?}");
    }
}

fn error(text: &str) -> LexError {
    let found = Lexer::new(text).find_map(Result::err);
    found.unwrap_or_else(|| panic!("{text:?} is no error"))
}

#[test]
fn a_plain_string_ends_at_a_single_quote_and_knows_no_backslash() {
    check(&[
        ("''", &[(String, "''")]),
        ("'a''b'c", &[(String, "'a''b'"), (Identifier, "c")]),
        (r"'a\'c", &[(String, r"'a\'"), (Identifier, "c")]),
        ("''''", &[(String, "''''")]),
        ("'a' 'b'", &[(String, "'a'"), (String, "'b'")]),
        ("'a;\n--b\n/*c'", &[(String, "'a;\n--b\n/*c'")]),
        ("N'a'n'b'", &[(String, "N'a'"), (String, "n'b'")]),
        ("B'01'x'1f'", &[(String, "B'01'"), (String, "x'1f'")]),
        // There, two quotes are no quote: one string ends and another begins.
        ("B'0''1'", &[(String, "B'0'"), (String, "'1'")]),
        ("x'1'\n -- '\n'2' '3'", &[(String, "x'1'\n -- '\n'2'"), (String, "'3'")]),
        ("U&'d\\0061t' uescape '!'", &[(UnicodeString, "U&'d\\0061t'"), (Identifier, "uescape"), (String, "'!'")]),
        ("'$$'", &[(String, "'$$'")]),
    ]);
}

#[test]
fn an_escape_string_knows_backslashes_and_its_continuation_does_too() {
    check(&[
        (r"E'a\'b'", &[(EscapeString, r"E'a\'b'")]),
        (r"e'\\'x", &[(EscapeString, r"e'\\'"), (Identifier, "x")]),
        ("E'a''b'", &[(EscapeString, "E'a''b'")]),
        ("E'ä\\ä'", &[(EscapeString, "E'ä\\ä'")]),
        ("E'a'\n  'b\\'c'", &[(EscapeString, "E'a'\n  'b\\'c'")]),
        ("E'a' -- note\n\t'b\\'c'", &[(EscapeString, "E'a' -- note\n\t'b\\'c'")]),
        ("E'a' 'b\\'", &[(EscapeString, "E'a'"), (String, "'b\\'")]),
        ("E'a'\n/**/'b\\'", &[(EscapeString, "E'a'"), (BlockComment, "/**/"), (String, "'b\\'")]),
        ("E'a'\n;", &[(EscapeString, "E'a'"), (Semicolon, ";")]),
        // Only right at the beginning of a word is E a prefix.
        (r"fooE'a\'", &[(Identifier, "fooE"), (String, r"'a\'")]),
        (r"E 'a\'", &[(Identifier, "E"), (String, r"'a\'")]),
    ]);
}

#[test]
fn without_standard_conforming_strings_a_plain_string_is_an_escape_string() {
    for (text, wanted) in [
        (r"'a\'b';", &[(EscapeString, r"'a\'b'"), (Semicolon, ";")] as &[_]),
        (r"N'a\'b';", &[(EscapeString, r"N'a\'b'"), (Semicolon, ";")]),
        (r"B'\';", &[(String, r"B'\'"), (Semicolon, ";")]),
        (r#""\";"#, &[(QuotedIdentifier, r#""\""#), (Semicolon, ";")]),
        (r"$$\$$;", &[(DollarQuoted, r"$$\$$"), (Semicolon, ";")]),
    ] {
        assert_eq!(seen(text, StringSyntax::Escape), wanted, "{text:?}");
    }
}

#[test]
fn a_dollar_quote_ends_at_its_own_tag_only() {
    check(&[
        ("$$$$", &[(DollarQuoted, "$$$$")]),
        ("$$a$$b", &[(DollarQuoted, "$$a$$"), (Identifier, "b")]),
        ("$a$ $b$ ; $$ $a$", &[(DollarQuoted, "$a$ $b$ ; $$ $a$")]),
        ("$a$x$a$", &[(DollarQuoted, "$a$x$a$")]),
        ("$a$ $$a$", &[(DollarQuoted, "$a$ $$a$")]),
        ("$a$ $A$ $a$", &[(DollarQuoted, "$a$ $A$ $a$")]),
        ("$a$ $ab$a$", &[(DollarQuoted, "$a$ $ab$a$")]),
        ("$$ $ $$$", &[(DollarQuoted, "$$ $ $$"), (Other, "$")]),
        ("$_1$'$_1$", &[(DollarQuoted, "$_1$'$_1$")]),
        ("$ä$ $a$ $ä$", &[(DollarQuoted, "$ä$ $a$ $ä$")]),
        ("1$$;$$", &[(Number, "1"), (DollarQuoted, "$$;$$")]),
        ("1.e-3$a$;$a$", &[(Number, "1.e-3"), (DollarQuoted, "$a$;$a$")]),
        ("1E5$a$;$a$", &[(Number, "1E5"), (DollarQuoted, "$a$;$a$")]),
        (".5e+1$$;$$", &[(Number, ".5e+1"), (DollarQuoted, "$$;$$")]),
        ("1e$$;", &[(Number, "1e$$"), (Semicolon, ";")]),
        ("1e5a$$;", &[(Number, "1e5a$$"), (Semicolon, ";")]),
    ]);
}

#[test]
fn a_dollar_in_an_identifier_or_before_a_digit_begins_no_quote() {
    check(&[
        ("a$1$b$1$", &[(Identifier, "a$1$b$1$")]),
        ("a$$;b$$", &[(Identifier, "a$$"), (Semicolon, ";"), (Identifier, "b$$")]),
        ("ä$$;", &[(Identifier, "ä$$"), (Semicolon, ";")]),
        ("$1$2", &[(Parameter, "$1"), (Parameter, "$2")]),
        ("$1 + $23", &[(Parameter, "$1"), (Operator, "+"), (Parameter, "$23")]),
        ("$a b", &[(Other, "$"), (Identifier, "a"), (Identifier, "b")]),
        ("$;", &[(Other, "$"), (Semicolon, ";")]),
        (
            "$1a$;$1a$",
            &[(Parameter, "$1"), (Identifier, "a$"), (Semicolon, ";"), (Parameter, "$1"), (Identifier, "a$")],
        ),
    ]);
}

#[test]
fn block_comments_nest_and_line_comments_end_with_the_line() {
    check(&[
        ("/* a /* b */ ; */c", &[(BlockComment, "/* a /* b */ ; */"), (Identifier, "c")]),
        ("/**/a", &[(BlockComment, "/**/"), (Identifier, "a")]),
        ("/***/a", &[(BlockComment, "/***/"), (Identifier, "a")]),
        ("/*/ */a", &[(BlockComment, "/*/ */"), (Identifier, "a")]),
        ("/*/**/*/a", &[(BlockComment, "/*/**/*/"), (Identifier, "a")]),
        ("/*//**/**/a", &[(BlockComment, "/*//**/**/"), (Identifier, "a")]),
        ("/* ' $$ \" -- */a", &[(BlockComment, "/* ' $$ \" -- */"), (Identifier, "a")]),
        ("-- ' /* \na", &[(LineComment, "-- ' /* "), (Identifier, "a")]),
        ("--a\rb", &[(LineComment, "--a"), (Identifier, "b")]),
        ("--a\r\nb", &[(LineComment, "--a"), (Identifier, "b")]),
        ("--", &[(LineComment, "--")]),
        ("*/", &[(Operator, "*/")]),
    ]);
}

#[test]
fn an_operator_ends_before_a_comment_and_rarely_in_a_sign() {
    check(&[
        ("a@-@b", &[(Identifier, "a"), (Operator, "@-@"), (Identifier, "b")]),
        ("a=-1", &[(Identifier, "a"), (Operator, "="), (Operator, "-"), (Number, "1")]),
        ("a@-1", &[(Identifier, "a"), (Operator, "@-"), (Number, "1")]),
        ("<-+", &[(Operator, "<"), (Operator, "-"), (Operator, "+")]),
        ("*+*", &[(Operator, "*+*")]),
        ("+--;", &[(Operator, "+"), (LineComment, "--;")]),
        ("@/*;*/b", &[(Operator, "@"), (BlockComment, "/*;*/"), (Identifier, "b")]),
        ("*/*;*/", &[(Operator, "*"), (BlockComment, "/*;*/")]),
        ("->>'a'", &[(Operator, "->>"), (String, "'a'")]),
        ("-", &[(Operator, "-")]),
    ]);
}

#[test]
fn identifiers_numbers_and_punctuation() {
    check(&[
        (r#""a;""b"c"#, &[(QuotedIdentifier, r#""a;""b""#), (Identifier, "c")]),
        (r#"U&"d\0061""#, &[(UnicodeIdentifier, r#"U&"d\0061""#)]),
        ("u & 'a'", &[(Identifier, "u"), (Operator, "&"), (String, "'a'")]),
        ("tést_1\u{a0}x", &[(Identifier, "tést_1\u{a0}x")]),
        ("1.5e-3+2", &[(Number, "1.5e-3"), (Operator, "+"), (Number, "2")]),
        ("1e--2", &[(Number, "1e"), (LineComment, "--2")]),
        (".5 5. 1..2", &[(Number, ".5"), (Number, "5."), (Number, "1"), (Dot, "."), (Number, ".2")]),
        ("0x1F 1_000", &[(Number, "0x1F"), (Number, "1_000")]),
        // PostgreSQL 14 reads a number and a name here, and the `$` as part of the name.
        ("1a$b$;$b", &[(Number, "1a$b$"), (Semicolon, ";"), (Other, "$"), (Identifier, "b")]),
        (
            "a.b[1]::c,(d)",
            &[
                (Identifier, "a"),
                (Dot, "."),
                (Identifier, "b"),
                (OpenBracket, "["),
                (Number, "1"),
                (CloseBracket, "]"),
                (Colon, ":"),
                (Colon, ":"),
                (Identifier, "c"),
                (Comma, ","),
                (OpenParen, "("),
                (Identifier, "d"),
                (CloseParen, ")"),
            ],
        ),
        ("{\u{1}\u{0}", &[(Other, "{"), (Other, "\u{1}"), (Other, "\u{0}")]),
        ("", &[]),
    ]);
}

#[test]
fn what_never_ends_is_an_error_where_it_begins() {
    for (text, kind, span) in [
        ("a 'b", LexErrorKind::UnterminatedString, 2..3),
        ("a 'b''", LexErrorKind::UnterminatedString, 2..3),
        (r"a E'b\'", LexErrorKind::UnterminatedString, 2..4),
        (r"E'b\", LexErrorKind::UnterminatedString, 0..2),
        ("E'a'\n'b", LexErrorKind::UnterminatedString, 0..2),
        ("a U&'b", LexErrorKind::UnterminatedString, 2..5),
        ("a \"b", LexErrorKind::UnterminatedIdentifier, 2..3),
        ("a U&\"b", LexErrorKind::UnterminatedIdentifier, 2..5),
        ("a $$b$", LexErrorKind::UnterminatedDollarQuote, 2..4),
        ("a $ä$ $$ $a$", LexErrorKind::UnterminatedDollarQuote, 2..6),
        ("a /* /* */", LexErrorKind::UnterminatedComment, 2..4),
        ("a /*/", LexErrorKind::UnterminatedComment, 2..4),
        ("a\n\\i b.sql\nc", LexErrorKind::PsqlCommand, 2..10),
        ("select 1 \\gexec", LexErrorKind::PsqlCommand, 9..15),
    ] {
        assert_eq!(error(text), LexError { kind, span }, "{text:?}");
    }
}

#[test]
fn nothing_is_read_after_an_error() {
    let mut lexer = Lexer::new("a 'b");
    assert!(lexer.by_ref().any(|token| token.is_err()));
    assert_eq!(lexer.next(), None);
}

#[test]
fn skipping_goes_forward_only_and_never_into_a_character() {
    let mut lexer = Lexer::new("a b ä c");
    assert_eq!(lexer.by_ref().take(3).count(), 3);
    lexer.skip_to(0);
    assert_eq!(lexer.next(), Some(Ok(Token { kind: Whitespace, start: 3, end: 4 })));
    let mut other = lexer.clone();
    lexer.skip_to(7);
    assert_eq!(lexer.next(), Some(Ok(Token { kind: Identifier, start: 7, end: 8 })));
    other.skip_to(5);
    assert_eq!(other.next(), None);
}

/// Texts made of what the lexer has rules for.
fn nasty() -> impl Strategy<Value = std::string::String> {
    let piece = prop::sample::select(vec![
        "'", "''", "\"", "E'", "e'", "U&'", "u&\"", "B'", "N'", "\\", "\\'", "$", "$$", "$a$", "$ä$", "$1", "--", "/*",
        "*/", "\n", "\r", "\t", " ", ";", "(", ")", "[", "]", ",", ".", ":", "+", "-", "@", "=", "/", "*", "a", "ä",
        "1", "1e", "👍", "\u{0}", "{",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn every_byte_belongs_to_exactly_one_token(text in prop_oneof![any::<std::string::String>(), nasty()]) {
        let mut at = 0;
        for token in Lexer::new(&text) {
            match token {
                Ok(token) => {
                    prop_assert_eq!(token.start, at);
                    prop_assert!(token.end > token.start);
                    prop_assert!(text.get(token.span()).is_some());
                    at = token.end;
                }
                Err(error) => {
                    prop_assert_eq!(error.span.start, at);
                    prop_assert!(text.get(error.span).is_some_and(|part| !part.is_empty()));
                    at = text.len();
                }
            }
        }
        prop_assert_eq!(at, text.len());
    }

    #[test]
    fn what_is_skipped_is_what_the_tokens_say(text in nasty(), escape in any::<bool>(), open in 0_usize..3) {
        let strings = if escape { StringSyntax::Escape } else { StringSyntax::Standard };
        let lexer = || {
            let mut lexer = Lexer::new(&text);
            lexer.read_strings_as(strings);
            lexer
        };
        let begins_a_line = |token: &Token| token.start == 0 || text.as_bytes().get(token.start - 1) == Some(&b'\n');

        let (mut at, mut comments, mut wanted) = (0, Vec::new(), Ok(()));
        for token in lexer() {
            match token {
                Ok(token) if token.is_blank() => {
                    at = token.end;
                    comments.extend(Some(token.start).filter(|_| token.kind == LineComment && begins_a_line(&token)));
                }
                Err(error) if error.kind == LexErrorKind::UnterminatedComment => {
                    wanted = Err(error);
                    at = text.len();
                }
                _ => break,
            }
        }
        let (mut skipping, mut noted) = (lexer(), Vec::new());
        prop_assert_eq!(skipping.skip_blanks(&mut noted), wanted);
        prop_assert_eq!((skipping.at, noted), (at, comments));

        let (mut at, mut depth, mut comments, mut wanted) = (0, open, Vec::new(), Ok(None));
        for token in lexer() {
            match token {
                Ok(token) => {
                    match token.kind {
                        OpenParen => depth += 1,
                        CloseParen => depth = depth.saturating_sub(1),
                        Semicolon if depth == 0 => break,
                        LineComment if begins_a_line(&token) => comments.push(token.start),
                        _ => {}
                    }
                    at = token.end;
                    if !token.is_blank() {
                        wanted = Ok(Some(at));
                    }
                }
                Err(error) => {
                    wanted = Err(error);
                    at = text.len();
                }
            }
        }
        let (mut skipping, mut noted, mut parentheses) = (lexer(), Vec::new(), open);
        prop_assert_eq!(skipping.skip_to_semicolon(&mut parentheses, &mut noted), wanted);
        prop_assert_eq!((skipping.at, noted, parentheses), (at, comments, depth));
    }

    #[test]
    fn a_quoted_text_is_one_token_whatever_it_holds(text in any::<std::string::String>()) {
        let string = format!("'{}'", text.replace('\'', "''"));
        prop_assert_eq!(tokens(&string), [Token { kind: String, start: 0, end: string.len() }]);
        let escaped = format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
        prop_assert_eq!(tokens(&escaped), [Token { kind: EscapeString, start: 0, end: escaped.len() }]);
        let dollars = format!("$tag${}$tag$", text.replace('$', ""));
        prop_assert_eq!(tokens(&dollars), [Token { kind: DollarQuoted, start: 0, end: dollars.len() }]);
    }
}
