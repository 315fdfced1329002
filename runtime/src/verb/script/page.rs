//! The whole file: what it says of itself, what goes before the migrations and after them. Pure.

use graven_source::Version;

use super::psql::{argument, comment};
use super::step::{Context, DISCARD, step};
use super::{Content, label};
use crate::history::{self, Claimant, FORMAT, Schema, Table};
use crate::lock;
use crate::look::IntoExisting;
use crate::migrations::{Effect, Migration, Migrations, Sealing};
use crate::options::Options;
use crate::plan::{Future, OutOfOrder};
use crate::sql::{EQ, identifier, literal};
use crate::verb::run::set_role;

/// What stands before the migrations, with names in `{{ }}` for what is filled in.
const BEGIN: &str = include_str!("begin.sql");
/// Ends the script with what is in `graven_stop`, unless that is empty.
pub(super) const STOP: &str = include_str!("stop.sql");

/// The settings of the session, as the elements of an array of calls that make them again. Roles are not among them, nor what
/// only its transactions had.
const SETTINGS: &str = "COALESCE((SELECT pg_catalog.string_agg(pg_catalog.format(\
     'pg_catalog.set_config(%L, %L, false)', s.name, s.setting), ', ' ORDER BY s.name) \
     FROM pg_catalog.pg_settings s WHERE s.source OPERATOR(pg_catalog.=) 'session' \
     AND s.name OPERATOR(pg_catalog.<>) ALL (ARRAY['transaction_isolation', 'transaction_read_only', \
     'transaction_deferrable'])), '')";

/// Stand-ins in the SQL that the history is written with, for what only psql will know. No name holds such characters by
/// accident: they are for private use.
const SCHEMA: &str = "\u{f8f0}graven schema\u{f8f0}";
const RUN: &str = "\u{f8f0}graven run\u{f8f0}";
const APPLIED_AS: &str = "\u{f8f0}graven applied as\u{f8f0}";

/// SQL about the history with psql's variables in place of the stand-ins.
pub(super) fn fill_in(sql: &str) -> String {
    sql.replace(&identifier(SCHEMA), ":\"graven_schema\"")
        .replace(&literal(RUN), ":'graven_run'")
        .replace(&literal(APPLIED_AS), ":'graven_as'")
}

pub(super) fn page(set: &Migrations, content: &Content, options: &Options) -> String {
    let name = options.wanted.name.clone();
    let table = Table { schema: SCHEMA.to_owned(), name, namespace: options.namespace.clone() };
    let claimant = Claimant { run: RUN.to_owned(), applied_as: APPLIED_AS.to_owned() };
    let context = Context { set, options, table: &table, claimant: &claimant };
    let size: usize = content.all().map(|migration| migration.text().len() + 2048).sum();
    let mut page = String::with_capacity(size + 8192);
    page.push_str(&header(set, content));
    page.push_str(&begin(&context, content));
    if let Some(baseline) = content.baseline {
        // It looks for its own row as any other does: a fresh history has none.
        page.push_str(&format!("\\if :graven_fresh\n{}\\endif\n", step(&context, baseline)));
    }
    for migration in content.versioned {
        page.push_str(&step(&context, migration));
    }
    if !content.repeatables.is_empty() {
        page.push_str("\n-- A newer version of the program has its own texts of what is applied again.\n");
        page.push_str("\\if :graven_ahead\n\\else\n");
        for repeatable in &content.repeatables {
            page.push_str(&step(&context, repeatable));
        }
        page.push_str("\\endif\n");
    }
    page.push_str(&end(content));
    page
}

fn header(set: &Migrations, content: &Content) -> String {
    let range = match (content.versioned.first(), content.versioned.last()) {
        (Some(first), Some(last)) if first.version != last.version => {
            format!("Migrations {} to {}", first.version, last.version)
        }
        (Some(only), _) => format!("Migration {}", only.version),
        _ => "No migrations".to_owned(),
    };
    let mut header = format!(
        "-- {range} of {}, as a file for psql 11 or later. Made by graven {}.\n--\n\
         --     psql -X -f THIS_FILE \"postgres://…\"\n--\n\
         -- It waits for others that are migrating, stops with an error before it changes anything where the history conflicts\n\
         -- with these migrations, applies what is not applied, each with its row in the history, and may be run again at any\n\
         -- time. It needs a session of its own: no transaction pooler, no -1, and not with \\i in a session that goes on: after an\n\
         -- error the lock is held until psql ends. A run of graven then finds all of it applied.\n--\n",
        comment(set.directory),
        env!("CARGO_PKG_VERSION"),
    );
    for migration in content.all() {
        let seal = match migration.sealing() {
            Sealing::Unsealed if migration.number().is_some() => "  (not sealed: it may still change)",
            _ => "",
        };
        header.push_str(&format!("--   {}  {}{seal}\n", migration.checksum(), comment(&label(migration))));
    }
    header.push('\n');
    header
}

