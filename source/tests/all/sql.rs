//! What is found in the SQL of a file, and where.

use std::time::Duration;

use graven_source::Transaction;
use graven_source::problem::{Style, render_all};
use graven_source::set::Control;
use graven_source::statement::StatementKind;

use crate::package::Package;

#[test]
fn each_problem_is_found_at_its_place() {
    let table: &[(&str, &[(&str, &str)])] = &[
        ("begin; select 1; commit;", &[]),
        ("select 1; begin; select 2; commit; select 3", &[]),
        ("savepoint a; rollback to a; release a;", &[]),
        ("-- CREATE INDEX CONCURRENTLY\nselect 'VACUUM', $$\\i$$;", &[]),
        ("-- graven: transaction = off\nvacuum;\nbegin;\nselect 1;\ncommit;", &[]),
        ("-- no-transaction\nvacuum;", &[]),
        ("-- graven: transaction = off\nbegin isolation level serializable; select 1; commit;", &[]),
        ("begin;\nset local search_path to a;\ncreate table x ();\ncommit;", &[]),
        (
            "begin;\nset local search_path to a;\ncommit;\nselect 1;\nbegin;\nselect set_config('a.b', 'c', true);\ncommit;",
            &[("transaction-control", ":2:1")],
        ),
        ("-- graven: transaction = off\nbegin; set local search_path to a; commit; select 1;", &[]),
        ("select 1;\n\nbegin;", &[("transaction-control", ":3:1")]),
        ("commit;", &[("transaction-control", ":1:1")]),
        ("begin; begin; commit; commit;", &[("transaction-control", ":1:8")]),
        ("begin read only; commit;", &[("transaction-control", ":1:1")]),
        ("begin; commit and chain; commit;", &[("transaction-control", ":1:8")]),
        ("begin; rollback;", &[("transaction-control", ":1:8")]),
        ("-- graven: transaction = off\nbegin; select 1;", &[("transaction-control", ":2:1")]),
        ("-- graven: transaction = off\nbegin;\nvacuum;\ncommit;", &[("needs-no-transaction", ":3:1")]),
        ("vacuum; reindex database d;", &[("needs-no-transaction", ":1:1"), ("needs-no-transaction", ":1:9")]),
        ("vacuum;\nselect 'é', 'open;\nbegin;", &[("needs-no-transaction", ":1:1"), ("unterminated", ":2:13")]),
        ("select $a$ $b$ $A$;", &[("unterminated", ":1:8")]),
        ("/* /* */ select 1;", &[("unterminated", ":1:1")]),
        ("select \"a;", &[("unterminated", ":1:8")]),
        ("select 1;\n\\restrict abc\nselect 2;", &[("psql-command", ":2:1")]),
        (
            "vacuum;\ncreate table t (\n<<<<<<< HEAD\na int\n=======\na bigint\n>>>>>>> b\n);\ncommit;\nselect 'open;",
            &[("needs-no-transaction", ":1:1"), ("conflict-marker", ":3:1")],
        ),
        ("do $$\nbegin\n<<<<<<< HEAD\n=======\n>>>>>>> b\nend $$;", &[("conflict-marker", ":3:1")]),
        ("select 1;\n=======\nselect 'open;", &[("conflict-marker", ":2:1")]),
        ("/*\n=======\n*/\nselect $$\n>>>>>>> quoted\n$$;", &[]),
        ("copy t from stdin;\n1\tit's\n\\.\ncommit;", &[("copy-from-stdin", ":1:1"), ("transaction-control", ":4:1")]),
        (
            "select 1;\ncopy (select 1) to stdout;\nvacuum;",
            &[("copy-to-stdout", ":2:1"), ("needs-no-transaction", ":3:1")],
        ),
        ("-- graven: transaction = off\ncopy t to stdout;", &[("copy-to-stdout", ":2:1")]),
        ("copy t to '/tmp/t';\ndo $$ begin execute 'copy t to stdout'; end $$;", &[]),
        ("-- +goose Up\nselect 1;\n-- +goose Down\nselect 2;", &[("reverse-in-file", ":3:1")]),
        ("-- migrate:up\nselect 1;\n-- migrate:down\n", &[]),
        ("select '\n-- migrate:down\n';", &[]),
        (
            "vacuum;\n---- create above / drop below ----\nselect 'open;",
            &[("needs-no-transaction", ":1:1"), ("reverse-in-file", ":2:1"), ("unterminated", ":3:8")],
        ),
        ("-- graven: retires = 3\n-- graven: retries = x", &[("directive", ":1:12"), ("directive", ":2:22")]),
        ("select 1;\n-- graven: retries = 3", &[("directive", ":2:4")]),
        ("-- graven is nice\nselect 1;", &[]),
    ];
    for (text, wanted) in table {
        let package = Package::new(&[("1_a.sql", text), ("seal.lock", "")]);
        let broken = package.broken();
        let found: Vec<_> =
            broken.iter().map(|(rule, place)| (*rule, place.trim_start_matches("migrations/1_a.sql"))).collect();
        assert_eq!(found, *wanted, "{text}");
    }
}

