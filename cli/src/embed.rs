//! What the macro does at compile time, done at run time for a directory that an operator names.
//!
//! The runtime takes sets that live as long as the program, as embedded ones do. This program loads one, once, and ends:
//! the set is given to it for good, which no operating system minds.

use std::collections::HashMap;

use graven::__private as private;
use graven::Migrations;
use graven_source::directive::{Directives, Transaction};
use graven_source::set::{Control, Migration, Repeatable, Sealing, Set, Unit};
use graven_source::statement::StatementKind;
use graven_source::{Checksum, Kind, digest};

/// A set as the macro would have embedded it.
pub(crate) fn embed(set: Set) -> Migrations {
    let mut reverses: HashMap<_, _> = set.reverses.into_iter().map(|reverse| (reverse.version, reverse)).collect();
    let directory = leak(set.directory);
    let seal = set.seal_digest;
    let versioned = set.migrations.iter().map(|found| (found.version, found.checksum));
    let digest = digest::of(versioned, set.repeatables.iter().map(|found| (found.name.as_str(), found.checksum)));
    let migrations: Vec<_> = set
        .migrations
        .into_iter()
        .map(|found| {
            let reverse = reverses.remove(&found.version);
            migration(found, reverse)
        })
        .collect();
    let baselines: Vec<_> = set.baselines.into_iter().map(|found| migration(found, None)).collect();
    let repeatables: Vec<_> = set.repeatables.into_iter().map(repeatable).collect();
    let set = private::migrations(migrations.leak(), directory, None, None, "");
    let set = private::with_repeatables(private::with_baselines(set, baselines.leak()), repeatables.leak());
    let set = match seal {
        Some(digest) => private::with_seal(set, Box::leak(Box::new(*digest.as_bytes()))),
        None => set,
    };
    private::with_digest(set, Box::leak(Box::new(digest)))
}

fn repeatable(found: Repeatable) -> private::Repeatable {
    let Repeatable { name, file, text, checksum, directives, control, .. } = &found;
    let parts = Parts { kind: Kind::Repeatable, text, directives, control, was: &[] };
    let embedded = leak(format!("{file}{text}"));
    private::repeatable(embedded, bound(file.len()), bound(name.len()), checksum.as_bytes(), parts.details(None))
}

fn migration(found: Migration, reverse: Option<Migration>) -> private::Migration {
    let name = found.name_range();
    let sealing = match found.sealing {
        Sealing::Sealed => private::Sealing::Sealed,
        _ => private::Sealing::Unsealed,
    };
    let Migration { kind, text, directives, control, was, .. } = &found;
    let details = Parts { kind: *kind, text, directives, control, was }.details(reverse);
    private::migration(
        found.version.value(),
        &found.file,
        (bound(name.start), bound(name.end)),
        sealing,
        &found.text,
        found.checksum.as_bytes(),
        details,
    )
}

/// What of a migration of any kind makes it special.
struct Parts<'a> {
    kind: Kind,
    text: &'a str,
    directives: &'a Directives,
    control: &'a Control,
    was: &'a [Checksum],
}

impl Parts<'_> {
    fn details(&self, reverse: Option<Migration>) -> &'static private::Details {
        let directives = self.directives;
        let (absorbed, units): (Vec<_>, Vec<_>) = match self.control {
            Control::Absorbed(spans) => {
                (spans.iter().map(|span| (offset(span.start), offset(span.end))).collect(), Vec::new())
            }
            Control::Units(units) => (Vec::new(), units.iter().map(|it| unit(it, self.text)).collect()),
            _ => (Vec::new(), Vec::new()),
        };
        let is_plain = *directives == Directives::default() && self.was.is_empty() && absorbed.is_empty();
        match self.kind {
            Kind::Reverse if is_plain => return &private::REVERSE,
            Kind::Baseline if is_plain => return &private::BASELINE,
            Kind::Repeatable if is_plain => return &private::REPEATABLE,
            _ if is_plain && reverse.is_none() => return &private::DEFAULT,
            _ => {}
        }
        let transaction = match directives.transaction {
            Transaction::On => private::Transaction::On,
            Transaction::Off => private::Transaction::Off,
        };
        let was: Vec<[u8; 32]> = self.was.iter().map(|checksum| *checksum.as_bytes()).collect();
        let mut details = private::details(
            transaction,
            directives.lock_timeout,
            directives.statement_timeout,
            directives.retries,
            was.leak(),
            absorbed.leak(),
            units.leak(),
        );
        details = match self.kind {
            Kind::Reverse => private::of_reverse(details),
            Kind::Baseline => private::of_baseline(details),
            Kind::Repeatable => private::of_repeatable(details),
            _ => details,
        };
        if let Some(reverse) = reverse {
            details = private::with_reverse(details, Box::leak(Box::new(migration(reverse, None))));
        }
        Box::leak(Box::new(details))
    }
}

fn unit(unit: &Unit, text: &str) -> private::Unit {
    let effect = match &unit.kind {
        StatementKind::Session => private::Effect::Session,
        StatementKind::CreateIndexConcurrently(index) => match &index.table {
            Some(on) => private::Effect::ConcurrentIndex {
                name: index.name.clone().map(leak),
                schema: on.schema.clone().map(leak),
                table: leak(on.name.clone()),
            },
            // Without its table an index cannot be looked for, just as without its name.
            None => private::Effect::ConcurrentIndex { name: None, schema: None, table: "" },
        },
        _ if unit.commits_midway(text) => private::Effect::CommitsMidway,
        _ => private::Effect::Ordinary,
    };
    private::unit(offset(unit.span.start), offset(unit.span.end), effect)
}

fn leak(text: String) -> &'static str {
    text.leak()
}

fn bound(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
