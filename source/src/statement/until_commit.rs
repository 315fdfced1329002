//! What a statement sets until its transaction commits, and no longer. Where the COMMIT is not sent, it holds on.
//!
//! It looks at the statement itself, and at the code of a DO: not at what a function does that it calls, nor into the
//! body of one.

use super::tokens::{Tokens, boolean};
use crate::lexer::{StringSyntax, Token, TokenKind};

/// What holds until the commit, as messages name it, if the statement sets something that does.
pub(super) fn until_commit(text: &str) -> Option<&'static str> {
    let mut tokens = Tokens::new(text, StringSyntax::Standard);
    if tokens.sees("select") || tokens.eat_kind(TokenKind::OpenParen) {
        return set_config(text, tokens);
    }
    let mut buffer = [0; 16];
    match tokens.word(&mut buffer) {
        "set" => set(tokens),
        "create" => temporary_table(tokens),
        "do" => code(text, tokens),
        "with" | "insert" | "update" | "delete" | "merge" | "values" => set_config(text, tokens),
        _ => None,
    }
}

fn set(mut tokens: Tokens<'_>) -> Option<&'static str> {
    let mut buffer = [0; 16];
    match tokens.word(&mut buffer) {
        "local" => Some("SET LOCAL"),
        "transaction" => Some("SET TRANSACTION"),
        "constraints" => Some("SET CONSTRAINTS"),
        _ => None,
    }
}

/// What happens to its rows, or to itself, when a transaction commits.
fn temporary_table(mut tokens: Tokens<'_>) -> Option<&'static str> {
    let _ = tokens.eat("local") || tokens.eat("global");
    let is_temporary = tokens.eat("temporary") || tokens.eat("temp");
    if !tokens.eat("table") {
        return None;
    }
    if tokens.eat("if") {
        let _ = tokens.eat("not") && tokens.eat("exists");
    }
    let in_schema = tokens.relation()?.schema.is_some_and(|schema| schema == "pg_temp");
    if !is_temporary && !in_schema {
        return None;
    }
    loop {
        match on_commit(&mut tokens) {
            None => tokens.next()?,
            what => return what,
        };
    }
}

fn on_commit(tokens: &mut Tokens<'_>) -> Option<&'static str> {
    if !(tokens.eat("on") && tokens.eat("commit")) {
        return None;
    }
    let drops = tokens.eat("drop").then_some("ON COMMIT DROP");
    drops.or_else(|| tokens.eat("delete").then_some("ON COMMIT DELETE ROWS"))
}

/// What the code of a DO says. A function that it creates stands in a literal of its own, which is not looked into.
fn code(text: &str, mut tokens: Tokens<'_>) -> Option<&'static str> {
    let code = loop {
        let token = tokens.next()?;
        match token.kind {
            TokenKind::String => break tokens.value(token)?,
            TokenKind::DollarQuoted => break inside_dollars(token.text(text))?.to_owned(),
            _ => {}
        }
    };
    let mut tokens = Tokens::new(&code, StringSyntax::Standard);
    if let Some(what) = set_config(&code, tokens.clone()) {
        return Some(what);
    }
    loop {
        if tokens.eat("set") {
            let local = tokens.eat("local").then_some("SET LOCAL");
            let what = local.or_else(|| tokens.eat("constraints").then_some("SET CONSTRAINTS"));
            // A column may be named so, and then `=` follows.
            if what.is_some() && tokens.name().is_some() {
                return what;
            }
        }
        match on_commit(&mut tokens) {
            None => tokens.next()?,
            what => return what,
        };
    }
}

fn inside_dollars(literal: &str) -> Option<&str> {
    let tag = literal.get(1..)?.find('$')? + 2;
    literal.get(tag..literal.len().checked_sub(tag)?)
}

/// A call of `set_config` anywhere in the statement whose third argument is true.
fn set_config(text: &str, mut tokens: Tokens<'_>) -> Option<&'static str> {
    if !mentions_set_config(text) {
        return None;
    }
    // For each open parenthesis, which argument of a call is being read, and none where it is not that call's.
    let mut calls: Vec<Option<usize>> = Vec::new();
    loop {
        let is_call = tokens.eat("set_config");
        let token = tokens.next()?;
        match (token.kind, calls.last_mut()) {
            (TokenKind::OpenParen, _) => calls.push(is_call.then_some(1)),
            (TokenKind::CloseParen, _) => {
                calls.pop();
            }
            (TokenKind::Comma, Some(Some(argument))) => *argument += 1,
            (_, Some(Some(3))) if is_true(&tokens, token, text) => return Some("set_config(…, true)"),
            _ => {}
        }
    }
}

/// A string may be any spelling of it, a word may not.
fn is_true(tokens: &Tokens<'_>, token: Token, text: &str) -> bool {
    match token.kind {
        TokenKind::Identifier => token.text(text).eq_ignore_ascii_case("true"),
        TokenKind::String => tokens.value(token).is_some_and(|value| boolean(&value) == Some(true)),
        _ => false,
    }
}

/// Whether the word stands anywhere in it. Hardly a statement has it, and looking for one character is much faster than
/// reading tokens.
fn mentions_set_config(text: &str) -> bool {
    const WORD: &str = "set_config";
    text.match_indices('_').any(|(at, _)| {
        let word = at.checked_sub("set".len()).and_then(|start| text.get(start..start + WORD.len()));
        word.is_some_and(|word| word.eq_ignore_ascii_case(WORD))
    })
}

#[cfg(test)]
mod tests {
    use super::until_commit;

    #[test]
    fn what_ends_with_its_transaction_is_found_in_every_spelling() {
        for (text, wanted) in [
            ("set local search_path to a;", "SET LOCAL"),
            ("SET /* for now */ Local role x", "SET LOCAL"),
            ("set local session_replication_role = replica;", "SET LOCAL"),
            ("set transaction isolation level serializable;", "SET TRANSACTION"),
            ("set constraints all deferred;", "SET CONSTRAINTS"),
            ("select set_config('search_path', 'a', true);", "set_config(…, true)"),
            ("SELECT pg_catalog.Set_Config ('a.b', f(1, (2)), -- so\n 'on')", "set_config(…, true)"),
            ("select set_config('a.b', set_config('a.c', 'x', TRUE), false);", "set_config(…, true)"),
            ("(select 1, set_config('a.b', 'x', 't'::boolean));", "set_config(…, true)"),
            ("with a as (select set_config('a.b', 'x', true)) select * from a;", "set_config(…, true)"),
            ("insert into t select set_config('a.b', 'x', is_local => true);", "set_config(…, true)"),
            ("do $$ begin set Local search_path to a; create table x (); end $$;", "SET LOCAL"),
            ("DO language plpgsql $a$ begin perform set_config('a.b', 'x', true); end $a$", "set_config(…, true)"),
            ("do $$ begin set constraints all immediate; end $$;", "SET CONSTRAINTS"),
            ("do 'begin create temp table t () on commit drop; end';", "ON COMMIT DROP"),
            ("create temp table t (a int) on commit drop;", "ON COMMIT DROP"),
            ("create temporary table if not exists t on Commit /**/ Drop as select 1;", "ON COMMIT DROP"),
            ("create local temp table t (a int) on commit delete rows;", "ON COMMIT DELETE ROWS"),
            ("create table pg_temp.t (a int) on commit delete rows;", "ON COMMIT DELETE ROWS"),
        ] {
            assert_eq!(until_commit(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_outlasts_a_transaction_or_is_no_part_of_the_statement_is_not() {
        for text in [
            "",
            "set search_path to a;",
            "set session role x;",
            "set session characteristics as transaction read only;",
            "reset all;",
            "select set_config('search_path', '', false);",
            "select set_config('a.b', 'true', false), true;",
            "select set_config('a.b', 'x', $1);",
            "select 'set_config(''a.b'', ''x'', true)';",
            "select set_config;",
            "select set_config('a.b', 'x', tr",
            "create temp table t (a int) on commit preserve rows;",
            "create temp table t (a int);",
            "create table t (a int default 1, b text default 'on commit drop');",
            "create temp view v as select 1;",
            "create function f() returns void language sql as $$ set local search_path to a $$;",
            "create function f() returns void set search_path to a begin atomic select set_config('a.b', 'x', true); end;",
            "do $$ begin update t set local = 1, b = 'set local a to b'; end $$;",
            "do $$ begin create function f() returns void as 'set local a to b' language sql; -- set local a to b\nend $$;",
            "do $$ begin insert into t values (1) on conflict do nothing; end $$;",
            "do $$$$; do",
            "create view v as select set_config('a.b', 'x', true);",
            "insert into t values ('set local a to b');",
            "-- set local a to b\nselect 1;",
        ] {
            assert_eq!(until_commit(text), None, "{text}");
        }
    }
}
