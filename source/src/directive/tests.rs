//! What is read off a text's comments, and what is refused.

use std::time::Duration;

use super::{DirectiveReason, Directives, Transaction, allowed, parse};
use crate::duration::DurationError;

#[test]
fn directives_are_read_however_they_are_spaced_and_cased() {
    let off = Directives { transaction: Transaction::Off, ..Directives::default() };
    let waits = Directives { lock_timeout: Some(Duration::from_secs(2)), ..Directives::default() };
    for (text, wanted) in [
        ("-- graven: transaction = off\nselect 1;", &off),
        ("--graven:transaction=off", &off),
        ("--   Graven :  TRANSACTION  =  OFF  \r\n", &off),
        ("-- graven: transaction = 'off'", &off),
        ("/* head */\n\n-- about this\n  -- graven: transaction = \"off\"\n;", &off),
        ("-- no-transaction\nselect 1", &off),
        ("-- no-transaction: it builds an index\n", &off),
        ("--no-transaction", &off),
        ("-- graven: lock_timeout = 2s", &waits),
        ("-- graven: Lock_Timeout = '2 s'", &waits),
        ("-- graven: lock_timeout = 2000", &waits),
    ] {
        assert_eq!(parse(text), (wanted.clone(), vec![]), "{text:?}");
    }
    let text = "-- graven: lock_timeout = 0\n-- graven: statement_timeout = 1.5min\n-- graven: retries = 100";
    let wanted = Directives {
        transaction: Transaction::On,
        lock_timeout: Some(Duration::ZERO),
        statement_timeout: Some(Duration::from_secs(90)),
        retries: Some(100),
    };
    assert_eq!(parse(text), (wanted, vec![]));
}

#[test]
fn ordinary_comments_are_not_directives() {
    for text in [
        "",
        "-- graven is nice",
        "-- graven-style: x = y",
        "-- graven",
        "-- see graven: transaction = off",
        "-- engraven: x = y",
        "-- graven is nice = true",
        "-- -- graven: transaction = off",
        "-- graven's transaction = off",
        "-- graven transactions are great",
        "-- graven transaction: off is what it needs",
        "-- graven retries this",
        "-- graven allows = much",
        "-- graves; transaction = off",
        "-- grave: a = b",
        "-- gruden: transaction = off",
        "-- transaction of graven: off",
        "/* graven is great, and transaction = off is not */",
        "/*\n * see graven: transaction = off\n */",
        "/* -- graven: transaction = off */",
        "select 1; /* graven: transaction = off */",
        "select 1; --- graven: transaction = off",
        "select '-- graven: transaction = off';",
        "select $$\n-- graven: transaction = off\n$$;",
        "\n-- no-transaction",
        "-- no-transactional",
        "-- transaction = off",
        "select 1;\n-- graven transaction = off",
        "select 1; -- graven is good\n",
    ] {
        assert_eq!(parse(text), (Directives::default(), vec![]), "{text:?}");
    }
}

#[test]
fn what_does_not_hold_is_reported_at_its_place() {
    use DirectiveReason::*;
    let unknown = |key: &str, nearest| UnknownKey { key: key.to_owned(), nearest };
    let duration = |value: &str, error| NotADuration { value: value.to_owned(), error };
    let retries = |value: &str| NotANumberOfRetries { value: value.to_owned() };
    let no_rule = |value: &str| NotARule { value: value.to_owned() };
    for (text, reason, place) in [
        ("-- graven:", Malformed, "graven:"),
        ("-- graven: off", Malformed, "graven: off"),
        ("-- graven: no-transaction", Malformed, "graven: no-transaction"),
        ("-- graven: transaction =", Malformed, "graven: transaction ="),
        ("-- graven: = off", Malformed, "graven: = off"),
        ("-- graven: transaction: off", Malformed, "graven: transaction: off"),
        ("-- graven: transactions = off", unknown("transactions", Some("transaction")), "transactions"),
        ("-- graven: lock-timeout = 2s", unknown("lock-timeout", Some("lock_timeout")), "lock-timeout"),
        (
            "-- graven: statment_timeout = 2s",
            unknown("statment_timeout", Some("statement_timeout")),
            "statment_timeout",
        ),
        ("-- graven: colour = red", unknown("colour", None), "colour"),
        ("-- graven: ключ = off", unknown("ключ", None), "ключ"),
        ("-- graven: transaction = no", NotOnOrOff { value: "no".to_owned() }, "no"),
        ("-- graven: transaction = off -- why", NotOnOrOff { value: "off -- why".to_owned() }, "off -- why"),
        ("-- graven: lock_timeout = soon", duration("soon", DurationError::NotANumber), "soon"),
        ("-- graven: lock_timeout = -1", duration("-1", DurationError::NotANumber), "-1"),
        ("-- graven: lock_timeout = '2 sec'", duration("2 sec", DurationError::UnknownUnit), "2 sec"),
        ("-- graven: retries = 101", retries("101"), "101"),
        ("-- graven: retries = -1", retries("-1"), "-1"),
        ("-- graven: retries = +1", retries("+1"), "+1"),
        ("-- graven: retries = 99999999999999999999", retries("99999999999999999999"), "99999999999999999999"),
        ("-- graven: retries = ''", retries(""), ""),
        ("-- graven: allow =", Malformed, "graven: allow ="),
        ("-- graven: alow = a-rule", unknown("alow", Some("allow")), "alow"),
        ("-- graven: allow = ''", no_rule(""), ""),
        ("-- graven: allow = a-rule, , b-rule", no_rule(""), ""),
        ("-- graven: allow = a-rule,", no_rule(""), ""),
        ("-- graven: allow = a-rule b-rule", no_rule("a-rule b-rule"), "a-rule b-rule"),
        ("-- graven: allow = a-rule, no, really?", no_rule("really?"), "really?"),
        ("-- graven: allow = a-rule, Unterminated", OwnRule { rule: "unterminated" }, "Unterminated"),
        ("select 1;\n-- graven: allow = a-rule", AfterFirstStatement, "graven: allow = a-rule"),
        ("-- graven: retries = 1\n-- graven: Retries = 1", SaidTwice { key: "retries" }, "Retries"),
        ("-- no-transaction\n-- graven: transaction = off", SaidTwice { key: "transaction" }, "transaction"),
        ("select 1;\n-- graven: retries = 1", AfterFirstStatement, "graven: retries = 1"),
        ("select 1 -- GRAVEN : x\n", AfterFirstStatement, "GRAVEN : x"),
    ] {
        let (_, mut problems) = parse(text);
        assert_eq!(problems.len(), 1, "{text:?}: {problems:?}");
        let problem = problems.remove(0);
        assert_eq!(problem.reason, reason, "{text:?}");
        assert_eq!(&text[problem.span.clone()], place, "{text:?}");
        assert!(text[..problem.span.start].ends_with([' ', '\'', ',']), "{text:?}");
    }
}

