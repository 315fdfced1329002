//! Finds the migrations directory where none was named: in the package around the folder that the command runs in.
//!
//! It refuses to choose: where several packages of a workspace have migrations, all of them are named.

use std::fs;
use std::path::{Path, PathBuf};

use graven_source::file_name::SEAL_FILE;

/// What a migrations directory is called by default, by the macro and here.
const NAME: &str = "migrations";
/// How deep below a workspace's folder packages are looked for.
const DEEP: usize = 4;

/// What was found. All paths are relative to the folder that was begun with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    There(PathBuf),
    /// Packages of the workspace that have migrations.
    Several(Vec<PathBuf>),
    Nowhere {
        /// Where it belongs.
        belongs: PathBuf,
        /// Where else it was looked for.
        looked: Vec<PathBuf>,
    },
}

/// Looks in `here`, then in the package and the workspace around it, then in the workspace's packages.
pub(super) fn find(here: &Path) -> Found {
    if here.join(NAME).exists() {
        return Found::There(PathBuf::from(NAME));
    }
    // Who stands in the directory itself means that one.
    if here.join(SEAL_FILE).is_file() {
        return Found::There(PathBuf::from("."));
    }
    let mut belongs = None;
    let mut looked = Vec::new();
    let mut up = PathBuf::new();
    for folder in here.ancestors() {
        let manifest = Manifest::of(folder);
        let directory = up.join(NAME);
        up.push("..");
        if !(manifest.package || manifest.workspace) {
            continue;
        }
        if folder.join(NAME).is_dir() {
            return Found::There(directory);
        }
        if manifest.package {
            belongs.get_or_insert_with(|| directory.clone());
        }
        looked.push(directory.clone());
        if manifest.workspace {
            let mut packages = Vec::new();
            packages_below(folder, directory.parent().unwrap_or(Path::new("")), DEEP, &mut packages);
            packages.sort();
            match packages.as_slice() {
                [] => {}
                [one] => return Found::There(one.clone()),
                _ => return Found::Several(packages),
            }
            break;
        }
    }
    let belongs = belongs.unwrap_or_else(|| PathBuf::from(NAME));
    if belongs != Path::new(NAME) {
        looked.insert(0, PathBuf::from(NAME));
    }
    looked.retain(|directory| *directory != belongs);
    Found::Nowhere { belongs, looked }
}

/// The migrations directories of the packages in a folder's folders.
fn packages_below(folder: &Path, shown: &Path, deep: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_left_out =
            name.to_str().is_none_or(|name| name.starts_with('.') || name == "target" || name == "node_modules");
        // Links are not followed: they may lead anywhere, and back.
        if is_left_out || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let (folder, shown) = (entry.path(), shown.join(&name));
        if Manifest::of(&folder).package && folder.join(NAME).is_dir() {
            found.push(shown.join(NAME));
        }
        if deep > 1 {
            packages_below(&folder, &shown, deep - 1, found);
        }
    }
}

/// What a folder's `Cargo.toml` is of: a package, a workspace, both, or nothing where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Manifest {
    package: bool,
    workspace: bool,
}

impl Manifest {
    fn of(folder: &Path) -> Self {
        fs::read_to_string(folder.join("Cargo.toml")).map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// Headings tell all that is asked here, and stand on lines of their own.
    fn parse(text: &str) -> Self {
        let headings = || text.lines().filter_map(|line| line.trim().strip_prefix('['));
        let has = |name: &str| {
            headings().any(|heading| {
                heading.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with([']', '.']))
            })
        };
        Self { package: has("package"), workspace: has("workspace") }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{Found, Manifest, find};

    const PACKAGE: &str = "[package]\nname = 'a'\n";
    const WORKSPACE: &str = "[workspace]\nmembers = ['*']\n";

    #[test]
    fn the_directory_of_the_package_around_is_found_and_none_is_chosen_of_several() {
        let there = |path: &str| Found::There(PathBuf::from(path));
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let nowhere =
            |belongs: &str, looked: &[&str]| Found::Nowhere { belongs: PathBuf::from(belongs), looked: paths(looked) };
        type Manifests = &'static [(&'static str, &'static str)];
        let table: &[(&str, Manifests, &[&str], &str, Found)] = &[
            ("none at all", &[], &[], "", nowhere("migrations", &[])),
            ("here", &[], &["migrations"], "", there("migrations")),
            ("not above where there is no package", &[], &["migrations"], "src", nowhere("migrations", &[])),
            (
                "of the package, from its source",
                &[("", PACKAGE)],
                &["migrations"],
                "src/bin",
                there("../../migrations"),
            ),
            (
                "here before that of the package",
                &[("", PACKAGE)],
                &["migrations", "db/migrations"],
                "db",
                there("migrations"),
            ),
            ("in the directory itself", &[("", PACKAGE)], &["migrations/seal.lock"], "migrations", there(".")),
            ("of a package that has none", &[("", PACKAGE)], &[], "src", nowhere("../migrations", &["migrations"])),
            (
                "of the workspace, for a package that has none",
                &[("", WORKSPACE), ("a", PACKAGE)],
                &["migrations"],
                "a/src",
                there("../../migrations"),
            ),
            (
                "of the one package that has some",
                &[("", WORKSPACE), ("a", PACKAGE), ("crates/b", PACKAGE)],
                &["crates/b/migrations", "target/c/migrations", "docs/migrations"],
                "",
                there("crates/b/migrations"),
            ),
            (
                "of several packages",
                &[("", WORKSPACE), ("a", PACKAGE), ("crates/b", PACKAGE)],
                &["a/migrations", "crates/b/migrations"],
                "crates",
                Found::Several(paths(&["../a/migrations", "../crates/b/migrations"])),
            ),
            (
                "of one of several, from within it",
                &[("", WORKSPACE), ("a", PACKAGE), ("b", PACKAGE)],
                &["a/migrations", "b/migrations"],
                "b",
                there("migrations"),
            ),
            (
                "nowhere in a workspace",
                &[("", WORKSPACE), ("a", PACKAGE)],
                &[],
                "a",
                nowhere("migrations", &["../migrations"]),
            ),
        ];
        for (what, manifests, made, from, wanted) in table {
            let folder = tempfile::tempdir().expect("a folder");
            let root = folder.path();
            fs::create_dir_all(root.join(from)).expect("a folder");
            for (of, text) in *manifests {
                fs::create_dir_all(root.join(of)).expect("a folder");
                fs::write(root.join(of).join("Cargo.toml"), text).expect("a file");
            }
            for path in *made {
                let path = root.join(path);
                if path.ends_with("seal.lock") {
                    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                    fs::write(path, "").expect("a file");
                } else {
                    fs::create_dir_all(path).expect("a folder");
                }
            }
            assert_eq!(find(&root.join(from)), *wanted, "{what}");
        }
    }

    #[test]
    fn a_manifest_is_known_by_its_headings() {
        for (text, package, workspace) in [
            ("", false, false),
            (PACKAGE, true, false),
            ("[workspace]\n", false, true),
            ("[workspace.package]\nversion = '1'\n[ package ] # ours\n", true, true),
            ("[packages]\n[profile.dev.package.x]\n# [package]\n", false, false),
        ] {
            assert_eq!(Manifest::parse(text), Manifest { package, workspace }, "{text}");
        }
    }
}
