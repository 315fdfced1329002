//! What differs between all migrations one by one and the baseline, in words.

use graven_source::problem::Problem;
use graven_source::set::{Migration, Set};

use super::baseline::{Compared, Rest, Sameness};
use super::finding::Finding;
use super::rules;
use crate::command::plural;
use crate::schema::{Contents, Difference, Table};

/// The most lines of a difference that are shown.
const LINES: usize = 60;
/// The most rows of a table that are shown, of each side.
const ROWS: usize = 5;
/// The most characters of a row that are shown.
const WIDTH: usize = 120;

/// A sequence, and what it gives out next: one by one, and by the baseline.
pub(super) type Next = (String, i64, i64);

/// The sequences of both that stand elsewhere.
pub(super) fn sequences(first: &Contents, second: &Contents) -> Vec<Next> {
    let both = first.sequences.iter().filter_map(|(name, next)| Some((name, *next, *second.sequences.get(name)?)));
    both.filter(|(_, first, second)| first != second)
        .map(|(name, first, second)| (name.clone(), first, second))
        .collect()
}

/// The columns of both to compare, and those that differ and vary from one run to the next.
pub(super) fn columns<'t>(
    first: &'t Table,
    second: &'t Table,
    again: Option<&Table>,
) -> (Vec<&'t String>, Vec<&'t String>) {
    let both = first.columns.iter().filter(|(column, _)| second.columns.contains_key(*column));
    let (varying, kept): (Vec<_>, Vec<_>) = both.partition(|(column, digest)| {
        let by_default = first.varying.contains(*column) || second.varying.contains(*column);
        let by_run = again.and_then(|again| again.columns.get(*column)).is_some_and(|again| again != *digest);
        by_run || by_default && second.columns.get(*column) != Some(*digest)
    });
    let names = |of: Vec<(&'t String, &'t String)>| of.into_iter().map(|(column, _)| column).collect();
    (names(kept), names(varying))
}

/// A problem for each kind of difference.
pub(super) fn findings(
    set: &Set,
    baseline: &Migration,
    schema: &Difference,
    tables: &[Rest],
    sequences: &[Next],
) -> Vec<Finding> {
    let what = format!("baseline {} {}", baseline.version, baseline.name);
    let problem = |message: String| Problem::new(&rules::BASELINE_DIFFERS, set.path_of(&baseline.file), message);
    let mut problems = Vec::new();
    if !schema.is_empty() {
        let lines = schema.shortened(LINES);
        problems.push(
            problem(format!("{what} leads to another schema than all migrations one by one"))
                .note(format!("`-` one by one, `+` by the baseline:\n{lines}"))
                .help("let the baseline make what the migrations up to its version make"),
        );
    }
    if !tables.is_empty() {
        let problem = problem(format!("{what} leads to other rows than all migrations one by one"));
        let problem = tables.iter().map(rows).fold(problem, Problem::note);
        problems.push(problem.help("let the baseline insert what the migrations up to its version leave behind"));
    }
    if !sequences.is_empty() {
        let problem = problem(format!("{what} leaves sequences elsewhere than all migrations one by one"));
        let problem = sequences.iter().fold(problem, |problem, (name, first, second)| {
            problem.note(format!("{name} gives out {first} next one by one, and {second} by the baseline"))
        });
        let is_last = set.migrations.last().is_none_or(|last| last.version == baseline.version);
        problems.push(problem.help(if is_last {
            format!("write into the baseline:\n{}", setting(sequences))
        } else {
            "let the baseline set them (`setval`) to where the migrations up to its version leave them".to_owned()
        }));
    }
    problems.into_iter().map(Finding::error).collect()
}

/// Statements that bring sequences to where they are one by one.
fn setting(sequences: &[Next]) -> String {
    let statements = sequences.iter().map(|(name, next, _)| {
        // In a literal a quote is doubled, and a backslash is taken as it is.
        format!("SELECT pg_catalog.setval('{}', {next}, false);", name.replace('\'', "''"))
    });
    statements.collect::<Vec<_>>().join("\n")
}

/// What differs in one table: `public.roles (id, name): 2 rows one by one, 3 by the baseline`, and the first rows.
fn rows(rest: &Rest) -> String {
    let Rest { table, columns, counts, rows } = rest;
    let one = plural(usize::try_from(counts.0).unwrap_or_default(), "row");
    let mut text = format!("{table} ({}): {one} one by one, {} by the baseline", columns.join(", "), counts.1);
    let (first, second) = rows.0.difference(&rows.1);
    for (sign, rows) in [('-', &first), ('+', &second)] {
        for row in rows.iter().take(ROWS) {
            text.push_str(&format!("\n{sign} {}", shortened(row)));
        }
    }
    match first.len().saturating_sub(ROWS) + second.len().saturating_sub(ROWS) {
        0 => {}
        more => text.push_str(&format!("\n… and {more} more")),
    }
    text
}

/// The beginning of a row, in one line.
fn shortened(row: &str) -> String {
    let row = row.replace('\n', "\\n");
    match row.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", row.get(..at).unwrap_or_default()),
        None => row,
    }
}

/// For people.
pub(super) fn page(compared: &Compared) -> String {
    let Compared { version, name, sameness, tables, rows, sequences, left_out } = compared;
    let mut page = match sameness {
        Sameness::Different => format!("baseline {version} {name}: not as all migrations one by one"),
        Sameness::Same => format!(
            "baseline {version} {name}: as all migrations one by one in schema, rows ({rows} in {}) and {}",
            plural(*tables, "table"),
            plural(*sequences, "sequence")
        ),
    };
    if !left_out.is_empty() {
        let names: Vec<&str> = left_out.iter().map(String::as_str).collect();
        page.push_str(&format!("\n  not compared, since it varies from run to run: {}", names.join(", ")));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{columns, shortened};
    use crate::schema::Table;

    fn table(columns: &[(&str, &str)], varying: &[&str]) -> Table {
        Table {
            columns: columns.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect(),
            varying: varying.iter().map(|name| (*name).to_owned()).collect(),
            ..Table::default()
        }
    }

    #[test]
    fn only_what_differs_and_varies_is_left_out() {
        let first = table(&[("at", "1"), ("id", "2"), ("name", "3"), ("old", "4")], &["at", "id"]);
        let second = table(&[("at", "9"), ("id", "2"), ("name", "8"), ("new", "4")], &[]);
        let cases: [(Option<Table>, [&[&str]; 2]); 3] = [
            (None, [&["id", "name"], &["at"]]),
            (Some(first.clone()), [&["id", "name"], &["at"]]),
            (Some(table(&[("id", "2"), ("name", "7")], &[])), [&["id"], &["at", "name"]]),
        ];
        for (again, expected) in cases {
            let (kept, varying) = columns(&first, &second, again.as_ref());
            assert_eq!([kept, varying], expected);
        }
    }

    #[test]
    fn a_row_is_shown_in_one_line_of_some_length() {
        assert_eq!(shortened("(1,\"a\nb\")"), "(1,\"a\\nb\")");
        assert_eq!(shortened(&"é".repeat(500)), format!("{}…", "é".repeat(120)));
    }
}
