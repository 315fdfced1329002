//! A plan is a pure function: tables of sets and histories.

mod properties;

use std::collections::BTreeSet;

use graven_source::{Checksum, Version};

use super::{Baseline, Begun, Future, OutOfOrder, Plan, Policy, Start, Step, compare, plan};
use crate::error::conflict::{Conflict, IncompleteReason};
use crate::history::{Doubt, Progress, Record};
use crate::migrations::{Details, Effect, Migration, Sealing, Transaction, Unit};
use crate::private::{DEFAULT, migration};

const LENIENT: Policy = Policy {
    future: Future::Allow,
    out_of_order: OutOfOrder::Allow,
    baseline: Baseline::Latest,
    to: None,
    begun: Begun::Refuse,
};
const STRICT: Policy = Policy { future: Future::Refuse, out_of_order: OutOfOrder::Refuse, ..LENIENT };

fn version(number: i64) -> Version {
    Version::new(number).expect("not negative")
}

/// A transactional migration; the checksum is this byte throughout.
fn one(number: i64, checksum: u8) -> Migration {
    migration(
        number,
        "1_m.sql",
        (2, 3),
        Sealing::Sealed,
        "SELECT 1;\nSELECT 2;\n-- three\nSELECT 3",
        &[checksum; 32],
        &DEFAULT,
    )
}

fn set(numbers: &[i64]) -> &'static [Migration] {
    numbers.iter().map(|number| one(*number, 7)).collect::<Vec<_>>().leak()
}

fn applied(number: i64, checksum: u8) -> Record {
    Record {
        version: Some(version(number)),
        name: format!("r{number}"),
        kind: "versioned".to_owned(),
        checksum: Checksum::from_bytes([checksum; 32]),
        progress: Progress::Applied,
        format: 1,
        started_by: None,
        origin: None,
    }
}

fn history(numbers: &[i64]) -> Vec<Record> {
    numbers.iter().map(|number| applied(*number, 7)).collect()
}

/// `state version`, a line an entry.
fn states(set: &'static [Migration], history: &[Record]) -> Vec<String> {
    let line = |entry: super::Entry<'_>| format!("{} {}", entry.state, entry.version.map_or(-1, Version::value));
    compare(set, history).into_iter().map(line).collect()
}

fn steps(plan: &Plan) -> Vec<i64> {
    plan.steps.iter().map(|step| step.migration.version.value()).collect()
}

fn words(conflicts: &[Conflict]) -> Vec<String> {
    let line = |found: &Conflict| format!("{} {}", found.state(), found.version().map_or(-1, Version::value));
    conflicts.iter().map(line).collect()
}

