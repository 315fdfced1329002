//! What graven does to a real PostgreSQL: one module a behaviour, a fresh database a test.

#[cfg(test)]
mod apply;
#[cfg(test)]
mod common;
#[cfg(test)]
mod conflicts;
#[cfg(test)]
mod failure;
#[cfg(test)]
mod non_transactional;
#[cfg(test)]
mod race;
