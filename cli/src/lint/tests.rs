//! What the lints find, and what they leave alone.

mod size;

use std::fs;

use graven_source::directive::allowed;
use graven_source::rule::Example;
use graven_source::set::{Paths, Set};
use squawk_linter::Rule as Squawk;
use tempfile::TempDir;

use super::arguments::Which;
use super::choice::Choice;
use super::registry::{self, Heeded, LEFT_OUT, Lint, PREFIX};
use super::{Linted, Lints, lint, own};
use crate::command::check::{Level, all_rules};
use crate::failure::Failure;

/// What is found in files of `migrations/`.
fn linted(files: &[(&str, &str)], lints: &Lints) -> Linted {
    let folder = TempDir::new().expect("a temporary directory");
    let directory = folder.path().join("migrations");
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("seal.lock"), "").expect("a file");
    for (file, text) in files {
        fs::write(directory.join(file), text).expect("a file");
    }
    let loaded = Set::load(folder.path(), "migrations".as_ref(), Paths::Any);
    assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    lint(&loaded.set, &loaded.problems, lints).unwrap_or_else(|failure| panic!("{failure:?}"))
}

/// The rules that are broken, notes aside, each with its line.
fn found(files: &[(&str, &str)], lints: &Lints) -> Vec<(&'static str, Option<usize>)> {
    let findings = linted(files, lints).findings.into_iter().filter(|finding| finding.level != Level::Note);
    findings.map(|finding| (finding.problem.rule.id, finding.problem.line)).collect()
}

/// The names of the lints that find something in one file.
fn names(sql: &str) -> Vec<&'static str> {
    let found = found(&[("7_change.sql", sql)], &Lints::default());
    found.into_iter().map(|(id, _)| id.strip_prefix(PREFIX).unwrap_or(id)).collect()
}

fn files(example: &Example) -> Vec<(&'static str, &'static str)> {
    let text = |content: &'static [u8]| std::str::from_utf8(content).expect("UTF-8");
    example.files.iter().map(|(file, content)| (*file, text(content))).collect()
}

/// As if it had been asked for.
fn with(lint: &Lint) -> Lints {
    Lints { warn: vec![lint.name().to_owned()], ..Lints::default() }
}

#[test]
fn each_lint_finds_its_bad_example_and_nothing_in_the_good_one() {
    for lint in registry::all() {
        let found_in = |example: &Example| -> Vec<&str> {
            found(&files(example), &with(lint)).into_iter().map(|(id, _)| id).collect()
        };
        assert_eq!(found_in(&lint.rule.bad), [lint.rule.id]);
        assert_eq!(found_in(&lint.rule.good), Vec::<&str>::new(), "{}", lint.rule.id);
    }
}

#[test]
fn each_lint_that_is_off_finds_nothing_and_each_can_be_left_out() {
    for lint in registry::all() {
        let is_found = |lints: &Lints| !found(&files(&lint.rule.bad), lints).is_empty();
        assert_eq!(is_found(&Lints::default()), lint.heeded == Heeded::Always, "{}", lint.rule.id);
        for name in [lint.name().to_owned(), lint.rule.id.to_uppercase()] {
            assert!(!is_found(&Lints { allow: vec![name], ..with(lint) }), "{}", lint.rule.id);
        }
    }
}

#[test]
fn a_file_allows_itself_each_lint_by_either_name() {
    for lint in registry::all() {
        for name in [lint.name(), lint.rule.id] {
            let mut files: Vec<_> = files(&lint.rule.bad);
            let text = format!("-- graven: allow = {name}\n{}", files[0].1);
            files[0].1 = &text;
            assert_eq!(linted(&files, &with(lint)).findings.len(), 0, "{text}");
        }
    }
}

#[test]
fn an_example_that_is_good_because_it_allows_itself_allows_its_own_lint() {
    for lint in registry::all() {
        for (_, text) in files(&lint.rule.good) {
            assert!(allowed(text).iter().all(|allowed| allowed.rule == lint.name()), "{text}");
        }
    }
}

