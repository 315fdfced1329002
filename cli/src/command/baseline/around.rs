//! What a schema's dump does not hold, and migrations make all the same: roles, what belongs to the database itself, and rights on
//! the history table.
//!
//! What the roles of a server were before is not written: that is none of the migrations' making.

use graven_source::lexer::Lexer;
use tokio_postgres::{Client, Transaction};

use crate::command::check::scratch::Place;
use crate::schema::at_one_moment;

const ROLES: &str = include_str!("roles.sql");
const MEMBERS: &str = include_str!("members.sql");
const DATABASE: &str = include_str!("database.sql");
const PUBLIC: &str = include_str!("public.sql");
const HISTORY: &str = include_str!("history.sql");

/// Statements to go before and after those of the schema.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// The names of roles that are made where they are not there.
    pub(super) roles: Vec<String>,
    /// Those of them that may log in, as people write them.
    pub(super) logins: Vec<String>,
    pub(super) before: String,
    pub(super) after: String,
}

/// What there was before the migrations.
#[derive(Debug)]
pub(super) struct Before {
    roles: Vec<String>,
    /// Whether nobody else makes roles on the server meanwhile.
    alone: bool,
    /// The rights on the schema public.
    public: Vec<String>,
}

impl Before {
    pub(super) async fn read(client: &Client, place: Place<'_>) -> Result<Self, tokio_postgres::Error> {
        let roles = "SELECT rolname::text FROM pg_catalog.pg_roles";
        let public =
            "SELECT acl::text FROM pg_catalog.pg_namespace, pg_catalog.unnest(nspacl) acl WHERE nspname = 'public'";
        Ok(Self {
            roles: texts(client, roles).await?,
            alone: match place {
                Place::Throwaway => true,
                Place::Server(_) => false,
            },
            public: texts(client, public).await?,
        })
    }
}

async fn texts(client: &Client, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    client.query(sql, &[]).await?.iter().map(|row| row.try_get(0)).collect()
}

impl Around {
    /// What there is. On a server that others use, too, they may have made roles meanwhile: only those count then that the
    /// database speaks of. `history` is the history table as SQL has it; it may be empty.
    pub(super) async fn read(
        client: &mut Client,
        before: &Before,
        history: &str,
    ) -> Result<Self, tokio_postgres::Error> {
        let transaction = at_one_moment(client).await?;
        let mut around = Self::default();
        let roles = ordered(roles(&transaction, before).await?);
        if !roles.is_empty() {
            around.before.push_str("\n-- Roles belong to the server: one that is there already stays as it is\n");
        }
        for role in roles {
            around.before.push_str(&role.statement());
            if role.may_log_in {
                around.logins.push(role.quoted);
            }
            around.roles.push(role.name);
        }
        around.roles.sort_unstable();
        around.logins.sort_unstable();
        let database = of_database(&transaction).await?;
        let mut public = String::new();
        for row in transaction.query(PUBLIC, &[&before.public]).await? {
            public.push_str(&format!("{}\n", row.try_get::<_, String>(0)?));
        }
        let on_history = on_history(&transaction, history).await?;
        transaction.commit().await?;
        if !public.is_empty() {
            around.after.push_str(&format!("\n-- Rights on the schema public\n{public}"));
        }
        if !on_history.is_empty() {
            around
                .after
                .push_str(&format!("\n-- Rights on the history table, where it is there\n{}", block(&on_history)));
        }
        if !database.is_empty() {
            around.after.push_str(&format!("\n-- The database itself, whatever its name is\n{}", block(&database)));
        }
        Ok(around)
    }
}

