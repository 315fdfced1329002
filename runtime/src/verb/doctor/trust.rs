//! Whoever may make a table where the history belongs may make one that runs code in whoever looks: by a type with a cast of
//! its own, or by a policy on its rows.

use crate::connection::Row;
use crate::history::{Wanted, schema};
use crate::sql::{EQ, NE, literal, plain};
use crate::verb::doctor::Finding;

/// Somebody whose code may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stranger {
    may: May,
    /// `None` is everybody.
    role: Option<String>,
    schema: String,
    table: String,
    /// Who owns the schema.
    owner: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    /// Make the history.
    Create,
    /// Change what it is.
    Own,
}

/// Asks for them: whoever is not a superuser, owns neither the schema nor the database, and is no role that this one can take,
/// nor can take this one. A superuser can take every role, which is no reason to trust it: of those, only who owns the history
/// is told, as others may create there for good reason.
pub(super) fn query(wanted: &Wanted) -> String {
    let stranger = |role: &str| {
        format!(
            "{role} {NE} n.nspowner AND {role} {NE} d.datdba AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r \
             WHERE r.oid {EQ} {role} AND (r.rolsuper OR pg_catalog.pg_has_role(r.oid, me.oid, 'MEMBER')))"
        )
    };
    let cannot_take = |role: &str| {
        format!(
            "NOT pg_catalog.pg_has_role(session_user, {role}, 'MEMBER') AND NOT pg_catalog.pg_has_role(me.oid, {role}, 'MEMBER')"
        )
    };
    let from = format!(
        "FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_database d ON d.datname {EQ} pg_catalog.current_database() \
         JOIN pg_catalog.pg_roles me ON me.rolname {EQ} current_user"
    );
    let here = format!("n.nspname {EQ} {}::pg_catalog.name", schema(wanted));
    format!(
        "SELECT 'create', CASE WHEN a.grantee {NE} 0::pg_catalog.oid \
         THEN pg_catalog.pg_get_userbyid(a.grantee) END, n.nspname, \
         pg_catalog.pg_get_userbyid(n.nspowner) {from} CROSS JOIN LATERAL \
         pg_catalog.aclexplode(COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a \
         WHERE {here} AND a.privilege_type {EQ} 'CREATE' AND (a.grantee {EQ} 0::pg_catalog.oid OR {} AND {})\n\
         UNION ALL SELECT 'own', pg_catalog.pg_get_userbyid(c.relowner), n.nspname, pg_catalog.pg_get_userbyid(n.nspowner) \
         {from} JOIN pg_catalog.pg_class c ON c.relnamespace {EQ} n.oid \
         WHERE {here} AND c.relname {EQ} {}::pg_catalog.name AND {} AND (me.rolsuper OR {})",
        stranger("a.grantee"),
        cannot_take("a.grantee"),
        literal(&wanted.name),
        stranger("c.relowner"),
        cannot_take("c.relowner"),
    )
}

pub(super) fn parse(rows: &[Row], wanted: &Wanted) -> Vec<Stranger> {
    let stranger = |row: &Row| Stranger {
        may: if row.text(0) == "own" { May::Own } else { May::Create },
        role: row.optional(1).map(str::to_owned),
        schema: row.text(2).to_owned(),
        table: wanted.name.clone(),
        owner: row.text(3).to_owned(),
    };
    rows.iter().map(stranger).collect()
}

impl Stranger {
    pub(super) fn finding(&self) -> Finding {
        let schema = plain(&self.schema);
        let whose = "and so have its code run by whoever looks at the history";
        match (self.may, &self.role) {
            (May::Create, role) => {
                let (who, grantee) = match role {
                    None => ("everybody".to_owned(), "PUBLIC".to_owned()),
                    Some(role) => (format!("role {role}"), plain(role)),
                };
                Finding::warning(
                    "trust",
                    format!("{who} may create tables in schema {schema}, {whose}"),
                    format!("`REVOKE CREATE ON SCHEMA {schema} FROM {grantee}`, unless that is meant to be trusted"),
                )
            }
            (May::Own, role) => {
                let (role, table) = (role.as_deref().unwrap_or_default(), plain(&self.table));
                let owner = match self.owner.as_str() {
                    // A role that stands for whoever owns the database, and owns no table.
                    "pg_database_owner" => "CURRENT_USER".to_owned(),
                    owner => plain(owner),
                };
                Finding::warning(
                    "trust",
                    format!("the history {schema}.{table} belongs to role {role}, which may change it, {whose}"),
                    format!(
                        "look at it as that role; or, if {role} is not the one that migrates, \
                         `ALTER TABLE {schema}.{table} OWNER TO {owner}` once you have seen what is in it"
                    ),
                )
            }
        }
    }
}
