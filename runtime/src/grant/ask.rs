//! What a message may name, whose it is, and which rights on it this role lacks: one message to the server.

use crate::connection::{Connection, Row};
use crate::session::Session;
use crate::sql::{EQ, literal, plain};

/// Who asks.
pub(super) struct Asker {
    /// The role whose rights count.
    pub(super) role: String,
    /// The one that has connected.
    pub(super) login: String,
    pub(super) database: String,
    /// Whether it has the rights of the roles that it is granted, without taking them.
    pub(super) inherits: bool,
    pub(super) language: Language,
}

/// The language of the server's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Other,
}

/// A kind of what rights are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Schema,
    Database,
    Relation,
    Sequence,
    Function,
    Type,
    Language,
    Server,
    Wrapper,
    Tablespace,
    /// One that is there.
    Extension,
    /// One that whoever may create in the database may install (PostgreSQL manual, CREATE EXTENSION: trusted).
    Installable,
    Role,
}

/// Something that bears a name which the message holds.
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) schema: Option<String>,
    /// What `GRANT` calls it.
    pub(super) what: String,
    /// What follows its name: the arguments of a function.
    pub(super) arguments: String,
    pub(super) owner: Option<String>,
    /// Whether the owner, or the role itself, is a superuser.
    pub(super) is_superusers: bool,
    /// Whether this role has the rights of the owner.
    pub(super) is_owner: bool,
    /// Whether the role that has connected can take the owner's role, or the role itself.
    pub(super) is_member: bool,
    /// Whether the search path leads to it.
    pub(super) is_visible: bool,
    /// The rights that are lacking.
    pub(super) lacking: Vec<String>,
}

const ASKER: &str = "SELECT current_user, session_user, pg_catalog.current_database(), r.rolinherit, \
    pg_catalog.current_setting('lc_messages') FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user";

/// `None` where the server does not answer.
pub(super) async fn ask<C: Connection>(session: &mut Session<'_, C>, message: &str) -> Option<(Asker, Vec<Found>)> {
    let objects: Vec<String> = OBJECTS.iter().map(Object::query).collect();
    let sql = format!(
        "{ASKER};\nWITH m (said) AS (SELECT {}::pg_catalog.text) {} UNION ALL {INSTALLABLE} UNION ALL {ROLES}",
        literal(message),
        objects.join(" UNION ALL ")
    );
    let reply = session.send(&sql).await;
    let asker = Asker::of(reply.completed.first()?.first()?);
    Some((asker, reply.completed.get(1)?.iter().filter_map(Found::of).collect()))
}

/// How one kind is asked for.
struct Object {
    kind: &'static str,
    /// Its catalog as `o`, with a schema as `n` where it lies in one.
    from: &'static str,
    name: &'static str,
    owner: &'static str,
    schema: &'static str,
    what: &'static str,
    arguments: &'static str,
    is_visible: &'static str,
    /// The function that tells whether a right on it is there, and the rights.
    has: &'static str,
    rights: &'static [&'static str],
}

/// One that lies in no schema.
const PLAIN: Object = Object {
    kind: "",
    from: "",
    name: "",
    owner: "",
    schema: "NULL",
    what: "''",
    arguments: "''",
    is_visible: "true",
    has: "",
    rights: &[],
};