#[test]
fn every_rule_of_squawk_is_a_lint_or_left_out_for_a_reason() {
    let squawks: Vec<String> = enum_iterator::all::<Squawk>().map(|rule| rule.to_string()).collect();
    assert!(squawks.len() > 70, "{squawks:?}");
    for name in &squawks {
        let places = registry::all().filter(|lint| lint.name() == name).count()
            + LEFT_OUT.iter().filter(|left_out| left_out.name == name).count();
        assert_eq!(places, 1, "{name}");
    }
    for name in registry::all().map(Lint::name).chain(LEFT_OUT.iter().map(|left_out| left_out.name)) {
        assert!(squawks.iter().any(|squawk| squawk == name), "squawk knows no {name}");
    }
}

#[test]
fn a_lint_says_what_it_finds_why_and_what_to_do_in_a_line_each() {
    for rule in registry::all().map(|lint| &lint.rule).chain(own::OWN.iter().copied()) {
        assert!(!rule.finds.ends_with('.') && rule.finds.len() <= 90, "{}", rule.id);
        for prose in [rule.why, rule.remedy] {
            let first = prose.split(". ").next().unwrap_or_default();
            assert!(prose.ends_with('.') && first.chars().count() <= 130, "{}: {first}", rule.id);
        }
    }
    assert!(registry::all().all(|lint| all_rules().all(|rule| rule.id != lint.rule.id && rule.id != lint.name())));
}

#[test]
fn what_a_change_makes_itself_is_in_nobodys_way() {
    for sql in [
        "create table t (a int);\ncreate index on t (a);\n",
        "create table t (a int);\nalter table t add constraint c check (a > 0);\n",
        "create table t (a int);\nalter table t add foreign key (a) references old;\n",
        "create table t (a int);\nalter table t add column b int references old, alter column a type bigint;\n",
        "create table t (a int);\nalter table t alter column a set not null, add primary key (a), add unique (a);\n",
        "create table t (a int);\nalter table t rename to u;\nalter table u drop column a;\n",
        "create table t (a int);\ndrop table t;\n",
        "begin;\ncreate table t (a int);\ncommit;\ncreate index on t (a);\n",
        "create table S.\"T\" (a int);\nalter table s.\"T\" rename column a to b;\n",
    ] {
        assert_eq!(names(sql), Vec::<&str>::new(), "{sql}");
    }
    for (sql, lint) in [
        ("create table if not exists t (a int);\nalter table t drop column a;\n", "ban-drop-column"),
        ("create table t (a int);\nalter table s.t drop column a;\n", "ban-drop-column"),
        ("create table t (a int);\ntruncate t, u cascade;\n", "ban-truncate-cascade"),
        ("alter table t drop column a;\ncreate table t (a int);\n", "ban-drop-column"),
        ("create table t (a int);\ndrop table t, u;\n", "ban-drop-table"),
    ] {
        assert_eq!(names(sql), [lint], "{sql}");
    }
}

#[test]
fn a_table_that_may_be_there_already_and_a_namesake_are_in_somebodys_way() {
    let use_of = |table: &str| {
        format!(
            "create index i on {table} (a);\nalter table {table} add constraint c check (a > 0);\n\
             alter table {table} add constraint f foreign key (a) references old;\n\
             alter table {table} add constraint u unique (a);\n"
        )
    };
    let all = [
        "require-concurrent-index-creation",
        "constraint-missing-not-valid",
        "adding-foreign-key-constraint",
        "disallowed-unique-constraint",
    ];
    assert_eq!(names(&format!("create table if not exists t (a int);\n{}", use_of("t"))), all);
    assert_eq!(names(&format!("create table archive.t (a int);\n{}", use_of("public.t"))), all);
    assert_eq!(names(&format!("create table t (a int);\n{}", use_of("t"))), Vec::<&str>::new());
}

#[test]
fn a_constraint_of_a_domain_that_reads_no_table_is_fine() {
    let sql = "alter domain d add constraint c check (value > 0)";
    assert_eq!(names(&format!("{sql};\n")), ["ban-alter-domain-with-add-constraint"]);
    assert_eq!(names(&format!("{sql} not valid;\n")), Vec::<&str>::new());
}

