//! What belongs to a database and not to what is in it: settings, rights, its comment. They are given to the new one as far as
//! the role may.

use tokio_postgres::Client;

use crate::connection::{Connection, Row};
use crate::error::Error;
use crate::sql::{identifier, literal};
use crate::verb::reset::facts::Found;

/// Gives the new database what the old one has, and says what could not be given. `old` is a literal.
pub(super) async fn restore(
    maintenance: &mut Client,
    old: &str,
    new: &str,
    found: &Found,
) -> Result<Vec<String>, Error> {
    let ask = format!(
        "SELECT CASE WHEN s.setrole <> 0::pg_catalog.oid THEN pg_catalog.pg_get_userbyid(s.setrole) END, \
         pg_catalog.split_part(c.setting, '=', 1), \
         pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1) \
         FROM pg_catalog.pg_database d JOIN pg_catalog.pg_db_role_setting s ON s.setdatabase = d.oid \
         CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c (setting) WHERE d.datname = {old}::name;\n\
         SELECT CASE WHEN a.grantee = 0::pg_catalog.oid THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee) END, \
         a.privilege_type, a.is_grantable \
         FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a WHERE d.datname = {old}::name;\n\
         SELECT d.datacl IS NOT NULL FROM pg_catalog.pg_database d WHERE d.datname = {old}::name"
    );
    let reply = maintenance.send(&ask).await;
    if let Some(failure) = reply.failure {
        return Err(Error::from_failure("looking at the database's settings", failure));
    }
    let rows = |at: usize| reply.completed.get(at).map(Vec::as_slice).unwrap_or_default();
    let mut statements: Vec<(String, String)> = rows(0).iter().map(|row| setting(new, row)).collect();
    if rows(2).first().is_some_and(|row| row.is_true(0)) {
        statements.push(rights(new, &found.owner, rows(1)));
    }
    if let Some(comment) = &found.comment {
        let sql = format!("COMMENT ON DATABASE {} IS {}", identifier(new), literal(comment));
        statements.push(("its comment".to_owned(), sql));
    }
    let mut not_restored = Vec::new();
    for (what, sql) in statements {
        match maintenance.send(&sql).await.failure {
            None => {}
            Some(crate::connection::Failure::Server(error)) => not_restored.push(format!("{what}: {error}")),
            Some(failure) => return Err(Error::from_failure("restoring the database's settings", failure)),
        }
    }
    Ok(not_restored)
}

/// A setting of the database, for all or for one role. It takes effect in the session first, since only so a list such as a
/// search path is taken as it is, without knowing which settings are lists.
fn setting(new: &str, row: &Row) -> (String, String) {
    let (name, value) = (row.text(1), row.text(2));
    let whose = match row.optional(0) {
        None => format!("ALTER DATABASE {}", identifier(new)),
        Some(role) => format!("ALTER ROLE {} IN DATABASE {}", identifier(role), identifier(new)),
    };
    let of = row.optional(0).map_or_else(String::new, |role| format!(" of role {role}"));
    let sql = format!(
        "SELECT pg_catalog.set_config({}, {}, true);\n{whose} SET {} FROM CURRENT",
        literal(name),
        literal(value),
        identifier(name)
    );
    (format!("the setting {name} = {value}{of}"), sql)
}

/// All rights, in one message, which is one transaction: a database whose rights were only taken away would be closed.
fn rights(new: &str, owner: &str, rows: &[Row]) -> (String, String) {
    let database = identifier(new);
    let mut sql = vec![format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC, {}", identifier(owner))];
    for row in rows {
        let grantee = row.optional(0).map_or_else(|| "PUBLIC".to_owned(), identifier);
        let option = if row.is_true(2) { " WITH GRANT OPTION" } else { "" };
        sql.push(format!("GRANT {} ON DATABASE {database} TO {grantee}{option}", row.text(1)));
    }
    ("its rights".to_owned(), sql.join(";\n"))
}
