//! What is different in one schema from another, as people read it: by object, with signs before the lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use similar::{ChangeTag, TextDiff};

/// What the line begins with that says in which order a table's columns are.
pub(super) const ORDER: &str = "order of columns: ";

/// What is different in a second schema. Its text has a `-` before what the first one has alone, and a `+` before what the
/// second one has alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    sign: Sign,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    First,
    Second,
    Both,
}

impl Difference {
    pub(super) fn between(first: &BTreeMap<String, Vec<String>>, second: &BTreeMap<String, Vec<String>>) -> Self {
        let mut difference = Self::default();
        let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
        for name in names {
            match (first.get(name), second.get(name)) {
                (Some(first), None) => difference.whole(Sign::First, name, first),
                (None, Some(second)) => difference.whole(Sign::Second, name, second),
                (Some(first), Some(second)) if first != second => difference.of_object(name, first, second),
                _ => {}
            }
        }
        difference
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether the columns of tables are the same and only come in another order. A column that is dropped and added again is
    /// the last one, and no reverse can help that.
    pub(crate) fn is_order_of_columns_alone(&self) -> bool {
        let mut different = self.lines.iter().filter(|line| line.sign != Sign::Both).peekable();
        different.peek().is_some() && different.all(|line| line.text.trim_start().starts_with(ORDER))
    }

    /// The text with at most so many lines, and how many more there are.
    pub(crate) fn shortened(&self, most: usize) -> String {
        let text = Self { lines: self.lines.iter().take(most).cloned().collect() }.to_string();
        match self.lines.len().saturating_sub(most) {
            0 => text,
            more => format!("{text}\n… and {more} more lines"),
        }
    }

    fn whole(&mut self, sign: Sign, name: &str, lines: &[String]) {
        self.push(sign, name.to_owned());
        lines.iter().for_each(|line| self.push(sign, indented(line)));
    }

    fn of_object(&mut self, name: &str, first: &[String], second: &[String]) {
        self.push(Sign::Both, name.to_owned());
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let second: Vec<&str> = second.iter().map(String::as_str).collect();
        for change in TextDiff::from_slices(&first, &second).iter_all_changes() {
            match change.tag() {
                ChangeTag::Delete => self.push(Sign::First, indented(change.value())),
                ChangeTag::Insert => self.push(Sign::Second, indented(change.value())),
                ChangeTag::Equal => {}
            }
        }
    }

    fn push(&mut self, sign: Sign, text: String) {
        self.lines.push(Line { sign, text });
    }
}

fn indented(line: &str) -> String {
    format!("  {line}")
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.lines.iter().enumerate() {
            let sign = match line.sign {
                Sign::First => '-',
                Sign::Second => '+',
                Sign::Both => ' ',
            };
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{sign} {}", line.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Difference;
    use crate::schema::Schema;

    fn schema(facts: &[(&str, i32, &str)]) -> Schema {
        Schema::of(facts.iter().map(|(object, rank, text)| ((*object).into(), *rank, (*text).into())).collect())
    }

    fn difference(first: &[(&str, i32, &str)], second: &[(&str, i32, &str)]) -> Difference {
        schema(first).difference(&schema(second))
    }

    #[test]
    fn schemas_of_the_same_facts_in_any_order_are_the_same() {
        let facts = [("table t", 3, "column b"), ("table t", 3, "column a"), ("table s", 0, "owner: x")];
        let mut turned = facts;
        turned.reverse();
        assert!(difference(&facts, &turned).is_empty());
        assert_eq!(difference(&facts, &turned).to_string(), "");
    }

    #[test]
    fn a_change_is_shown_below_its_object_and_what_is_gone_or_new_is_shown_whole() {
        let first = [("table t", 0, "owner: x"), ("table t", 3, "column a text"), ("view gone", 0, "owner: x")];
        let second =
            [("table t", 0, "owner: x"), ("table t", 3, "column a integer"), ("view new", 9, "definition:\nSELECT 1;")];
        assert_eq!(
            difference(&first, &second).to_string(),
            "  table t\n-   column a text\n+   column a integer\n- view gone\n-   owner: x\n+ view new\n+   definition:\n+   SELECT 1;"
        );
    }

    #[test]
    fn another_order_of_the_same_columns_is_told_from_everything_else() {
        let table = |order: &'static str, column: &'static str| [("table t", 2, order), ("table t", 3, column)];
        let first = table("order of columns: a, b", "column a text");
        let turned = difference(&first, &table("order of columns: b, a", "column a text"));
        assert!(turned.is_order_of_columns_alone(), "{turned}");
        let more = difference(&first, &table("order of columns: b, a", "column a integer"));
        assert!(!more.is_order_of_columns_alone(), "{more}");
        assert!(!difference(&first, &first).is_order_of_columns_alone());
        // A table that is gone is no matter of order.
        assert!(!difference(&[("table t", 2, "order of columns: a")], &[]).is_order_of_columns_alone());
    }

    #[test]
    fn a_long_difference_says_how_much_of_it_is_not_shown() {
        let difference = difference(&[("table t", 0, "a"), ("table t", 0, "b"), ("table t", 0, "c")], &[]);
        assert_eq!(difference.shortened(2), "- table t\n-   a\n… and 2 more lines");
        assert_eq!(difference.shortened(4), difference.to_string());
    }
}
