//! A summary as GitHub and GitLab show it. Names and SQL come from whoever opened the pull request: nothing in them is taken for
//! markup.

use std::fmt::Write as _;

use graven_source::set::{Migration, Sealing, Set};
use graven_source::{Kind, Transaction};

use super::changes::{Change, Changed};
use super::locks::Held;
use super::{Told, statements};
use crate::command::plural;

/// The most statements of a migration that are shown.
const STATEMENTS: usize = 30;
/// The most locks of a migration that are shown.
const LOCKS: usize = 5;
/// The most lines that are shown of a statement.
const LINES: usize = 12;
/// The most migrations whose statements are shown: a comment has room for some 65,000 characters.
const SHOWN: usize = 20;

pub(super) fn page(told: &Told<'_>) -> String {
    let mut page = format!("### {}\n", heading(told));
    if !told.changes.is_empty() {
        page.push_str(
            "\n| | version | name | statements | transaction | locks | sealed | reverse |\n|---|---:|---|---:|---|---|---|---|\n",
        );
        for changed in told.changes {
            let _ = writeln!(page, "{}", row(told.set, changed));
        }
    }
    problems(told, &mut page);
    let with_text = told.changes.iter().filter(|changed| matches!(changed.change, Change::New | Change::Edited));
    for migration in with_text.filter_map(|changed| changed.migration).take(SHOWN) {
        details(migration, &mut page);
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
    for problem in told.problems {
        let _ = writeln!(page, "- {}: {} ({})", code(&problem.place()), text(&problem.message), problem.rule.id);
    }
}

fn details(migration: &Migration, page: &mut String) {
    let statements = statements(migration);
    let shown: Vec<String> = statements.iter().take(STATEMENTS).map(|statement| shortened(statement)).collect();
    let mut sql = shown.join("\n");
    if let more @ 1.. = statements.len().saturating_sub(STATEMENTS) {
        let _ = write!(sql, "\n-- and {}", plural(more, "statement more"));
    }
    let fence = fence(&sql);
    let _ = write!(
        page,
        "\n<details><summary>{} {}</summary>\n\n{fence}sql\n{sql}\n{fence}\n\n</details>\n",
        migration.version,
        text(&migration.name)
    );
}

fn shortened(statement: &str) -> String {
    let mut lines: Vec<&str> = statement.lines().take(LINES).collect();
    if statement.lines().count() > LINES {
        lines.push("-- …");
    }
    lines.join("\n")
}

/// Longer than any run of backticks within.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

/// A name, so that it is no markup, no cell and no mention of anybody.
fn code(name: &str) -> String {
    format!("<code>{}</code>", text(name))
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
    use super::{fence, shortened, text};

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
    }
}
