//! What a revert, a redo and a stamp are to do is a pure function: tables of sets, histories and targets.

use graven_source::{Checksum, Version};
use proptest::prelude::*;

use super::{Extent, RedoSealed, Refused, Stamping, Target, redoable, reversals, stampable};
use crate::error::conflict::{Conflict, IncompleteReason, Rows};
use crate::error::obstacle::Obstacle;
use crate::history::{Doubt, Progress, Record};
use crate::migrations::{Details, Effect, Migration, Sealing, Transaction, Unit};
use crate::plan::{OutOfOrder, Policy, plan};
use crate::private;

fn version(number: i64) -> Version {
    Version::new(number).expect("not negative")
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn migration(number: i64, sealing: Sealing, details: &'static Details) -> Migration {
    private::migration(number, "0001_m.sql", (5, 6), sealing, "SELECT 1;", &[7; 32], details)
}

/// An unsealed one with a reverse of this text and these details.
fn with_reverse(number: i64, sql: &str, reverse: Details) -> Migration {
    let details = leak(private::of_reverse(reverse));
    let reverse = private::migration(number, "0001_m.down.sql", (5, 6), Sealing::Unsealed, sql, &[7; 32], details);
    migration(number, Sealing::Unsealed, leak(private::with_reverse(Details::DEFAULT, leak(reverse))))
}

fn reversible(number: i64) -> Migration {
    with_reverse(number, "SELECT 1;", Details::DEFAULT)
}

/// All with a reverse.
fn set(numbers: &[i64]) -> &'static [Migration] {
    numbers.iter().map(|number| reversible(*number)).collect::<Vec<_>>().leak()
}

fn applied(number: i64, checksum: u8) -> Record {
    Record {
        version: Some(version(number)),
        name: "m".to_owned(),
        kind: "versioned".to_owned(),
        checksum: Checksum::from_bytes([checksum; 32]),
        progress: Progress::Applied,
        format: 1,
        started_by: None,
        origin: None,
    }
}

fn started(number: i64) -> Record {
    Record { progress: Progress::Started { done: 0, total: 0, doubt: Doubt::Settled }, ..applied(number, 7) }
}

fn history(numbers: &[i64]) -> Vec<Record> {
    numbers.iter().map(|number| applied(*number, 7)).collect()
}

/// The versions that a revert takes back, in order; or what is in the way.
fn reverted(set: &'static [Migration], history: &[Record], target: Target) -> Result<Vec<i64>, Vec<String>> {
    let extent = Extent::of(set, history, target).expect("a known version");
    match reversals(set, history, extent) {
        Ok(reversals) => Ok(reversals.iter().map(|it| it.migration.version.value()).collect()),
        Err(obstacles) => Err(words(&obstacles)),
    }
}

fn words(obstacles: &[Obstacle]) -> Vec<String> {
    let word = |obstacle: &Obstacle| match obstacle {
        Obstacle::Conflict(conflict) => conflict.state().to_string(),
        Obstacle::NoReverse { .. } => "no reverse".to_owned(),
        Obstacle::NotRepeatable { line, statement, .. } => format!("not repeatable, line {line}: {statement}"),
        Obstacle::AppliedMeanwhile { .. } => "meanwhile".to_owned(),
    };
    obstacles.iter().map(|it| format!("{} {}", it.version().map_or(-1, Version::value), word(it))).collect()
}

#[test]
fn the_highest_applied_ones_are_taken_back_first() {
    let set = set(&[1, 2, 3, 5]);
    let cases: [(&str, &[i64], Target, &[i64]); 13] = [
        ("nothing is applied", &[], Target::All, &[]),
        ("nothing is applied", &[], Target::Steps(3), &[]),
        ("no steps", &[1, 2], Target::Steps(0), &[]),
        ("the last one", &[1, 2, 3], Target::Steps(1), &[3]),
        ("steps count what is applied, not what the set has", &[1, 2], Target::Steps(1), &[2]),
        ("several steps", &[1, 2, 3, 5], Target::Steps(3), &[5, 3, 2]),
        ("as many steps as there are", &[1, 2], Target::Steps(9), &[2, 1]),
        ("down to one that stays", &[1, 2, 3, 5], Target::To(2), &[5, 3]),
        ("down to one that is not applied", &[1, 3, 5], Target::To(2), &[5, 3]),
        ("down to the highest", &[1, 2], Target::To(2), &[]),
        ("down to one above all that are applied", &[1, 2], Target::To(5), &[]),
        ("0 is everything where nobody has it", &[1, 2], Target::To(0), &[2, 1]),
        ("all", &[1, 2, 3, 5], Target::All, &[5, 3, 2, 1]),
    ];
    for (what, applied, target, expected) in cases {
        assert_eq!(reverted(set, &history(applied), target).as_deref(), Ok(expected), "{what}");
    }
}

