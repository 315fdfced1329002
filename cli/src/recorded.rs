//! The text with which a migration was applied, which the history holds only the checksum of: git is asked for it.
//!
//! Whatever git has of any file of that version is compared by its checksum, so that it does not matter what the file was called
//! then, or in which directory it lay. Nothing is written.

use std::path::Path;
use std::process::{Command, Stdio};

use graven::{Checksum, Repairable};
use graven_source::normalise;
use similar::TextDiff;

/// As many texts are looked at. A migration rarely has more than a handful.
const MOST: usize = 2000;

/// A migration's recorded text against its present one, as a unified diff, or why there is none.
pub(crate) fn difference(directory: &Path, found: &Repairable, now: &str) -> Result<String, String> {
    let (blob, recorded) = text(directory, found)?;
    let diff = TextDiff::from_lines(recorded.as_str(), now);
    let short = blob.get(..12).unwrap_or(&blob);
    let before = format!("{} as it was applied (git blob {short})", found.recorded_name);
    Ok(diff.unified_diff().header(&before, &format!("{} now", found.file)).to_string())
}

/// What git has under the recorded checksum.
fn text(directory: &Path, found: &Repairable) -> Result<(String, String), String> {
    for blob in blobs(directory, found.version.value())? {
        let text = String::from_utf8(git(directory, &["cat-file", "blob", &blob])?).map(normalise);
        if let Ok(text) = text
            && Checksum::of_text(&text) == found.recorded_checksum
        {
            return Ok((blob, text));
        }
    }
    Err("git knows no text with the recorded checksum: it was applied from a file that was never committed here"
        .to_owned())
}

/// Every text that a file of that version ever had in this repository, the latest first.
fn blobs(directory: &Path, version: i64) -> Result<Vec<String>, String> {
    // Leading zeros go with the first star; other versions that end alike are told apart by their checksums.
    let files = format!(":(top,glob)**/*{version}_*.sql");
    let commits = [
        "log",
        "--all",
        "--reflog",
        "--raw",
        "-m",
        "--no-abbrev",
        "--no-renames",
        "--format=",
        "--max-count=100000",
        "--",
        &files,
    ];
    let staged = git(directory, &["ls-files", "--stage", "--", &files])?;
    let changes = git(directory, &commits)?;
    let staged = String::from_utf8_lossy(&staged);
    let changes = String::from_utf8_lossy(&changes);
    // `100644 <blob> 0<tab>path`, and `:100644 100644 <before> <after> M<tab>path`.
    let of_index = staged.lines().filter_map(|line| line.split_whitespace().nth(1));
    let of_commits = changes.lines().flat_map(|line| {
        let mut words = line.split_whitespace().skip(2);
        let (before, after) = (words.next(), words.next());
        after.into_iter().chain(before)
    });
    let mut blobs: Vec<String> = Vec::new();
    for blob in of_index.chain(of_commits) {
        let is_blob = blob.len() >= 40 && blob.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_none = blob.bytes().all(|byte| byte == b'0');
        if is_blob && !is_none && blobs.len() < MOST && !blobs.iter().any(|known| known == blob) {
            blobs.push(blob.to_owned());
        }
    }
    Ok(blobs)
}

fn git(directory: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let mut command = Command::new("git");
    command.arg("--no-pager").args(["-c", "core.quotePath=true"]).args(arguments).current_dir(directory);
    command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("git cannot be asked for the text: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default();
    Err(format!("git cannot be asked for the text: {}", said.trim_start_matches("fatal: ")))
}