#[test]
fn unsealed_files_are_one_change_and_all_files_are_one_each() {
    let files = [("1_a.sql", "create table t (a int);\n"), ("2_b.sql", "create index i on t (a);\n")];
    assert_eq!(found(&files, &Lints::default()), []);
    let all = Lints { lint: Some(Which::All), ..Lints::default() };
    assert_eq!(found(&files, &all), [("squawk/require-concurrent-index-creation", Some(1))]);
    assert_eq!(linted(&files, &all).files, Some(2));
    assert_eq!(linted(&files, &Lints { lint: Some(Which::None), ..Lints::default() }).files, None);
}

#[test]
fn not_null_by_way_of_a_check_in_three_files_is_the_way_to_go() {
    let files = [
        ("1_a.sql", "alter table t add constraint c check (a is not null) not valid;\n"),
        ("2_b.sql", "alter table t validate constraint c;\n"),
        ("3_c.sql", "alter table t alter column a set not null;\nalter table t drop constraint c;\n"),
    ];
    for lints in [Lints::default(), Lints { lint: Some(Which::All), ..Lints::default() }] {
        assert_eq!(found(&files, &lints), []);
        let shorter = [files[0], files[2]];
        assert_eq!(found(&shorter, &lints), [("squawk/adding-not-nullable-field", Some(1))]);
    }
}

#[test]
fn what_a_file_drops_and_makes_anew_in_one_transaction_is_never_gone() {
    let sql = "drop view if exists v;\ndrop function f(int);\ncreate function f(bigint) returns int language sql as 'select 1';\n\
               create view v as select 1;\n";
    assert_eq!(names(sql), Vec::<&str>::new());
    assert_eq!(names(&format!("-- graven: transaction = off\n{sql}")), ["ban-drop-view", "ban-drop-function"]);
    assert_eq!(names("create view v as select 1;\ndrop view w;\n"), ["ban-drop-view"]);
    let gone = "drop function f(int);\ncreate function f(int, int) returns int language sql as 'select 1';\n";
    assert_eq!(names(gone), ["ban-drop-function"]);
}

#[test]
fn one_constraint_is_told_of_once() {
    for (sql, lint) in [
        ("alter table t add constraint c foreign key (a) references u;\n", "adding-foreign-key-constraint"),
        ("alter table t add constraint c unique (a);\n", "disallowed-unique-constraint"),
        ("alter table t add constraint c primary key (a);\n", "adding-serial-primary-key-field"),
        ("alter table t add constraint c check (a > 0);\n", "constraint-missing-not-valid"),
    ] {
        assert_eq!(names(sql), [lint], "{sql}");
        assert_eq!(names(&format!("-- graven: allow = {lint}\n{sql}")), Vec::<&str>::new(), "{sql}");
        assert_eq!(names(&format!("-- squawk-ignore {lint}\n{sql}")), Vec::<&str>::new(), "{sql}");
    }
}

#[test]
fn a_migration_is_one_transaction_unless_it_says_otherwise() {
    let sql = "alter table t add constraint c check (a > 0) not valid;\nalter table t validate constraint c;\n";
    assert_eq!(names(sql), ["constraint-missing-not-valid"]);
    assert_eq!(names(&format!("-- graven: transaction = off\n{sql}")), Vec::<&str>::new());
    // The pair is absorbed: both statements are in one transaction all the same.
    assert_eq!(names(&sql.replacen("alter", "begin;\nalter", 1).replace("valid;\n", "valid;\ncommit;\n")).len(), 1);
    // Nothing of what graven does itself, or the compiler says already.
    assert_eq!(names("begin;\nalter table t add column a int;\ncommit;\n"), Vec::<&str>::new());
    assert_eq!(
        names("-- graven: transaction = off\nvacuum t;\ncreate index concurrently i on t (a);\n"),
        Vec::<&str>::new()
    );
}