#[test]
fn a_comment_that_is_meant_as_a_directive_is_reported_with_the_right_spelling() {
    for (text, meant, place) in [
        ("-- graven transaction = off", "transaction = off", "graven transaction = off"),
        ("-- graven allow = a-rule", "allow = a-rule", "graven allow = a-rule"),
        ("-- graven; transaction = off", "transaction = off", "graven; transaction = off"),
        ("-- graven, Retries 3", "retries = 3", "graven, Retries 3"),
        ("-- graven transaction off", "transaction = off", "graven transaction off"),
        ("--graven.lock_timeout: 2s", "lock_timeout = 2s", "graven.lock_timeout: 2s"),
        ("-- graven-transaction = off", "transaction = off", "graven-transaction = off"),
        ("-- graven： transaction ＝ off", "transaction = off", "graven： transaction ＝ off"),
        ("--- graven: transaction = off", "transaction = off", "graven: transaction = off"),
        ("-- gravem: transaction = off", "transaction = off", "gravem: transaction = off"),
        ("-- Garven: statement_timeout = 0\nselect 1;", "statement_timeout = 0", "Garven: statement_timeout = 0"),
        ("/* graven: transaction = off */", "transaction = off", "graven: transaction = off"),
        ("/* graven: transaction = off; */", "transaction = off", "graven: transaction = off;"),
        ("-- graven; lock_timeout = 2s .", "lock_timeout = 2s", "graven; lock_timeout = 2s ."),
        ("-- graven allow = a-rule, b-rule,;", "allow = a-rule, b-rule", "graven allow = a-rule, b-rule,;"),
        ("/*\n * Why.\n * graven: retries = 3\n */", "retries = 3", "graven: retries = 3"),
        ("/** grave: retries = 3*/", "retries = 3", "grave: retries = 3"),
    ] {
        let (directives, mut problems) = parse(text);
        assert_eq!(directives, Directives::default(), "{text:?}");
        assert_eq!(problems.len(), 1, "{text:?}: {problems:?}");
        let problem = problems.remove(0);
        let meant = format!("-- graven: {meant}");
        assert_eq!(problem.reason, DirectiveReason::Misspelt { meant: meant.clone() }, "{text:?}");
        assert_eq!(&text[problem.span], place, "{text:?}");
        assert_eq!(parse(&meant).1, vec![], "{text:?}");
    }
}

#[test]
fn one_that_does_not_hold_does_not_hide_the_others() {
    let text = "-- graven: retries = x\n-- graven: y = z\n-- graven: transaction = off\nselect 1; -- graven: a = b";
    let (directives, problems) = parse(text);
    assert_eq!(directives.transaction, Transaction::Off);
    assert_eq!(problems.len(), 3);
    assert!(problems.is_sorted_by_key(|problem| problem.span.start));
}
#[test]
fn allowed_rules_are_listed_with_their_places_and_leave_the_run_as_it_is() {
    for (text, rules) in [
        ("-- graven: allow = a-rule\nselect 1;", &["a-rule"][..]),
        ("--GRAVEN:Allow=A-Rule,squawk/b_2 ,  c\n", &["a-rule", "squawk/b_2", "c"]),
        ("-- graven: allow = 'a-rule'\n-- why\n-- graven: allow = b", &["a-rule", "b"]),
        ("-- graven: allow = a, a", &["a", "a"]),
        ("-- graven: allow = a, unterminated", &["a"]),
        ("select 1;\n-- graven: allow = a", &[]),
        ("select '\n-- graven: allow = a';", &[]),
    ] {
        let allowed = allowed(text);
        assert_eq!(allowed.iter().map(|allowed| allowed.rule.as_str()).collect::<Vec<_>>(), rules, "{text:?}");
        for allowed in allowed {
            assert_eq!(text[allowed.span].to_lowercase(), allowed.rule, "{text:?}");
        }
        assert_eq!(parse(text).0, Directives::default(), "{text:?}");
    }
}
