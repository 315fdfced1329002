//! How what the verbs hand back is written as JSON, where a derived `Serialize` would not do: one form for each type, whichever
//! report it stands in. These forms are what `--json` prints, and stay.

use std::time::Duration;

use graven_source::{Checksum, Kind, Version};
use serde::{Serialize, Serializer};

use crate::error::{Conflict, Error};
use crate::lock::Holder;
use crate::migrations::{Sealing, Transaction};
use crate::verb::status::State;

pub(crate) fn version<S: Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(version.value())
}

/// `null` for a repeatable.
pub(crate) fn optional_version<S: Serializer>(version: &Option<Version>, serializer: S) -> Result<S::Ok, S::Error> {
    version.map(Version::value).serialize(serializer)
}

pub(crate) fn versions<S: Serializer>(versions: &[Version], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(versions.iter().map(|version| version.value()))
}

/// `sha256:` and its digits.
pub(crate) fn checksum<S: Serializer>(checksum: &Checksum, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(checksum)
}

pub(crate) fn optional_checksum<S: Serializer>(checksum: &Option<Checksum>, serializer: S) -> Result<S::Ok, S::Error> {
    checksum.map(|checksum| checksum.to_string()).serialize(serializer)
}

pub(crate) fn kind<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(kind)
}

pub(crate) fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// `null` where there is no limit.
pub(crate) fn optional_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}

/// Whether it is sealed.
pub(crate) fn sealing<S: Serializer>(sealing: &Sealing, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(*sealing == Sealing::Sealed)
}

pub(crate) fn transaction<S: Serializer>(transaction: &Transaction, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match transaction {
        Transaction::On => "on",
        Transaction::Off => "off",
    })
}

pub(crate) fn mode<S: Serializer>(mode: &graven_source::statement::LockMode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode.as_str())
}

#[derive(Serialize)]
struct Difference {
    state: State,
    version: Option<i64>,
    message: String,
    remedy: String,
}

pub(crate) fn conflicts<S: Serializer>(conflicts: &[Conflict], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(conflicts.iter().map(|conflict| Difference {
        state: conflict.state(),
        version: conflict.version().map(Version::value),
        message: conflict.to_string(),
        remedy: conflict.remedy(),
    }))
}

#[derive(Serialize)]
struct Refusal {
    message: String,
    hint: Option<String>,
}

pub(crate) fn refusal<S: Serializer>(refusal: &Option<Error>, serializer: S) -> Result<S::Ok, S::Error> {
    let said = refusal.as_ref().map(|error| Refusal { message: error.to_string(), hint: error.hint() });
    said.serialize(serializer)
}

/// A holder of what is waited for, with the same keys wherever it stands.
#[derive(Serialize)]
pub(crate) struct Who<'a> {
    pid: i32,
    role: Option<&'a str>,
    application_name: Option<&'a str>,
    client: Option<&'a str>,
    connected_seconds: Option<f64>,
    statement: Option<&'a str>,
    statement_seconds: Option<f64>,
    holds: Option<&'a str>,
    prepared: Option<&'a str>,
}

impl<'a> Who<'a> {
    pub(crate) fn of(holder: &'a Holder) -> Self {
        Self {
            pid: holder.pid,
            role: holder.role.as_deref(),
            application_name: holder.application_name.as_deref(),
            client: holder.client.as_deref(),
            connected_seconds: holder.connected_for.map(|duration| duration.as_secs_f64()),
            statement: holder.statement.as_deref(),
            statement_seconds: holder.statement_for.map(|duration| duration.as_secs_f64()),
            holds: holder.holds.as_deref(),
            prepared: holder.prepared.as_deref(),
        }
    }
}

pub(crate) fn holder<S: Serializer>(holder: &Option<Holder>, serializer: S) -> Result<S::Ok, S::Error> {
    holder.as_ref().map(Who::of).serialize(serializer)
}
