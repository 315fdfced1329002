//! What can be asked of a set and a database: one file a verb.
//!
//! Beside them stands what they share: the engine is [`run`], which takes the lock by way of [`under_lock`] and takes a
//! migration back by way of [`reverse`].

pub(crate) mod doctor;
pub(crate) mod health;
pub(crate) mod planned;
pub(crate) mod repair;
#[cfg(feature = "tokio-postgres")]
pub(crate) mod reset;
pub(crate) mod resolve;
pub(crate) mod reverse;
pub(crate) mod revert;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod stamp;
pub(crate) mod status;
pub(crate) mod under_lock;
