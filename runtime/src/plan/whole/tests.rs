//! What a whole set comes to is a pure function too: tables of sets with baselines and repeatables, and histories.

use graven_source::{Checksum, Kind, Version};

use super::{Baseline, Plan, Policy, Start, compare_all, plan_all};
use crate::history::{Progress, Record};
use crate::migrations::{Details, Migration, Migrations, Repeatable, Sealing};
use crate::plan::{Future, OutOfOrder};
use crate::private;
use crate::verb::status::State;

const EARLIER: u8 = 6;
const NOW: u8 = 7;

fn migration(number: i64, details: &'static Details) -> Migration {
    private::migration(number, "1_m.sql", (2, 3), Sealing::Sealed, "SELECT 1", &[NOW; 32], details)
}

/// A set of these versions, baselines of these versions, and repeatables of these names.
fn set(versions: &[i64], baselines: &[i64], repeatables: &[&'static str]) -> Migrations {
    let all = |numbers: &[i64], details: &'static Details| -> &'static [Migration] {
        numbers.iter().map(|number| migration(*number, details)).collect::<Vec<_>>().leak()
    };
    let repeatable = |name: &&'static str| {
        let length = u16::try_from(name.len()).expect("a short name");
        private::repeatable(name, length, length, &[NOW; 32], &private::REPEATABLE)
    };
    let repeatables: Vec<Repeatable> = repeatables.iter().map(repeatable).collect();
    let set = private::migrations(all(versions, &private::DEFAULT), "migrations", None, None, "");
    let set = private::with_baselines(set, all(baselines, &private::BASELINE));
    private::with_repeatables(set, repeatables.leak())
}

fn record(version: Option<i64>, name: &str, checksum: u8) -> Record {
    Record {
        version: version.and_then(Version::new),
        name: name.to_owned(),
        kind: String::new(),
        checksum: Checksum::from_bytes([checksum; 32]),
        progress: Progress::Applied,
        format: 1,
        started_by: None,
        origin: None,
    }
}

fn applied(versions: &[i64]) -> Vec<Record> {
    versions.iter().map(|version| record(Some(*version), "m", NOW)).collect()
}

fn with(mut history: Vec<Record>, repeatables: &[(&str, u8)]) -> Vec<Record> {
    history.extend(repeatables.iter().map(|(name, checksum)| record(None, name, *checksum)));
    history
}

/// The steps of a plan; ` again` is one that was applied before.
fn steps(plan: &Plan) -> Vec<String> {
    let step = |step: &crate::plan::Step| {
        let (kind, version, name) = (step.migration.kind(), step.migration.version(), step.migration.name());
        match (kind, &step.start) {
            (Kind::Repeatable, Start::Again { .. }) => format!("repeatable {name} again"),
            (Kind::Repeatable, _) => format!("repeatable {name}"),
            (Kind::Baseline, _) => format!("baseline {version} {name}"),
            _ => format!("{version} {name}"),
        }
    };
    plan.steps.iter().map(step).collect()
}

fn planned(set: &Migrations, history: &[Record], policy: Policy) -> Vec<String> {
    steps(&plan_all(set, history, policy).expect("no conflict"))
}

fn to(version: i64) -> Policy {
    Policy { to: Version::new(version), ..Policy::default() }
}

#[test]
fn a_fresh_database_gets_the_latest_baseline_and_what_comes_after_it() {
    let unused = Policy { baseline: Baseline::Unused, ..Policy::default() };
    type Case<'a> = (&'a str, &'a [i64], &'a [i64], Policy, &'a [&'a str]);
    let cases: [Case<'_>; 8] = [
        ("no baseline", &[1, 2], &[], Policy::default(), &["1 m", "2 m"]),
        ("one of the head", &[1, 2], &[2], Policy::default(), &["baseline 2 m"]),
        ("one below the head", &[1, 2, 3], &[2], Policy::default(), &["baseline 2 m", "3 m"]),
        ("one of the first", &[1, 2], &[1], Policy::default(), &["baseline 1 m", "2 m"]),
        ("the latest of several", &[1, 2, 3, 4], &[1, 3], Policy::default(), &["baseline 3 m", "4 m"]),
        ("told not to", &[1, 2], &[2], unused, &["1 m", "2 m"]),
        ("the latest up to where to stop", &[1, 2, 3, 4], &[1, 3], to(2), &["baseline 1 m", "2 m"]),
        ("none up to where to stop", &[1, 2, 3], &[3], to(2), &["1 m", "2 m"]),
    ];
    for (what, versions, baselines, policy, expected) in cases {
        assert_eq!(planned(&set(versions, baselines, &[]), &[], policy), expected, "{what}");
    }
}

