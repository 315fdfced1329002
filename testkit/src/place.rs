//! Where things are kept: servers in memory or below the temporary directory, a fetched PostgreSQL below cargo's target
//! directory.
//!
//! It refuses a directory that another user of the machine could have prepared or can write to.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::{Error, IoContext as _};

/// A socket's path may hold 103 bytes on macOS and 107 on Linux; what is added below takes about 60.
const LONGEST_TEMPORARY: usize = 40;

/// Memory that serves as a directory, on Linux.
const IN_MEMORY: &str = "/dev/shm";

/// How much of it, and of the machine's memory, has to be free, in bytes: many times what the servers of a test run take
/// at their largest, so that a small machine keeps its memory for the tests themselves.
const ROOM: u64 = 4 << 30;

/// Where a server may lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// In memory where that has room and `TMPDIR` does not say otherwise, else on a disk.
    #[default]
    Anywhere,
    /// Below the temporary directory.
    Disk,
}

/// The directory of this user's servers, made where it does not exist.
///
/// Memory is asked first. The many small files that come and go with
/// each database are the most costly part of a test on a disk: ext4 alone spends more time on finding an inode for each
/// than PostgreSQL does on all else.
pub(crate) fn servers(account: Account, place: Place) -> Result<PathBuf, Error> {
    let in_memory = Path::new(IN_MEMORY);
    let may = place == Place::Anywhere && std::env::var_os("TMPDIR").is_none();
    if may && is_reachable(in_memory, account) && has_room(in_memory) {
        own_directory(in_memory)
    } else {
        on_disk(account)
    }
}

/// The directory of this user below the temporary one, made where it does not exist.
fn on_disk(account: Account) -> Result<PathBuf, Error> {
    let temporary = std::env::temp_dir();
    let serves = temporary.as_os_str().len() <= LONGEST_TEMPORARY && is_reachable(&temporary, account);
    own_directory(if serves { &temporary } else { Path::new("/tmp") })
}

fn own_directory(base: &Path) -> Result<PathBuf, Error> {
    let path = base.join(format!("graven-testkit-{}", rustix::process::geteuid().as_raw()));
    private_directory(&path)?;
    Ok(path)
}

/// Whether a directory that lies in memory can be written to and is roomy enough. Containers often have 64 MB of it.
fn has_room(in_memory: &Path) -> bool {
    let free = rustix::fs::statvfs(in_memory).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize));
    let writable = rustix::fs::access(in_memory, rustix::fs::Access::WRITE_OK).is_ok();
    let available = fs::read_to_string("/proc/meminfo").map_or(0, |text| memory_available(&text));
    writable && free >= ROOM && available >= ROOM
}

/// What Linux says of the memory that programs can still have without swapping, in bytes.
fn memory_available(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.map_or(0, |kilobytes| kilobytes.saturating_mul(1024))
}

/// Makes a directory that only this user can write to, and that the server's account can pass through.
pub(crate) fn private_directory(path: &Path) -> Result<(), Error> {
    match fs::DirBuilder::new().mode(0o711).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(error).doing("make the directory", path)?
        }
        _ => {}
    }
    let found = fs::symlink_metadata(path).doing("look at", path)?;
    let refuse = |reason: &str| Err(Error::Place { path: path.to_owned(), reason: reason.to_owned() });
    if !found.is_dir() {
        refuse("it is not a directory")
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        refuse("it belongs to another user")
    } else if found.mode() & 0o022 != 0 {
        refuse("other users can write to it")
    } else {
        allow(path, &found, 0o711)
    }
}

/// Gives a directory these rights where it lacks any of them: a strict umask has kept them from what it was made with.
fn allow(path: &Path, found: &fs::Metadata, mode: u32) -> Result<(), Error> {
    if found.mode() & mode == mode {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).doing("set the mode of", path)
}

