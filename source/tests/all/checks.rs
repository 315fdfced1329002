//! What holds for any input whatever, said once: the tests here run it over texts that are made to be nasty, the fuzz
//! targets over what libFuzzer comes up with, and the tests against PostgreSQL over what they send.
//!
//! Each function panics where its promise is broken, and then the message holds the input.
#![allow(dead_code, reason = "not every program that includes this file makes use of all of it")]

use graven_source::directive;
use graven_source::file_name::{self, FileName, Refusal, Suggestion};
use graven_source::lexer::{LexError, Lexer, StringSyntax, Token, TokenKind};
use graven_source::position;
use graven_source::seal::Seal;
use graven_source::statement::{self, Statement, StatementKind};
use graven_source::{Checksum, Kind, Version};

/// The lexer and the splitter.
pub(crate) fn sql(text: &str) {
    for strings in [StringSyntax::Standard, StringSyntax::Escape] {
        tokens_cover_the_text(text, strings);
    }
    match statement::split(text) {
        Ok(statements) => {
            assert_eq!(statement::split(text).as_ref(), Ok(&statements), "not the same twice: {text:?}");
            statements_and_space_cover_the_text(text, &statements);
            statements_are_made_of_whole_tokens(text, &statements);
            for statement in &statements {
                a_statement_is_one_by_itself(text, statement);
            }
            units_cover_the_statements(text, &statements);
        }
        Err(error) => an_error_is_where_reading_stopped(text, &error),
    }
}

/// Each byte belongs to exactly one token, up to the first error.
fn tokens_cover_the_text(text: &str, strings: StringSyntax) {
    let mut at = 0;
    for token in lexer(text, strings) {
        match token {
            Ok(token) => {
                assert_eq!(token.start, at, "a gap or an overlap before {token:?} in {text:?}");
                assert!(token.end > at && text.get(token.span()).is_some(), "{token:?} in {text:?}");
                at = token.end;
            }
            Err(error) => {
                assert_eq!(error.span.start, at, "{error:?} in {text:?}");
                assert!(text.get(error.span.clone()).is_some_and(|part| !part.is_empty()), "{error:?} in {text:?}");
                at = text.len();
            }
        }
    }
    assert_eq!(at, text.len(), "the end was not reached: {text:?}");
}

/// Each byte belongs to exactly one statement or to the space between, and that space holds nothing but blanks, the
/// `;` of empty statements, and rows after a COPY.
fn statements_and_space_cover_the_text(text: &str, statements: &[Statement]) {
    let mut covered = String::with_capacity(text.len());
    for (space, statement) in pieces(text, statements) {
        let ends_here = |one: &Statement| one.kind == StatementKind::CopyFromStdin && one.span.end == covered.len();
        let after_copy = statements.iter().any(ends_here);
        assert!(is_space(space) || after_copy, "{space:?} is no space between statements: {text:?}");
        covered.push_str(space);
        let Some(statement) = statement else { continue };
        let own = text.get(statement.span.clone()).unwrap_or_default();
        assert!(!own.is_empty() && !is_space(own), "{own:?} is no statement: {text:?}");
        covered.push_str(own);
    }
    assert_eq!(covered, text, "statements and the space between them are not the text");
}

/// A statement begins and ends where a token does, whatever shortcuts the splitter may take over those in between.
fn statements_are_made_of_whole_tokens(text: &str, statements: &[Statement]) {
    // Then, how strings are read changes on the way, and rows are no tokens.
    let is_followed = text.to_ascii_lowercase().contains("standard_conforming_strings");
    if is_followed || statements.iter().any(|statement| statement.kind == StatementKind::CopyFromStdin) {
        return;
    }
    let tokens: Vec<Token> = Lexer::new(text).map_while(Result::ok).filter(|token| !token.is_blank()).collect();
    for statement in statements {
        let first = tokens.partition_point(|token| token.start < statement.span.start);
        let after = tokens.partition_point(|token| token.end <= statement.span.end);
        let own = tokens.get(first..after).unwrap_or_default();
        let ends = (own.first().map(|token| token.start), own.last().map(|token| token.end));
        assert_eq!(ends, (Some(statement.span.start), Some(statement.span.end)), "{statement:?} in {text:?}");
    }
}

