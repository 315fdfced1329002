//! Columns of which earlier statements have proven that they hold no NULL: a CHECK says so, and was validated.
//!
//! squawk sees one file at a time, and the way that keeps nobody waiting takes three: the CHECK, NOT VALID; its validation; and
//! NOT NULL, which PostgreSQL then takes from the CHECK without reading the table.

use std::collections::HashSet;

use graven_source::statement::{Locked, QualifiedName, locks};

use super::words::{placed, words};

/// What is proven.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    checks: Vec<Check>,
    /// What has been made NOT NULL.
    not_null: Vec<(QualifiedName, String)>,
}

/// `CONSTRAINT name CHECK (column IS NOT NULL)`.
#[derive(Debug)]
struct Check {
    table: QualifiedName,
    name: String,
    column: String,
    is_valid: bool,
}

impl Proofs {
    /// Takes notice of a statement.
    pub(super) fn note(&mut self, statement: &str) {
        let Some(Altered { table, words, not_null, .. }) = altered(statement) else { return };
        self.not_null.extend(not_null.into_iter().map(|column| (table.clone(), column)));
        for at in 0..words.len() {
            let rest = words.get(at..).unwrap_or_default();
            if let Some(name) = behind(rest, &["add", "constraint"])
                && let Some(column) = column_of_check(rest.get(3..).unwrap_or_default())
            {
                let is_valid = !action(rest).windows(2).any(|pair| pair == ["not", "valid"]);
                self.checks.push(Check { table: table.clone(), name: name.clone(), column, is_valid });
            }
            if let Some(name) = behind(rest, &["validate", "constraint"]) {
                let is_it = |check: &&mut Check| check.table == table && check.name == *name;
                self.checks.iter_mut().filter(is_it).for_each(|check| check.is_valid = true);
            }
            if let Some(name) =
                behind(rest, &["drop", "constraint"]).or(behind(rest, &["drop", "constraint", "if", "exists"]))
            {
                self.checks.retain(|check| check.table != table || check.name != *name);
            }
        }
    }

    /// Whether a CHECK proves what the `SET NOT NULL` at that place of the statement would otherwise read the table for.
    pub(super) fn prove_not_null(&self, altered: &Altered, at: usize) -> bool {
        let Some(column) = altered.word_before(at) else { return false };
        let proves = |check: &Check| check.is_valid && check.column == *column && check.table == altered.table;
        self.checks.iter().any(proves)
    }

    /// Whether the constraint that is dropped was there for such a proof, and the column is NOT NULL by now.
    pub(super) fn are_done_with(&self, altered: &Altered, dropping: &str) -> bool {
        let dropped = words(dropping);
        let name =
            behind(&dropped, &["drop", "constraint", "if", "exists"]).or(behind(&dropped, &["drop", "constraint"]));
        let is_not_null = |column: &String| {
            altered.not_null.contains(column)
                || self.not_null.iter().any(|(table, done)| *table == altered.table && done == column)
        };
        let was_for_it =
            |check: &Check| Some(&check.name) == name && check.table == altered.table && is_not_null(&check.column);
        self.checks.iter().any(was_for_it)
    }
}

/// An ALTER TABLE. It may hold thousands of actions, so that what is asked for each of them is found out once.
#[derive(Debug)]
pub(super) struct Altered {
    table: QualifiedName,
    words: Vec<String>,
    /// Where each of the words ends.
    ends: Vec<usize>,
    /// The columns that it makes NOT NULL.
    not_null: HashSet<String>,
}

impl Altered {
    /// The last word that ends before that place.
    fn word_before(&self, at: usize) -> Option<&String> {
        let behind = self.ends.partition_point(|end| *end <= at);
        self.words.get(behind.checked_sub(1)?)
    }
}

/// `None` of any other statement.
pub(super) fn altered(statement: &str) -> Option<Altered> {
    let begins = statement.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("alter"));
    let table = begins.then(|| locks(statement).into_iter().next())??;
    let Locked::Relation(table) = table.on else { return None };
    let (ends, words): (Vec<usize>, Vec<String>) = placed(statement).unzip();
    let not_null = |window: &[String]| match window {
        [column, set, not, null] if [set, not, null] == ["set", "not", "null"] => Some(column.clone()),
        _ => None,
    };
    let not_null = words.windows(4).filter_map(not_null).collect();
    Some(Altered { table, words, ends, not_null })
}

