//! Which grant a migration lacks, as the server can tell from its own message and from what the statement names.
//!
//! It names none that would not help: where the message may be about several things, or about something that the
//! statement does not name, it says nothing.

mod ask;
mod place;
mod statement;

use crate::connection::Connection;
use crate::error::server_error::ServerError;
use crate::in_the_way::statement_at;
use crate::migrations::{Migration, Transaction};
use crate::session::Session;
use crate::sql::plain;

use self::ask::{Asker, Found, Kind, Language, ask};
use self::place::Place;
use self::statement::Words;

/// What to grant so that what was refused is allowed. Never fails: it only serves a message.
///
/// The message is in the server's language, unless that is English: it names the object, and the server is asked what this
/// role lacks there.
pub(crate) async fn lacking<C: Connection>(
    session: &mut Session<'_, C>,
    migration: &Migration,
    at: Option<usize>,
    error: &ServerError,
) -> Option<String> {
    let (asker, found) = ask(session, &error.message).await?;
    grant(&asker, &found, &error.message, &Reading::of(migration, at, error.context.as_deref()))
}

/// What to grant, by what the server has answered.
fn grant(asker: &Asker, found: &[Found], message: &str, reading: &Reading) -> Option<String> {
    let refusal = Refusal::of(message, asker.language)?;
    let found = the_one(found, message, &refusal, reading)?;
    let statement = &reading.statement;
    let sets_a_role = found.kind == Kind::Role && statement.choose_a_role();
    if reading.role == Whose::Unsaid && !sets_a_role {
        return None;
    }
    match refusal.what {
        What::Owner => owner(found, asker),
        What::Any if statement.is_for_the_owner_of(found.kind) => owner(found, asker),
        What::Temporary => temporary(found, asker),
        What::Any if found.kind == Kind::Database && statement.makes_temporary() => temporary(found, asker),
        What::Right | What::Any => right(found, statement, asker),
    }
}

/// A statement that was refused, and how its words are to be read.
struct Reading {
    statement: Words,
    path: Whose,
    role: Whose,
    place: Place,
}

/// Whose search path it was, or whose rights counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    TheSessions,
    /// That which the file has chosen, and which is gone with its transaction.
    Unsaid,
}

impl Reading {
    fn of(migration: &Migration, at: Option<usize>, context: Option<&str>) -> Self {
        let sql = migration.sql();
        let statement = Words::of(statement_at(sql, at));
        let before = Words::of(sql.get(..at.unwrap_or(sql.len())).unwrap_or_default());
        // A role that is chosen in a transaction goes back with it, be it graven's or the file's own.
        let of_its_own = ["local", "begin", "start"].iter().any(|it| before.names(it));
        let is_rolled_back = migration.transaction() == Transaction::On || of_its_own;
        let chosen = |is_chosen| if is_chosen { Whose::Unsaid } else { Whose::TheSessions };
        Self {
            path: chosen(before.names("search_path") || statement.names("search_path")),
            role: chosen(statement.choose_a_role() || is_rolled_back && before.choose_a_role()),
            place: Place::of(context, sql),
            statement,
        }
    }

    /// Whether the statement can mean that: what it does not name must not be taken for what a message is about.
    fn means(&self, found: &Found, refusal: &Refusal<'_>) -> bool {
        let Self { statement, path, place, .. } = self;
        let is_understood = refusal.about.is_some() && *place == Place::Statement;
        match found.kind {
            // What is made by the search path alone does not name it.
            Kind::Schema => {
                is_understood
                    || statement.names_schema(&found.name)
                    || *place == Place::Statement && !found.lacking.is_empty()
            }
            Kind::Database => is_understood || statement.works_on_the_database(),
            // A serial column's is used without being named.
            Kind::Sequence if *place == Place::Statement => true,
            Kind::Installable => statement.names("create") && statement.names("extension"),
            _ if found.schema.is_some() => {
                statement.names_with_schema(found)
                    || (found.is_visible || *path == Whose::Unsaid) && statement.names(&found.name)
            }
            _ => statement.names(&found.name),
        }
    }
}

