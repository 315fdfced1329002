//! Randomness from the operating system: passwords, unique names, ports.
//!
//! It refuses to fall back to anything guessable: a password keeps the other users of the machine out.

use std::fs::File;
use std::io::Read;

use crate::error::{Error, IoContext};

/// As many random bytes as `N`, in lower-case hexadecimal.
pub(crate) fn hex<const N: usize>() -> Result<String, Error> {
    Ok(bytes::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A random port below the ranges from which Linux (32768) and macOS (49152) serve outgoing connections, so that a
/// stopped server's port is still free when the server is started again.
pub(crate) fn port() -> Result<u16, Error> {
    Ok(20_000 + u16::from_le_bytes(bytes::<2>()?) % 12_000)
}

fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .doing("read randomness from", "/dev/urandom")?;
    Ok(bytes)
}