/// The word behind those.
fn behind<'w>(words: &'w [String], pattern: &[&str]) -> Option<&'w String> {
    let begins = words.len() > pattern.len() && words.iter().zip(pattern).all(|(word, expected)| word == expected);
    begins.then(|| words.get(pattern.len())).flatten().filter(|word| *word != "if")
}

/// The column of `CHECK ( column IS NOT NULL )`, with as many parentheses as one likes.
fn column_of_check(words: &[String]) -> Option<String> {
    let (check, rest) = words.split_first()?;
    if check != "check" {
        return None;
    }
    let inner: Vec<&String> = rest.iter().skip_while(|word| *word == "(").take(5).collect();
    match inner.as_slice() {
        [column, is, not, null, end] if [is.as_str(), not, null, end] == ["is", "not", "null", ")"] => {
            Some((*column).clone())
        }
        _ => None,
    }
}

/// The words of one action, up to the comma that ends it.
fn action(words: &[String]) -> &[String] {
    let mut depth = 0_usize;
    let end = words.iter().position(|word| {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && word == ","
    });
    words.get(..end.unwrap_or(words.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Altered, Proofs};

    fn after(statements: &[&str]) -> Proofs {
        let mut proofs = Proofs::default();
        statements.iter().for_each(|statement| proofs.note(statement));
        proofs
    }

    fn altered(statement: &str) -> Altered {
        super::altered(statement).expect("it alters a table")
    }

    /// Whether `alter table t alter column c set not null` reads no row after those statements.
    fn is_proven(statements: &[&str]) -> bool {
        let statement = "alter table t alter column c set not null";
        after(statements).prove_not_null(&altered(statement), "alter table t alter column c ".len())
    }

    #[test]
    fn a_validated_check_proves_that_its_column_holds_no_null() {
        for statements in [
            &["ALTER TABLE t ADD CONSTRAINT x CHECK (c IS NOT NULL) NOT VALID", "alter table t validate constraint x"]
                [..],
            &[
                "alter table t add constraint x check ((\"c\" is not null)) not valid",
                "alter table T validate constraint X",
            ],
            &["alter table t add constraint x check (c is not null)"],
            &["alter table t add constraint x check (c is not null), add constraint y check (d > 0) not valid"],
            &[
                "alter table t add d int, add constraint x check (c is not null) not valid",
                "alter table t validate constraint x",
            ],
        ] {
            assert!(is_proven(statements), "{statements:?}");
        }
    }

    #[test]
    fn nothing_less_proves_it() {
        for statements in [
            &[][..],
            &["alter table t add constraint x check (c is not null) not valid"],
            &["alter table t add constraint x check (d is not null)"],
            &["alter table t add constraint x check (c is not null or d > 0)"],
            &["alter table u add constraint x check (c is not null)"],
            &["alter table s.t add constraint x check (c is not null)"],
            &["alter table t add constraint x check (c is not null)", "alter table t drop constraint x"],
            &["alter table t add constraint x check (c is not null)", "alter table t drop constraint if exists x"],
            &[
                "alter table t add constraint x foreign key (c) references u not valid",
                "alter table t validate constraint x",
            ],
            &["alter table t add constraint x check (c is not null) not valid", "alter table u validate constraint x"],
        ] {
            assert!(!is_proven(statements), "{statements:?}");
        }
    }

    #[test]
    fn proofs_for_thousands_of_columns_of_one_statement_take_no_time() {
        let statement = format!("alter table t {}", "alter column c set not null, ".repeat(16_000));
        let (proofs, altered) = (after(&["alter table t add constraint x check (c is not null)"]), altered(&statement));
        let start = std::time::Instant::now();
        let places = || statement.match_indices("set").map(|(at, _)| at);
        assert!(places().all(|at| proofs.prove_not_null(&altered, at)));
        assert_eq!(places().count(), 16_000);
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    }

    #[test]
    fn a_proof_may_be_dropped_once_the_column_is_not_null() {
        let check = "alter table t add constraint x check (c is not null)";
        let set = "alter table t alter column c set not null";
        for (statements, drop, expected) in [
            (&[check, set][..], "alter table t drop constraint x", true),
            (&[check, set], "alter table t drop constraint if exists x", true),
            (&[check], "alter table t alter c set not null, drop constraint x", true),
            (&[check], "alter table t drop constraint x", false),
            (&[check, set], "alter table t drop constraint y", false),
            (&[set], "alter table t drop constraint x", false),
        ] {
            let at = drop.find("drop").expect("it drops");
            let is_done = after(statements).are_done_with(&altered(drop), &drop[at..]);
            assert_eq!(is_done, expected, "{statements:?} {drop}");
        }
    }
}
