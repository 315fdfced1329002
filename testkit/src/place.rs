//! Where things are kept: servers below the temporary directory, a fetched PostgreSQL below cargo's target directory.
//!
//! It refuses a directory that another user of the machine could have prepared or can write to.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::{Error, IoContext as _};

/// A socket's path may hold 103 bytes on macOS and 107 on Linux; what is added below takes about 60.
const LONGEST_TEMPORARY: usize = 40;

/// The directory of all servers of this user, made where it does not exist.
pub(crate) fn servers(account: Account) -> Result<PathBuf, Error> {
    let temporary = std::env::temp_dir();
    let serves = temporary.as_os_str().len() <= LONGEST_TEMPORARY && is_reachable(&temporary, account);
    let base = if serves { temporary } else { PathBuf::from("/tmp") };
    let path = base.join(format!("graven-testkit-{}", rustix::process::geteuid().as_raw()));
    private_directory(&path)?;
    Ok(path)
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
        Ok(())
    }
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
        None => servers(account)?.join("fetched"),
    };
    fs::DirBuilder::new().recursive(true).mode(0o755).create(&path).doing("make the directory", &path)?;
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
    use std::os::unix::fs::PermissionsExt as _;

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
    fn a_directory_below_a_closed_one_is_not_reachable_for_another_account() {
        let scratch = tempfile::tempdir().unwrap();
        let inner = scratch.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(is_reachable(&inner, Account::Own));
        assert!(!is_reachable(&inner, Account::Other { user: 4_000_000, group: 4_000_000 }));
    }
}
