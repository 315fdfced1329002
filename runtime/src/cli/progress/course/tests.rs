use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::{Event, Version};

use super::{Course, Doing, Key, Sent, age};
use crate::cli::progress::sight::Sight;

fn version(version: i64) -> Version {
    Version::new(version).expect("a version")
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A course on which migrations `sent` are on their way, of `of`, and when that began.
fn applying(sent: &[i64], of: usize) -> (Course, Instant) {
    let began = Instant::now();
    let mut course = Course::new(began);
    for (at, number) in sent.iter().enumerate() {
        course.applying(sent_one(*number), at + 1, of, began);
    }
    (course, began)
}

fn sent_one(number: i64) -> Sent {
    Sent::versioned(version(number), &format!("m{number}"))
}

fn key(number: i64) -> Key {
    Key::Versioned(version(number))
}

fn committed(versions: &[i64]) -> Option<Sight> {
    let mut sight = Sight::parse(&[], &[]);
    sight.committed = Some(versions.iter().map(|number| key(*number)).collect::<HashSet<_>>());
    Some(sight)
}

/// Between which seconds of the first thirty a plain line comes.
fn lines(course: &mut Course, began: Instant) -> Vec<u64> {
    (0..30).filter(|second| course.is_line_due(began + Duration::from_secs(*second))).collect()
}

#[test]
fn one_migration_is_named_with_how_long_it_takes() {
    let (course, began) = applying(&[14], 18);
    assert_eq!(course.describe(began + seconds(12.7)), "14 m14  12 s");
    assert_eq!(course.line(began + seconds(12.7)), "applying 14 m14  12 s");
    assert_eq!(course.count(), (0, 18));
}

#[test]
fn what_travels_together_is_a_range_until_it_is_seen_which_one_runs() {
    let (mut course, began) = applying(&[1, 2, 3, 4], 9);
    let at = |second| began + seconds(second);
    assert_eq!(course.describe(at(2.0)), "1 to 4  2 s");
    assert_eq!(course.look_due(at(2.0)).expect("it is due").together, [1, 2, 3, 4].map(key));
    course.see(committed(&[1, 2]), 0, at(3.0));
    assert_eq!(course.describe(at(5.0)), "3 m3  2 s");
    assert_eq!(course.count(), (2, 9));
    course.see(committed(&[1, 2]), 0, at(6.0));
    assert_eq!(course.describe(at(7.0)), "3 m3  4 s");
    course.see(None, 0, at(8.0));
    assert_eq!((course.describe(at(8.0)), course.count()), ("1 to 4  0 s".to_owned(), (0, 9)));
    course.finished(&key(1), at(8.0));
    assert_eq!(course.describe(at(9.0)), "2 to 4  1 s");
    assert_eq!(course.count(), (1, 9));
}

#[test]
fn the_first_of_a_message_has_been_running_since_it_was_sent() {
    let (mut course, began) = applying(&[1, 2], 2);
    course.see(committed(&[]), 0, began + seconds(1.0));
    assert_eq!(course.describe(began + seconds(5.0)), "1 m1  5 s");
}

#[test]
fn the_next_message_counts_on_from_the_last() {
    let (mut course, began) = applying(&[1, 2], 3);
    course.finished(&key(1), began);
    course.finished(&key(2), began);
    assert_eq!(course.line(began), "finishing  0 s");
    course.applying(sent_one(3), 3, 3, began);
    assert_eq!((course.describe(began), course.count()), ("3 m3  0 s".to_owned(), (2, 3)));
}

#[test]
fn a_revert_says_that_it_is_one_and_a_redo_applies_after_it() {
    let (mut course, began) = applying(&[], 0);
    course.reverting(sent_one(7), 2, 3, began);
    let at = began + seconds(4.0);
    assert_eq!((course.describe(at), course.count()), ("reverting 7 m7  4 s".to_owned(), (1, 3)));
    assert_eq!(course.line(at), course.describe(at));
    course.finished(&key(7), at);
    assert_eq!((course.describe(at), course.count()), ("finishing  0 s".to_owned(), (2, 3)));
    course.applying(sent_one(7), 1, 1, at);
    assert_eq!((course.line(at), course.count()), ("applying 7 m7  0 s".to_owned(), (0, 1)));
}

#[test]
fn what_is_sent_anew_stands_by_itself() {
    let (mut course, began) = applying(&[1, 2, 3], 3);
    course.applying(sent_one(2), 1, 2, began);
    assert_eq!((course.describe(began), course.count()), ("2 m2  0 s".to_owned(), (0, 2)));
}

#[test]
fn a_new_try_takes_along_what_was_sent_behind_and_its_time_goes_on() {
    let (mut course, began) = applying(&[1, 2, 3], 3);
    let at = |second| began + seconds(second);
    course.retrying(&key(2), at(5.5));
    assert_eq!(course.describe(at(5.0)), "2 to 3  5 s  about to try again");
    assert_eq!(course.look_due(at(6.0)), None);
    assert!(course.look_due(at(6.5)).is_some());
    assert_eq!(course.describe(at(6.5)), "2 to 3  6 s");
    assert_eq!(lines(&mut course, began), [7, 17, 27]);
}

#[test]
fn a_plain_line_comes_after_five_seconds_and_then_every_ten() {
    let (mut course, began) = applying(&[1], 1);
    assert_eq!(lines(&mut course, began), [5, 15, 25]);
}

#[test]
fn a_statement_of_several_is_counted_and_timed_by_itself() {
    let (mut course, began) = applying(&[7], 1);
    course.statement(2, 3, began + seconds(20.0));
    assert_eq!(course.describe(began + seconds(21.0)), "7 m7, statement 2 of 3  1 s");
    assert_eq!(lines(&mut course, began + seconds(20.0)), [5, 15, 25]);
}

#[test]
fn what_was_seen_before_an_event_is_not_said_of_what_comes_after_it() {
    let (mut course, began) = applying(&[1, 2], 2);
    let due = course.look_due(began + seconds(1.0)).expect("it is due");
    course.event += 1;
    course.see(committed(&[1]), due.event, began);
    assert_eq!(course.describe(began), "1 to 2  0 s");
}

#[test]
fn whom_a_migration_waited_for_is_known_after_those_before_it_are_told_of() {
    let (mut course, began) = applying(&[1, 2, 3], 3);
    let holder = ["4711", "web-1", "app"].map(|cell| Some(cell.to_owned())).to_vec();
    let mut sight = Sight::parse(&[], &[holder]);
    sight.committed = Some(HashSet::from([key(1)]));
    course.see(Some(sight), 0, began);
    course.finished(&key(1), began);
    assert_eq!(course.waited_for(&key(3)), None);
    assert_eq!(course.waited_for(&key(2)).as_deref(), Some("pid 4711 (app web-1, role app)"));
    course.finished(&key(2), began);
    assert_eq!(course.waited_for(&key(3)), None);
}

#[test]
fn nobody_looks_while_another_instance_is_waited_for() {
    let (mut course, began) = applying(&[], 0);
    course.begin(Doing::WaitingForLock { timeout: seconds(30.0) }, began);
    assert_eq!(course.look_due(began + seconds(9.0)), None);
    assert_eq!(course.describe(began + seconds(9.0)), "waiting for another instance  9 s of 30 s");
}

#[test]
fn nobody_looks_soon_while_the_history_is_read() {
    let began = Instant::now();
    let mut course = Course::new(began);
    course.connected();
    assert_eq!(course.look_due(began + seconds(4.5)), None);
    assert!(course.look_due(began + seconds(5.0)).is_some());
}

#[test]
fn ages_are_said_as_people_say_them() {
    for (seconds, said) in
        [(0, "0 s"), (119, "119 s"), (125, "2 min 05 s"), (7199, "119 min 59 s"), (7500, "2 h 05 min")]
    {
        assert_eq!(age(Duration::from_secs(seconds)), said);
    }
}

#[test]
fn repeatables_are_shown_as_migrations_are() {
    let (mut course, began) = applying(&[14], 3);
    let at = began + seconds(3.0);
    course.note(&Event::ApplyingRepeatable { name: "totals", number: 2, of: 3 }, began);
    course.note(&Event::ApplyingRepeatable { name: "views", number: 3, of: 3 }, began);
    assert_eq!((course.line(at), course.count()), ("applying 14 to repeatable views  3 s".to_owned(), (0, 3)));
    let mut sight = Sight::parse(&[], &[]);
    sight.committed = Some(HashSet::from([key(14)]));
    course.see(Some(sight), 2, began);
    assert_eq!((course.line(at), course.count()), ("applying repeatable totals  3 s".to_owned(), (1, 3)));
    course.note(&Event::Applied { version: version(14), name: "m14", duration: Duration::ZERO }, began);
    course.note(&Event::AppliedRepeatable { name: "totals", duration: Duration::ZERO }, began);
    assert_eq!((course.line(at), course.count()), ("applying repeatable views  3 s".to_owned(), (2, 3)));
    course.note(&Event::AppliedRepeatable { name: "views", duration: Duration::ZERO }, began);
    assert_eq!((course.line(began), course.count()), ("finishing  0 s".to_owned(), (3, 3)));
}

#[test]
fn a_repeatable_is_not_the_migration_that_is_called_the_same() {
    let (mut course, began) = applying(&[], 2);
    course.applying(Sent::versioned(version(1), "views"), 1, 2, began);
    course.applying(Sent::repeatable("views"), 2, 2, began);
    course.finished(&Key::Repeatable("views".to_owned()), began);
    assert_eq!(course.describe(began), "1 views  0 s");
}

#[test]
fn a_new_try_at_a_repeatable_is_told_with_whom_it_waited_for() {
    let (mut course, began) = applying(&[], 0);
    course.applying(Sent::repeatable("views"), 1, 1, began);
    let holder = ["4711", "web-1", "app"].map(|cell| Some(cell.to_owned())).to_vec();
    course.see(Some(Sight::parse(&[], &[holder])), 0, began);
    let views = Key::Repeatable("views".to_owned());
    assert_eq!(course.waited_for(&views).as_deref(), Some("pid 4711 (app web-1, role app)"));
    course.retrying(&views, began + seconds(2.0));
    assert_eq!(course.describe(began), "repeatable views  0 s  about to try again");
}