const OBJECTS: [Object; 11] = [
    Object {
        kind: "schema",
        from: "pg_catalog.pg_namespace o WHERE true",
        name: "o.nspname",
        owner: "o.nspowner",
        has: "has_schema_privilege",
        rights: &["USAGE", "CREATE"],
        ..PLAIN
    },
    Object {
        kind: "database",
        from: "pg_catalog.pg_database o WHERE o.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()",
        name: "o.datname",
        owner: "o.datdba",
        has: "has_database_privilege",
        rights: &["CREATE", "TEMPORARY"],
        ..PLAIN
    },
    Object {
        kind: "relation",
        from: "pg_catalog.pg_class o JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.relnamespace \
               WHERE o.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'm', 'f', 'i', 'I']::pg_catalog.\"char\"[])",
        name: "o.relname",
        owner: "o.relowner",
        schema: "n.nspname",
        is_visible: "pg_catalog.pg_table_is_visible(o.oid)",
        has: "has_table_privilege",
        rights: &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"],
        ..PLAIN
    },
    Object {
        kind: "sequence",
        from: "pg_catalog.pg_sequence s JOIN pg_catalog.pg_class o ON o.oid OPERATOR(pg_catalog.=) s.seqrelid \
               JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.relnamespace WHERE true",
        name: "o.relname",
        owner: "o.relowner",
        schema: "n.nspname",
        is_visible: "pg_catalog.pg_table_is_visible(o.oid)",
        has: "has_sequence_privilege",
        rights: &["USAGE", "SELECT", "UPDATE"],
        ..PLAIN
    },
    Object {
        kind: "function",
        from: "pg_catalog.pg_proc o JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.pronamespace WHERE true",
        name: "o.proname",
        owner: "o.proowner",
        schema: "n.nspname",
        what: "CASE WHEN o.prokind OPERATOR(pg_catalog.=) 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END",
        arguments: "pg_catalog.format('(%s)', pg_catalog.pg_get_function_identity_arguments(o.oid))",
        is_visible: "pg_catalog.pg_function_is_visible(o.oid)",
        has: "has_function_privilege",
        rights: &["EXECUTE"],
    },
    Object {
        kind: "type",
        // Neither a table's row type nor an array, which have no rights of their own.
        from: "pg_catalog.pg_type o JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.typnamespace \
               LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) o.typrelid \
               WHERE o.typcategory OPERATOR(pg_catalog.<>) 'A' AND COALESCE(c.relkind, 'c') OPERATOR(pg_catalog.=) 'c'",
        name: "o.typname",
        owner: "o.typowner",
        schema: "n.nspname",
        what: "'TYPE'",
        is_visible: "pg_catalog.pg_type_is_visible(o.oid)",
        has: "has_type_privilege",
        rights: &["USAGE"],
        ..PLAIN
    },
    Object {
        kind: "language",
        // No right on another can be granted.
        from: "pg_catalog.pg_language o WHERE o.lanpltrusted",
        name: "o.lanname",
        owner: "o.lanowner",
        what: "'LANGUAGE'",
        has: "has_language_privilege",
        rights: &["USAGE"],
        ..PLAIN
    },
    Object {
        kind: "server",
        from: "pg_catalog.pg_foreign_server o WHERE true",
        name: "o.srvname",
        owner: "o.srvowner",
        what: "'FOREIGN SERVER'",
        has: "has_server_privilege",
        rights: &["USAGE"],
        ..PLAIN
    },
    Object {
        kind: "wrapper",
        from: "pg_catalog.pg_foreign_data_wrapper o WHERE true",
        name: "o.fdwname",
        owner: "o.fdwowner",
        what: "'FOREIGN DATA WRAPPER'",
        has: "has_foreign_data_wrapper_privilege",
        rights: &["USAGE"],
        ..PLAIN
    },
    Object {
        kind: "tablespace",
        from: "pg_catalog.pg_tablespace o WHERE true",
        name: "o.spcname",
        owner: "o.spcowner",
        what: "'TABLESPACE'",
        has: "has_tablespace_privilege",
        rights: &["CREATE"],
        ..PLAIN
    },
    Object {
        kind: "extension",
        from: "pg_catalog.pg_extension o WHERE true",
        name: "o.extname",
        owner: "o.extowner",
        ..PLAIN
    },
];

/// What can be installed, with the right on the database that it takes.
const INSTALLABLE: &str = "SELECT DISTINCT 'installable', e.name::pg_catalog.text, NULL, '', '', NULL, false, \
    false, false, true, \
    CASE WHEN NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') THEN 'CREATE' ELSE '' END \
    FROM m, pg_catalog.pg_available_extension_versions e \
    WHERE pg_catalog.strpos(m.said, e.name::pg_catalog.text) OPERATOR(pg_catalog.>) 0 AND e.trusted";