#[test]
fn version_0_is_a_version_like_others_where_there_is_one() {
    let set = set(&[0, 1]);
    assert_eq!(reverted(set, &history(&[0, 1]), Target::To(0)), Ok(vec![1]));
    assert_eq!(reverted(set, &history(&[0, 1]), Target::All), Ok(vec![1, 0]));
}

#[test]
fn a_version_that_neither_the_set_nor_the_history_has_is_refused() {
    let set = set(&[1, 3]);
    for number in [2, 4, -1, i64::MIN, i64::MAX] {
        assert_eq!(Extent::of(set, &history(&[1, 9]), Target::To(number)), Err(number));
    }
    for number in [0, 1, 3, 9] {
        assert!(Extent::of(set, &history(&[1, 9]), Target::To(number)).is_ok(), "{number}");
    }
}

#[test]
fn all_that_stands_in_the_way_is_listed_in_order() {
    let mut members = vec![reversible(1), migration(2, Sealing::Sealed, &Details::DEFAULT)];
    members.extend([reversible(4), reversible(5), reversible(6)]);
    let set: &'static [Migration] = members.leak();
    let history =
        [applied(1, 7), applied(2, 7), applied(3, 7), applied(4, 8), started(5), applied(6, 7), applied(9, 7)];
    assert_eq!(
        reverted(set, &history, Target::All),
        Err(["2 no reverse", "3 orphaned", "4 modified", "5 incomplete", "9 future"].map(str::to_owned).to_vec())
    );
}

#[test]
fn what_conflicts_below_is_no_obstacle() {
    let below = [applied(1, 8), applied(2, 7), started(3), applied(5, 7)];
    assert_eq!(reverted(set(&[1, 3, 4, 5]), &below, Target::Steps(1)), Ok(vec![5]));
    assert_eq!(reverted(set(&[1, 3, 4, 5]), &below, Target::To(3)), Ok(vec![5]));
}

#[test]
fn what_a_newer_binary_applied_above_is_in_the_way_even_of_one_step() {
    let future = reverted(set(&[1, 2]), &history(&[1, 2, 3]), Target::Steps(1));
    assert_eq!(future, Err(vec!["3 future".to_owned()]));
}

#[test]
fn a_repeatable_is_neither_counted_nor_in_the_way() {
    let mut rows = history(&[1, 2]);
    rows.push(Record { version: None, ..applied(1, 7) });
    assert_eq!(reverted(set(&[1, 2]), &rows, Target::Steps(1)), Ok(vec![2]));
    assert_eq!(reverted(set(&[1, 2]), &rows, Target::All), Ok(vec![2, 1]));
}

#[test]
fn steps_are_counted_once_and_stay_what_they_were_while_others_change_the_history() {
    let set = set(&[1, 2, 3, 4]);
    let extent = Extent::of(set, &history(&[1, 2, 3]), Target::Steps(1)).expect("steps");
    let found = |rows: &[i64]| match reversals(set, &history(rows), extent) {
        Ok(reversals) => Ok(reversals.len()),
        Err(obstacles) => Err(words(&obstacles)),
    };
    assert_eq!(found(&[1, 2, 3]), Ok(1));
    assert_eq!(found(&[1, 2]), Ok(0), "the other one has reverted it");
    assert_eq!(found(&[1]), Ok(0));
    assert_eq!(found(&[1, 2, 3, 4]), Err(vec!["4 meanwhile".to_owned()]));
}

