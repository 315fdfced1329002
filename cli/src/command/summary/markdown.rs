//! A summary as GitHub and GitLab show it. Names and SQL come from whoever opened the pull request: nothing in them is taken for
//! markup. A comment has room for some 65,000 characters, and whoever opened the pull request decides how much there is to say: what
//! does not fit is counted and left out.

use std::borrow::Cow;
use std::fmt::Write as _;

use graven_source::set::{Migration, Sealing, Set};
use graven_source::{Kind, Transaction};

use super::changes::{Change, Changed};
use super::locks::Held;
use super::{Told, statements};
use crate::command::plural;
use crate::output::plain;

/// The most bytes of a page, which are at least as many as its characters. The heading and the last lines come on top.
const PAGE: usize = 58_000;
/// The most bytes up to the end of the table.
const TABLE: usize = 25_000;
/// The most bytes up to the end of the problems.
const PROBLEMS: usize = 35_000;
/// The most statements of a migration that are shown.
const STATEMENTS: usize = 30;
/// The most bytes of a migration's statements.
const SQL: usize = 10_000;
/// The most locks of a migration that are shown.
const LOCKS: usize = 5;
/// The most lines that are shown of a statement.
const LINES: usize = 12;
/// The most bytes that are shown of a line.
const LINE: usize = 500;
/// The most bytes that are shown of a name, before it is escaped.
const NAME: usize = 300;

pub(super) fn page(told: &Told<'_>) -> String {
    let mut page = format!("### {}\n", heading(told));
    if !told.changes.is_empty() {
        page.push_str(
            "\n| | version | name | statements | transaction | locks | sealed | reverse |\n|---|---:|---|---:|---|---|---|---|\n",
        );
        let rows = told.changes.iter().map(|changed| format!("{}\n", row(told.set, changed)));
        if let more @ 1.. = add(&mut page, TABLE, rows) {
            let _ = writeln!(page, "\nand {}", plural(more, "more migration"));
        }
    }
    problems(told, &mut page);
    let with_text = told.changes.iter().filter(|changed| matches!(changed.change, Change::New | Change::Edited));
    if let more @ 1.. = add(&mut page, PAGE, with_text.filter_map(|changed| changed.migration).map(details)) {
        let _ = writeln!(page, "\nThe statements of {} are not shown.", plural(more, "more migration"));
    }
    let since = match told.base {
        Some(base) => {
            format!("Compared with {} ({}).", code(&base.named), code(base.commit.get(..10).unwrap_or(&base.commit)))
        }
        None => "All that is not sealed: there was no commit to compare with.".to_owned(),
    };
    let _ = write!(page, "\n<sub>{since} `graven summary`</sub>");
    page
}

/// Adds one part after another for as long as the page stays within so many bytes. Gives back how many parts are left out: all from
/// the first one that does not fit, so that what is shown is a beginning.
fn add(page: &mut String, most: usize, parts: impl Iterator<Item = String>) -> usize {
    let mut left_out = 0;
    for part in parts {
        if left_out > 0 || page.len() + part.len() > most {
            left_out += 1;
        } else {
            page.push_str(&part);
        }
    }
    left_out
}

fn heading(told: &Told<'_>) -> String {
    let counts: Vec<String> = Change::ALL
        .iter()
        .map(|change| (told.count(*change), change.as_str()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, change)| format!("{count} {change}"))
        .collect();
    match counts.is_empty() {
        true => "Migrations: nothing changed".to_owned(),
        false => format!("Migrations: {}", counts.join(", ")),
    }
}

fn row(set: &Set, changed: &Changed<'_>) -> String {
    let version = changed.version.map_or_else(String::new, |version| version.to_string());
    let kind = match changed.kind {
        Kind::Versioned => String::new(),
        kind => format!(" ({kind})"),
    };
    let mut row = format!("| {} | {version} | {}{kind} |", changed.change.as_str(), code(&changed.name));
    let cells = changed.migration.map_or_else(Default::default, |found| {
        [
            statements(found).len().to_string(),
            if found.directives.transaction == Transaction::On { "yes" } else { "**no**" }.to_owned(),
            locks(&changed.locks),
            if found.sealing == Sealing::Sealed { "yes" } else { "no" }.to_owned(),
            if set.reverse_of(found).is_some() { "yes" } else { "no" }.to_owned(),
        ]
    });
    for cell in cells {
        let _ = write!(row, " {cell} |");
    }
    row
}

