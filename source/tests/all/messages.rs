//! How problems look.

use graven_source::problem::{Problem, Style, render_all};
use graven_source::{Checksum, rule};

use crate::package::Package;

#[test]
fn a_sealed_migration_that_was_edited_looks_as_it_was_agreed() {
    let package = Package::new(&[("0001_users.sql", "edited\n")]);
    let line = format!("0001 users {}\n", Checksum::of_text("sealed\n"));
    package.write("seal.lock", format!("# about\nhead {}\n{line}", Checksum::of_text(&line)).as_bytes());
    assert_eq!(
        package.rendered(),
        ["sealed migration 1 was edited

  --> migrations/0001_users.sql
      sealed  sha256:24f2f924f167…  (migrations/seal.lock:3)
      on disk sha256:68f01b289aed…

note: databases that already ran it will not get the change
help: undo the edit, committed or not, and put the change in a new migration:
      s=$(printf '1s/^\\357\\273\\277//;s/\\r$//')
      f=migrations/0001_users.sql
      for c in $(git rev-list --full-history HEAD -- \"$f\") ''; do git show \"$c:./$f\" 2>/dev/null | \
         LC_ALL=C sed \"$s\" | sha256sum | grep -q ^24f2f924f167 && git checkout ${c:+\"$c\"} -- \"$f\" && break; done \
         || echo 'neither a commit nor the index has it as it was sealed'
      or undo one that is not committed with `git checkout HEAD -- migrations/0001_users.sql`,
      or accept a harmless edit with `graven seal --accept-edit 1`
rule: sealed-edited"]
    );
}

#[test]
fn a_place_in_sql_is_shown_with_its_line_and_a_caret() {
    let text = "create table t (a text);\n\tinsert into t values ('it's');\n";
    let package = Package::new(&[("0001_users.sql", text), ("seal.lock", "")]);
    assert_eq!(
        package.rendered(),
        [" --> migrations/0001_users.sql:2:29
  |
2 |     insert into t values ('it's');
  |                                ^ it begins here"]
        .map(|place| format!(
            "a string never ends\n\n{place}\n\n\
             note: PostgreSQL would refuse the file, and where its statements end cannot be told\n\
             help: end it with a quote; inside of a string, a quote is written twice (`''`)\n\
             rule: unterminated"
        ))
    );
}

#[test]
fn the_directive_that_was_meant_can_be_copied_whole() {
    let rules = "allow = ban-drop-column, ban-drop-table, ban-char-field, adding-required-field";
    let package = Package::new(&[("0001_a.sql", &format!("-- graven; {rules}\nselect 1;\n")), ("seal.lock", "")]);
    let help = format!("\nhelp: write `-- graven: {rules}`, on a line of its own\n");
    let rendered = package.rendered();
    assert!(matches!(rendered.as_slice(), [problem] if problem.contains(&help)), "{rendered:#?}");
}

#[test]
fn a_seal_file_that_is_not_there_is_explained() {
    assert_eq!(
        Package::new(&[]).rendered(),
        ["the migrations have no seal file

  --> migrations/seal.lock

note: it is how the compiler notices that a migration was added or deleted
help: take it back, if git has it: `git checkout HEAD -- migrations/seal.lock`,
      or create it, an empty one serves (`touch migrations/seal.lock`), and commit it,
      or let `graven seal` write it, which seals the migrations that are there
rule: seal-absent"]
    );
}

#[test]
fn a_merge_conflict_in_the_seal_file_says_what_the_head_will_be() {
    let (a, b) = (Checksum::of_text("A"), Checksum::of_text("B"));
    let (first, second) = (format!("1 a {a}\n"), format!("2 b {b}\n"));
    let head = |lines: &str| format!("head {}", Checksum::of_text(lines));
    let package = Package::new(&[("1_a.sql", "A"), ("2_b.sql", "B")]);
    let (ours, theirs) = (head(&first), head(&second));
    let text = format!("<<<<<<< HEAD\n{ours}\n{first}=======\n{theirs}\n{second}>>>>>>> other\n");
    package.write("seal.lock", text.as_bytes());
    let rendered = package.rendered().concat();
    let head = head(&format!("{first}{second}"));
    assert_eq!(
        rendered,
        format!(
            "the seal file holds a merge conflict marker

 --> migrations/seal.lock:1:1
  |
1 | <<<<<<< HEAD
  | ^^^^^^^^^^^^

note: two branches changed the seal file, and `head` makes them conflict on purpose
help: let `graven seal` keep the lines of both sides; what is not sealed stays so,
      or keep them by hand, in order of version, below this one:
      {head}
rule: seal-damaged"
        )
    );
    package.write("seal.lock", format!("{head}\n{first}{second}").as_bytes());
    assert_eq!(package.rendered(), Vec::<String>::new());
}

#[test]
fn ten_problems_fit_on_a_screen_and_more_are_counted() {
    let names: Vec<String> = (1..=14).map(|at| format!("{at:04}_m.sql")).collect();
    let mut files: Vec<_> = names.iter().map(|name| (name.as_str(), "vacuum;\nselect 1;\n")).collect();
    files.push(("seal.lock", ""));
    let problems = Package::new(&files).load().problems;
    let text = render_all(&problems, 10, Style::Plain);
    assert!(text.lines().count() <= 50, "{text}");
    assert!(
        text.starts_with(
            "14 problems in the migrations

VACUUM cannot run inside a transaction
  --> migrations/0001_m.sql:1:1  (needs-no-transaction)
  help: put it into a migration of its own whose first line is `-- graven: transaction = off`

VACUUM"
        ),
        "{text}"
    );
    assert!(text.ends_with("\n\nand 4 more"), "{text}");
    assert!(!text.contains("0011_m"), "{text}");
}

#[test]
fn ten_problems_that_are_mended_by_several_commands_fit_on_a_screen_too() {
    let package = Package::new(&[("0001_a.sql", ""), ("seal.lock", "")]);
    for at in 0..12 {
        package.write(&format!("1_m{at:02}.sql"), b"");
        package.write(&format!("1_m{at:02}.down.sql"), b"");
    }
    let text = render_all(&package.load().problems, 10, Style::Plain);
    assert!(text.lines().count() <= 45, "{text}");
    assert!(
        text.starts_with(
            "12 problems in the migrations

two migrations have version 1
  --> migrations/1_m00.sql  (duplicate-version)
  help: `git mv migrations/1_m00.sql migrations/0002_m00.sql && \
         git mv migrations/1_m00.down.sql migrations/0002_m00.down.sql`, or `graven renumber 1`

two"
        ),
        "{text}"
    );
    assert!(text.ends_with("\n\nand 2 more"), "{text}");
}

#[test]
fn of_many_edits_each_is_shown_with_what_undoes_one_that_is_committed_and_with_what_accepts_it() {
    let package = Package::new(&[]);
    let mut lines = String::new();
    for at in 1..=6 {
        package.write(&format!("{at}_m.sql"), b"edited\n");
        lines += &format!("{at} m {}\n", Checksum::of_text("sealed\n"));
    }
    package.write("seal.lock", format!("head {}\n{lines}", Checksum::of_text(&lines)).as_bytes());
    let text = render_all(&package.load().problems, 10, Style::Plain);
    let helps: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("  help: ")).collect();
    assert_eq!(helps.len(), 6, "{text}");
    for (at, help) in (1..).zip(helps) {
        assert!(
            help.starts_with("`s=$(printf ") && help.contains(&format!(" && f=migrations/{at}_m.sql && for c in "))
        );
        assert!(
            help.ends_with(&format!(
                "as it was sealed'`, or accept a harmless edit with `graven seal --accept-edit {at}`"
            )),
            "{help}"
        );
    }
}

#[test]
fn one_problem_is_shown_whole_and_a_few_are_too() {
    let one = Problem::new(&rule::STRAY_FILE, "m/b", "second").help("x");
    let other = Problem::new(&rule::STRAY_FILE, "m/a", "first").at_line(3).help("y:\nz").help("w").note("n");
    assert_eq!(render_all(std::slice::from_ref(&one), 10, Style::Plain), one.render(Style::Plain));
    assert_eq!(
        render_all(&[one, other], 10, Style::Plain),
        "2 problems in the migrations


first

  --> m/a:3

note: n
help: y:
      z
      or w
rule: stray-file


second

  --> m/b

help: x
rule: stray-file"
    );
    assert_eq!(render_all(&[], 10, Style::Plain), "");
}

#[test]
fn a_terminal_gets_the_same_words_in_colour() {
    let package = Package::new(&[("1_a.sql", "vacuum;"), ("seal.lock", "")]);
    let problem = &package.load().problems[0];
    let mut plain = String::new();
    let styled = problem.render(Style::Ansi);
    let mut rest = styled.as_str();
    while let Some((text, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(text);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert!(styled.len() > plain.len());
    assert_eq!(plain, problem.render(Style::Plain));
}
