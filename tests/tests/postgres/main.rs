//! What graven does to a real PostgreSQL: one module a behaviour, a fresh database a test.

#![cfg(test)]

mod apply;
mod batches;
mod common;
mod company;
mod conflicts;
mod crash;
mod events;
mod failure;
mod faults;
mod lock;
mod modes;
mod non_transactional;
mod pooler;
mod privileges;
mod race;
mod resources;
mod round_trips;
mod standby;
mod surroundings;
mod url;
