//! The number of a run, a UUID: its version says whether anybody can be at what that run has begun.
//!
//! PostgreSQL makes random ones, which are of version 4: as long as such a run is at it, it holds the lock.

/// Where in the text of a UUID its version stands (RFC 9562).
const VERSION: usize = 14;
/// That of a UUID which an application makes as it likes.
const BEHIND_A_POOLER: u8 = b'8';
/// That of none: the run is at its end, and that was said.
const AT_REST: u8 = b'0';

/// The number of a run that goes through a pooler, where nobody can hold the lock for it.
pub(super) fn behind_a_pooler(run: &str) -> String {
    of_version(run, BEHIND_A_POOLER)
}

/// The number of a run which is at its end, for a row that nobody is at.
pub(super) fn at_rest(run: &str) -> String {
    of_version(run, AT_REST)
}

pub(super) fn is_behind_a_pooler(run: &str) -> bool {
    version(run) == Some(BEHIND_A_POOLER)
}

pub(super) fn is_at_rest(run: &str) -> bool {
    version(run) == Some(AT_REST)
}

fn version(run: &str) -> Option<u8> {
    run.as_bytes().get(VERSION).copied()
}

fn of_version(run: &str, version: u8) -> String {
    let mut run = run.to_owned();
    if run.is_char_boundary(VERSION) && run.is_char_boundary(VERSION + 1) {
        run.replace_range(VERSION..=VERSION, char::from(version).encode_utf8(&mut [0; 4]));
    }
    run
}

#[cfg(test)]
mod tests {
    use super::{at_rest, behind_a_pooler, is_at_rest, is_behind_a_pooler};

    #[test]
    fn a_run_is_known_by_its_number() {
        let made_up = "0b7ab3c6-7f0b-4a55-9a6b-0f5be9b0a7c1";
        let pooled = behind_a_pooler(made_up);
        for (run, expected, is) in [
            (made_up, made_up, (false, false)),
            (&pooled, "0b7ab3c6-7f0b-8a55-9a6b-0f5be9b0a7c1", (true, false)),
            (&at_rest(&pooled), "0b7ab3c6-7f0b-0a55-9a6b-0f5be9b0a7c1", (false, true)),
            (&at_rest("none"), "none", (false, false)),
        ] {
            assert_eq!((run, (is_behind_a_pooler(run), is_at_rest(run))), (expected, is));
        }
    }
}
