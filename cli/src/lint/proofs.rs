//! Columns of which earlier statements have proven that they hold no NULL: a CHECK says so, and was validated.
//!
//! squawk sees one file at a time, and the way that keeps nobody waiting takes three: the CHECK, NOT VALID; its validation; and
//! NOT NULL, which PostgreSQL then takes from the CHECK without reading the table.

use graven_source::statement::{Locked, QualifiedName, locks};

use super::words::words;

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
        let Some((table, words)) = altered(statement) else { return };
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
            if let [column, set, not, null, ..] = rest
                && [set, not, null] == ["set", "not", "null"]
            {
                self.not_null.push((table.clone(), column.clone()));
            }
        }
    }

    /// Whether a CHECK proves what `SET NOT NULL` would otherwise read the table for. `before` is the statement up to there.
    pub(super) fn prove_not_null(&self, (table, _): &Altered, before: &str) -> bool {
        let mut of_the_table = self.checks.iter().filter(|check| check.is_valid && check.table == *table).peekable();
        // Mostly there is none, and the statement may be long.
        if of_the_table.peek().is_none() {
            return false;
        }
        words(before).pop().is_some_and(|column| of_the_table.any(|check| check.column == column))
    }

    /// Whether the constraint that is dropped was there for such a proof, and the column is NOT NULL by now.
    pub(super) fn are_done_with(&self, (table, whole): &Altered, dropping: &str) -> bool {
        let dropped = words(dropping);
        let name =
            behind(&dropped, &["drop", "constraint", "if", "exists"]).or(behind(&dropped, &["drop", "constraint"]));
        let is_not_null = |column: &str| {
            let set = [column, "set", "not", "null"];
            self.not_null.iter().any(|(of, done)| of == table && done == column)
                || whole.windows(set.len()).any(|window| window == set)
        };
        self.checks.iter().any(|check| Some(&check.name) == name && check.table == *table && is_not_null(&check.column))
    }
}

/// The table of an ALTER TABLE, and the words of the statement.
pub(super) type Altered = (QualifiedName, Vec<String>);

/// `None` of any other statement.
pub(super) fn altered(statement: &str) -> Option<Altered> {
    let begins = statement.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("alter"));
    let table = begins.then(|| locks(statement).into_iter().next())??;
    match table.on {
        Locked::Relation(table) => Some((table, words(statement))),
        _ => None,
    }
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
        after(statements).prove_not_null(&altered(statement), "alter table t alter column c ")
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
