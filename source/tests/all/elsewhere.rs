//! What is to be typed acts on the directory that is meant, and not on the one that graven finds by itself.

use std::fs;
use std::path::Path;

use graven_source::Checksum;
use graven_source::problem::Problem;
use graven_source::set::{Loaded, Paths, Set, unsealed_release};
use tempfile::TempDir;

/// A package's folder with files in a directory of that name, and what is wrong with that.
fn problems(directory: &str, files: &[(&str, &str)]) -> Vec<Problem> {
    let root = TempDir::new().unwrap();
    let package = root.path().join("app");
    fs::create_dir(&package).unwrap();
    fs::create_dir_all(package.join(directory)).unwrap();
    for (file, content) in files {
        fs::write(package.join(directory).join(file), content).unwrap();
    }
    let Loaded { set, mut problems, .. } = Set::load(&package, Path::new(directory), Paths::Relative);
    problems.extend(unsealed_release(&set));
    problems
}

/// A seal file of lines, each with the text that it seals.
fn seal(lines: &[(&str, &str)]) -> String {
    let lines: String = lines.iter().map(|(line, text)| format!("{line} {}\n", Checksum::of_text(text))).collect();
    format!("head {}\n{lines}", Checksum::of_text(&lines))
}

/// The seal file of a merge of two branches.
fn conflict(ours: &[(&str, &str)], theirs: &[(&str, &str)]) -> String {
    format!("<<<<<<< HEAD\n{}=======\n{}>>>>>>> other\n", seal(ours), seal(theirs))
}

#[test]
fn every_command_names_the_directory_unless_graven_finds_it_by_itself() {
    /// What is wrong, the files, and how many commands are printed at least.
    type Case = (&'static str, Vec<(&'static str, String)>, usize);
    let damaged = seal(&[("1 a", "A")]).replace("head sha256:", "head sha256:0");
    let cases: [Case; 10] = [
        ("no seal file", vec![("1_a.sql", "A".to_owned())], 2),
        ("a release", vec![("1_a.sql", "A".to_owned()), ("seal.lock", String::new())], 1),
        ("an edit", vec![("1_a.sql", "B".to_owned()), ("seal.lock", seal(&[("1 a", "A")]))], 1),
        (
            "two of one version",
            vec![("1_a.sql", "A".to_owned()), ("1_b.sql", "B".to_owned()), ("seal.lock", seal(&[("1 a", "A")]))],
            2,
        ),
        ("damage", vec![("1_a.sql", "A".to_owned()), ("seal.lock", damaged)], 1),
        (
            "a merge",
            vec![
                ("1_a.sql", "A".to_owned()),
                ("2_b.sql", "B".to_owned()),
                ("seal.lock", conflict(&[("1 a", "A")], &[("2 b", "B")])),
            ],
            2,
        ),
        (
            "a cherry-pick",
            vec![("1_a.sql", "A".to_owned()), ("seal.lock", conflict(&[("1 a", "A")], &[("2 b", "B")]))],
            4,
        ),
        ("two texts", vec![("1_a.sql", "A".to_owned()), ("seal.lock", conflict(&[("1 a", "A")], &[("1 a", "B")]))], 1),
        ("two names", vec![("1_a.sql", "A".to_owned()), ("seal.lock", conflict(&[("1 a", "A")], &[("1 b", "B")]))], 2),
        (
            "two baselines",
            vec![
                ("1_a.sql", "A".to_owned()),
                ("seal.lock", conflict(&[("1 a.baseline", "A")], &[("1 b.baseline", "B")])),
            ],
            1,
        ),
    ];
    for (what, files, commands) in cases {
        let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (*file, text.as_str())).collect();
        for (directory, wanted) in
            [("migrations", ""), ("billing", " --dir billing"), ("../our db", " --dir '../our db'"), (".", " --dir .")]
        {
            let problems = problems(directory, &files);
            let help = problems.iter().flat_map(|problem| &problem.help).cloned().collect::<Vec<_>>().join("\n");
            // The header of a seal file names the command, too.
            let help = help.replace("`graven seal` adds to it", "");
            let count = |text: &str| help.matches(text).count();
            assert!(count("graven seal") + count("graven renumber") >= commands, "{what}: {help}");
            let named = help.lines().flat_map(|line| line.split("graven ").skip(1)).all(|rest| {
                let end = rest.find('`').unwrap_or(rest.len());
                rest.get(..end).is_some_and(|command| match wanted {
                    "" => !command.contains("--dir"),
                    wanted => command.ends_with(wanted),
                })
            });
            assert!(named, "{what} in {directory}: {help}");
        }
    }
}
