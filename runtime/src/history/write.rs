//! Writing the history: the table, claims, progress. Each is one statement, whose text is made here and sent elsewhere.

use std::fmt::Display;

use graven_source::{Checksum, Kind, Version};

use super::{Doubt, FORMAT, Table, number};
use crate::error::server_error::ServerError;
use crate::migrations::{Migration, Repeatable};
use crate::session::Reach;
use crate::sql::{EQ, bytes, literal};

/// Makes the table. Harmless where it is there.
///
/// It has neither CHECKs nor DEFAULTs: each would be read by every session that looks at it, and once more for every row
/// that is written. Whoever reads a row checks it, and names the column where it holds nonsense.
pub(crate) fn create(table: &Table) -> String {
    let qualified = table.qualified();
    format!(
        "CREATE TABLE IF NOT EXISTS {qualified} (\
         namespace pg_catalog.text NOT NULL, \
         id pg_catalog.text NOT NULL, \
         version bigint, \
         name pg_catalog.text NOT NULL, \
         kind pg_catalog.text NOT NULL, \
         checksum pg_catalog.bytea NOT NULL, \
         state pg_catalog.text NOT NULL, \
         statements_done integer NOT NULL, \
         statements_total integer NOT NULL, \
         in_doubt boolean NOT NULL, \
         was_there pg_catalog.oid[], \
         applied_at pg_catalog.timestamptz NOT NULL, \
         applied_by pg_catalog.text NOT NULL, \
         applied_as pg_catalog.text NOT NULL, \
         duration interval, \
         run pg_catalog.uuid NOT NULL, \
         format smallint NOT NULL, \
         baseline bigint, \
         PRIMARY KEY (namespace, id)\
         )",
    )
}

/// Who applies, for the row.
#[derive(Clone, Debug)]
pub(crate) struct Claimant {
    pub(crate) run: String,
    pub(crate) applied_as: String,
}

/// Claims a transactional migration: the row stands or falls with the migration's own transaction.
pub(crate) fn claim(table: &Table, migration: &Migration, claimant: &Claimant) -> String {
    insert(table, migration, claimant, "'applied', 1, 1, false")
}

/// Claims all that a baseline stands for, in the transaction in which the baseline runs: of their own statements none has.
/// Whoever runs one of them, or another baseline, trips over its row.
pub(crate) fn claim_covered(table: &Table, covered: &[Migration], baseline: Version, claimant: &Claimant) -> String {
    let row = |migration: &Migration| {
        let total = migration.details().units.len().max(1);
        format!(
            "({}::pg_catalog.int8, {}::pg_catalog.text, {}, {total})",
            migration.version,
            literal(migration.name()),
            bytes(&migration.checksum)
        )
    };
    let rows: Vec<String> = covered.iter().map(row).collect();
    format!(
        "INSERT INTO {} ({COLUMNS}, baseline) SELECT {namespace}, m.version::pg_catalog.text, m.version, \
         m.name, 'versioned', m.checksum, \
         'applied', 0, m.total, false, pg_catalog.clock_timestamp(), current_user, {applied_as}, {run}, \
         {FORMAT}, {baseline} \
         FROM (VALUES {}) AS m(version, name, checksum, total)",
        table.qualified(),
        rows.join(",\n"),
        namespace = literal(&table.namespace),
        applied_as = literal(&claimant.applied_as),
        run = literal(&claimant.run),
    )
}

/// Claims a repeatable that was applied before, as its row was seen, and fails with [`NOT_THERE`] where it is not so any more.
pub(crate) fn claim_again(table: &Table, migration: &Migration, recorded: &Checksum, claimant: &Claimant) -> String {
    let set = format!(
        "checksum = {}, applied_at = pg_catalog.clock_timestamp(), applied_by = current_user, applied_as = {}, \
         duration = NULL, run = {}, format = {FORMAT}",
        bytes(&migration.checksum),
        literal(&claimant.applied_as),
        literal(&claimant.run),
    );
    format!(
        "WITH again AS ({} AND checksum {EQ} {} RETURNING 1) {ONE_OR_NOT_THERE} FROM again",
        update(table, id(migration), &set),
        bytes(recorded.as_bytes()),
    )
}

/// The key of a migration's row, beside the namespace. No version is a repeatable's: they end in a word.
pub(crate) fn id(migration: &Migration) -> String {
    match migration.number() {
        Some(version) => version.to_string(),
        None => format!("{}{}", migration.name(), Kind::Repeatable.suffix()),
    }
}