async fn roles(transaction: &Transaction<'_>, before: &Before) -> Result<Vec<Role>, tokio_postgres::Error> {
    let mut roles = Vec::new();
    for row in transaction.query(ROLES, &[&before.roles, &before.alone]).await? {
        roles.push(Role {
            name: row.try_get(0)?,
            quoted: row.try_get(1)?,
            attributes: row.try_get(2)?,
            may_log_in: row.try_get(3)?,
            settings: row.try_get(4)?,
            was_there: row.try_get(5)?,
            ..Role::default()
        });
    }
    let named: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    let made: Vec<&str> = roles.iter().filter(|role| !role.was_there).map(|role| role.name.as_str()).collect();
    for row in transaction.query(MEMBERS, &[&named, &made]).await? {
        let (role, member, options): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(4)?);
        let mut grant = format!("GRANT {} TO {}", row.try_get::<_, String>(2)?, row.try_get::<_, String>(3)?);
        if !options.is_empty() {
            grant.push_str(&format!(" WITH {options}"));
        }
        // With the one of the two that the migrations have made: where that one is there already, somebody else knows better.
        if let Some(member) = roles.iter_mut().find(|it| it.name == member && !it.was_there) {
            member.grants.push(grant);
            member.waits_for.push(role);
        } else if let Some(role) = roles.iter_mut().find(|it| it.name == role) {
            role.grants.push(grant);
        }
    }
    Ok(roles)
}

