//! What graven does to a real PostgreSQL: one module a behaviour, a fresh database a test.

#![cfg(test)]

mod apply;
mod batches;
mod cancel;
mod common;
mod company;
mod conflicts;
mod crash;
mod events;
mod failure;
mod faults;
mod glance;
mod lock;
mod modes;
mod non_transactional;
mod pooler;
mod privileges;
mod race;
mod recovery;
mod redo;
mod resources;
mod revert;
mod revert_race;
mod round_trips;
mod splitting;
mod stamp;
mod standby;
mod surroundings;
mod url;