#[test]
fn squawks_own_comments_are_heeded() {
    assert_eq!(names("-- squawk-ignore ban-drop-column\nalter table t drop column a;\n"), Vec::<&str>::new());
    assert_eq!(names("-- squawk-ignore-file\nalter table t drop column a;\n"), Vec::<&str>::new());
    assert_eq!(names("select 1;\n-- squawk-ignore nonsense\n"), ["unused-ignore"]);
}

#[test]
fn an_allow_without_effect_is_told_of() {
    let told = |sql: &str| -> Vec<(&str, Level, String)> {
        let findings = linted(&[("7_change.sql", sql)], &Lints::default()).findings;
        findings.into_iter().map(|it| (it.problem.rule.id, it.level, it.problem.message)).collect()
    };
    let text = |name: &str| format!("-- graven: allow = {name}\nselect 1;\n");
    for (name, rule, level, said) in [
        ("ban-drop-column", "unused-allow", Level::Note, "`ban-drop-column` finds nothing here that had to be allowed"),
        ("ban-drop-colum", "unknown-lint", Level::Warning, "there is no lint `ban-drop-colum`"),
        ("squawk/nonsense", "unknown-lint", Level::Warning, "there is no lint `squawk/nonsense`"),
        ("reverse-differs", "unknown-lint", Level::Warning, "`reverse-differs` is a rule and not a lint"),
        ("require-lock-timeout", "unused-allow", Level::Note, "graven does not heed squawk's `require-lock-timeout`"),
    ] {
        assert_eq!(told(&text(name)), [(rule, level, said.to_owned())], "{name}");
    }
    // It may be asked for at another time.
    assert_eq!(told(&text("prefer-identity")), []);
    // Where a statement is not read, a name that is none is none all the same.
    let unread =
        |name: &str| told(&format!("{}alter tabel t;\n", text(name))).into_iter().map(|it| it.0).collect::<Vec<_>>();
    assert_eq!(unread("ban-drop-colum"), ["unknown-lint", "not-linted"]);
    assert_eq!(unread("ban-drop-column"), ["not-linted"]);
}

#[test]
fn a_name_on_the_command_line_that_is_no_lint_is_a_usage_error() {
    for (name, said) in [
        ("ban-drop-colum", "did you mean `ban-drop-column`?"),
        ("zzz", "`graven explain` lists all lints"),
        ("transaction-nesting", "`transaction-control`"),
        ("unterminated", "only lints can be allowed"),
    ] {
        for lints in [
            Lints { allow: vec![name.to_owned()], ..Lints::default() },
            Lints { warn: vec![name.to_owned()], ..Lints::default() },
        ] {
            match Choice::of(&lints) {
                Err(Failure::Usage(_, hint)) => assert!(hint.contains(said), "{name}: {hint}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[test]
fn denied_lints_are_errors() {
    let lints = Lints { deny_lints: true, ..Lints::default() };
    let sql = "-- graven: allow = ban-drop-tables, renaming-table\nalter table t drop column a;\n";
    let findings = linted(&[("7_change.sql", sql)], &lints).findings;
    let levels: Vec<_> = findings.iter().map(|finding| (finding.problem.rule.id, finding.level)).collect();
    let expected =
        [("unknown-lint", Level::Error), ("unused-allow", Level::Note), ("squawk/ban-drop-column", Level::Error)];
    assert_eq!(levels, expected);
}

#[test]
fn what_squawk_cannot_read_is_noted_once_and_the_rest_is_linted() {
    let sql = "alter tabel t x;\nalter table t drop column a;\nselect from where;\nalter tabel u y\n;";
    let findings = linted(&[("7_change.sql", sql)], &Lints::default()).findings;
    let told: Vec<_> = findings.iter().map(|it| (it.problem.rule.id, it.level, it.problem.line)).collect();
    assert_eq!(
        told,
        [("not-linted", Level::Note, Some(1)), ("squawk/ban-drop-column", Level::Warning, Some(2))],
        "{findings:#?}"
    );
    assert!(findings[0].problem.message.contains("3 statements"), "{}", findings[0].problem.message);
}