fn begin(context: &Context<'_>, content: &Content) -> String {
    let Context { set, options, table, .. } = context;
    let head = set.head().map_or(-1, Version::value);
    let refuses_existing = options.into_existing == IntoExisting::Refuse;
    let wait = options.lock_timeout.as_millis().min(i32::MAX as u128);
    // What holds what the user has written comes last, so that nothing in it is taken for a name to fill in.
    let parts = [
        ("stop", STOP.to_owned()),
        ("settings", SETTINGS.to_owned()),
        ("format", FORMAT.to_string()),
        ("head", head.to_string()),
        ("refuses_existing", refuses_existing.to_string()),
        ("patience", literal(&format!("{wait} milliseconds"))),
        ("held", lock::held("pg_catalog.current_setting('graven.lock')::bigint")),
        ("out_of_order", out_of_order(options)),
        ("future", future(options, head)),
        ("before", before(content)),
        ("namespaces", namespaces(context)),
        (
            "role",
            options
                .role
                .as_deref()
                .map_or_else(String::new, |role| format!("{} AS graven_ignored \\gset\n", set_role(role))),
        ),
        ("state", history::state(&options.wanted, Schema::Known)),
        ("create", history::create(table)),
        ("table", table.qualified()),
        ("quoted_name", literal(&identifier(&table.name))),
        ("name", literal(&table.name)),
        ("namespace", literal(&table.namespace)),
        ("known", known(set)),
    ];
    let mut text = String::with_capacity(BEGIN.len() * 2 + set.len() * 128);
    let mut rest = BEGIN;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(parts.iter().find(|(part, _)| *part == name).map_or("", |(_, value)| value));
        rest = after;
    }
    text.push_str(rest);
    fill_in(&text)
}

/// The set as rows: version, name, the checksums that a row may have, how many units, and which of them need nobody's word
/// where they are in doubt.
fn known(set: &Migrations) -> String {
    if set.is_empty() {
        return "SELECT 0::pg_catalog.int8, '', '', 0, '' WHERE false".to_owned();
    }
    let rows: Vec<String> = set.iter().map(row).collect();
    format!("VALUES\n{}\n", rows.join(",\n"))
}

fn row(migration: &'static Migration) -> String {
    let hex = |bytes: &[u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let details = migration.details();
    let checksums: Vec<String> = std::iter::once(&migration.checksum).chain(details.was).map(hex).collect();
    let is_certain = |effect| matches!(effect, Effect::Session | Effect::ConcurrentIndex { name: Some(_), .. });
    let units = details.units.iter().enumerate().filter(|(_, unit)| is_certain(unit.effect));
    let certain: String = units.map(|(at, _)| format!("{at},")).collect();
    format!(
        "({}::pg_catalog.int8, {}::pg_catalog.text, '{}', {}, ',{certain}')",
        migration.version,
        literal(migration.name()),
        checksums.join(","),
        details.units.len()
    )
}

const NOT_RECORDED: &str = "NOT EXISTS (SELECT FROM recorded h WHERE h.version OPERATOR(pg_catalog.=) k.version";

fn out_of_order(options: &Options) -> String {
    match options.policy.out_of_order {
        OutOfOrder::Allow => String::new(),
        OutOfOrder::Refuse => format!(
            "UNION ALL\nSELECT k.version, pg_catalog.format('%s %s is out of order: it is pending, \
             and %s is applied already; \
             if no later migration depends on it, make the script with --out-of-order', \
             k.version, k.name, t.highest)\n  \
             FROM known k, (SELECT pg_catalog.max(h.version) AS highest FROM recorded h) t \
             WHERE k.version OPERATOR(pg_catalog.<) t.highest AND {NOT_RECORDED})\n"
        ),
    }
}

fn future(options: &Options, head: i64) -> String {
    match options.policy.future {
        Future::Allow => String::new(),
        Future::Refuse => format!(
            "UNION ALL\nSELECT h.version, pg_catalog.format('%s %s is of the future: a newer version has applied it', \
             h.version, h.name)\n  FROM recorded h WHERE h.version OPERATOR(pg_catalog.>) {head}\n"
        ),
    }
}

fn before(content: &Content) -> String {
    let Some(from) = content.from else { return String::new() };
    format!(
        "UNION ALL\nSELECT k.version, pg_catalog.format('%s %s is not applied, \
         and this script begins after it', k.version, \
         k.name)\n  FROM known k WHERE k.version OPERATOR(pg_catalog.<) {from} AND {NOT_RECORDED} AND h.state {EQ} 'applied')\n"
    )
}

/// Refuses to begin under the default namespace what is recorded under another: see `refuse_forgotten_namespace`.
fn namespaces(context: &Context<'_>) -> String {
    let Context { set, options, table, .. } = context;
    if set.is_empty() || !table.namespace.is_empty() || options.into_existing == IntoExisting::Allow {
        return String::new();
    }
    format!(
        "SELECT COALESCE((SELECT pg_catalog.concat(E'graven: these migrations are recorded under another namespace\\nmake the script with the namespace '\n  \
         , o.namespace) FROM (\n{}\n) o\n  \
         WHERE NOT EXISTS (SELECT FROM {} h WHERE h.namespace {EQ} '')), '') AS graven_stop \\gset\n{STOP}",
        history::same_elsewhere(table, set.migrations),
        table.qualified(),
    )
}

fn end(content: &Content) -> String {
    let last = match content.versioned.last() {
        Some(last) => format!("graven: everything up to {} is applied", last.version),
        None => "graven: there was nothing to apply".to_owned(),
    };
    format!(
        "\n-- The end: the lock is given back, and the session is what it was.\n\
         SELECT pg_catalog.pg_advisory_unlock(:graven_lock) AS graven_ignored \\gset\n\
         {DISCARD}SET SESSION AUTHORIZATION :'graven_user';\nRESET ALL;\n\
         SELECT ARRAY[:graven_settings_before]::pg_catalog.text[] AS graven_ignored, \
         pg_catalog.set_config('role', :'graven_role_before', false) AS graven_ignored_too \\gset\n\
         \\echo {}\n",
        argument(&last),
    )
}
