//! What graven does to a real PostgreSQL: one module a behaviour, a fresh database a test.

#![cfg(test)]

mod apply;
mod baseline;
mod batches;
mod cancel;
mod common;
mod company;
mod conflicts;
mod crash;
mod doctor;
mod events;
mod failure;
mod faults;
mod glance;
mod health;
mod in_the_way;
mod lock;
mod locks;
mod modes;
mod non_transactional;
mod observe;
mod own_row;
mod plan;
mod pooler;
mod privileges;
mod race;
mod records;
mod recovery;
mod redo;
mod refusals;
mod repair;
mod repeatable;
mod reset;
mod resources;
mod revert;
mod revert_race;
mod round_trips;
mod script;
mod service;
mod splitting;
mod stamp;
mod standby;
mod surroundings;
mod torn;
mod url;
