//! Tracking a directory, with what only a nightly compiler has.

use std::path::Path;

/// Makes cargo rebuild when an entry of the directory is added or goes away, which changes the time of the directory.
pub(crate) fn directory(location: &Path) {
    proc_macro::tracked::path(location);
}