/// The space before each statement with that statement, and at last the space after all of them.
pub(crate) fn pieces<'t>(text: &'t str, statements: &'t [Statement]) -> Vec<(&'t str, Option<&'t Statement>)> {
    let mut at = 0;
    let mut pieces = Vec::with_capacity(statements.len() + 1);
    for statement in statements {
        pieces.push((text.get(at..statement.span.start).unwrap_or("an overlap"), Some(statement)));
        at = statement.span.end;
    }
    pieces.push((text.get(at..).unwrap_or("beyond the end"), None));
    pieces
}

fn is_space(text: &str) -> bool {
    let is_space = |token: Token| token.is_blank() || token.kind == TokenKind::Semicolon;
    Lexer::new(text).all(|token| token.is_ok_and(is_space))
}

/// Cut out and read again, it is the same single statement. What was said of `standard_conforming_strings` before it is
/// part of how it is read, so that one of both readings has to do.
fn a_statement_is_one_by_itself(text: &str, statement: &Statement) {
    const OFF: &str = "set standard_conforming_strings = off;";
    let own = text.get(statement.span.clone()).unwrap_or_default();
    let alone = Ok(vec![Statement { span: 0..own.len(), kind: statement.kind.clone() }]);
    if statement::split(own) == alone {
        return;
    }
    let after_off = statement::split(&format!("{OFF}{own}")).unwrap_or_default();
    let wanted = Statement { span: OFF.len()..OFF.len() + own.len(), kind: statement.kind.clone() };
    assert!(
        after_off.len() == 2 && after_off.get(1) == Some(&wanted),
        "{own:?} is {:?} by itself, and {statement:?} in {text:?}",
        statement::split(own)
    );
}

/// What is sent one by one is each statement once, in order; what is left out are some of them.
fn units_cover_the_statements(text: &str, statements: &[Statement]) {
    if let Ok(units) = statement::units(statements) {
        let members: Vec<usize> = units.iter().flat_map(|unit| unit.statements.clone()).collect();
        assert_eq!(members, (0..statements.len()).collect::<Vec<_>>(), "{text:?}");
        assert!(units.iter().all(|unit| text.get(unit.span.clone()).is_some()), "{text:?}");
    }
    for span in statement::absorb(text, statements).unwrap_or_default() {
        let absorbed = statements.iter().find(|statement| statement.span == span);
        let kind = absorbed.map(|statement| &statement.kind);
        assert!(
            matches!(kind, Some(StatementKind::Begin { plain: true } | StatementKind::Commit { plain: true })),
            "{text:?}"
        );
    }
}

/// Everything before the place of an error is whole, and the place can be shown.
fn an_error_is_where_reading_stopped(text: &str, error: &LexError) {
    assert_eq!(statement::split(text).as_ref(), Err(error), "not the same twice: {text:?}");
    assert!(text.get(error.span.clone()).is_some_and(|part| !part.is_empty()), "{error:?} in {text:?}");
    let before = text.get(..error.span.start).unwrap_or_default();
    let statements = statement::split(before).unwrap_or_else(|earlier| panic!("{earlier:?} in {before:?}"));
    statements_and_space_cover_the_text(before, &statements);
    statements_are_made_of_whole_tokens(before, &statements);
}

fn lexer(text: &str, strings: StringSyntax) -> Lexer<'_> {
    let mut lexer = Lexer::new(text);
    lexer.read_strings_as(strings);
    lexer
}