async fn of_database(transaction: &Transaction<'_>) -> Result<String, tokio_postgres::Error> {
    let mut statements = String::new();
    for row in transaction.query(DATABASE, &[]).await? {
        let (before, after, setting): (String, String, Option<String>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let after = setting.map_or(after, |setting| format!(" SET {}", assignment(&setting)));
        statements.push_str(&format!(
            "    EXECUTE {} || pg_catalog.quote_ident(pg_catalog.current_database()) || {};\n",
            literal(&before),
            literal(&after)
        ));
    }
    Ok(statements)
}

/// pg_dump is told to leave the table out, and its rights with it.
async fn on_history(transaction: &Transaction<'_>, history: &str) -> Result<String, tokio_postgres::Error> {
    let mut grants = String::new();
    for row in transaction.query(HISTORY, &[&history]).await? {
        let (privileges, to): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        grants.push_str(&format!("        GRANT {privileges} ON TABLE {history} TO {to};\n"));
    }
    if grants.is_empty() {
        return Ok(grants);
    }
    let there = literal(history);
    Ok(format!("    IF pg_catalog.to_regclass({there}) IS NOT NULL THEN\n{grants}    END IF;\n"))
}

/// A role that the baseline makes where it is not there.
#[derive(Debug, Default)]
struct Role {
    name: String,
    quoted: String,
    attributes: String,
    may_log_in: bool,
    settings: Vec<String>,
    /// Before the migrations: what is said of it on that server is not theirs, so that nothing but its name is written.
    was_there: bool,
    grants: Vec<String>,
    /// The roles that it is made a member of.
    waits_for: Vec<String>,
}

/// Each role after those that it is a member of, and after those that were there: no role is a member of itself by way of others.
fn ordered(mut roles: Vec<Role>) -> Vec<Role> {
    roles.sort_by_key(|role| !role.was_there);
    let mut ordered = Vec::with_capacity(roles.len());
    while !roles.is_empty() {
        let waits = |role: &Role| role.waits_for.iter().any(|name| roles.iter().any(|other| other.name == *name));
        let next = roles.iter().position(|role| !waits(role)).unwrap_or_default();
        ordered.push(roles.remove(next));
    }
    ordered
}

impl Role {
    fn statement(&self) -> String {
        let Self { name, quoted, attributes, .. } = self;
        let with = if attributes.is_empty() { String::new() } else { format!(" {attributes}") };
        let mut body = format!(
            "    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {}) THEN\n        CREATE ROLE {quoted}{with};\n",
            literal(name)
        );
        for setting in &self.settings {
            body.push_str(&format!("        ALTER ROLE {quoted} SET {};\n", assignment(setting)));
        }
        for grant in &self.grants {
            body.push_str(&format!("        {grant};\n"));
        }
        body.push_str("    END IF;\n");
        block(&body)
    }
}

fn block(body: &str) -> String {
    let tag = tag(body);
    format!("DO {tag}\nBEGIN\n{body}END\n{tag};\n")
}

/// A setting as the catalogs keep it (`key=value`), as `SET` takes it.
fn assignment(setting: &str) -> String {
    let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
    let value = if is_list(key) && !value.is_empty() { list(value) } else { literal(value) };
    let is_plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let key = if is_plain { key.to_owned() } else { format!("\"{}\"", key.replace('"', "\"\"")) };
    format!("{key} TO {value}")
}

/// Settings whose values are kept with the quotes that their items need.
fn is_list(setting: &str) -> bool {
    [
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    ]
    .iter()
    .any(|list| list.eq_ignore_ascii_case(setting))
}

/// The items, where PostgreSQL keeps an empty one as a name of no letters, which it does not read again.
fn list(value: &str) -> String {
    let mut items = String::new();
    let mut end = 0;
    for token in Lexer::new(value).map_while(Result::ok) {
        items.push_str(if token.text(value) == "\"\"" { "''" } else { token.text(value) });
        end = token.end;
    }
    items.push_str(value.get(end..).unwrap_or_default());
    items
}

/// A text as SQL has it, where a backslash is a backslash.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A dollar quote that the text does not end.
fn tag(text: &str) -> String {
    let mut tag = "$$".to_owned();
    let mut number = 0;
    while text.contains(&tag) {
        number += 1;
        tag = format!("$graven{number}$");
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::{Role, assignment, ordered, tag};

    fn role(name: &str) -> Role {
        Role { name: name.to_owned(), quoted: name.to_owned(), ..Role::default() }
    }

    #[test]
    fn a_role_is_made_where_it_is_not_there() {
        let role = Role {
            quoted: "\"it's\"".to_owned(),
            attributes: "LOGIN".to_owned(),
            settings: vec!["search_path=a, \"B\"".to_owned(), "work_mem=4MB".to_owned()],
            grants: vec!["GRANT readers TO \"it's\"".to_owned()],
            ..role("it's")
        };
        assert_eq!(
            role.statement(),
            "DO $$\nBEGIN\n    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'it''s') THEN\n        \
             CREATE ROLE \"it's\" LOGIN;\n        ALTER ROLE \"it's\" SET search_path TO a, \"B\";\n        \
             ALTER ROLE \"it's\" SET work_mem TO '4MB';\n        GRANT readers TO \"it's\";\n    END IF;\nEND\n$$;\n"
        );
    }

    #[test]
    fn a_role_comes_after_those_that_it_is_a_member_of() {
        let waiting = |name: &str, others: &[&str]| Role {
            waits_for: others.iter().map(|&other| other.to_owned()).collect(),
            ..role(name)
        };
        let there = Role { was_there: true, ..role("there") };
        let roles = vec![waiting("a", &["c", "pg_monitor"]), role("b"), waiting("c", &["d"]), role("d"), there];
        let names: Vec<String> = ordered(roles).into_iter().map(|role| role.name).collect();
        assert_eq!(names, ["there", "b", "d", "c", "a"]);
    }

    #[test]
    fn a_setting_is_written_as_set_reads_it() {
        for (kept, written) in [
            ("work_mem=4MB", "work_mem TO '4MB'"),
            ("search_path=\"\"", "search_path TO ''"),
            ("search_path=\"$user\", \"\", \"a\"\"b\", \"\"\"\"", "search_path TO \"$user\", '', \"a\"\"b\", \"\"\"\""),
            ("search_path=", "search_path TO ''"),
            ("temp_tablespaces=a, b", "temp_tablespaces TO a, b"),
            ("app.user=it's", "\"app.user\" TO 'it''s'"),
            ("DateStyle=ISO, DMY", "\"DateStyle\" TO 'ISO, DMY'"),
        ] {
            assert_eq!(assignment(kept), written, "{kept}");
        }
    }

    #[test]
    fn a_dollar_quote_does_not_end_in_its_text() {
        assert_eq!(tag("a"), "$$");
        assert_eq!(tag("$$ $graven1$"), "$graven2$");
    }
}
