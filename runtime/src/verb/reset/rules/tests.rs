//! Each rule, as it is kept and as it is broken.

use super::{before_connecting, on_seeing, other_hosts, telling_word};
use crate::verb::reset::facts::{Facts, Found};
use crate::verb::reset::place::Place;
use crate::verb::reset::{Refusal, Sessions};

fn place(database: &str) -> Place {
    let (url, user) = (String::new(), Some("anna".to_owned()));
    Place { url, database: database.to_owned(), user, elsewhere: Vec::new(), hosts: 1, over_unix: false }
}

fn facts(found: Found) -> Facts {
    let found = Found { owner: "anna".to_owned(), may_drop: true, size: 9 << 20, ..found };
    let (role, login) = ("anna".to_owned(), "anna".to_owned());
    Facts { role, login, may_create_databases: true, found: Some(found), ..Facts::default() }
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
fn more_than_one_host_is_refused_as_anyone_of_them_may_answer() {
    let place = Place { hosts: 2, ..place("app") };
    assert_eq!(rules(&before_connecting(&place, Some("development"))), ["host"]);
}

#[test]
fn a_socket_behind_which_the_server_sees_an_address_is_refused() {
    let behind = |over_unix, client: Option<&str>| {
        let facts = Facts { client: client.map(str::to_owned), ..facts(Found::default()) };
        rules(&on_seeing(&Place { over_unix, ..place("app") }, &facts, Sessions::Refuse))
    };
    assert_eq!(behind(true, Some("10.0.0.7")), ["host"]);
    assert_eq!(behind(true, Some("127.0.0.1")), ["host"]);
    assert!(behind(true, None).is_empty() && behind(false, Some("127.0.0.1")).is_empty());
}

#[test]
fn a_role_that_is_named_twice_is_refused_once() {
    let place = Place { user: Some("app_live".to_owned()), ..place("app") };
    assert_eq!(rules(&before_connecting(&place, Some("development"))), ["name"]);
    let (login, role) = ("app_live".to_owned(), "app_live".to_owned());
    assert_eq!(on_seeing(&place, &Facts { login, role, ..facts(Found::default()) }, Sessions::Refuse), []);
    let (login, role) = ("uat".to_owned(), "uat".to_owned());
    assert_eq!(
        rules(&on_seeing(&place, &Facts { login, role, ..facts(Found::default()) }, Sessions::Refuse)),
        ["name"]
    );
}

#[test]
fn a_few_tables_of_somebody_elses_are_named() {
    let tables = ["a.a", "a.b", "b.a", "b.b"].map(str::to_owned).to_vec();
    let refusals =
        on_seeing(&place("app"), &facts(Found { foreign_tables: tables, ..Found::default() }), Sessions::End);
    assert_eq!(refusals[0].what, "it holds tables and no history of these migrations: a.a, a.b, b.a, …");
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
    let cases: [(&str, Facts); 13] = [
        ("pooler", Facts { is_pooled: true, ..facts(Found::default()) }),
        ("replicated", Facts { in_recovery: true, ..facts(Found::default()) }),
        ("replicated", Facts { streams: 1, ..facts(Found::default()) }),
        ("rights", Facts { may_create_databases: false, ..facts(Found::default()) }),
        ("system", facts(Found { is_template: true, ..Found::default() })),
        ("read-only", facts(Found { is_read_only: true, ..Found::default() })),
        ("history", facts(Found { history_unread: Some("no".to_owned()), ..Found::default() })),
        ("applied-elsewhere", facts(Found { hosts: vec!["web-1".to_owned()], ..Found::default() })),
        ("history", facts(Found { foreign_tables: vec!["public.t".to_owned()], ..Found::default() })),
        ("name", Facts { login: "app_prod".to_owned(), ..facts(Found::default()) }),
        ("name", Facts { role: "live_owner".to_owned(), ..facts(Found::default()) }),
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
    assert_eq!(hosts(&["psql/local", "psql/127.0.0.1", "psql/::1"]), [""; 0]);
    assert_eq!(hosts(&["psql/10.0.0.7", "app/localhost.example.org"]), ["10.0.0.7", "localhost.example.org"]);
    assert_eq!(hosts(&["a/b/web-2", "app/web-1", "app/web-2"]), ["web-1", "web-2"]);
    assert_eq!(hosts(&["app/0123456789abc", "app/unknown host"]), ["0123456789abc", "unknown host"]);
}