/// The strongest ones, in words that need no manual.
fn locks(held: &[Held]) -> String {
    let shown = held.iter().take(LOCKS);
    let mut lines: Vec<String> =
        shown.map(|held| format!("{}: {} ({})", code(&held.on), held.mode, held.mode.lets())).collect();
    if let more @ 1.. = held.len().saturating_sub(LOCKS) {
        lines.push(format!("and {more} more"));
    }
    lines.join("<br>")
}

fn problems(told: &Told<'_>, page: &mut String) {
    if told.problems.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n**{}** (`graven check`)\n", plural(told.problems.len(), "problem"));
    let lines = told
        .problems
        .iter()
        .map(|problem| format!("- {}: {} ({})\n", code(&problem.place()), text(&problem.message), problem.rule.id));
    if let more @ 1.. = add(page, PROBLEMS, lines) {
        let _ = writeln!(page, "- and {}", plural(more, "more problem"));
    }
}

fn details(migration: &Migration) -> String {
    let sql = sql(&statements(migration));
    let fence = fence(&sql);
    format!(
        "\n<details><summary>{} {}</summary>\n\n{fence}sql\n{sql}{fence}\n\n</details>\n",
        migration.version,
        text(&migration.name)
    )
}

fn sql(statements: &[&str]) -> String {
    let mut sql = String::new();
    let shown = statements.iter().take(STATEMENTS).map(|statement| format!("{}\n", shortened(statement)));
    let more = add(&mut sql, SQL, shown) + statements.len().saturating_sub(STATEMENTS);
    if more > 0 {
        let _ = writeln!(sql, "-- and {}", plural(more, "more statement"));
    }
    sql
}

fn shortened(statement: &str) -> String {
    let mut lines: Vec<Cow<'_, str>> = statement.lines().take(LINES).map(|line| cut(line, LINE)).collect();
    if statement.lines().count() > LINES {
        lines.push("-- …".into());
    }
    plain(&lines.join("\n")).into_owned()
}

/// As much of a text as goes into so many bytes, with `…` where there was more.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.get(..text.floor_char_boundary(most)) {
        Some(shown) if shown.len() < text.len() => format!("{shown}…").into(),
        _ => text.into(),
    }
}

/// Longer than any run of backticks within.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

/// A name, so that it is no markup, no cell and no mention of anybody.
fn code(name: &str) -> String {
    format!("<code>{}</code>", text(&cut(name, NAME)))
}

/// A text as HTML has it, with what Markdown would heed written as numbers.
fn text(raw: &str) -> String {
    let mut text = String::new();
    for c in raw.chars() {
        match c {
            '&' | '<' | '>' | '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '@' | '#' | '~' | '!' => {
                let _ = write!(text, "&#{};", u32::from(c));
            }
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{SQL, add, cut, fence, shortened, sql, text};

    #[test]
    fn a_name_is_never_taken_for_markup() {
        assert_eq!(text("add_e|mail\n<b>@you"), "add&#95;e&#124;mail &#60;b&#62;&#64;you");
    }

    #[test]
    fn a_fence_is_longer_than_what_stands_between() {
        assert_eq!(fence("select 1"), "```");
        assert_eq!(fence("select '````'"), "`````");
    }

    #[test]
    fn a_long_statement_is_cut_and_says_so() {
        let long = "line\n".repeat(20);
        assert_eq!(shortened(&long).lines().count(), 13);
        assert!(shortened(&long).ends_with("-- …"));
        assert_eq!(shortened("select\n1"), "select\n1");
        assert_eq!(shortened("select '\u{1b}[31m'"), "select '␛[31m'");
    }

    #[test]
    fn a_long_line_is_cut_between_two_characters() {
        assert_eq!(cut("select", 6), "select");
        assert_eq!(cut("select 1", 6), "select…");
        assert_eq!(cut("éé", 3), "é…");
        assert_eq!(shortened(&"é".repeat(10_000)).chars().count(), 251);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_nothing_after_it_is_shown() {
        let parts = || ["aa", "bbb", "c"].map(str::to_owned).into_iter();
        for (most, shown, left_out) in [(6, "aabbbc", 0), (5, "aabbb", 1), (4, "aa", 2), (1, "", 3)] {
            let mut page = String::new();
            assert_eq!((add(&mut page, most, parts()), page.as_str()), (left_out, shown), "{most}");
        }
    }

    #[test]
    fn the_longest_statement_fits_and_those_after_it_are_counted() {
        let longest = format!("{}\n", "x".repeat(1000)).repeat(100);
        let sql = sql(&[longest.as_str(); 40]);
        assert!(sql.starts_with("xxx") && sql.ends_with("\n-- and 39 more statements\n"), "{sql}");
        assert!(sql.len() < SQL + 100, "{}", sql.len());
    }
}
