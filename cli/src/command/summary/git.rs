//! What git knows of a migrations directory at an earlier commit. It reads, and changes nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use graven_source::file_name::SEAL_FILE;
use graven_source::seal::Seal;

use crate::failure::Failure;

/// A commit to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    /// As it was named or found: `origin/main`.
    pub(crate) named: String,
    /// Its full name.
    pub(crate) commit: String,
}

/// What happened to a file since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Added,
    Modified,
    Deleted,
}

impl Base {
    /// What the user named. Where there is no git, `instead` is what to do.
    pub(crate) fn named(directory: &Path, named: &str, instead: &str) -> Result<Self, Failure> {
        match commit_of(directory, named) {
            Some(commit) => Ok(Self { named: named.to_owned(), commit }),
            None if git(directory, ["rev-parse", "--git-dir"]).is_none() => {
                Err(Failure::Usage("there is no git repository to compare with".to_owned(), instead.to_owned()))
            }
            None => Err(Failure::Usage(
                format!("git knows no commit `{named}`"),
                "name a commit, a branch or a tag that is there; a shallow clone may lack it (`git fetch`)".to_owned(),
            )),
        }
    }

    /// The commit at which the branch left the one that it is to be merged into.
    pub(crate) fn found(directory: &Path) -> Option<Self> {
        let said = |variable: &str| std::env::var(variable).ok().filter(|value| !value.trim().is_empty());
        let candidates = [
            said("GITHUB_BASE_REF").map(|base| format!("origin/{base}")),
            said("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
            Some("origin/HEAD".to_owned()),
            Some("origin/main".to_owned()),
            Some("origin/master".to_owned()),
            Some("main".to_owned()),
            Some("master".to_owned()),
        ];
        candidates.into_iter().flatten().find_map(|named| {
            let tip = commit_of(directory, &named)?;
            let commit = git(directory, ["merge-base", "HEAD", &tip])?.trim().to_owned();
            Some(Self { named, commit })
        })
    }

    /// The commit at which the branch left this one. `None` where git knows of none, as in a shallow clone.
    pub(crate) fn left(self, directory: &Path) -> Option<Self> {
        let commit = git(directory, ["merge-base", "HEAD", &self.commit])?.trim().to_owned();
        Some(Self { commit, ..self })
    }

    /// The names of the files that the directory held then.
    pub(crate) fn files(&self, directory: &Path) -> Vec<String> {
        let listed = git(directory, ["ls-tree", "--name-only", "-z", &self.commit]).unwrap_or_default();
        listed.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect()
    }

    /// The files of the directory that are not what they were then. Names without the directory.
    pub(crate) fn changed_files(&self, directory: &Path) -> Result<BTreeMap<String, Fate>, Failure> {
        let failed = || {
            Failure::Failed(
                format!("git cannot compare {} with {}", directory.display(), self.named),
                "`git status` there says more".to_owned(),
            )
        };
        let diff =
            ["diff", "--name-status", "--no-renames", "--no-ext-diff", "--relative", "-z", &self.commit, "--", "."];
        let changed = git(directory, diff).ok_or_else(failed)?;
        let untracked =
            git(directory, ["ls-files", "--others", "--exclude-standard", "-z", "--", "."]).ok_or_else(failed)?;
        let mut files = fates(&changed);
        // One that was deleted and lies there again without being tracked is not new.
        for file in untracked.split('\0').filter(|file| !file.is_empty()) {
            files.entry(file.to_owned()).and_modify(|fate| *fate = Fate::Modified).or_insert(Fate::Added);
        }
        Ok(files)
    }

    /// The seal file as it was then. `None` where there was none.
    pub(crate) fn seal(&self, directory: &Path) -> Result<Option<Seal>, Failure> {
        let instead = "name a commit whose seal file is whole, or leave the comparison away";
        let shown = format!("{SEAL_FILE} of {} at {}", directory.display(), self.named);
        let failed = |message: String| Failure::Failed(message, instead.to_owned());
        let listed = git(directory, ["ls-tree", "--name-only", &self.commit, "--", SEAL_FILE]);
        if listed.ok_or_else(|| failed(format!("git cannot look for {shown}")))?.is_empty() {
            return Ok(None);
        }
        let text = git(directory, ["show", &format!("{}:./{SEAL_FILE}", self.commit)]);
        let text = text.ok_or_else(|| failed(format!("git cannot read {shown}")))?;
        Seal::parse(&graven_source::normalise(text)).map(Some).map_err(|_| failed(format!("{shown} is damaged")))
    }
}

/// Whether the last commit has a file, be it there by now or not. `false` where there is no git.
pub(crate) fn head_has(file: &Path) -> bool {
    // Of a folder that is gone, too, git is asked from where there is one.
    let Some(folder) = file.ancestors().skip(1).find(|folder| folder.is_dir()) else { return false };
    let Some(within) = file.strip_prefix(folder).ok().and_then(Path::to_str) else { return false };
    let within = within.replace(std::path::MAIN_SEPARATOR, "/");
    git(folder, ["cat-file", "-e", &format!("HEAD:./{within}")]).is_some()
}

/// What `git diff --name-status -z` says: a letter and a name by turns.
fn fates(changed: &str) -> BTreeMap<String, Fate> {
    let mut words = changed.split('\0');
    let mut fates = BTreeMap::new();
    while let (Some(letter), Some(file)) = (words.next(), words.next()) {
        let fate = match letter {
            "A" => Fate::Added,
            "D" => Fate::Deleted,
            _ => Fate::Modified,
        };
        fates.insert(file.to_owned(), fate);
    }
    fates
}

fn commit_of(directory: &Path, named: &str) -> Option<String> {
    let commit = format!("{named}^{{commit}}");
    let found = git(directory, ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
    Some(found.trim().to_owned())
}

/// What git prints. `None` where there is no git, or it fails.
fn git<A: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = A>) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(arguments).stdin(Stdio::null());
    // A hook in a linked worktree is given GIT_DIR alone, and then git takes the folder that it starts in for the top. Which
    // repository it is, git finds out by itself. GIT_INDEX_FILE stays: the hook of a partial commit has an index of its own.
    if std::env::var_os("GIT_WORK_TREE").is_none() {
        command.env_remove("GIT_DIR").env_remove("GIT_PREFIX");
    }
    let output = command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Fate, fates};

    #[test]
    fn names_are_read_with_whatever_is_in_them() {
        let fates = fates("A\x001_a b.sql\0M\x002\n.sql\0D\0é.sql\0T\0link.sql\0");
        let expected = [
            ("1_a b.sql", Fate::Added),
            ("2\n.sql", Fate::Modified),
            ("link.sql", Fate::Modified),
            ("é.sql", Fate::Deleted),
        ];
        assert_eq!(fates.iter().map(|(file, fate)| (file.as_str(), *fate)).collect::<Vec<_>>(), expected);
        assert!(super::fates("").is_empty());
    }
}
