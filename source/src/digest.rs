//! One value for a whole set: with it a server can say in one word that a history holds exactly this set.

use sha2::Digest as _;

use crate::{Checksum, Version};

/// The SHA-256 over each version, as eight bytes with the highest first, and its checksum, ascending by version.
///
/// PostgreSQL computes the same from `int8send(version)` and the checksums as `bytea`.
///
/// ```
/// use graven_source::{Checksum, Version, digest};
///
/// let (first, second) = (Version::new(1).unwrap(), Version::new(2).unwrap());
/// let text = Checksum::of_text("");
/// let digest = digest::of([(first, text), (second, text)]);
/// assert_ne!(digest, digest::of([(first, text)]));
/// ```
#[must_use]
pub fn of(migrations: impl IntoIterator<Item = (Version, Checksum)>) -> [u8; 32] {
    let mut digest = sha2::Sha256::new();
    for (version, checksum) in migrations {
        digest.update(version.value().to_be_bytes());
        digest.update(checksum.as_bytes());
    }
    digest.finalize().into()
}