/// Directives, and the sections of other tools' files.
pub(crate) fn directives(text: &str) {
    let (directives, problems) = directive::parse(text);
    assert_eq!(directive::parse(text), (directives.clone(), problems.clone()), "not the same twice: {text:?}");
    assert!(directives.retries.is_none_or(|retries| retries <= 100), "{text:?}");
    assert!(problems.is_sorted_by_key(|problem| problem.span.start), "{problems:?} in {text:?}");
    for problem in problems {
        assert!(text.get(problem.span.clone()).is_some(), "{problem:?} in {text:?}");
        assert!(problem.reason.to_string().len() < 400, "{} is too long to be read", problem.reason);
        let place = position::position(text, problem.span.start);
        assert!(place.line >= 1 && place.column >= 1, "{text:?}");
    }
    for allowed in directive::allowed(text) {
        let written = text.get(allowed.span.clone()).map(str::to_lowercase);
        assert_eq!(written.as_ref(), Some(&allowed.rule), "{allowed:?} in {text:?}");
    }
}

/// The seal file: what is read is written so that it is read the same again.
pub(crate) fn seal(text: &str) {
    match Seal::parse(text) {
        Ok(seal) => {
            let written = seal.render();
            let again = Seal::parse(&written).unwrap_or_else(|damage| panic!("{damage:?} in {written:?} of {text:?}"));
            assert_eq!(again.render(), written, "{text:?}");
            let lines = |seal: &Seal| seal.lines().map(graven_source::seal::SealLine::render).collect::<Vec<_>>();
            assert_eq!(lines(&again), lines(&seal), "{text:?}");
            assert!(seal.lines().all(|line| seal.line(line.version, line.kind) == Some(line)), "{text:?}");
        }
        Err(damage) => {
            assert!(!damage.is_empty(), "{text:?}");
            let lines = text.lines().count().max(1);
            assert!(damage.iter().all(|damage| (1..=lines).contains(&damage.line)), "{damage:?} in {text:?}");
        }
    }
    if let Ok(mended) = Seal::mend(text) {
        let written = mended.seal.render();
        assert!(Seal::parse(&written).is_ok(), "{written:?} of {text:?}");
    }
}

/// File names: what is suggested would serve, and what serves can be sealed and is found again.
pub(crate) fn file_name(file: &str) {
    // A name of a file has no `/`, and nothing below would ever be asked of one.
    if file.contains('/') {
        return;
    }
    let suggested = match file_name::parse(file) {
        FileName::Refused(Refusal::NoKind { should_be: Suggestion::Name(name), .. }) => Some(name),
        FileName::Refused(Refusal::NoKind { should_be: Suggestion::NextVersion(rest), .. }) => Some(format!("7{rest}")),
        FileName::Refused(Refusal::NoKind { should_be: Suggestion::InPlace { parts, rest }, .. }) => {
            let is_number = |part: &String| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            assert!(parts.len() > 1 && parts.iter().all(is_number), "{parts:?} of {file:?}");
            Some(format!("7{rest}"))
        }
        FileName::Migration(found) => {
            assert_eq!(found.version, found.spelling().parse::<Version>().ok(), "{file:?}");
            assert!(!found.name().is_empty(), "{file:?}");
            if found.kind == Kind::Versioned {
                a_name_is_found_again_in_the_seal(found.spelling(), found.name());
            }
            None
        }
        _ => None,
    };
    if let Some(name) = suggested {
        assert!(matches!(file_name::parse(&name), FileName::Migration(_)), "{name:?} for {file:?}");
    }
}

fn a_name_is_found_again_in_the_seal(spelling: &str, name: &str) {
    let announced = Seal::default().with_unsealed(spelling, name).unwrap_or_else(|error| panic!("{name:?}: {error}"));
    let body = format!("{spelling} {name} {}\n", Checksum::of_text(""));
    let sealed = format!("head {}\n{body}", Checksum::of_text(&body));
    for text in [announced.render(), sealed] {
        let seal = Seal::parse(&text).unwrap_or_else(|damage| panic!("{damage:?} in {text:?}"));
        let names: Vec<_> = seal.lines().map(|line| line.name.as_str()).collect();
        assert_eq!(names, [name], "{text:?}");
    }
}