/// Claims a non-transactional migration, and has the server say so: nothing of it has run yet, and its first unit is about
/// to.
pub(crate) fn claim_started(table: &Table, migration: &Migration, claimant: &Claimant, first: Doubt) -> String {
    let total = migration.details().units.len();
    format!("{} RETURNING 1", insert(table, migration, claimant, &format!("'started', 0, {total}, {}", is(first))))
}

fn insert(table: &Table, migration: &Migration, claimant: &Claimant, progress: &str) -> String {
    format!("{}{}", insert_into(table), values(table, migration, claimant, progress))
}

fn insert_into(table: &Table) -> String {
    format!("INSERT INTO {} ({COLUMNS}) VALUES ", table.qualified())
}

/// The columns that every row has from the beginning.
const COLUMNS: &str = "namespace, id, version, name, kind, checksum, state, statements_done, statements_total, in_doubt, \
                       applied_at, applied_by, applied_as, run, format";

fn values(table: &Table, migration: &Migration, claimant: &Claimant, progress: &str) -> String {
    format!(
        "({namespace}, {id}, {version}, {name}, \
         '{kind}', {checksum}, {progress}, pg_catalog.clock_timestamp(), current_user, {applied_as}, {run}, {FORMAT})",
        namespace = literal(&table.namespace),
        id = literal(&id(migration)),
        version = migration.number().map_or_else(|| "NULL".to_owned(), |version| version.to_string()),
        kind = migration.kind(),
        name = literal(migration.name()),
        checksum = bytes(&migration.checksum),
        applied_as = literal(&claimant.applied_as),
        run = literal(&claimant.run),
    )
}

/// Records migrations as applied that graven has not run: of their statements it has run none, and how long they took
/// nobody knows.
pub(crate) fn stamp(table: &Table, migrations: &[&'static Migration], claimant: &Claimant) -> String {
    let value = |migration: &&Migration| {
        let total = migration.details().units.len().max(1);
        values(table, migration, claimant, &format!("'applied', 0, {total}, false"))
    };
    let all: Vec<String> = migrations.iter().map(value).collect();
    format!("{}{}", insert_into(table), all.join(",\n"))
}

/// Takes back the row of a migration, and fails with [`NOT_THERE`] where it is not as it was seen any more: of two that
/// revert a migration, one does.
///
/// With it go the rows of repeatables. What they made may go with the migration's work, and nobody can tell: they are safe
/// to apply again.
pub(crate) fn take_back(table: &Table, version: Version, recorded: &Checksum, repeatables: &[Repeatable]) -> String {
    let (history, namespace) = (table.qualified(), literal(&table.namespace));
    let ids: Vec<String> = repeatables.iter().map(|repeatable| literal(&id(&repeatable.0))).collect();
    let again = match ids.as_slice() {
        [] => String::new(),
        // A statement that changes rows in a WITH is run whether its result is read or not (PostgreSQL manual, 7.8.4).
        ids => format!(
            ", again AS (DELETE FROM {history} WHERE namespace {EQ} {namespace} AND id {EQ} ANY (ARRAY[{}]) RETURNING 1)",
            ids.join(", ")
        ),
    };
    format!(
        "WITH gone AS (DELETE FROM {history} WHERE namespace {EQ} {namespace} AND id {EQ} '{version}' \
         AND state {EQ} 'applied' AND checksum {EQ} {} RETURNING 1){again} {ONE_OR_NOT_THERE} FROM gone",
        bytes(recorded.as_bytes()),
    )
}

/// Fails where not one row was changed: a statement of its own would be needed otherwise, and the reply to it.
const ONE_OR_NOT_THERE: &str = "SELECT CASE WHEN pg_catalog.int8eq(pg_catalog.count(*), '1') THEN '1' \
     ELSE 'not applied any more' END::pg_catalog.int4";

/// The SQLSTATE of a text that is no number, by which [`take_back`] and [`claim_again`] say that there is no such row.
pub(crate) const NOT_THERE: &str = "22P02";

/// Asks whether the row of a migration is there.
pub(crate) fn is_there(table: &Table, id: impl Display) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM {} WHERE namespace {EQ} {} AND id {EQ} {})",
        table.qualified(),
        literal(&table.namespace),
        literal(&id.to_string())
    )
}