/// What the server says was refused.
struct Refusal<'m> {
    what: What,
    /// The kinds of what it is about, and its name, where the message is understood.
    about: Option<(&'static [Kind], &'m str)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// It is somebody else's.
    Owner,
    /// A right on it is lacking.
    Right,
    /// The right to make temporary tables in it.
    Temporary,
    /// One of both: the message is in a language that is not understood.
    Any,
}

/// The kinds of objects as the messages name them.
const KINDS: [(&str, &[Kind]); 21] = [
    ("schema ", &[Kind::Schema]),
    ("database ", &[Kind::Database]),
    ("table ", &[Kind::Relation]),
    ("view ", &[Kind::Relation]),
    ("materialized view ", &[Kind::Relation]),
    ("foreign table ", &[Kind::Relation]),
    ("index ", &[Kind::Relation]),
    ("sequence ", &[Kind::Relation, Kind::Sequence]),
    ("relation ", &[Kind::Relation, Kind::Sequence]),
    ("function ", &[Kind::Function]),
    ("procedure ", &[Kind::Function]),
    ("aggregate ", &[Kind::Function]),
    ("routine ", &[Kind::Function]),
    ("type ", &[Kind::Type]),
    ("domain ", &[Kind::Type]),
    ("language ", &[Kind::Language]),
    ("foreign server ", &[Kind::Server]),
    ("foreign-data wrapper ", &[Kind::Wrapper]),
    ("tablespace ", &[Kind::Tablespace]),
    ("extension ", &[Kind::Extension, Kind::Installable]),
    ("role ", &[Kind::Role]),
];

impl<'m> Refusal<'m> {
    /// `None` for an English message of which no grant is known that would help.
    fn of(message: &'m str, language: Language) -> Option<Self> {
        const HEADS: [(&str, What); 6] = [
            ("must be owner of ", What::Owner),
            ("permission denied for ", What::Right),
            ("permission denied to create temporary tables in ", What::Temporary),
            ("permission denied to create ", What::Right),
            ("permission denied to set ", What::Right),
            ("must be member of ", What::Right),
        ];
        let about = |what, kinds, name: &'m str| Some(Self { what, about: Some((kinds, name.trim_matches('"'))) });
        if let Some(name) = message.strip_prefix("must be able to SET ROLE ") {
            return about(What::Right, &[Kind::Role], name);
        }
        match HEADS.iter().find_map(|(head, what)| Some((*what, message.strip_prefix(head)?))) {
            Some((what, rest)) => {
                let (kinds, name) = KINDS.iter().find_map(|(kind, kinds)| Some((*kinds, rest.strip_prefix(kind)?)))?;
                about(what, kinds, name)
            }
            None if language == Language::English => None,
            None => Some(Self { what: What::Any, about: None }),
        }
    }

    fn is_about(&self, found: &Found, message: &str) -> bool {
        match self.about {
            Some((kinds, name)) => kinds.contains(&found.kind) && found.is_called(name),
            None => is_named_in(&found.name, message),
        }
    }
}

/// The only one that both the message and the statement can mean.
fn the_one<'f>(found: &'f [Found], message: &str, refusal: &Refusal<'_>, reading: &Reading) -> Option<&'f Found> {
    let meant = |it: &&Found| refusal.is_about(it, message) && reading.means(it, refusal);
    let meant: Vec<&Found> = found.iter().filter(meant).collect();
    // `my ops` is named, not `ops`.
    let longest = meant.iter().map(|it| it.name.len()).max()?;
    let meant: Vec<&Found> = meant.into_iter().filter(|it| it.name.len() == longest).collect();
    let qualified: Vec<&Found> = meant.iter().copied().filter(|it| reading.statement.names_with_schema(it)).collect();
    match (qualified.as_slice(), meant.as_slice()) {
        ([only], _) | ([], [only]) => Some(only),
        _ => None,
    }
}