const ROLES: &str = "SELECT 'role', o.rolname::pg_catalog.text, NULL, '', '', NULL, o.rolsuper, \
    pg_catalog.pg_has_role(o.oid, 'USAGE'), pg_catalog.pg_has_role(session_user, o.oid, 'MEMBER'), true, '' \
    FROM m, pg_catalog.pg_roles o WHERE pg_catalog.strpos(m.said, o.rolname::pg_catalog.text) OPERATOR(pg_catalog.>) 0";

impl Object {
    fn query(&self) -> String {
        let Self { kind, from, name, owner, schema, what, arguments, is_visible, has, rights } = self;
        let lacking = |right: &&str| format!("CASE WHEN NOT pg_catalog.{has}(o.oid, '{right}') THEN '{right}' END");
        let lacking: Vec<String> = rights.iter().map(lacking).collect();
        let lacking = match lacking.as_slice() {
            [] => "''".to_owned(),
            some => format!("pg_catalog.concat_ws(',', {})", some.join(", ")),
        };
        format!(
            "SELECT '{kind}', {name}::pg_catalog.text, {schema}::pg_catalog.text, {what}, {arguments}, \
             pg_catalog.pg_get_userbyid({owner})::pg_catalog.text, \
             COALESCE((SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.oid {EQ} {owner}), false), \
             pg_catalog.pg_has_role({owner}, 'USAGE'), pg_catalog.pg_has_role(session_user, {owner}, 'MEMBER'), \
             {is_visible}, {lacking} FROM m, {from} AND pg_catalog.strpos(m.said, {name}::pg_catalog.text) OPERATOR(pg_catalog.>) 0"
        )
    }
}

impl Asker {
    fn of(row: &Row) -> Self {
        let language = match row.text(4).to_ascii_lowercase() {
            locale if locale.starts_with("en") || matches!(locale.as_str(), "posix" | "c") => Language::English,
            locale if locale.starts_with("c.") => Language::English,
            _ => Language::Other,
        };
        Self {
            role: row.text(0).to_owned(),
            login: row.text(1).to_owned(),
            database: row.text(2).to_owned(),
            inherits: row.is_true(3),
            language,
        }
    }
}

impl Found {
    fn of(row: &Row) -> Option<Self> {
        Some(Self {
            kind: match row.text(0) {
                "schema" => Kind::Schema,
                "database" => Kind::Database,
                "relation" => Kind::Relation,
                "sequence" => Kind::Sequence,
                "function" => Kind::Function,
                "type" => Kind::Type,
                "language" => Kind::Language,
                "server" => Kind::Server,
                "wrapper" => Kind::Wrapper,
                "tablespace" => Kind::Tablespace,
                "extension" => Kind::Extension,
                "installable" => Kind::Installable,
                "role" => Kind::Role,
                _ => return None,
            },
            name: row.text(1).to_owned(),
            schema: row.optional(2).map(str::to_owned),
            what: row.text(3).to_owned(),
            arguments: row.text(4).to_owned(),
            owner: row.optional(5).map(str::to_owned),
            is_superusers: row.is_true(6),
            is_owner: row.is_true(7),
            is_member: row.is_true(8),
            is_visible: row.is_true(9),
            lacking: row.text(10).split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect(),
        })
    }

    pub(super) fn lacks(&self, right: &str) -> bool {
        self.lacking.iter().any(|lacking| lacking == right)
    }

    /// As it is written in SQL.
    pub(super) fn shown(&self) -> String {
        let schema = self.schema.as_deref().map(|schema| format!("{}.", plain(schema)));
        format!("{}{}{}", schema.unwrap_or_default(), plain(&self.name), self.arguments)
    }
}