/// Has the commit of this transaction wait until it is on disk, where a role or database says otherwise: what is reported as
/// applied must not be lost by a crash of the server.
pub(crate) const ON_DISK: &str = "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) \
     WHERE pg_catalog.texteq(pg_catalog.current_setting('synchronous_commit'), 'off')";

/// Changes nothing. Behind [`ON_DISK`], its commit waits until it and all before it are on disk: a transaction that writes
/// nothing would not wait.
pub(crate) fn flush(table: &Table, id: impl Display) -> String {
    update(table, id, "duration = duration")
}

/// Takes over a row that an earlier run left, and has the server say what that run had noted: the unit after `done` is
/// about to run.
///
/// That it must still be as that run left it makes this a claim: of two that take over, one finds no row. From here on
/// that run, should it be alive, finds none either.
pub(crate) fn take_over(
    table: &Table,
    version: Version,
    claimant: &Claimant,
    done: u32,
    next: Doubt,
    started_by: &str,
) -> String {
    let set = format!(
        "in_doubt = {}, run = {}, applied_as = {}",
        is(next),
        literal(&claimant.run),
        literal(&claimant.applied_as)
    );
    format!(
        "{} AND state {EQ} 'started' AND statements_done {EQ} {done} AND run {EQ} {} RETURNING {WAS_THERE}",
        update(table, version, &set),
        literal(started_by),
    )
}

/// Asks whether a row is still as that run left it, with the role that asks.
pub(crate) fn is_left_by(table: &Table, version: Version, done: u32, started_by: &str) -> String {
    format!(
        "SELECT current_user FROM {} WHERE namespace {EQ} {} AND id {EQ} '{version}' AND state {EQ} 'started' \
         AND statements_done {EQ} {done} AND run {EQ} {}",
        table.qualified(),
        literal(&table.namespace),
        literal(started_by)
    )
}

/// Asks what was noted before the unit after the recorded ones was sent.
pub(crate) fn noted(table: &Table, version: Version) -> String {
    format!(
        "SELECT {WAS_THERE} FROM {} WHERE namespace {EQ} {} AND id {EQ} '{version}' AND state {EQ} 'started'",
        table.qualified(),
        literal(&table.namespace)
    )
}

/// Records that `done` units have run, and that the next is about to.
pub(crate) fn progress(table: &Table, version: Version, claimant: &Claimant, done: u32, next: Doubt) -> String {
    fenced(&progressing(table, version, done, next, "NULL"), &claimant.run)
}

/// The same, noting what a query finds before the next is sent, and has the server say it: see [`Claimant::note`].
pub(crate) fn progress_and_note(
    table: &Table,
    version: Version,
    claimant: &Claimant,
    done: u32,
    next: Doubt,
    before: &str,
) -> String {
    fenced_saying(&progressing(table, version, done, next, &format!("({before})")), &claimant.run, WAS_THERE)
}

fn progressing(table: &Table, version: Version, done: u32, next: Doubt, was_there: &str) -> String {
    let set = format!("statements_done = {done}, in_doubt = {}, was_there = {was_there}", is(next));
    update(table, version, &set)
}

/// Gives a claim back, of a migration of which nothing has run.
pub(crate) fn unclaim(table: &Table, version: Version, claimant: &Claimant) -> String {
    let delete = format!(
        "DELETE FROM {} WHERE namespace {EQ} {} AND id {EQ} '{version}' AND statements_done {EQ} 0",
        table.qualified(),
        literal(&table.namespace)
    );
    fenced(&delete, &claimant.run)
}

/// Records that the unit after the recorded ones failed and left nothing behind that graven would not see.
pub(crate) fn settle(table: &Table, version: Version, run: &str, done: u32) -> String {
    let set = format!("statements_done = {done}, in_doubt = false, was_there = NULL");
    fenced(&update(table, version, &set), run)
}

/// Records that an operator says how many units have run, where as many were recorded as they have seen. Nobody is at it: who
/// goes on need not wait for the run that had begun it, and that run, should it be alive, finds no row.
pub(crate) fn settle_by_word(table: &Table, version: Version, run: &str, seen: u32, done: u32) -> String {
    let at_rest = literal(&number::at_rest(run));
    let set = format!("statements_done = {done}, in_doubt = false, was_there = NULL, run = {at_rest}");
    fenced(&still_at(&update(table, version, &set), seen), run)
}

