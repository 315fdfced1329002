//! Time grows with the size of the input and not with its square, on the worst of inputs.
//!
//! What counts is how many times as much work eight times the size is, by the time that this very thread was at work:
//! how fast the machine is, and what else it does, matters little, and it is measured again where it looks bad.

use std::hint::black_box;
use std::time::Duration;

use graven_source::lexer::Lexer;
use graven_source::problem::{Style, render_all};
use graven_source::seal::Seal;
use graven_source::{Checksum, Kind, directive, normalise, statement};
use rustix::time::{ClockId, clock_gettime};

use crate::package::Package;

/// Linear time makes it 8, quadratic time 64.
const MOST: f64 = 24.0;

fn assert_linear<T, R>(name: &str, size: usize, make: impl Fn(usize) -> T, work: impl Fn(&T) -> R) {
    let (small, large) = (make(size), make(size * 8));
    let (mut little, mut much) = (Duration::MAX, Duration::MAX);
    for _ in 0..8 {
        little = little.min(at_work(|| work(&small)));
        much = much.min(at_work(|| work(&large)));
        // What takes no time at all is not worth measuring.
        if much < Duration::from_millis(2) || much.as_secs_f64() < MOST * little.as_secs_f64() {
            return;
        }
    }
    panic!("{name}: {little:?}, and {much:?} for eight times the size");
}

fn at_work<R>(work: impl FnOnce() -> R) -> Duration {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.try_into().unwrap(), now.tv_nsec.try_into().unwrap())
    };
    let start = now();
    black_box(work());
    now() - start
}

/// The worst texts of a size: the same piece again and again, after and before something else.
fn worst(size: usize) -> Vec<(&'static str, String)> {
    // One a line would be screens long.
    #[rustfmt::skip]
    const REPEATED: &[&str] = &[
        "$", "'", "\"", "/*", "*/", "$a ", "$a$", "$a$$b$", "E'", "E'' \n ", "x'' --\n ", "\\", "+", "=+", "+-", "@", "- ",
        "--\n", "--\r", ".", "é", "1", "1a$", "1e+1", ";", "a;", "(", "();", " :", "graven:", "create function f() begin atomic ",
        "create function f() begin atomic;end;", "begin;", "begin;commit;", "commit;",
        "begin;set local a to b;commit;", "rollback;", "vacuum ;", "vacuum;\n",
        "savepoint a;", "savepoint a;rollback to a;", "copy t from stdin;\n\\.\n", "copy t from stdin;",
        "select set_config('standard_conforming_strings','off',false);", "set standard_conforming_strings=off;",
        "create subscription a with (b=c);", "-- graven: a = b\n", "-- +goose Up\n", "-- +goose Down\n",
        "alter table a add b int;", "insert into t values (1, 'a', E'\\n', $$b$$);\n",
    ];
    let repeat = |piece: &str| piece.repeat(size / piece.len());
    let mut texts: Vec<_> = REPEATED.iter().map(|piece| (*piece, repeat(piece))).collect();
    let half = |piece: &str| piece.repeat(size / piece.len() / 2);
    let tag = "a".repeat(size / 4);
    texts.extend([
        ("nested comments", half("/*") + &half("*/")),
        ("slashes in a comment", "/*".to_owned() + &repeat("/")),
        ("stars in a comment", "/*".to_owned() + &repeat("*")),
        ("backslashes in a string", "E'".to_owned() + &repeat("\\")),
        ("a tag that nearly returns", "$a$".to_owned() + &repeat("$b")),
        ("a long tag that nearly returns", format!("${tag}$ ${tag} ${tag}")),
        ("signs after one operator", "=".to_owned() + &repeat("+")),
        ("savepoints that are not there", half("savepoint a;") + &half("release b;")),
        ("a long COPY", format!("copy {} from stdin;", repeat("a,"))),
        ("a long list of options", "alter subscription a set (".to_owned() + &repeat("b=c,")),
        ("calls without an end", "select ".to_owned() + &repeat("set_config(1,")),
        ("calls in a block", format!("begin;select {};commit;a", repeat("set_config(1,"))),
        ("late directives", "select 1;".to_owned() + &repeat("-- graven: a = b\n")),
        ("a long key", format!("-- graven: {} = 1", repeat("k"))),
        ("a long value", "-- graven: lock_timeout = ".to_owned() + &repeat("9")),
        ("a long marker", format!("-- migrate:{}\nselect 1;", repeat("d"))),
        ("a section after many", repeat("-- +goose Up\n") + "-- +goose Down\nselect 1;"),
        ("lines before an error", repeat("\n") + "'"),
        ("a long line with an error", repeat("a ") + "'"),
        ("line ends of Windows", repeat("a\r\n")),
    ]);
    texts
}

