//! The only file of this crate that touches the disk: it lists a directory, reads a file, and replaces one at once.
//!
//! It refuses to interpret what it reads.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// What it is, with symbolic links followed.
    pub what: EntryKind,
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link to nothing.
    DeadLink,
    /// A symbolic link that leads from link to link, and to no file.
    LinkInCircle,
    /// A socket, a pipe, a device: reading it could wait for ever.
    Other,
}

/// Lists a directory by name. A directory that is a symbolic link is followed.
///
/// # Errors
///
/// Where it is not there, is no directory or may not be read.
pub fn list(directory: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let what = if kind.is_symlink() {
            fs::metadata(entry.path()).map_or_else(|_| dead_link(entry.path()), |found| what_is(found.file_type()))
        } else {
            what_is(kind)
        };
        entries.push(Entry { name: entry.file_name(), what });
    }
    entries.sort_by(|first, second| first.name.cmp(&second.name));
    Ok(entries)
}

/// The whole of a file.
///
/// # Errors
///
/// Where it is not there or may not be read.
pub fn read(file: &Path) -> io::Result<Vec<u8>> {
    fs::read(file)
}

/// Replaces a file, or makes one: whoever reads it sees the old content or the new one, never a part.
///
/// The content is written to a file beside it, flushed, and renamed over it. A symbolic link stays one, and what it
/// points to is replaced. Permissions are kept.
///
/// # Errors
///
/// Where the directory may not be written to or is full. The file is as it was then.
pub fn write(file: &Path, content: &str) -> io::Result<()> {
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let beside = beside(&target)?;
    // A process of the same id that was killed half-way may have left one behind: `create_new` must not stumble over it.
    let _ = fs::remove_file(&beside);
    let written = write_new(&beside, content)
        .and_then(|()| match fs::metadata(&target) {
            Ok(old) => fs::set_permissions(&beside, old.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&beside, &target));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A name in the same directory, so that a rename does not cross file systems; a dotfile, so that no build reads it.
fn beside(target: &Path) -> io::Result<PathBuf> {
    let Some(name) = target.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not end in a file name"));
    };
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.tmp", std::process::id()));
    Ok(target.with_file_name(beside))
}

fn write_new(file: &Path, content: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(file)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// What a link is that leads to no file. No system has a name for it that is told in the same way as others tell it.
fn dead_link(mut link: PathBuf) -> EntryKind {
    /// As many links as Linux follows before it speaks of a circle.
    const MOST: usize = 40;
    for _ in 0..MOST {
        let Ok(target) = fs::read_link(&link) else { return EntryKind::DeadLink };
        link = link.parent().map_or_else(|| target.clone(), |parent| parent.join(&target));
    }
    EntryKind::LinkInCircle
}

fn what_is(kind: fs::FileType) -> EntryKind {
    if kind.is_file() {
        EntryKind::File
    } else if kind.is_dir() {
        EntryKind::Directory
    } else {
        EntryKind::Other
    }
}