impl Found {
    /// Whether a message calls it so: by its name, as it was written without its quotes, or as it would be written.
    fn is_called(&self, name: &str) -> bool {
        let qualified = self.schema.as_deref().and_then(|schema| name.strip_prefix(schema)?.strip_prefix('.'));
        name == self.name || qualified == Some(&self.name) || name == self.shown()
    }
}

/// What lets a role do what only an object's owner may.
fn owner(found: &Found, asker: &Asker) -> Option<String> {
    // Nobody can be granted that role: it is the database's owner's (PostgreSQL manual, 22.5).
    let owner = found.owner.as_deref().filter(|owner| *owner != "pg_database_owner" && !found.is_owner)?;
    let what = found.shown();
    if found.is_superusers {
        return Some(format!(
            "run migrations with the role that owns these objects ({what} is {}'s), or have them handed over to {} with \
             `ALTER … OWNER TO`",
            plain(owner),
            plain(&asker.role)
        ));
    }
    let grant = format!("`GRANT {} TO {}`", plain(owner), plain(&asker.role));
    let as_owner = format!("`--role {}` (in code, `Migrator::role`)", crate::options::in_shell(owner));
    Some(match (found.is_member, asker.inherits) {
        (true, _) => format!("{what} is {}'s: run migrations as that role, {as_owner}", plain(owner)),
        (false, true) => format!("{what} is {}'s: {grant}, or run migrations with that role", plain(owner)),
        (false, false) => {
            let grant = format!("`GRANT {} TO {}`", plain(owner), plain(&asker.login));
            format!("{what} is {}'s: {grant}, and run migrations as that role, {as_owner}", plain(owner))
        }
    })
}

const OR: &str = "or run migrations with a role that has this right";

/// The right to make temporary tables.
fn temporary(found: &Found, asker: &Asker) -> Option<String> {
    let (what, role) = (found.shown(), plain(&asker.role));
    found.lacks("TEMPORARY").then(|| format!("`GRANT TEMPORARY ON DATABASE {what} TO {role}`, {OR}"))
}

/// The right that is lacking.
fn right(found: &Found, statement: &Words, asker: &Asker) -> Option<String> {
    let (role, what) = (plain(&asker.role), found.shown());
    let grant = |right: &str, on: &str| Some(format!("`GRANT {right} ON {on} {what} TO {role}`, {OR}"));
    let only = |right: &str, on: &str| if found.lacks(right) { grant(right, on) } else { None };
    match found.kind {
        // Who has but the right itself hands on nothing, and hears no more than a warning (PostgreSQL manual, GRANT).
        Kind::Schema if statement.grants_on_a_schema() => owner(found, asker),
        Kind::Schema if found.lacks("USAGE") => Some(format!(
            "`GRANT USAGE ON SCHEMA {what} TO {role}`, with CREATE as well where it is to make something there; or run \
             migrations with a role that has these rights"
        )),
        Kind::Schema => only("CREATE", "SCHEMA"),
        Kind::Database => only("CREATE", "DATABASE"),
        Kind::Installable => found
            .lacks("CREATE")
            .then(|| format!("`GRANT CREATE ON DATABASE {} TO {role}`, {OR}", plain(&asker.database))),
        // Who may hand a right on is decided by whose it is.
        _ if statement.grants() => owner(found, asker),
        Kind::Relation => {
            let rights = statement.rights_on(found);
            let lacking: Vec<&str> = rights.iter().copied().filter(|right| found.lacks(right)).collect();
            match (rights.is_empty(), lacking.as_slice()) {
                (true, _) if statement.is_for_the_owner_of(found.kind) => owner(found, asker),
                (_, []) => None,
                (_, lacking) => grant(&lacking.join(", "), "TABLE"),
            }
        }
        Kind::Sequence if statement.rights_on(found).contains(&"SELECT") => only("SELECT", "SEQUENCE"),
        Kind::Sequence if statement.names("setval") => only("UPDATE", "SEQUENCE"),
        Kind::Sequence => only("USAGE", "SEQUENCE"),
        Kind::Function | Kind::Type | Kind::Language | Kind::Server | Kind::Wrapper | Kind::Tablespace => {
            grant(found.lacking.first()?, &found.what)
        }
        // A superuser's rights are not handed on in passing.
        Kind::Role if found.is_superusers => None,
        // SET ROLE asks who has connected (PostgreSQL manual, SET ROLE).
        Kind::Role if statement.choose_a_role() => (!found.is_member).then(|| {
            format!("`GRANT {what} TO {}`, or run migrations with a role that is a member", plain(&asker.login))
        }),
        Kind::Role => Some(format!("`GRANT {what} TO {role}`, or run migrations with a role that is a member")),
        Kind::Extension => None,
    }
}

