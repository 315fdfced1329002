//! What holds for all sets and histories.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{INDEX, LENIENT, NAMELESS, ORDINARY, STRICT, applied, one, three_units};
use crate::error::conflict::Conflict;
use crate::history::{Doubt, Progress, Record};
use crate::migrations::{Details, Effect, Migration};
use crate::plan::{Future, Plan, Policy, compare, plan};
use crate::verb::status::State;

/// What the history would hold after the steps of a plan.
fn after(plan: &Plan, history: &[Record]) -> Vec<Record> {
    let mut after = history.to_vec();
    for step in &plan.steps {
        after.retain(|record| record.version != Some(step.migration.version));
        after.push(Record { checksum: step.migration.checksum(), ..applied(step.migration.version.value(), 0) });
    }
    after
}

/// Sets and histories over a dozen versions, so that they meet often and in every way.
fn a_set() -> impl Strategy<Value = &'static [Migration]> {
    prop::collection::btree_map(0..12_i64, (0..3_u8, 0..4_u8), 0..10).prop_map(|found| {
        let migration = |(number, (checksum, kind)): (i64, (u8, u8))| {
            let effect = [ORDINARY, INDEX, NAMELESS, Effect::Session][usize::from(kind)];
            let units = three_units(number, effect);
            let details = if kind == 3 { &Details::DEFAULT } else { units.details() };
            Migration { details: Some(details), ..one(number, checksum) }
        };
        &*found.into_iter().map(migration).collect::<Vec<_>>().leak()
    })
}

/// Statements done, statements of the migration, and whether the next one is in doubt.
type Begun = Option<(u32, u32, bool)>;

fn a_history() -> impl Strategy<Value = Vec<Record>> {
    let row = (0..3_u8, prop::option::weighted(0.3, (0..5_u32, 2..4_u32, any::<bool>())));
    prop::collection::btree_map(0..14_i64, row, 0..12).prop_map(|rows| {
        let record = |(number, (checksum, progress)): (i64, (u8, Begun))| Record {
            progress: progress.map_or(Progress::Applied, |(done, total, doubt)| Progress::Started {
                done,
                total,
                doubt: if doubt { Doubt::InDoubt } else { Doubt::Settled },
            }),
            started_by: progress.map(|_| "run".to_owned()),
            ..applied(number, checksum)
        };
        rows.into_iter().map(record).collect()
    })
}

fn a_policy() -> impl Strategy<Value = Policy> {
    prop::sample::select(vec![Policy::default(), LENIENT, STRICT, Policy { future: Future::Refuse, ..LENIENT }])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn a_plan_depends_on_nothing_but_its_arguments(set in a_set(), history in a_history(), policy in a_policy()) {
        let mut shuffled = history.clone();
        shuffled.reverse();
        match (plan(set, &history, policy), plan(set, &shuffled, policy)) {
            (Ok(one), Ok(other)) => {
                prop_assert_eq!(one.steps, other.steps);
                prop_assert_eq!((one.future, one.applied), (other.future, other.applied));
            }
            (Err(one), Err(other)) => prop_assert_eq!(one, other),
            (one, other) => prop_assert!(false, "{one:?} and {other:?}"),
        }
    }

    #[test]
    fn steps_and_conflicts_ascend(set in a_set(), history in a_history(), policy in a_policy()) {
        match plan(set, &history, policy) {
            Ok(plan) => {
                prop_assert!(plan.steps.is_sorted_by_key(|step| step.migration.version));
                prop_assert!(plan.future.is_sorted());
            }
            Err(conflicts) => {
                prop_assert!(!conflicts.is_empty());
                prop_assert!(conflicts.is_sorted_by_key(Conflict::version));
            }
        }
    }

    #[test]
    fn what_is_applied_and_the_steps_make_up_the_set(set in a_set(), history in a_history(), policy in a_policy()) {
        if let Ok(plan) = plan(set, &history, policy) {
            prop_assert_eq!(plan.applied + plan.steps.len(), set.len());
            prop_assert_eq!(plan.applied + plan.steps.len() + plan.future.len(), compare(set, &history).len());
            let planned: BTreeSet<_> = plan.steps.iter().map(|step| step.migration.version).collect();
            prop_assert_eq!(planned.len(), plan.steps.len());
        }
    }

    #[test]
    fn a_plan_is_empty_after_itself(set in a_set(), history in a_history(), policy in a_policy()) {
        if let Ok(before) = plan(set, &history, policy) {
            let again = plan(set, &after(&before, &history), policy);
            let Ok(again) = again else { panic!("{again:?} after {before:?}") };
            prop_assert!(again.steps.is_empty());
            prop_assert_eq!((again.applied, again.future), (set.len(), before.future));
        }
    }

    #[test]
    fn an_interrupted_plan_goes_on_where_it_was(set in a_set(), history in a_history(), policy in a_policy(), cut in 0..12_usize) {
        if let Ok(whole) = plan(set, &history, policy) {
            let cut = cut.min(whole.steps.len());
            let done = Plan { steps: whole.steps[..cut].to_vec(), ..Plan::default() };
            // A step that is not the lowest may only be allowed out of order, and is so still.
            let rest = plan(set, &after(&done, &history), policy);
            let Ok(rest) = rest else { panic!("{rest:?} after {done:?}") };
            prop_assert_eq!(&rest.steps[..], &whole.steps[cut..]);
        }
    }

    #[test]
    fn every_row_and_every_migration_is_accounted_for_once(set in a_set(), history in a_history()) {
        let entries = compare(set, &history);
        let rows: Vec<_> = entries.iter().filter_map(|entry| entry.record?.version).collect();
        let migrations: Vec<_> = entries.iter().filter_map(|entry| Some(entry.migration?.version)).collect();
        prop_assert!(rows.is_sorted_by(|one, next| one < next));
        prop_assert_eq!(rows.len(), history.len());
        prop_assert_eq!(migrations, set.iter().map(|migration| migration.version).collect::<Vec<_>>());
        for entry in entries {
            let (in_set, in_history) = (entry.migration.is_some(), entry.record.is_some());
            prop_assert_eq!(in_set && in_history, matches!(entry.state, State::Applied | State::Modified | State::Incomplete));
            prop_assert_eq!(in_set && !in_history, matches!(entry.state, State::Pending | State::OutOfOrder));
            prop_assert_eq!(!in_set && in_history, matches!(entry.state, State::Orphaned | State::Future));
        }
    }
}
