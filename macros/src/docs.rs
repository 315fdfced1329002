//! What the documentation of a set says: how many migrations there are, and which.
//!
//! It is for editors and `cargo doc`, so that it stays short however long the set is.

use graven_source::set::{Migration, Sealing, Set};

/// Of a longer set the first ones and the last ones are listed.
const FIRST: usize = 5;
const LAST: usize = 20;

/// The documentation of a static that embeds the set, a line a string.
pub(crate) fn lines(set: &Set) -> Vec<String> {
    let migrations = &set.migrations;
    let mut lines = vec![String::new(), summary(set), String::new()];
    if migrations.is_empty() && set.repeatables.is_empty() {
        return lines;
    }
    lines.extend(["| version | name | |".to_owned(), "|--:|---|---|".to_owned()]);
    let row = |migration: &Migration| row(migration, set.reverse_of(migration).is_some());
    match migrations.get(FIRST..migrations.len().saturating_sub(LAST)) {
        Some(between) if between.len() > 1 => {
            lines.extend(migrations.iter().take(FIRST).map(row));
            lines.push(format!("| … | {} more | |", between.len()));
            lines.extend(migrations.iter().skip(FIRST + between.len()).map(row));
        }
        _ => lines.extend(migrations.iter().map(row)),
    }
    let baselines = set.baselines.iter().rev().take(LAST).rev();
    lines.extend(baselines.map(|found| {
        let sealing = if found.sealing == Sealing::Sealed { "" } else { ", unsealed" };
        format!("| {} | {} | baseline{sealing} |", found.version, code(&found.name))
    }));
    lines.extend(set.repeatables.iter().take(LAST).map(|found| format!("| | {} | repeatable |", code(&found.name))));
    lines
}

/// What a static says that embeds nothing, because something is wrong with its directory.
pub(crate) fn nothing() -> Vec<String> {
    vec![String::new(), "Nothing is embedded: the build says what is wrong.".to_owned()]
}

fn summary(set: &Set) -> String {
    let directory = code(&set.directory);
    let unsealed = set.migrations.iter().filter(|migration| migration.sealing == Sealing::Unsealed).count();
    let migrations = match set.migrations.as_slice() {
        [] if set.repeatables.is_empty() => return format!("No migrations are embedded: {directory} holds none."),
        [] => return format!("The repeatables of {directory}{}", others(set)),
        [one] => format!("The migration of {directory}, version {}", one.version),
        [first, .., last] => {
            format!(
                "The {} migrations of {directory}, versions {} to {}",
                set.migrations.len(),
                first.version,
                last.version
            )
        }
    };
    let others = others(set);
    match unsealed {
        0 => format!("{migrations}; sealed{others}"),
        1 if set.migrations.len() == 1 => format!("{migrations}; not sealed{others}"),
        _ => format!("{migrations}; {unsealed} not sealed{others}"),
    }
}

/// How many there are of the other kinds, and the full stop.
fn others(set: &Set) -> String {
    let count = |count: usize, one: &str| match count {
        0 => String::new(),
        1 => format!("; 1 {one}"),
        _ => format!("; {count} {one}s"),
    };
    format!("{}{}.", count(set.baselines.len(), "baseline"), count(set.repeatables.len(), "repeatable"))
}

fn row(migration: &Migration, has_reverse: bool) -> String {
    let sealing = match migration.sealing {
        Sealing::Sealed => "",
        _ => "unsealed",
    };
    let reverse = if has_reverse { "has a reverse" } else { "" };
    let both = if sealing.is_empty() || reverse.is_empty() { "" } else { ", " };
    format!("| {} | {} | {sealing}{both}{reverse} |", migration.version, code(&migration.name))
}

/// A text as it is, whatever it means in Markdown. A bar ends the cell of a table even in code.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    let fence = "`".repeat(text.split(|c| c != '`').map(str::len).max().unwrap_or_default() + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use graven_source::set::{Paths, Set};

    use super::{code, lines};

    /// The documentation of a directory with these files, every one of them empty, and an empty seal file.
    fn documented(files: impl IntoIterator<Item = String>) -> String {
        let directory = tempfile::tempdir().unwrap();
        for file in files.into_iter().chain(["seal.lock".to_owned()]) {
            fs::write(directory.path().join(file), "").unwrap();
        }
        let loaded = Set::load(directory.path(), Path::new("."), Paths::Any);
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        lines(&loaded.set).join("\n")
    }

    fn numbered(count: usize) -> impl Iterator<Item = String> {
        (1..=count).map(|version| format!("{version}_m.sql"))
    }

    #[test]
    fn a_short_set_is_listed_whole() {
        assert_eq!(documented(numbered(0)), "\nNo migrations are embedded: `.` holds none.\n");
        assert_eq!(
            documented(["1_a|b.sql".to_owned(), "1_a|b.down.sql".to_owned()]),
            "\nThe migration of `.`, version 1; not sealed.\n\n\
             | version | name | |\n|--:|---|---|\n| 1 | `a\\|b` | unsealed, has a reverse |"
        );
        assert_eq!(documented(numbered(26)).matches("| `m` |").count(), 26);
    }

    #[test]
    fn baselines_and_repeatables_are_listed_after_the_migrations() {
        let files = ["1_a.sql", "1_all.baseline.sql", "views.repeatable.sql", "roles.repeatable.sql"];
        assert_eq!(
            documented(files.map(str::to_owned)),
            "\nThe migration of `.`, version 1; not sealed; 1 baseline; 2 repeatables.\n\n\
             | version | name | |\n|--:|---|---|\n| 1 | `a` | unsealed |\n| 1 | `all` | baseline, unsealed |\n\
             | | `roles` | repeatable |\n| | `views` | repeatable |"
        );
        assert!(
            documented(["views.repeatable.sql".to_owned()]).starts_with("\nThe repeatables of `.`; 1 repeatable.\n")
        );
    }

    #[test]
    fn of_a_long_set_the_first_and_the_last_ones_are_listed() {
        let text = documented(numbered(1_000));
        assert!(text.contains("The 1000 migrations of `.`, versions 1 to 1000; 1000 not sealed."), "{text}");
        assert!(text.contains("\n| 5 | `m` | unsealed |\n| … | 975 more | |\n| 981 | `m` | unsealed |\n"), "{text}");
        assert_eq!(text.matches("| `m` |").count(), 25);
    }

    #[test]
    fn a_name_is_shown_as_it_is() {
        assert_eq!(code("a*b* [c]"), "`a*b* [c]`");
        assert_eq!(code("a``b`"), "``` a``b` ```");
    }
}