/// A reverse without transaction of these statements, one a line.
fn statements(statements: &[&'static str]) -> Details {
    let mut start = 0;
    let units: Vec<Unit> = statements
        .iter()
        .map(|sql| {
            let end = start + u32::try_from(sql.len()).expect("short");
            let effect = if sql.starts_with("SET") { Effect::Session } else { Effect::Ordinary };
            let unit = Unit { start, end, effect };
            start = end + 1;
            unit
        })
        .collect();
    Details { transaction: Transaction::Off, units: units.leak(), ..Details::DEFAULT }
}

#[test]
fn without_a_transaction_all_but_the_last_statement_must_bear_to_run_again() {
    const DROP: &str = "DROP INDEX CONCURRENTLY a";
    const IF_EXISTS: &str = "drop index concurrently\tIF  exists a";
    let cases: [(&[&'static str], Result<usize, &str>); 8] = [
        (&[], Ok(1)),
        (&[DROP], Ok(1)),
        (&[IF_EXISTS, IF_EXISTS], Ok(1)),
        (&["SET lock_timeout = 0", IF_EXISTS, DROP], Ok(1)),
        (&[DROP, IF_EXISTS], Err("1 not repeatable, line 1: DROP INDEX CONCURRENTLY a")),
        (&[IF_EXISTS, "DELETE FROM t", DROP], Err("1 not repeatable, line 2: DELETE FROM t")),
        (&["SELECT 'if exists'", DROP], Err("1 not repeatable, line 1: SELECT 'if exists'")),
        (&["DROP TABLE \"if\" exists", DROP], Err("1 not repeatable, line 1: DROP TABLE \"if\" exists")),
    ];
    for (sql, expected) in cases {
        let one = with_reverse(1, &sql.join("\n"), statements(sql));
        let found = reverted(vec![one].leak(), &history(&[1]), Target::All);
        assert_eq!(found.map(|it| it.len()), expected.map_err(|it| vec![it.to_owned()]), "{sql:?}");
    }
}

#[test]
fn a_redo_takes_the_highest_applied_one_modified_or_not() {
    let redo = |set, history: &[Record], number| {
        redoable(set, history, number, Policy::default(), RedoSealed::Refuse).map(|it| it.recorded)
    };
    let checksum = |byte| Checksum::from_bytes([byte; 32]);
    assert_eq!(redo(set(&[1, 2, 3]), &history(&[1, 2]), 2), Ok(checksum(7)));
    assert_eq!(redo(set(&[1, 2, 3]), &[applied(1, 7), applied(2, 9)], 2), Ok(checksum(9)));
    // One that is pending below was so before.
    assert_eq!(redo(set(&[1, 2]), &history(&[2]), 2), Ok(checksum(7)));
}

#[test]
fn a_redo_refuses_whatever_else_there_is() {
    let refuse =
        |set, history: &[Record], number, sealed| match redoable(set, history, number, Policy::default(), sealed)
            .expect_err("refused")
        {
            Refused::Unknown => "unknown".to_owned(),
            Refused::NotApplied => "not applied".to_owned(),
            Refused::NotHighest(above) => format!("not highest: {}", above.len()),
            Refused::Sealed(_) => "sealed".to_owned(),
            Refused::Obstacles(obstacles) => words(&obstacles).join(", "),
        };
    let sealed: &'static [Migration] = vec![Migration { sealing: Sealing::Sealed, ..reversible(1) }].leak();
    let bare: &'static [Migration] = vec![migration(1, Sealing::Unsealed, &Details::DEFAULT)].leak();
    let renamed = Record { name: "other".to_owned(), ..applied(2, 9) };
    let no = RedoSealed::Refuse;
    assert_eq!(refuse(set(&[1]), &history(&[1]), 2, no), "unknown");
    assert_eq!(refuse(set(&[1]), &history(&[1]), -1, no), "unknown");
    assert_eq!(refuse(set(&[1, 2]), &history(&[1]), 2, no), "not applied");
    assert_eq!(refuse(set(&[1, 2, 3]), &history(&[1, 2, 3]), 1, no), "not highest: 2");
    assert_eq!(refuse(set(&[1, 2]), &history(&[1, 2, 9]), 2, no), "not highest: 1");
    assert_eq!(refuse(set(&[1]), &history(&[1, 9]), 9, no), "9 future");
    assert_eq!(refuse(set(&[3]), &history(&[1]), 1, no), "1 orphaned");
    assert_eq!(refuse(set(&[1, 2]), &[applied(1, 7), started(2)], 2, no), "2 incomplete");
    assert_eq!(refuse(set(&[1, 2]), &[applied(1, 7), renamed], 2, no), "2 modified");
    assert_eq!(refuse(set(&[1, 2]), &[applied(1, 8), applied(2, 7)], 2, no), "1 modified");
    assert_eq!(refuse(set(&[2]), &history(&[1, 2]), 2, no), "1 orphaned");
    assert_eq!(refuse(bare, &history(&[1]), 1, no), "1 no reverse");
    assert_eq!(refuse(sealed, &history(&[1]), 1, no), "sealed");
    assert!(redoable(sealed, &history(&[1]), 1, Policy::default(), RedoSealed::Allow).is_ok());
}

#[test]
fn the_remedy_of_an_edit_names_redo_only_where_that_will_do() {
    let remedy = |set, history: &[Record]| {
        let conflicts = plan(set, history, Policy::default()).expect_err("modified");
        let conflict = conflicts.into_iter().find(|it| matches!(it, Conflict::Modified { .. })).expect("modified");
        let rows = Rows { history: "public.graven_history", namespace: "web" };
        conflict.located("migrations", rows, " --namespace web").remedy()
    };
    let command = "`graven redo 2 --namespace web`";
    assert!(remedy(set(&[1, 2]), &[applied(1, 7), applied(2, 8)]).contains(command));
    let sealed: &'static [Migration] = vec![Migration { sealing: Sealing::Sealed, ..reversible(2) }].leak();
    let bare: &'static [Migration] = vec![migration(2, Sealing::Unsealed, &Details::DEFAULT)].leak();
    for (what, set, rows) in [
        ("something is applied after it", set(&[2, 3]), vec![applied(2, 8), applied(3, 7)]),
        ("it is sealed", sealed, vec![applied(2, 8)]),
        ("it has no reverse", bare, vec![applied(2, 8)]),
        ("it was another one", set(&[2]), vec![Record { name: "other".to_owned(), ..applied(2, 8) }]),
    ] {
        assert!(!remedy(set, &rows).contains("graven redo"), "{what}");
    }
}

fn stamped(set: &'static [Migration], history: &[Record], last: i64) -> Result<(Vec<i64>, Vec<i64>), Vec<Conflict>> {
    let numbers = |found: Vec<&Migration>| found.iter().map(|it| it.version.value()).collect();
    stampable(set, history, Version::new(last), Policy::default())
        .map(|Stamping { stamped, pending }| (numbers(stamped), numbers(pending)))
}

#[test]
fn a_stamp_records_what_is_pending_up_to_its_version() {
    let set = set(&[1, 2, 5]);
    assert_eq!(stamped(set, &[], 5), Ok((vec![1, 2, 5], vec![])));
    assert_eq!(stamped(set, &[], 2), Ok((vec![1, 2], vec![5])));
    assert_eq!(stamped(set, &history(&[1]), 2), Ok((vec![2], vec![5])));
    assert_eq!(stamped(set, &history(&[1, 2]), 1), Ok((vec![], vec![5])));
    assert_eq!(stamped(set, &history(&[1, 2, 5, 9]), 5), Ok((vec![], vec![])));
}

#[test]
fn a_stamp_refuses_what_a_run_refuses_and_what_a_run_would_finish() {
    let state = |set, history: &[Record]| {
        let conflicts = stamped(set, history, 5).expect_err("conflicts");
        conflicts.iter().map(|it| it.state().to_string()).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(state(set(&[1, 2, 5]), &[applied(1, 8)]), "modified");
    assert_eq!(state(set(&[2, 5]), &history(&[1])), "orphaned");
    assert_eq!(state(set(&[1, 2, 5]), &history(&[1, 5])), "out of order");
    let set = set(&[1, 5]);
    let resumable = stamped(set, &[started(1)], 5).expect_err("incomplete");
    assert!(
        matches!(&resumable[..], [Conflict::Incomplete { reason: IncompleteReason::Resumable, .. }]),
        "{resumable:?}"
    );
    let policy = Policy { out_of_order: OutOfOrder::Allow, ..Policy::default() };
    assert!(stampable(set, &history(&[5]), Version::new(5), policy).is_ok_and(|it| it.stamped.len() == 1));
}

proptest! {
    #[test]
    fn a_revert_leaves_nothing_above_and_touches_nothing_below(
        applied in proptest::collection::btree_set(0..30_i64, 0..12),
        to in 0..30_i64,
        steps in 0..15_usize,
    ) {
        let all: Vec<i64> = (0..30).collect();
        let applied: Vec<i64> = applied.into_iter().collect();
        let rows = history(&applied);
        let expected: Vec<i64> = applied.iter().rev().copied().filter(|number| *number > to).collect();
        prop_assert_eq!(reverted(set(&all), &rows, Target::To(to)), Ok(expected));
        let expected: Vec<i64> = applied.iter().rev().copied().take(steps).collect();
        prop_assert_eq!(reverted(set(&all), &rows, Target::Steps(steps)), Ok(expected.clone()));
        let left: Vec<i64> = applied.iter().copied().filter(|number| !expected.contains(number)).collect();
        let extent = Extent::of(set(&all), &rows, Target::Steps(steps)).expect("steps");
        prop_assert_eq!(reversals(set(&all), &history(&left), extent), Ok(Vec::new()));
    }
}