#[test]
fn a_history_with_a_single_row_gets_no_baseline() {
    let set = set(&[1, 2, 3], &[3], &["views"]);
    assert_eq!(planned(&set, &applied(&[1]), Policy::default()), ["2 m", "3 m", "repeatable views"]);
    let only_a_repeatable = with(Vec::new(), &[("views", NOW)]);
    assert_eq!(planned(&set, &only_a_repeatable, Policy::default()), ["1 m", "2 m", "3 m"]);
}

#[test]
fn a_repeatable_comes_after_all_others_and_again_when_its_text_has_changed() {
    let set = set(&[1, 2], &[], &["a", "b"]);
    type Case<'a> = (&'a str, Vec<Record>, &'a [&'a str]);
    let cases: [Case<'_>; 6] = [
        ("fresh", Vec::new(), &["1 m", "2 m", "repeatable a", "repeatable b"]),
        ("all applied", with(applied(&[1, 2]), &[("a", NOW), ("b", NOW)]), &[]),
        ("one is new", with(applied(&[1, 2]), &[("a", NOW)]), &["repeatable b"]),
        ("one has changed", with(applied(&[1, 2]), &[("a", EARLIER), ("b", NOW)]), &["repeatable a again"]),
        ("the rest, then both", with(applied(&[1]), &[("b", EARLIER)]), &["2 m", "repeatable a", "repeatable b again"]),
        ("one is gone", with(applied(&[1, 2]), &[("a", NOW), ("b", NOW), ("c", NOW)]), &[]),
    ];
    for (what, history, expected) in cases {
        assert_eq!(planned(&set, &history, Policy::default()), expected, "{what}");
    }
}

#[test]
fn repeatables_wait_until_no_versioned_migration_is_left() {
    let set = set(&[1, 2, 3], &[], &["views"]);
    assert_eq!(planned(&set, &applied(&[1]), to(2)), ["2 m"]);
    assert_eq!(planned(&set, &applied(&[1]), to(3)), ["2 m", "3 m", "repeatable views"]);
    assert_eq!(planned(&set, &applied(&[1, 2, 3]), to(2)), ["repeatable views"]);
}

#[test]
fn what_lies_above_the_version_to_stop_at_is_left_and_no_conflict_of_its_own() {
    let numbers = set(&[1, 2, 3, 4], &[], &[]);
    let plan = plan_all(&numbers, &applied(&[1]), to(2)).expect("no conflict");
    assert_eq!((steps(&plan), plan.left, plan.applied), (vec!["2 m".to_owned()], 2, 1));
    let beyond = plan_all(&numbers, &applied(&[1, 3]), to(2)).expect_err("2 is out of order");
    assert_eq!(beyond.len(), 1);
    let lenient = Policy { out_of_order: OutOfOrder::Allow, ..to(2) };
    assert_eq!(planned(&numbers, &applied(&[1, 4]), lenient), ["2 m"]);
}

#[test]
fn an_older_binary_leaves_repeatables_to_the_newer_one() {
    let set = set(&[1], &[], &["changed", "new", "same"]);
    let history = with(applied(&[1, 2]), &[("changed", EARLIER), ("same", NOW), ("the newer one's", NOW)]);
    assert_eq!(planned(&set, &history, Policy::default()), ["repeatable new"], "no other binary can have replaced it");
    let states: Vec<State> = compare_all(&set, &history).iter().map(|entry| entry.state).collect();
    assert_eq!(
        states,
        [State::Applied, State::Future, State::Future, State::Pending, State::Applied, State::Future],
        "1, 2, changed, new, same, the newer one's"
    );
}

#[test]
fn a_repeatable_that_is_gone_is_orphaned_and_in_nobodys_way() {
    let set = set(&[1], &[], &["here"]);
    let history = with(applied(&[1]), &[("gone", NOW), ("here", NOW)]);
    let strict = Policy { future: Future::Refuse, ..Policy::default() };
    let plan = plan_all(&set, &history, strict).expect("no conflict");
    assert_eq!((plan.orphaned.as_slice(), plan.steps.len()), (["gone".to_owned()].as_slice(), 0));
    let states: Vec<State> = compare_all(&set, &history).iter().map(|entry| entry.state).collect();
    assert_eq!(states, [State::Applied, State::Orphaned, State::Applied]);
}

#[test]
fn entries_of_repeatables_come_last_by_name() {
    let set = set(&[1, 2], &[], &["b", "d"]);
    let history = with(applied(&[1]), &[("a", NOW), ("c", NOW)]);
    let name = |entry: &crate::plan::Entry<'_>| match (entry.version, entry.migration, entry.record) {
        (Some(version), ..) => version.to_string(),
        (None, Some(migration), _) => migration.name().to_owned(),
        (None, None, record) => record.map(|record| record.name.clone()).unwrap_or_default(),
    };
    assert_eq!(compare_all(&set, &history).iter().map(name).collect::<Vec<_>>(), ["1", "2", "a", "b", "c", "d"]);
}