#[test]
fn reverses_baselines_and_repeatables_are_held_to_the_same_rules() {
    let package = Package::new(&[
        ("1_a.sql", ""),
        ("1_a.down.sql", "vacuum;"),
        ("1_a.baseline.sql", "commit;"),
        ("r.repeatable.sql", "select '"),
        ("seal.lock", ""),
    ]);
    let rules: Vec<_> = package.broken().into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(rules, ["transaction-control", "needs-no-transaction", "unterminated"]);
}

#[test]
fn a_baseline_and_a_repeatable_are_not_told_to_switch_the_transaction_off() {
    let package = Package::new(&[
        ("1_a.sql", "-- graven: transaction = off\nvacuum;"),
        (
            "1_a.baseline.sql",
            "\n-- graven: retries = 1\n-- graven: transaction = off\ncreate index concurrently on t (a);",
        ),
        ("r.repeatable.sql", "-- no-transaction\nselect 1;"),
        ("s.repeatable.sql", "vacuum;"),
        ("seal.lock", ""),
    ]);
    let broken = package.broken();
    let broken: Vec<_> = broken.iter().map(|(rule, place)| (*rule, place.as_str())).collect();
    assert_eq!(
        broken,
        [
            ("needs-transaction", "migrations/1_a.baseline.sql:3:1"),
            ("needs-transaction", "migrations/r.repeatable.sql:1:1"),
            ("needs-no-transaction", "migrations/s.repeatable.sql:1:1"),
        ]
    );
    let help: Vec<String> = package.load().problems.into_iter().flat_map(|problem| problem.help).collect();
    assert!(!help.iter().any(|help| help.contains("transaction = off")), "{help:?}");
}

#[test]
fn what_a_file_says_of_itself_is_in_the_set() {
    let text = "-- graven: transaction = off\n-- graven: lock_timeout = 2s\n-- graven: retries = 3\n\
                set work_mem = '1GB';\ncreate index concurrently \"I\" on s.t (a);\nbegin;\nselect 1;\ncommit;\n";
    let package = Package::new(&[("1_a.sql", text), ("2_b.sql", "begin; select 1; commit;"), ("seal.lock", "")]);
    let set = package.load().set;
    let directives = &set.migrations[0].directives;
    assert_eq!(directives.transaction, Transaction::Off);
    assert_eq!(directives.lock_timeout, Some(Duration::from_secs(2)));
    assert_eq!(directives.retries, Some(3));
    let Control::Units(units) = &set.migrations[0].control else { panic!("{:?}", set.migrations[0].control) };
    assert_eq!(units.len(), 3);
    assert_eq!(units[0].kind, StatementKind::Session);
    let StatementKind::CreateIndexConcurrently(index) = &units[1].kind else { panic!("{:?}", units[1]) };
    assert_eq!(index.name.as_deref(), Some("I"));
    assert_eq!(&text[units[2].span.clone()], "begin;\nselect 1;\ncommit;");
    assert_eq!(units[2].kind, StatementKind::Ordinary);
    assert_eq!(set.migrations[1].control, Control::Absorbed(vec![0..6, 17..24]));
}

#[test]
fn a_large_file_of_nothing_but_problems_is_told_of_in_a_moment() {
    let package = Package::new(&[("1_a.sql", &"vacuum;\n".repeat(100_000)), ("seal.lock", "")]);
    let problems = package.load().problems;
    assert_eq!(problems.len(), 100);
    assert_eq!(problems[99].notes.last().unwrap(), "the file has 99900 more problems, which are left out");
    let text = render_all(&problems, 10, Style::Plain);
    assert!(text.starts_with("100000 problems in the migrations\n") && text.ends_with("\n\nand 99990 more"), "{text}");
}
