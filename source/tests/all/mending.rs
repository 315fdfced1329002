//! A seal file after a merge: what is kept of either side, and what is not believed.

use graven_source::Checksum;
use graven_source::seal::{DamageReason, MendError, Mended, Seal};

fn sum(text: &str) -> Checksum {
    Checksum::of_text(text)
}

fn head(lines: &str) -> String {
    format!("head {}\n", sum(lines))
}

/// A conflict in which git has kept the head and the lines of both sides apart, below what both have.
fn conflict(both: &str, ours: &str, theirs: &str) -> String {
    format!(
        "# about\n<<<<<<< HEAD\n{}=======\n{}>>>>>>> branch\n{both}<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> branch\n",
        head(&format!("{both}{ours}")),
        head(&format!("{both}{theirs}"))
    )
}

fn lines(mended: &Mended) -> String {
    mended.seal.lines().map(|line| line.render() + "\n").collect()
}

fn mended(text: &str) -> Mended {
    Seal::mend(text).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

#[test]
fn the_lines_of_both_sides_are_kept_in_order_and_each_side_is_told_of() {
    let (a, b, c) = (format!("1 a {}\n", sum("a")), format!("2 b {}\n", sum("b")), format!("3 c {}\n", sum("c")));
    let text = conflict(&a, &c, &b);
    assert_eq!(Seal::parse(&text).unwrap_err()[0].reason, DamageReason::ConflictMarker);
    let mended = mended(&text);
    assert_eq!(mended.seal.render(), format!("# about\n{}{a}{b}{c}", head(&format!("{a}{b}{c}"))));
    let sides: Vec<_> = mended
        .sides
        .iter()
        .map(|side| (side.label.as_str(), side.own.iter().map(|line| line.name.as_str()).collect::<String>()))
        .collect();
    assert_eq!(sides, [("HEAD", "c".to_owned()), ("branch", "b".to_owned())]);
    assert_eq!(mended.added, []);
}

#[test]
fn what_both_began_with_is_not_taken_for_a_side() {
    let (a, b, c) = (format!("1 a {}\n", sum("a")), format!("2 b {}\n", sum("b")), format!("3 c {}\n", sum("c")));
    let diff3 = conflict(&a, &b, &c)
        .replace("\n=======\n", &format!("\n||||||| 1234567\n{}9 gone unsealed\n=======\n", head("x")));
    assert_eq!(lines(&mended(&diff3)), format!("{a}{b}{c}"));
}

#[test]
fn a_marker_is_as_wide_as_the_first_one_and_what_is_wider_is_of_a_conflict_among_the_ancestors() {
    let (a, b, c) = (format!("1 a {}\n", sum("a")), format!("2 b {}\n", sum("b")), format!("3 c {}\n", sum("c")));
    let text = conflict(&a, &b, &c);
    let nested = format!(
        "\n||||||| merged common ancestors\n<<<<<<<<< Temporary merge branch 1\n{}=========\n>>>>>>>>> Temporary merge \
         branch 2\n=======\n",
        head("x")
    );
    let nested = text.replace("\n=======\n", &nested);
    let twelve = |text: &str| {
        ["<", "|", "=", ">"].iter().fold(text.to_owned(), |text, sign| {
            text.replace(&format!("\n{}", sign.repeat(7)), &format!("\n{}", sign.repeat(12)))
        })
    };
    for text in [&text, &nested, &twelve(&text), &twelve(&nested)] {
        assert_eq!(Seal::parse(text).unwrap_err()[0].reason, DamageReason::ConflictMarker, "{text}");
        let mended = mended(text);
        assert_eq!((lines(&mended), mended.sides[1].label.as_str()), (format!("{a}{b}{c}"), "branch"), "{text}");
    }
    // Fewer are none.
    let six = twelve(&text).replace(&"<".repeat(12), "<<<<<<");
    assert!(Seal::mend(&six).is_err());
}

#[test]
fn what_only_the_other_side_seals_and_is_not_here_is_left_behind() {
    let line = |text: &str| format!("{text} {}\n", sum(text));
    let both = line("1 a");
    let (ours, theirs) =
        (line("2 b") + &line("4 d"), "2 b unsealed\n".to_owned() + &line("3 c") + "5 e unsealed\n" + &line("6 f"));
    let mended = mended(&conflict(&both, &ours, &theirs));
    let left = |here: &str| {
        mended.left_behind(|line| here.contains(&line.name)).map(|line| line.name.clone()).collect::<String>()
    };
    assert_eq!((left("abcdef"), left("abdef"), left("")), (String::new(), "c".to_owned(), "cf".to_owned()));
}

#[test]
fn a_version_of_both_sides_is_one_line_where_one_knows_the_other() {
    let (a, b, c) = (sum("a"), sum("b"), sum("c"));
    for (what, ours, theirs, wanted) in [
        ("sealed by one, announced by the other", format!("2 b {b}"), "2 b unsealed".to_owned(), format!("2 b {b}")),
        ("announced under two names", "2 b unsealed".to_owned(), "2 c unsealed".to_owned(), "2 b unsealed".to_owned()),
        ("announced under another name", "2 c unsealed".to_owned(), format!("2 b {b}"), format!("2 b {b}")),
        ("edited by one", format!("2 b {a}"), format!("2 b {b} was {a}"), format!("2 b {b} was {a}")),
        ("edited to the same", format!("2 b {b} was {a}"), format!("2 b {b} was {c}"), format!("2 b {b} was {c} {a}")),
        (
            "edited by both, each in its own way",
            format!("2 b {b} was {a}"),
            format!("2 b {c} was {a}"),
            format!("2 b {b} was {a} {c}"),
        ),
        (
            "edited twice by one",
            format!("2 b {c} was {a} {b}"),
            format!("2 b {b} was {a}"),
            format!("2 b {c} was {a} {b}"),
        ),
    ] {
        let text = conflict("", &format!("{ours}\n"), &format!("{theirs}\n"));
        assert_eq!(lines(&mended(&text)), format!("{wanted}\n"), "{what}");
    }
}

#[test]
fn two_sides_that_seal_different_things_are_for_people() {
    let (b, c) = (sum("b"), sum("c"));
    for (ours, theirs) in [
        (format!("2 b {b}\n"), format!("2 c {c}\n")),
        (format!("2 b {b}\n"), format!("2 c {b}\n")),
        (format!("2 b {b}\n"), format!("2 b {c}\n")),
        (format!("2 b {b} was {c}\n"), format!("2 b {c} was {b}\n")),
    ] {
        let Err(MendError::Disagreement(found)) = Seal::mend(&conflict("", &ours, &theirs)) else {
            panic!("{ours}{theirs}")
        };
        assert_eq!((found.ours.0.as_str(), found.theirs.0.as_str()), ("HEAD", "branch"));
        assert_eq!((found.ours.1.render() + "\n", found.theirs.1.render() + "\n"), (ours, theirs));
        assert_eq!((found.ours.1.line, found.theirs.1.line), (8, 10));
    }
}

#[test]
fn a_side_that_was_edited_by_hand_is_not_believed() {
    let (a, b, c) = (format!("1 a {}\n", sum("a")), format!("2 b {}\n", sum("b")), format!("3 c {}\n", sum("c")));
    let text = conflict(&a, &b, &c);
    for (from, to, label) in [
        (&b, format!("2 b {}\n", sum("forged")), "HEAD"),
        (&c, format!("3 c {}\n", sum("forged")), "branch"),
        (&a, format!("1 a {}\n", sum("forged")), "HEAD"),
        (&a, String::new(), "HEAD"),
    ] {
        assert_eq!(Seal::mend(&text.replace(from, &to)), Err(MendError::Side { label: label.to_owned() }), "{to}");
    }
}

#[test]
fn what_git_has_merged_outside_of_the_conflict_is_known_as_the_other_sides() {
    let (a, b) = (sum("a"), sum("b"));
    let middle: String = (2..8).map(|at| format!("{at} m {a}\n")).collect();
    let (old, new, last) = (format!("1 x {a}\n"), format!("1 x {b} was {a}\n"), format!("9 z {b}\n"));
    let heads =
        |ours: &str, theirs: &str| format!("<<<<<<< HEAD\n{}=======\n{}>>>>>>> branch\n", head(ours), head(theirs));
    // One side accepted an edit, and the other one added a migration.
    let text = heads(&format!("{new}{middle}"), &format!("{old}{middle}{last}")) + &new + &middle + &last;
    assert_eq!(lines(&mended(&text)), format!("{new}{middle}{last}"));
    // One side added one in the middle, and the other one added two at the end.
    let more = format!("{last}10 z {b}\n");
    let early = format!("2 early.baseline {b}\n");
    let (first, rest) = middle.split_once('\n').unwrap();
    let with_early = format!("{first}\n{early}{rest}");
    let text = heads(&format!("{old}{with_early}"), &format!("{old}{middle}{more}")) + &old + &with_early + &more;
    assert_eq!(lines(&mended(&text)), format!("{old}{with_early}{more}"));
}

#[test]
fn markers_that_make_no_sense_are_named() {
    for (text, line) in [
        ("=======\n", 1),
        ("<<<<<<< a\n<<<<<<< b\n", 2),
        ("<<<<<<< a\n=======\n=======\n>>>>>>> b\n", 3),
        ("<<<<<<< a\n=======\n", 2),
        (">>>>>>> b\n", 1),
    ] {
        assert_eq!(Seal::mend(text), Err(MendError::Line(line)), "{text}");
    }
}

#[test]
fn lines_that_were_added_by_hand_are_handed_out_and_what_was_changed_is_not_believed() {
    let (a, b, c) = (format!("1 a {}\n", sum("a")), format!("2 b {}\n", sum("b")), format!("3 c {}\n", sum("c")));
    let added = |text: &str| {
        let mended = mended(text);
        assert_eq!(lines(&mended), format!("{a}{b}{c}"), "{text}");
        mended.added.iter().map(|line| line.name.clone()).collect::<String>()
    };
    let (ours, theirs) = (head(&format!("{a}{c}")), head(&format!("{a}{b}")));
    assert_eq!(added(&format!("{ours}{a}{b}{c}")), "b");
    assert_eq!(added(&format!("{theirs}{a}{b}{c}")), "c");
    assert_eq!(added(&format!("{theirs}{a}{b}{c}{b}")), "c");
    // Both heads were kept, and the lines stand in no order.
    assert_eq!(added(&format!("# about\n{ours}{theirs}\n{a}{c}{b}")), "b");

    let forged = format!("1 a {}\n", sum("forged"));
    let knowing = format!("4 d {} was {}\n", sum("d"), sum("a"));
    for (text, wanted) in [
        (format!("{ours}{forged}{b}{c}"), MendError::Unvouched),
        (format!("{a}{b}"), MendError::Unvouched),
        (format!("{ours}{c}"), MendError::Unvouched),
        (format!("{ours}{a}{c}{knowing}"), MendError::Line(4)),
        (format!("{ours}{a}{c}{forged}"), MendError::Line(4)),
        (format!("{ours}{a}{c}rubbish\n"), MendError::Line(4)),
        ("head sha256:0\n".to_owned(), MendError::Line(1)),
    ] {
        assert_eq!(Seal::mend(&text), Err(wanted), "{text}");
    }
}

#[test]
fn many_lines_at_the_end_and_few_among_many_are_found_in_a_moment() {
    let line = |at: usize| format!("{at} m {}\n", sum("m"));
    let base: String = (1..=5_000).map(line).collect();
    let more: String = (5_001..=6_000).map(line).collect();
    assert_eq!(mended(&format!("{}{base}{more}", head(&base))).added.len(), 1_000);
    let few: String = (5_001..=5_010).map(line).collect();
    let without: String = (5_001..=5_010).filter(|at| !(5_003..5_006).contains(at)).map(line).collect();
    assert_eq!(mended(&format!("{}{base}{few}", head(&format!("{base}{without}")))).added.len(), 3);
    assert_eq!(Seal::mend(&format!("{}{base}", head("other"))), Err(MendError::Unvouched));
}
