//! One value for a whole set: with it a server can say in one word that a history holds exactly this set.

use crate::sha256::Sha256;
use crate::{Checksum, Version};

/// The SHA-256 over the first checksum, and over each other version, as eight bytes with the highest first, and its checksum,
/// ascending by version; then over each repeatable's name and checksum, in order of the name's bytes. Whoever compares it has to compare the first version as well.
///
/// PostgreSQL computes the same by `sha256(string_agg(checksum, coalesce(int8send(version), convert_to(name, 'UTF8')) ORDER BY
/// version, name COLLATE "C"))`.
///
/// ```
/// use graven_source::{Checksum, Version, digest};
///
/// let (first, second) = (Version::new(1).unwrap(), Version::new(2).unwrap());
/// let text = Checksum::of_text("");
/// let digest = digest::of([(first, text), (second, text)], [("views", text)]);
/// assert_ne!(digest, digest::of([(first, text), (second, text)], []));
/// ```
#[must_use]
pub fn of<'a>(
    migrations: impl IntoIterator<Item = (Version, Checksum)>,
    repeatables: impl IntoIterator<Item = (&'a str, Checksum)>,
) -> [u8; 32] {
    let mut digest = Sha256::new();
    for (at, (version, checksum)) in migrations.into_iter().enumerate() {
        if at > 0 {
            digest.update(&version.value().to_be_bytes());
        }
        digest.update(checksum.as_bytes());
    }
    for (name, checksum) in repeatables {
        digest.update(name.as_bytes());
        digest.update(checksum.as_bytes());
    }
    digest.finish()
}
