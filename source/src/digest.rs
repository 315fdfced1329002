//! One value for a whole set: with it a server can say in one word that a history holds exactly this set.

use sha2::Digest as _;

use crate::{Checksum, Version};

/// The SHA-256 over the first checksum, and over each other version, as eight bytes with the highest first, and its checksum,
/// ascending by version. Whoever compares it has to compare the first version as well.
///
/// PostgreSQL computes the same by `sha256(string_agg(checksum, int8send(version) ORDER BY version))`.
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
    for (at, (version, checksum)) in migrations.into_iter().enumerate() {
        if at > 0 {
            digest.update(version.value().to_be_bytes());
        }
        digest.update(checksum.as_bytes());
    }
    digest.finalize().into()
}
