//! Pure: what the server has said becomes findings. It knows no server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sql::plain;
use crate::verb::doctor::Finding;
use crate::verb::doctor::facts::Facts;

/// The releases of PostgreSQL that graven is tested on.
const OLDEST: u32 = 14;
const NEWEST: u32 = 18;

/// How far apart the clocks may be.
const CLOCK: f64 = 5.0;

/// How the connection was made.
pub(super) fn connection(facts: &Facts) -> Vec<Finding> {
    let (user, database) = (&facts.user, &facts.database);
    let local = facts.client.as_deref().is_none_or(|client| client == "127.0.0.1" || client == "::1");
    let way = match (facts.is_encrypted, &facts.client) {
        (_, None) => "over a Unix socket",
        (Some(true), _) => "over TLS",
        _ => "in clear text",
    };
    let mut findings = vec![Finding::ok("connection", format!("connected to {database} as {user}, {way}"))];
    if !local && facts.is_encrypted == Some(false) {
        findings.push(Finding::warning(
            "tls",
            "the connection is not encrypted, and leads to another machine",
            "add `sslmode=verify-full` to the URL, once the server offers TLS",
        ));
    }
    findings
}

/// Whether the server is one that graven is tested on.
pub(super) fn version(facts: &Facts) -> Finding {
    let (version, major) = (&facts.version, facts.version_number / 10_000);
    if !facts.product.starts_with("PostgreSQL") || facts.product.contains("YB-") {
        let product: String = facts.product.chars().take(60).collect();
        let remedy = "try on a copy of the database first: it may lack advisory locks or transactions of DDL";
        return Finding::warning("version", format!("the server says that it is {product}"), remedy);
    }
    match major {
        ..OLDEST => {
            let what = format!("PostgreSQL {version} is older than what is supported, {OLDEST} to {NEWEST}");
            Finding::error("version", what, "upgrade the server")
        }
        OLDEST..=NEWEST => Finding::ok("version", format!("PostgreSQL {version}")),
        _ => {
            let what =
                format!("PostgreSQL {version} is newer than what this graven is tested on, {OLDEST} to {NEWEST}");
            Finding::warning("version", what, "see whether there is a newer graven")
        }
    }
}

/// Whether anything can be written here.
pub(super) fn writable(facts: &Facts, pending: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if facts.in_recovery {
        findings.push(if_pending(
            pending,
            "standby",
            "this server is a read-only standby",
            "connect to the primary: name all hosts in the URL with target_session_attrs=read-write",
        ));
    } else if facts.read_only {
        findings.push(if_pending(
            pending,
            "read-only",
            "transactions are read-only here: default_transaction_read_only is on",
            &format!(
                "switch it off for the role that migrates: `ALTER ROLE {} SET default_transaction_read_only = off`",
                plain(&facts.user)
            ),
        ));
    } else {
        findings.push(Finding::ok("standby", "the server takes writes"));
    }
    findings
}

/// What stops a run only if it has something to write.
fn if_pending(pending: bool, id: &'static str, what: &str, remedy: &str) -> Finding {
    if pending {
        Finding::error(id, what, remedy)
    } else {
        Finding::warning(id, format!("{what}; nothing is pending, so that a service starts"), remedy)
    }
}

/// Whether migrations may create tables where they do without a schema.
pub(super) fn may_create(facts: &Facts) -> Option<Finding> {
    let schema = facts.schema.as_ref().filter(|_| !facts.may_create)?;
    Some(Finding::warning(
        "rights",
        format!(
            "role {} may not create anything in schema {schema}, where migrations work unless they name another",
            facts.user
        ),
        format!("`GRANT CREATE ON SCHEMA {} TO {}`", plain(schema), plain(&facts.user)),
    ))
}

/// Whether every character of a file reaches the database.
pub(super) fn encoding(facts: &Facts) -> Finding {
    match facts.encoding.as_str() {
        "UTF8" => Finding::ok("encoding", "the database is UTF8"),
        other => Finding::warning(
            "encoding",
            format!("the database is {other}, and files are UTF-8: not every character can be kept, or kept as one"),
            "make a new database with ENCODING 'UTF8', and move to it",
        ),
    }
}

/// Whether the clocks agree, with the moments before the question and after the answer.
pub(super) fn clock(facts: &Facts, before: SystemTime, after: SystemTime) -> Finding {
    let since_1970 = |moment: SystemTime| moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64();
    let (before, after) = (since_1970(before), since_1970(after));
    // It read its clock somewhere in between.
    let apart = if facts.epoch < before { before - facts.epoch } else { (facts.epoch - after).max(0.0) };
    if apart <= CLOCK {
        return Finding::ok("clock", "the server's clock agrees with this machine's");
    }
    let (which, by) = (if facts.epoch < before { "behind" } else { "ahead of" }, apart.round());
    Finding::warning(
        "clock",
        format!("the server's clock is {by} s {which} this machine's: the history has the server's times"),
        "let both follow a time server",
    )
}

/// Whether there are connections left.
pub(super) fn connections(facts: &Facts) -> Finding {
    let nearly = |used: i64, most: i64| most > 0 && used.saturating_mul(10) >= most.saturating_mul(9);
    if nearly(facts.of_database, facts.most_of_database) {
        return Finding::warning(
            "connections",
            format!(
                "{} of the {} connections of {} are in use",
                facts.of_database, facts.most_of_database, facts.database
            ),
            format!("use fewer, or raise it: `ALTER DATABASE {} CONNECTION LIMIT …`", plain(&facts.database)),
        );
    }
    if nearly(facts.connections, facts.most_connections) {
        return Finding::warning(
            "connections",
            format!(
                "{} of the {} connections that the server has for all are in use",
                facts.connections, facts.most_connections
            ),
            "use fewer, put a pooler before the services, or raise max_connections",
        );
    }
    Finding::ok("connections", format!("{} of {} connections are in use", facts.connections, facts.most_connections))
}

#[cfg(test)]
mod tests;