/// Whether a name stands in a text for itself, and is no part of another word.
pub(crate) fn is_named_in(name: &str, text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    text.match_indices(name).any(|(at, found)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::{Asker, Found, Kind, Language, Place, Reading, Whose, Words, grant, is_named_in};

    #[test]
    fn a_name_is_found_as_a_whole_word_in_any_language() {
        assert!(is_named_in("public", "permission denied for schema public"));
        assert!(is_named_in("my ops", "keine Berechtigung für Schema my ops"));
        assert!(is_named_in("app", "スキーマappへのアクセスが拒否されました"));
        assert!(!is_named_in("app", "permission denied for schema app_2"));
    }

    fn found(kind: Kind, schema: Option<&str>, name: &str, lacking: &[&str]) -> Found {
        Found {
            kind,
            name: name.to_owned(),
            schema: schema.map(str::to_owned),
            what: String::new(),
            arguments: String::new(),
            owner: Some("owner".to_owned()),
            is_superusers: false,
            is_owner: false,
            is_member: false,
            is_visible: false,
            lacking: lacking.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    fn told(message: &str, statement: &str, found: &[Found]) -> Option<String> {
        let asker = Asker {
            role: "me".to_owned(),
            login: "me".to_owned(),
            database: "ops".to_owned(),
            inherits: true,
            language: Language::Other,
        };
        let statement = Words::of(statement);
        let reading =
            Reading { statement, path: Whose::TheSessions, role: Whose::TheSessions, place: Place::Statement };
        Some(grant(&asker, found, message, &reading)?.split('`').nth(1)?.to_owned())
    }

    #[test]
    fn in_a_language_that_is_not_understood_the_statement_says_which_right_is_meant() {
        let all = || {
            [
                found(Kind::Schema, None, "ops", &["CREATE"]),
                found(Kind::Database, None, "ops", &["CREATE", "TEMPORARY"]),
                found(Kind::Relation, Some("ops"), "t", &["UPDATE"]),
                found(Kind::Relation, Some("other"), "t", &["UPDATE"]),
                found(Kind::Role, None, "me", &[]),
            ]
        };
        for (message, statement, grant) in [
            ("keine Berechtigung für Schema ops", "CREATE TABLE ops.x ()", Some("GRANT CREATE ON SCHEMA ops TO me")),
            ("keine Berechtigung für Tabelle t", "UPDATE ops.t SET v = 1", Some("GRANT UPDATE ON TABLE ops.t TO me")),
            ("Berechtigung nur für Eigentümer der Tabelle t", "ALTER TABLE ops.t ADD v int", Some("GRANT owner TO me")),
            // Which of both is meant is not said.
            ("keine Berechtigung für Datenbank ops", "CREATE SCHEMA x", None),
            ("keine Berechtigung für Tabelle t", "SELECT f()", None),
            ("Policy der Tabelle t verletzt", "INSERT INTO ops.t VALUES (1)", None),
        ] {
            assert_eq!(told(message, statement, &all()).as_deref(), grant, "{message}");
        }
    }
}
