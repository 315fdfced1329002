//! Each rule, as it is kept and as it is broken.

use super::{before_connecting, on_seeing, other_hosts, telling_word};
use crate::reset::facts::{Facts, Found};
use crate::reset::place::Place;
use crate::reset::{Refusal, Sessions};

fn place(database: &str) -> Place {
    Place { url: String::new(), database: database.to_owned(), user: Some("anna".to_owned()), elsewhere: Vec::new() }
}

fn facts(found: Found) -> Facts {
    let found = Found { owner: "anna".to_owned(), may_drop: true, size: 9 << 20, ..found };
    Facts { role: "anna".to_owned(), may_create_databases: true, found: Some(found), ..Facts::default() }
}

fn rules(refusals: &[Refusal]) -> Vec<&'static str> {
    assert!(refusals.iter().all(|it| !it.what.is_empty() && !it.remedy.is_empty()), "{refusals:?}");
    refusals.iter().map(|refusal| refusal.rule).collect()
}

#[test]
fn a_database_of_development_passes() {
    assert_eq!(before_connecting(&place("app_dev"), Some("development")), []);
    assert_eq!(on_seeing(&place("app_dev"), &facts(Found::default()), Sessions::Refuse), []);
    let absent = Facts { found: None, ..facts(Found::default()) };
    assert_eq!(on_seeing(&place("app_dev"), &absent, Sessions::Refuse), []);
}

#[test]
fn the_environment_must_say_development_and_nothing_else() {
    for environment in [None, Some(""), Some("production"), Some("Development"), Some("dev"), Some("development2")] {
        assert_eq!(rules(&before_connecting(&place("app"), environment)), ["environment"], "{environment:?}");
    }
}

#[test]
fn everything_that_speaks_against_it_is_said_at_once() {
    let place =
        Place { elsewhere: vec!["db.example.com".to_owned()], user: Some("app-live".to_owned()), ..place("postgres") };
    assert_eq!(rules(&before_connecting(&place, None)), ["environment", "host", "name", "system"]);
}

#[test]
fn a_name_tells_by_its_words_and_not_by_its_letters() {
    for name in ["prod", "app_prod", "APP-Production", "shop.live", "myprod", "staging_2", "uat1", "preprod"] {
        assert!(telling_word(name).is_some(), "{name}");
    }
    for name in ["products", "reproduction_notes", "deliveries", "app_dev", "olive", "stages", "lively", ""] {
        assert_eq!(telling_word(name), None, "{name}");
    }
}

#[test]
fn each_thing_that_is_not_of_development_is_refused() {
    let cases: [(&str, Facts); 9] = [
        ("pooler", Facts { is_pooled: true, ..facts(Found::default()) }),
        ("replicated", Facts { in_recovery: true, ..facts(Found::default()) }),
        ("replicated", Facts { streams: 1, ..facts(Found::default()) }),
        ("rights", Facts { may_create_databases: false, ..facts(Found::default()) }),
        ("system", facts(Found { is_template: true, ..Found::default() })),
        ("history", facts(Found { history_unread: Some("no".to_owned()), ..Found::default() })),
        ("applied-elsewhere", facts(Found { hosts: vec!["web-1".to_owned()], ..Found::default() })),
        ("sessions", facts(Found { sessions: vec!["pid 7".to_owned()], ..Found::default() })),
        ("pooler", Facts { is_pooled: true, found: None, ..facts(Found::default()) }),
    ];
    for (rule, facts) in cases {
        assert_eq!(rules(&on_seeing(&place("app"), &facts, Sessions::Refuse)), [rule], "{facts:?}");
    }
    let mut large = facts(Found::default());
    large.found.as_mut().expect("found").size = 10 << 30;
    assert_eq!(rules(&on_seeing(&place("app"), &large, Sessions::Refuse)), ["size"]);
    large.found.as_mut().expect("found").size -= 1;
    large.found.as_mut().expect("found").may_drop = false;
    assert_eq!(rules(&on_seeing(&place("app"), &large, Sessions::Refuse)), ["rights"]);
}

#[test]
fn sessions_are_no_reason_where_they_may_be_ended() {
    let facts = facts(Found { sessions: vec!["pid 7".to_owned()], ..Found::default() });
    assert_eq!(on_seeing(&place("app"), &facts, Sessions::End), []);
}

#[test]
fn another_machine_is_told_from_this_one_and_from_a_nameless_container() {
    let hosts = |applied_as: &[&'static str]| other_hosts(applied_as.iter().copied(), "laptop");
    assert_eq!(hosts(&["graven/laptop", "app/Laptop", "app/0123456789ab"]), [""; 0]);
    assert_eq!(hosts(&["a/b/web-2", "app/web-1", "app/web-2"]), ["web-1", "web-2"]);
    assert_eq!(hosts(&["app/0123456789abc", "app/unknown host"]), ["0123456789abc", "unknown host"]);
}
