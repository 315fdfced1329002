//! What graven does to a real PostgreSQL: one module a behaviour, a fresh database a test.

#![cfg(test)]

mod apply;
mod batches;
mod common;
mod conflicts;
mod events;
mod failure;
mod faults;
mod lock;
mod modes;
mod non_transactional;
mod race;
mod surroundings;
mod url;
