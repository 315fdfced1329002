//! Pure: what a development database looks like. Each rule says what it found and what to do.

use crate::sql::plain;
use crate::verb::reset::facts::Facts;
use crate::verb::reset::place::Place;
use crate::verb::reset::{Refusal, Sessions};

/// Words that nobody calls a development database by.
const WORDS: [&str; 8] = ["prod", "production", "prd", "live", "stage", "staging", "preprod", "uat"];

/// Databases that belong to a server, or to who runs it for others.
const SYSTEM: [&str; 8] =
    ["postgres", "template0", "template1", "rdsadmin", "cloudsqladmin", "azure_maintenance", "azure_sys", "defaultdb"];

/// What a script for psql records of this machine, in place of a name: a Unix socket, or the client's address.
const LOCAL: [&str; 3] = ["local", "127.0.0.1", "::1"];

/// A development database is smaller.
const LARGE: i64 = 10 << 30;

/// What can be said without touching a server.
pub(super) fn before_connecting(place: &Place, environment: Option<&str>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if environment.map(str::trim) != Some("development") {
        let is = match environment {
            Some(value) => format!("GRAVEN_ENV is {value:?}, and not `development`"),
            None => "GRAVEN_ENV is not set to `development`".to_owned(),
        };
        refusals.push(refusal("environment", is, "set it where, and only where, databases may be thrown away"));
    }
    if !place.elsewhere.is_empty() {
        let what = format!("the URL leads to another machine: {}", place.elsewhere.join(", "));
        refusals.push(refusal(
            "host",
            what,
            "run it on the machine of the server, or drop and create the database by hand",
        ));
    }
    if place.hosts > 1 {
        let what = format!("the URL names {} hosts, and which of them answers is not known beforehand", place.hosts);
        refusals.push(refusal("host", what, "name the one server in the URL"));
    }
    refusals.extend(called("database", &place.database));
    refusals.extend(place.user.as_ref().and_then(|user| called("user", user)));
    if SYSTEM.contains(&place.database.as_str()) {
        let what = format!("{} is the server's own database", place.database);
        refusals.push(refusal("system", what, "create a database for the application, and name it in the URL"));
    }
    refusals
}

/// What the server says of the database.
pub(super) fn on_seeing(place: &Place, facts: &Facts, sessions: Sessions) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut refuse = |rule, what: String, remedy: &str| refusals.push(refusal(rule, what, remedy));
    if let Some(client) = facts.client.as_ref().filter(|_| place.over_unix) {
        let what = format!("the URL names a Unix socket, and the server sees a client at {client}: something forwards");
        refuse("host", what, "run it on the machine of the server, or drop and create the database by hand");
    }
    if facts.is_pooled {
        refuse(
            "pooler",
            "a pooler stands between, with sessions of its own".to_owned(),
            "name the server itself in the URL",
        );
    }
    if facts.in_recovery {
        refuse(
            "replicated",
            "the server is a standby".to_owned(),
            "connect to the primary, if that is one of development",
        );
    }
    if facts.streams > 0 {
        let what = format!("{} receivers stream from the server: standbys, backups or subscribers", facts.streams);
        refuse("replicated", what, "this is hardly a server for development: look where the URL leads");
    }
    let role = plain(&facts.role);
    if !facts.may_create_databases {
        let remedy = format!("`ALTER ROLE {role} CREATEDB`");
        refuse("rights", format!("role {} may not create databases", facts.role), &remedy);
    }
    // Who really connects, and as whom it works: a forwarder or `SET ROLE` may have made another of the URL's user.
    let roles = [Some(&facts.login), Some(&facts.role).filter(|role| **role != facts.login)];
    let roles = roles.into_iter().flatten().filter(|role| place.user.as_ref() != Some(role));
    refusals.extend(roles.filter_map(|role| called("role", role)));
    let Some(found) = &facts.found else { return refusals };
    let mut refuse = |rule, what: String, remedy: &str| refusals.push(refusal(rule, what, remedy));
    if !found.may_drop {
        let what =
            format!("role {} neither owns the database nor is a member of {}, who does", facts.role, found.owner);
        refuse("rights", what, &format!("`GRANT {} TO {role}`", plain(&found.owner)));
    }
    if found.is_template {
        refuse("system", format!("{} is a template", place.database), "see what is made from it, and reset that");
    }
    if found.size >= LARGE {
        let what = format!("the database holds {} GiB", found.size >> 30);
        refuse("size", what, "drop it by hand if it really is one of development");
    }
    if found.is_read_only {
        let what = "transactions in it are read-only: default_transaction_read_only is on".to_owned();
        let remedy = format!(
            "`ALTER DATABASE {} SET default_transaction_read_only = off`, unless a setting of the role or the URL's `options` \
             say it",
            plain(&place.database)
        );
        refuse("read-only", what, &remedy);
    }
    if let Some(reason) = &found.history_unread {
        let what = format!("its history cannot be read: {reason}");
        refuse("history", what, "drop it by hand if it really is one of development");
    }
    if !found.foreign_tables.is_empty() {
        let (shown, more) = found.foreign_tables.split_at(found.foreign_tables.len().min(3));
        let more = if more.is_empty() { "" } else { ", …" };
        let what = format!("it holds tables and no history of these migrations: {}{more}", shown.join(", "));
        refuse("history", what, "see that the URL is the right one, and drop it by hand if it is the one");
    }
    if !found.hosts.is_empty() {
        let what = format!("migrations were applied to it from other machines: {}", found.hosts.join(", "));
        refuse("applied-elsewhere", what, "others use it: ask them, and drop it by hand");
    }
    if !found.sessions.is_empty() && sessions == Sessions::Refuse {
        let what = format!("others are connected to it: {}", found.sessions.join("; "));
        refuse(
            "sessions",
            what,
            "end them, or say that they may be ended: `graven reset --yes --force` (in code, `Sessions::End`)",
        );
    }
    refusals
}

/// The machines from which a history was written, but this one.
pub(super) fn other_hosts<'a>(applied_as: impl Iterator<Item = &'a str>, this: &str) -> Vec<String> {
    let hosts = applied_as.filter_map(|applied_as| Some(applied_as.rsplit_once('/')?.1));
    let is_this = |host: &str| host.eq_ignore_ascii_case(this) || LOCAL.contains(&host) || is_container(host);
    let others = hosts.filter(|host| !is_this(host));
    let mut others: Vec<String> = others.map(str::to_owned).collect();
    others.sort();
    others.dedup();
    others
}

/// Whether a host is called as a container is that nobody has named: each start of one has another name.
fn is_container(host: &str) -> bool {
    host.len() == 12 && host.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Refuses a name that speaks against development.
fn called(kind: &str, name: &str) -> Option<Refusal> {
    let word = telling_word(name)?;
    let what = format!("the {kind} is called {name}, and {word:?} is no name for development");
    Some(refusal("name", what, "use a database and a user of development's own"))
}

/// The word in a name that speaks against development.
fn telling_word(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    let tells = |word: &&str| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        WORDS.contains(&word) || word.ends_with("prod")
    };
    words.find(tells).map(str::to_owned)
}

fn refusal(rule: &'static str, what: String, remedy: &str) -> Refusal {
    Refusal { rule, what, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests;