#[test]
fn every_state_is_told_by_version_and_checksum() {
    type Case = (&'static str, &'static [i64], &'static [i64], &'static [&'static str]);
    let cases: [Case; 9] = [
        ("nothing at all", &[], &[], &[]),
        ("a fresh database", &[1, 2], &[], &["pending 1", "pending 2"]),
        ("all applied", &[1, 2], &[1, 2], &["applied 1", "applied 2"]),
        ("the rest is pending", &[1, 2, 3], &[1], &["applied 1", "pending 2", "pending 3"]),
        ("below the highest applied", &[1, 2, 3], &[1, 3], &["applied 1", "out of order 2", "applied 3"]),
        ("lost in between", &[1, 3], &[1, 2, 3], &["applied 1", "orphaned 2", "applied 3"]),
        ("lost below the head", &[3], &[1], &["orphaned 1", "pending 3"]),
        ("above the head", &[1], &[1, 2, 9], &["applied 1", "future 2", "future 9"]),
        ("a set of nothing", &[], &[0, 5], &["future 0", "future 5"]),
    ];
    for (what, in_set, in_history, expected) in cases {
        assert_eq!(states(set(in_set), &history(in_history)), expected, "{what}");
    }
}

#[test]
fn a_pending_migration_below_a_future_one_is_out_of_order() {
    // An older instance during a rolling deploy must not slip something beneath what a newer one has applied.
    assert_eq!(states(set(&[1, 2]), &history(&[1, 3])), ["applied 1", "out of order 2", "future 3"]);
}

#[test]
fn the_lowest_and_the_highest_version_are_versions_like_others() {
    let set = set(&[0, i64::MAX]);
    assert_eq!(states(set, &history(&[0])), ["applied 0".to_owned(), format!("pending {}", i64::MAX)]);
    let plan = plan(set, &[], Policy::default()).expect("no conflict");
    assert_eq!(steps(&plan), [0, i64::MAX]);
}

#[test]
fn another_checksum_makes_a_migration_modified_unless_it_was_accepted() {
    let modified = plan(set(&[1]), &[applied(1, 8)], LENIENT).expect_err("modified");
    let [Conflict::Modified { recorded, embedded, .. }] = &modified[..] else { panic!("{modified:?}") };
    assert_eq!((*recorded, *embedded), (Checksum::from_bytes([8; 32]), Checksum::from_bytes([7; 32])));

    let details = Details { was: &[[5; 32], [8; 32]], ..Details::DEFAULT };
    let accepting: &'static [Migration] =
        vec![Migration { details: Some(Box::leak(Box::new(details))), ..one(1, 7) }].leak();
    for checksum in [5, 7, 8] {
        let plan = plan(accepting, &[applied(1, checksum)], STRICT).expect("accepted");
        assert_eq!((plan.applied, plan.steps.len()), (1, 0), "{checksum}");
    }
    assert_eq!(words(&plan(accepting, &[applied(1, 6)], LENIENT).expect_err("never accepted")), ["modified 1"]);
}

#[test]
fn what_the_policy_allows_is_planned_and_what_it_refuses_is_a_conflict() {
    let set = set(&[1, 2, 3]);
    type Expected = Result<&'static [i64], &'static [&'static str]>;
    let cases: [(&str, &[i64], Policy, Expected); 8] = [
        ("pending", &[1], STRICT, Ok(&[2, 3])),
        ("out of order, refused", &[2], Policy::default(), Err(&["out of order 1"])),
        ("out of order, allowed", &[2], LENIENT, Ok(&[1, 3])),
        ("future, allowed", &[1, 2, 3, 4], Policy::default(), Ok(&[])),
        ("future, refused", &[1, 2, 3, 4], STRICT, Err(&["future 4"])),
        ("orphaned, whatever the policy", &[0, 1], LENIENT, Err(&["orphaned 0"])),
        ("pending below the future, refused", &[1, 2, 4], Policy::default(), Err(&["out of order 3"])),
        ("pending below the future, allowed", &[1, 2, 4], LENIENT, Ok(&[3])),
    ];
    for (what, in_history, policy, expected) in cases {
        match (plan(set, &history(in_history), policy), expected) {
            (Ok(plan), Ok(expected)) => assert_eq!(steps(&plan), expected, "{what}"),
            (Err(conflicts), Err(expected)) => assert_eq!(words(&conflicts), expected, "{what}"),
            (found, _) => panic!("{what}: {found:?}"),
        }
    }
}

#[test]
fn a_future_that_is_allowed_is_in_the_plan() {
    let plan = plan(set(&[1, 2]), &history(&[1, 2, 5, 9]), Policy::default()).expect("no conflict");
    assert_eq!(plan.future, [version(5), version(9)]);
    assert_eq!((plan.applied, plan.steps.len()), (2, 0));
}

#[test]
fn all_conflicts_are_listed_ascending() {
    let mut history = history(&[9, 6, 3]);
    history.extend([applied(1, 8), started(&three_units(4, ORDINARY), 1, Doubt::InDoubt)]);
    let mut migrations: Vec<Migration> = [1, 2, 6].map(|number| one(number, 7)).into();
    migrations.insert(2, three_units(4, ORDINARY));
    migrations.push(one(8, 7));
    let conflicts = plan(migrations.leak(), &history, STRICT).expect_err("conflicts");
    assert_eq!(
        words(&conflicts),
        ["modified 1", "out of order 2", "orphaned 3", "incomplete 4", "out of order 8", "future 9"]
    );
}

#[test]
fn each_conflict_says_what_to_do() {
    let conflicts =
        plan(set(&[2, 4, 6]), &[applied(1, 7), applied(4, 8), applied(9, 7)], STRICT).expect_err("conflicts");
    assert_eq!(words(&conflicts), ["orphaned 1", "out of order 2", "modified 4", "out of order 6", "future 9"]);
    let mut remedies = BTreeSet::new();
    for conflict in &conflicts {
        assert!(conflict.to_string().contains(conflict.state().as_str()), "{conflict}");
        assert!(!conflict.remedy().ends_with('.'), "{}", conflict.remedy());
        remedies.insert(conflict.remedy());
    }
    assert_eq!(remedies.len(), 4, "the two that are out of order have one remedy: {remedies:#?}");
}

#[test]
fn a_row_without_a_version_is_no_versioned_migrations_business() {
    let repeatable = Record { version: None, name: "views".to_owned(), ..applied(1, 7) };
    let history = [applied(1, 7), repeatable];
    assert_eq!(states(set(&[1]), &history), ["applied 1"]);
    let plan = plan(set(&[1, 2]), &history, Policy::default()).expect("no conflict");
    assert_eq!((plan.applied, steps(&plan)), (1, vec![2]));
}

const ORDINARY: Effect = Effect::Ordinary;
const INDEX: Effect = Effect::ConcurrentIndex { name: Some("i"), schema: None, table: "t" };
const NAMELESS: Effect = Effect::ConcurrentIndex { name: None, schema: None, table: "t" };

/// A non-transactional migration of three statements, the second of which has that effect.
fn three_units(number: i64, second: Effect) -> Migration {
    let units = vec![
        Unit { start: 0, end: 8, effect: ORDINARY },
        Unit { start: 10, end: 18, effect: second },
        Unit { start: 29, end: 37, effect: ORDINARY },
    ];
    let details = Details { transaction: Transaction::Off, units: units.leak(), ..Details::DEFAULT };
    Migration { details: Some(Box::leak(Box::new(details))), ..one(number, 7) }
}

fn started(migration: &Migration, done: u32, doubt: Doubt) -> Record {
    Record {
        progress: Progress::Started { done, total: 3, doubt },
        started_by: Some("an earlier run".to_owned()),
        ..applied(migration.version.value(), 7)
    }
}

#[test]
fn an_incomplete_migration_is_resumed_where_nothing_must_be_guessed() {
    let cases = [
        ("a failure was recorded", ORDINARY, 1, Doubt::Settled, true),
        ("it may have run", ORDINARY, 1, Doubt::InDoubt, false),
        ("it may have built its index", INDEX, 1, Doubt::InDoubt, true),
        ("it may have built an index without a name", NAMELESS, 1, Doubt::InDoubt, false),
        ("an index without a name was settled", NAMELESS, 1, Doubt::Settled, true),
        ("it may have made a setting", Effect::Session, 1, Doubt::InDoubt, true),
        ("nothing was recorded", INDEX, 0, Doubt::InDoubt, false),
        ("nothing has run", INDEX, 0, Doubt::Settled, true),
        ("all have run but for the last word", INDEX, 3, Doubt::InDoubt, true),
        ("more are done than there are", INDEX, 4, Doubt::InDoubt, false),
    ];
    for (what, second, done, doubt, resumed) in cases {
        let migration: &'static Migration = Box::leak(Box::new(three_units(1, second)));
        let record = started(migration, done, doubt);
        match plan(std::slice::from_ref(migration), &[record], Policy::default()) {
            Ok(plan) => {
                assert!(resumed, "{what}");
                let start = Start::Resume { done, doubt, started_by: "an earlier run".to_owned() };
                assert_eq!(plan.steps, [Step { migration, start }], "{what}");
            }
            Err(conflicts) => {
                assert!(!resumed, "{what}");
                assert_eq!(words(&conflicts), ["incomplete 1"], "{what}");
            }
        }
    }
}

#[test]
fn an_incomplete_migration_whose_file_changed_is_not_resumed() {
    let migration: &'static Migration = Box::leak(Box::new(three_units(1, ORDINARY)));
    let settled = started(migration, 1, Doubt::Settled);
    let fewer = Progress::Started { done: 1, total: 2, doubt: Doubt::Settled };
    for record in
        [Record { checksum: Checksum::from_bytes([8; 32]), ..settled.clone() }, Record { progress: fewer, ..settled }]
    {
        let conflicts = plan(std::slice::from_ref(migration), &[record], LENIENT).expect_err("incomplete");
        let [Conflict::Incomplete { reason: IncompleteReason::Modified, done: 1, .. }] = &conflicts[..] else {
            panic!("{conflicts:?}")
        };
    }
}

#[test]
fn an_incomplete_migration_in_doubt_names_its_statement() {
    let migration: &'static Migration = Box::leak(Box::new(three_units(1, ORDINARY)));
    let record = started(migration, 2, Doubt::InDoubt);
    let conflicts = plan(std::slice::from_ref(migration), &[record], LENIENT).expect_err("incomplete");
    let [Conflict::Incomplete { reason: IncompleteReason::InDoubt { line, statement }, done, total, .. }] =
        &conflicts[..]
    else {
        panic!("{conflicts:?}")
    };
    assert_eq!((*line, statement.as_str(), *done, *total), (4, "SELECT 3", 2, 3));
}

#[test]
fn an_incomplete_migration_that_the_set_has_not_is_orphaned() {
    let record = started(&three_units(1, ORDINARY), 1, Doubt::Settled);
    assert_eq!(words(&plan(set(&[2]), &[record], LENIENT).expect_err("orphaned")), ["orphaned 1"]);
}

#[test]
fn a_resumed_migration_keeps_its_place_in_the_order() {
    let migrations: &'static [Migration] = vec![one(1, 7), three_units(2, ORDINARY), one(3, 7)].leak();
    let history = [applied(1, 7), started(&migrations[1], 1, Doubt::Settled)];
    let plan = plan(migrations, &history, Policy::default()).expect("resumable");
    assert_eq!(steps(&plan), [2, 3]);
    assert_eq!(plan.applied, 1);
}

#[test]
fn an_incomplete_migration_above_where_to_stop_is_a_conflict_although_a_run_would_resume_it() {
    let migrations: &'static [Migration] = vec![one(1, 7), three_units(2, ORDINARY)].leak();
    let history = [applied(1, 7), started(&migrations[1], 1, Doubt::Settled)];
    let to = |number| Policy { to: Some(version(number)), ..Policy::default() };
    assert_eq!(steps(&plan(migrations, &history, to(2)).expect("it is resumed")), [2]);
    let conflicts = plan(migrations, &history, to(1)).expect_err("it would be left behind");
    assert!(
        matches!(conflicts[..], [Conflict::Incomplete { reason: IncompleteReason::Resumable, done: 1, .. }]),
        "{conflicts:?}"
    );
}

#[test]
fn what_somebody_may_be_at_above_where_to_stop_is_left_to_them_unless_its_text_differs() {
    let migrations: &'static [Migration] = vec![one(1, 7), three_units(2, ORDINARY)].leak();
    let beside = |number| Policy { to: Some(version(number)), begun: Begun::Leave, ..Policy::default() };
    for doubt in [Doubt::Settled, Doubt::InDoubt] {
        let history = [applied(1, 7), started(&migrations[1], 1, doubt)];
        let plan = plan(migrations, &history, beside(1)).expect("it is theirs");
        assert_eq!((steps(&plan), plan.left), (vec![], 1), "{doubt:?}");
    }
    let begun = started(&migrations[1], 1, Doubt::InDoubt);
    let within = plan(migrations, &[applied(1, 7), begun.clone()], beside(2)).expect_err("it is this run's as well");
    assert!(matches!(within[..], [Conflict::Incomplete { .. }]), "{within:?}");
    let edited = Record { checksum: Checksum::from_bytes([9; 32]), ..begun };
    let edited = plan(migrations, &[applied(1, 7), edited], beside(1)).expect_err("it is another text");
    assert!(matches!(edited[..], [Conflict::Incomplete { reason: IncompleteReason::Modified, .. }]), "{edited:?}");
}