/// Records that the run which holds the row has given up, so that nobody need wait for it.
pub(crate) fn rest(table: &Table, version: Version, claimant: &Claimant) -> String {
    let set = format!("run = {}", literal(&number::at_rest(&claimant.run)));
    fenced(&update(table, version, &set), &claimant.run)
}

/// Records that every unit has run.
pub(crate) fn complete(table: &Table, version: Version, claimant: &Claimant) -> String {
    let set = "state = 'applied', statements_done = statements_total, in_doubt = false, was_there = NULL, \
               duration = pg_catalog.timestamptz_mi(pg_catalog.clock_timestamp(), applied_at), \
               applied_at = pg_catalog.clock_timestamp()";
    fenced(&update(table, version, set), &claimant.run)
}

/// Records that an operator says so, where as many units were recorded as they have seen. How long it took nobody knows.
pub(crate) fn complete_by_word(table: &Table, version: Version, run: &str, seen: u32) -> String {
    let set = "state = 'applied', statements_done = statements_total, in_doubt = false, was_there = NULL, \
               applied_at = pg_catalog.clock_timestamp()";
    fenced(&still_at(&update(table, version, set), seen), run)
}

/// Records anew whether only a person can say if the unit after the recorded ones has run.
pub(crate) fn unsettle(table: &Table, version: Version, claimant: &Claimant, next: Doubt) -> String {
    fenced(&update(table, version, &format!("in_doubt = {}", is(next))), &claimant.run)
}

impl Claimant {
    /// Who applies: its run's number, as the server has made it up, says whether that goes through a pooler.
    pub(crate) fn new(run: &str, applied_as: &str, reach: Reach) -> Self {
        let run = if reach == Reach::Pooled { number::behind_a_pooler(run) } else { run.to_owned() };
        Self { run, applied_as: applied_as.to_owned() }
    }

    /// Records what there is before the unit after the recorded ones is sent, as the text of an array of OIDs: only
    /// against that can be told later what the unit has made or taken away.
    pub(crate) fn note(&self, table: &Table, version: Version, was_there: &str) -> String {
        fenced(&update(table, version, &format!("was_there = {}::pg_catalog.oid[]", literal(was_there))), &self.run)
    }

    /// The same of what a query finds, and has the server say it.
    pub(crate) fn note_found(&self, table: &Table, version: Version, before: &str) -> String {
        fenced_saying(&update(table, version, &format!("was_there = ({before})")), &self.run, WAS_THERE)
    }
}

fn is(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::InDoubt => "true",
        Doubt::Settled => "false",
    }
}

/// A change of a row that is started and held by that run, and has the server say so: a run whose connection was taken
/// for dead, and whose migration another one has taken over since, changes nothing.
fn fenced(change: &str, run: &str) -> String {
    fenced_saying(change, run, "1")
}

fn fenced_saying(change: &str, run: &str, said: &str) -> String {
    format!("{change} AND state {EQ} 'started' AND run {EQ} {} RETURNING {said}", literal(run))
}

/// Such a change, failing where the row is not held by that run any more, with what else is in its transaction.
pub(crate) fn or_fail(change: &str) -> String {
    format!(
        "WITH recorded (said) AS ({change}) SELECT (SELECT r.said::pg_catalog.text FROM recorded r) AS said, \
         COALESCE((SELECT '1'::pg_catalog.text FROM recorded), {})::pg_catalog.int4 AS recorded",
        literal(NOT_HELD)
    )
}

/// What [`or_fail`] puts where a number belongs. The server repeats it in its error, whose other words may be translated.
const NOT_HELD: &str = "graven: another run has taken this migration over";

/// Whether an error is that of an [`or_fail`] which found no row.
pub(crate) fn is_not_held(error: &ServerError) -> bool {
    error.sqlstate == NOT_THERE && error.message.contains(NOT_HELD)
}

/// A change of a row of which so many units are recorded.
fn still_at(change: &str, done: u32) -> String {
    format!("{change} AND statements_done {EQ} {done}")
}

/// What was noted, as the text of an array of OIDs.
const WAS_THERE: &str = "was_there::pg_catalog.text";

fn update(table: &Table, id: impl Display, set: &str) -> String {
    update_of(table, &literal(&id.to_string()), set)
}

pub(super) fn update_of(table: &Table, id: &str, set: &str) -> String {
    format!(
        "UPDATE {} SET {set} WHERE namespace {EQ} {} AND id {EQ} {id}",
        table.qualified(),
        literal(&table.namespace)
    )
}
