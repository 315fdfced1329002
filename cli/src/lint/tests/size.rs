//! Files that are large, or strange: what is said of them ends somewhere, and so does the time that it takes.

use super::{found, linted, names};
use crate::command::check::Level;
use crate::lint::Lints;

#[test]
fn a_statement_of_thousands_of_actions_is_judged_in_no_time() {
    let actions = |action: &str| (0..2_000).map(|n| action.replace('#', &n.to_string())).collect::<Vec<_>>().join(", ");
    let start = std::time::Instant::now();
    for action in ["drop column c#", "alter c# set not null", "drop constraint c#"] {
        let sql = format!("alter table t {};\n", actions(action));
        assert_eq!(names(&sql).len(), 100, "{action}");
    }
    // With proofs that each of them might rely on.
    let checks = format!("alter table t {};\n", actions("add constraint x# check (c# is not null)"));
    for (proven, after) in
        [("alter c# set not null", ""), ("drop constraint x#", "alter table t alter c0 set not null;\n")]
    {
        let change = format!("{after}alter table t {};\n", actions(proven));
        let found = found(&[("1_a.sql", &checks), ("2_b.sql", &change)], &Lints::default());
        let in_change = found.iter().filter(|(id, _)| *id != "squawk/constraint-missing-not-valid").count();
        assert_eq!(in_change, if after.is_empty() { 0 } else { 100 }, "{proven}");
    }
    let drops: String = (0..2_000).map(|n| format!("drop view v{n};\n")).collect();
    let views: String = (0..2_000).map(|n| format!("create view v{n} as select {n};\n")).collect();
    assert_eq!(names(&format!("{drops}{views}")), Vec::<&str>::new());
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn of_one_file_a_hundred_findings_are_told_and_the_others_are_counted() {
    let sql = "alter table t drop column a;\n".repeat(1_000) + "alter tabel t;\n";
    let findings = linted(&[("7_change.sql", &sql)], &Lints::default()).findings;
    assert_eq!(findings.len(), 101);
    assert_eq!(findings[100].problem.rule.id, "not-linted");
    let notes = &findings[99].problem.notes;
    assert_eq!(notes.last().map(String::as_str), Some("the lints found 900 more in the file, which is left out"));
}

#[test]
fn an_allow_that_is_repeated_without_effect_is_told_of_a_hundred_times() {
    let text = |name: &str| format!("{}select 1;\n", format!("-- graven: allow = {name}\n").repeat(32_000));
    for name in ["ban-drop-table", "ban-drop-tables"] {
        let findings = linted(&[("7_change.sql", &text(name))], &Lints::default()).findings;
        assert_eq!((findings.len(), findings[99].problem.left_out), (100, 31_900), "{name}");
        let notes = &findings[99].problem.notes;
        let counted = "31900 more that the file allows to no effect are left out";
        assert_eq!(notes.last().map(String::as_str), Some(counted));
    }
}

#[test]
fn an_allow_of_no_lint_is_told_of_however_many_others_are_without_effect() {
    let unused = "-- graven: allow = ban-drop-table\n".repeat(200);
    let text = format!("{unused}-- graven: allow = nonsense\nselect 1;\n");
    let lints = Lints { deny_lints: true, ..Lints::default() };
    let findings = linted(&[("7_change.sql", &text)], &lints).findings;
    let errors: Vec<_> = findings.iter().filter(|finding| finding.is_error()).map(|it| it.problem.rule.id).collect();
    let left_out: usize = findings.iter().map(|finding| finding.problem.left_out).sum();
    assert_eq!((errors, findings.len(), left_out), (vec!["unknown-lint"], 100, 101));
}

#[test]
fn a_statement_that_is_too_long_or_too_deep_to_be_linted_says_so() {
    let actions: Vec<String> = (0..4_000).map(|n| format!("alter column c{n} set not null")).collect();
    let deep = format!("alter table t add check ({}true{});\n", "(".repeat(1_001), ")".repeat(1_001));
    for (sql, because) in [
        (format!("alter table t {};\n", actions.join(",\n")), "it is longer than 64 KiB"),
        (deep, "its parentheses are nested more than 1,000 deep"),
    ] {
        let findings = linted(&[("7_change.sql", &sql)], &Lints::default()).findings;
        let told: Vec<_> = findings.iter().map(|it| (it.level, it.problem.message.as_str())).collect();
        assert_eq!(told, [(Level::Note, format!("the lints cannot read this statement: {because}").as_str())]);
    }
}

#[test]
fn nothing_that_is_strange_long_or_deep_takes_the_check_down() {
    let deep =
        |open: &str, close: &str, times: usize| format!("select {}1{};", open.repeat(times), close.repeat(times));
    let texts = [
        deep("(", ")", 900),
        deep("(", ")", 100_000),
        deep("array[", "]", 900),
        deep("not ", "", 500),
        deep("not ", "", 50_000),
        deep("- ", "", 500),
        deep("- ", "", 50_000),
        deep("case when ", " then 1 end", 300),
        format!("select {};", vec!["1"; 500].join("+")),
        format!("select {};", vec!["1"; 100_000].join("+")),
        format!("select {};", vec!["select 1"; 500].join(" union ")),
        format!("create function f() returns int language sql as $$ {} $$;", deep("(", ")", 900)),
        format!("create function f() returns int language sql as $$ {} $$;", deep("not ", "", 500)),
        format!("insert into t values {};", vec!["(1, 'two')"; 50_000].join(",")),
        format!("create table t ({});", (0..1_000).map(|n| format!("c{n} int")).collect::<Vec<_>>().join(",")),
        "select '\u{1F980}', U&'\\0061', E'\\'';\ncreate table \u{e9} (\"\u{1F980}\" int);\n".to_owned(),
        ";;;;".to_owned(),
        "select 1e, $1abc, 0x, @#$, 1..2;".to_owned(),
    ];
    for text in texts {
        let sql = format!("alter table t drop column a;\n{text}\n");
        let shown: String = sql.chars().take(80).collect();
        let found = found(&[("7_change.sql", &sql)], &Lints::default());
        assert_eq!(found, [("squawk/ban-drop-column", Some(1))], "{shown}");
    }
}