/// Whether the server's account can get at what lies in a directory.
pub(crate) fn is_reachable(directory: &Path, account: Account) -> bool {
    let Account::Other { user, .. } = account else { return directory.is_dir() };
    let Ok(directory) = directory.canonicalize() else { return false };
    directory.ancestors().all(|part| {
        let passes =
            |found: fs::Metadata| found.mode() & 0o001 != 0 || (found.uid() == user && found.mode() & 0o100 != 0);
        fs::metadata(part).is_ok_and(passes)
    })
}

/// Where a fetched PostgreSQL is kept: cargo's target directory, or a directory of this user's below the temporary one
/// when the server's account cannot get at that.
pub(crate) fn fetched(account: Account) -> Result<PathBuf, Error> {
    let path = match target_directory().filter(|target| is_reachable(target, account)) {
        Some(target) => target.join("graven-testkit"),
        // Not in memory: programs may often not be run from there.
        None => on_disk(account)?.join("fetched"),
    };
    fs::DirBuilder::new().recursive(true).mode(0o755).create(&path).doing("make the directory", &path)?;
    allow(&path, &fs::metadata(&path).doing("look at", &path)?, 0o755)?;
    Ok(path)
}

/// Cargo's target directory: as the environment says, else the one that this program lies in, else one above the
/// current directory.
fn target_directory() -> Option<PathBuf> {
    let named =
        std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).filter(|path| path.is_absolute() && path.is_dir());
    named.or_else(|| holding(&std::env::current_exe().ok()?)).or_else(|| {
        let current = std::env::current_dir().ok()?;
        current.ancestors().map(|above| above.join("target")).find(|target| is_target(target))
    })
}

/// Cargo marks its target directories with a file.
fn is_target(directory: &Path) -> bool {
    directory.join("CACHEDIR.TAG").is_file() || directory.join(".rustc_info.json").is_file()
}

fn holding(program: &Path) -> Option<PathBuf> {
    program.ancestors().find(|above| is_target(above)).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("open");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let error = private_directory(&path).unwrap_err();
        assert!(error.to_string().ends_with("other users can write to it"), "{error}");
    }

    #[test]
    fn a_directory_that_a_strict_umask_has_closed_is_opened_for_who_passes_through() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("closed");
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        private_directory(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o711);
    }

    #[test]
    fn a_link_in_place_of_the_directory_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("link");
        std::os::unix::fs::symlink(scratch.path(), &path).unwrap();
        let error = private_directory(&path).unwrap_err();
        assert!(error.to_string().ends_with("it is not a directory"), "{error}");
    }

    #[test]
    fn the_target_directory_is_the_one_that_holds_the_program() {
        let scratch = tempfile::tempdir().unwrap();
        let target = scratch.path().join("build");
        let program = target.join("debug/deps/it-0123");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        assert_eq!(holding(&program), None);
        fs::write(target.join("CACHEDIR.TAG"), "").unwrap();
        assert_eq!(holding(&program), Some(target));
    }

    #[test]
    fn the_memory_that_is_available_is_read_in_bytes() {
        for (meminfo, bytes) in [
            ("MemTotal:       24684092 kB\nMemAvailable:   16000000 kB\n", 16_384_000_000),
            ("MemAvailable:          0 kB\n", 0),
            ("MemTotal:       24684092 kB\n", 0),
            ("MemAvailable:   much\n", 0),
            ("", 0),
        ] {
            assert_eq!(memory_available(meminfo), bytes, "{meminfo:?}");
        }
    }

    #[test]
    fn a_small_piece_of_memory_is_left_alone() {
        assert!(!has_room(Path::new("/nowhere/at/all")));
        assert!(!has_room(Path::new("/proc")), "it has no room at all");
    }

    #[test]
    fn a_directory_below_a_closed_one_is_not_reachable_for_another_account() {
        let scratch = tempfile::tempdir().unwrap();
        let inner = scratch.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(is_reachable(&inner, Account::Own));
        assert!(!is_reachable(&inner, Account::Other { user: 4_000_000, group: 4_000_000 }));
    }
}
