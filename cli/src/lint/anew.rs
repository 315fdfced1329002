//! What is dropped and made anew in one file. In one transaction, nobody ever sees it gone.

use std::collections::HashMap;

use super::words::{read, words};

/// What can be replaced so. A table cannot: its rows are gone.
const KINDS: [&str; 5] = ["view", "function", "procedure", "aggregate", "routine"];

/// Behind these words stands nothing any more that a call has to know.
const BODY: [&str; 3] = ["as", "returns", "language"];

/// All that the statements of a file make, by name.
#[derive(Debug)]
pub(super) struct Creations(HashMap<String, Vec<Creation>>);

/// `CREATE FUNCTION name (a int, b int DEFAULT 1)`.
#[derive(Debug)]
struct Creation {
    /// Where its statement begins.
    start: usize,
    kind: String,
    /// With how many arguments it can be called: at least, and at most.
    least: usize,
    most: usize,
}

/// `f(int, int)` of what is dropped.
#[derive(Debug, Default)]
struct Dropped {
    name: String,
    /// How many arguments it has. `None` where none are named.
    arguments: Option<usize>,
}

impl Creations {
    /// Of those statements, each with the place at which it begins.
    pub(super) fn of<'s>(statements: impl Iterator<Item = (usize, &'s str)>) -> Self {
        let mut creations: HashMap<String, Vec<Creation>> = HashMap::new();
        for (name, creation) in statements.filter_map(|(start, statement)| creation(start, statement)) {
            creations.entry(name).or_default().push(creation);
        }
        Self(creations)
    }

    /// Whether statements from that place on make all that this one drops, to be called with as many arguments. What goes along
    /// by CASCADE is not made anew.
    pub(super) fn make_anew(&self, statement: &str, from: usize) -> bool {
        let words = words(statement);
        let Some((kind, dropped)) = dropped(&words) else { return false };
        let is_made = |dropped: &Dropped| {
            let made = self.0.get(&dropped.name).map(Vec::as_slice).unwrap_or_default();
            made.iter().any(|made| made.start >= from && made.replaces(kind, dropped.arguments))
        };
        !dropped.is_empty() && !words.iter().any(|word| word == "cascade") && dropped.iter().all(is_made)
    }
}

impl Creation {
    fn replaces(&self, kind: &str, arguments: Option<usize>) -> bool {
        // A routine is a function or a procedure.
        let is_kind = self.kind == kind || (kind == "routine" && self.kind != "view");
        is_kind && arguments.is_none_or(|count| self.least <= count && count <= self.most)
    }
}

/// The kind and the names of what is dropped.
fn dropped(words: &[String]) -> Option<(&str, Vec<Dropped>)> {
    let [drop, rest @ ..] = words else { return None };
    let rest = rest.strip_prefix(&["materialized".to_owned()][..]).unwrap_or(rest);
    let [kind, rest @ ..] = rest else { return None };
    if drop != "drop" || !KINDS.contains(&kind.as_str()) {
        return None;
    }
    let rest = rest.strip_prefix(&["if".to_owned(), "exists".to_owned()][..]).unwrap_or(rest);
    Some((kind, parts(rest).map(of_list).collect()))
}

/// One of a list.
fn of_list(words: &[String]) -> Dropped {
    let name = words.iter().take_while(|word| !["(", "restrict", "cascade", ";"].contains(&word.as_str()));
    let name: Vec<&str> = name.map(String::as_str).collect();
    let arguments = words.get(name.len()).is_some_and(|word| word == "(").then(|| arguments(words).count());
    Dropped { name: name.concat(), arguments }
}

/// What a statement makes, and its name.
fn creation(start: usize, statement: &str) -> Option<(String, Creation)> {
    if !statement.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("create")) {
        return None;
    }
    // The rest may be a long body.
    let mut depth = 0_usize;
    let head = read(statement).take_while(|word| {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 0 || !BODY.contains(&word.as_str())
    });
    let head: Vec<String> = head.collect();
    let at = head.iter().position(|word| KINDS.contains(&word.as_str()))?;
    let (before, rest) = head.split_at_checked(at)?;
    let [kind, rest @ ..] = rest else { return None };
    // It would be gone with the session.
    if before.iter().any(|word| word == "temp" || word == "temporary") {
        return None;
    }
    let rest = rest.strip_prefix(&["if", "not", "exists"].map(str::to_owned)[..]).unwrap_or(rest);
    let is_of_name = |(at, word): &(usize, &String)| (at % 2 == 1) == (*word == ".");
    let name: String = rest.iter().enumerate().take_while(is_of_name).map(|(_, word)| word.as_str()).collect();
    let has = |argument: &[String], words: &[&str]| argument.iter().any(|word| words.contains(&word.as_str()));
    let least = arguments(rest).filter(|argument| !has(argument, &["default", "=", "variadic"])).count();
    let is_open = arguments(rest).any(|argument| has(argument, &["variadic"]));
    let most = if is_open { usize::MAX } else { arguments(rest).count() };
    Some((name, Creation { start, kind: kind.clone(), least, most }))
}

/// What stands in the first parentheses, without what is only given back.
fn arguments(words: &[String]) -> impl Iterator<Item = &[String]> {
    let open = words.iter().position(|word| word == "(").map_or(words.len(), |at| at + 1);
    let rest = words.get(open..).unwrap_or_default();
    let mut depth = 1_usize;
    let end = rest.iter().position(|word| {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    let inner = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    parts(inner).filter(|argument| argument.first().is_some_and(|word| word != "out"))
}

/// The parts of a list, between commas that stand in no parentheses.
fn parts(words: &[String]) -> impl Iterator<Item = &[String]> {
    let mut depth = 0_usize;
    words.split(move |word| {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && word == ","
    })
}

#[cfg(test)]
mod tests {
    use super::Creations;

    #[test]
    fn what_later_statements_make_is_told_from_what_is_gone() {
        for (drop, later, expected) in [
            ("drop view v;", &["create view v as select 1"][..], true),
            ("DROP VIEW IF EXISTS s.V", &["select 1", "create or replace view S.v as select 1"], true),
            ("drop materialized view v restrict", &["create materialized view if not exists v as select 1"], true),
            ("drop view a, b", &["create view b as select 1", "create view a as select 2"], true),
            (
                "drop function f(int, numeric(8, 2)), g",
                &["create function g() returns int", "create function f(a int, b text) returns int"],
                true,
            ),
            ("drop function f(int)", &["create function f(a int, b text default 'x, y', out c int) as ''"], true),
            ("drop function f(int, int)", &["create function f(variadic a int[]) returns int"], true),
            ("drop function f(int, text)", &["create function f(int) returns int"], false),
            ("drop function f(int)", &["create function f(a int, b text) returns int"], false),
            ("drop routine f", &["create procedure f() language sql"], true),
            ("drop function f()", &["create or replace function s.f() returns int"], false),
            ("drop view a, b", &["create view a as select 2"], false),
            ("drop view v cascade", &["create view v as select 1"], false),
            ("drop view v", &["create function v() returns int"], false),
            ("drop view v", &["create view v2 as select * from v"], false),
            ("drop view v", &["create temp view v as select 1"], false),
            ("drop view v", &["create or replace temporary view v as select 1"], false),
            ("drop table t", &["create table t (a int)"], false),
            ("drop view v", &[], false),
            ("drop", &["create"], false),
        ] {
            let creations = Creations::of(later.iter().map(|statement| (9, *statement)));
            assert_eq!(creations.make_anew(drop, 9), expected, "{drop} {later:?}");
            assert!(!creations.make_anew(drop, 10), "only what follows: {drop} {later:?}");
        }
    }
}