fn each_of_the_worst<R>(size: usize, work: impl Fn(&String) -> R) {
    for (at, (name, _)) in worst(1).into_iter().enumerate() {
        assert_linear(name, size, |size| worst(size).swap_remove(at).1, &work);
    }
}

#[test]
#[should_panic(expected = "for eight times the size")]
fn quadratic_time_would_be_noticed() {
    let ends = |text: &String| {
        let from = |at| text.bytes().skip(at).filter(|byte| *byte == b'"').count();
        (0..text.len()).map(from).sum::<usize>()
    };
    assert_linear("each quote looks for its end", 300, |size| "'".repeat(size), |text| assert_eq!(ends(text), 0));
}

#[test]
fn reading_tokens_takes_linear_time() {
    each_of_the_worst(100_000, |text| Lexer::new(text).map_while(Result::ok).count());
}

#[test]
fn splitting_takes_linear_time() {
    each_of_the_worst(20_000, |text| {
        let statements = statement::split(text).unwrap_or_default();
        (statement::absorb(text, &statements), statement::units(&statements))
    });
}

#[test]
fn reading_directives_and_sections_and_line_ends_takes_linear_time() {
    each_of_the_worst(20_000, |text| {
        (directive::parse(text), directive::opposite_section(text, Kind::Versioned), normalise(text.clone()))
    });
}

#[test]
fn telling_of_problems_takes_linear_time_and_little_room() {
    let package = |text: String| Package::new(&[("1_a.sql", &text), ("seal.lock", "")]);
    for (at, (name, _)) in worst(1).into_iter().enumerate() {
        let make = |size| package(worst(size).swap_remove(at).1);
        assert_linear(name, 15_000, make, |package: &Package| {
            let problems = package.load().problems;
            let longest = problems.iter().map(|problem| problem.render(Style::Plain).len()).max();
            assert!(longest.unwrap_or(0) < 3_000, "{name}: {longest:?}");
            assert!(problems.len() <= 102, "{name}: {} problems", problems.len());
            render_all(&problems, 10, Style::Plain)
        });
    }
}

#[test]
fn a_seal_file_takes_linear_time_whatever_is_wrong_with_it() {
    let lines = |count: usize| -> String {
        (1..=count).map(|at| format!("{at} name_{at} {}\n", Checksum::of_text(""))).collect()
    };
    let good = |count| {
        let lines = lines(count);
        format!("head {}\n{lines}", Checksum::of_text(&lines))
    };
    let read = |text: &String| (Seal::parse(text).map(|seal| seal.render()), Seal::mend(text));
    assert_linear("good", 500, good, read);
    assert_linear("no checksums", 500, |count| good(count).replace("sha256:", "sha25:"), read);
    assert_linear("not in order", 500, |count| good(count).lines().rev().collect::<Vec<_>>().join("\n"), read);
    assert_linear("one version", 2_000, |count| "1 a unsealed\n".repeat(count), read);
    assert_linear("conflicts", 2_000, |count| "<<<<<<< a\n=======\n>>>>>>> b\n".repeat(count), read);
    assert_linear(
        "two sides",
        500,
        |count| format!("<<<<<<< a\n{}=======\n{}>>>>>>> b\n", good(count), good(count)),
        read,
    );
}

#[test]
fn a_directory_takes_linear_time_whatever_is_wrong_with_its_names() {
    type Name = fn(usize) -> String;
    const NAMES: &[(&str, Name)] = &[
        ("fine", |at| format!("{at}_m.sql")),
        ("one version", |at| format!("1_m{at}.sql")),
        ("one name in two cases", |at| format!("{}{}.repeatable.sql", if at % 2 == 0 { "n" } else { "N" }, at / 2)),
        ("reverses alone", |at| format!("{at}_m.down.sql")),
        ("baselines alone", |at| format!("{at}_m.baseline.sql")),
        ("without a version", |at| format!("m{at}.sql")),
        ("strays", |at| format!("m{at}.txt")),
    ];
    for (name, file) in NAMES {
        let make = |count| {
            let files: Vec<String> = (0..count).map(file).collect();
            let mut files: Vec<_> = files.iter().map(|file| (file.as_str(), "")).collect();
            files.push(("seal.lock", ""));
            Package::new(&files)
        };
        // Few enough for the one thread that is measured to read all of them.
        let told = |package: &Package| render_all(&package.load().problems, 10, Style::Plain);
        assert_linear(name, 30, make, told);
    }
}
