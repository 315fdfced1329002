//! What a statement names, and for what.

use graven_source::lexer::{Lexer, TokenKind};

use super::ask::{Found, Kind};

/// The words of a text in their order, those of its strings and dollar-quoted bodies as well: a `DO` block is made of them,
/// and `nextval('s')` names a sequence.
pub(super) struct Words(Vec<Word>);

struct Word {
    schema: Option<String>,
    name: String,
}

/// How deep strings within strings are read.
const DEPTH: usize = 3;

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let mut words = Vec::new();
        read(text, DEPTH, &mut words);
        Self(words)
    }

    /// Whether a word stands there without a schema: a keyword, or a name.
    pub(super) fn names(&self, name: &str) -> bool {
        self.0.iter().any(|word| word.is(name))
    }

    /// Whether it names a schema, or something in it.
    pub(super) fn names_schema(&self, schema: &str) -> bool {
        self.names(schema) || self.0.iter().any(|word| word.schema.as_deref() == Some(schema))
    }

    pub(super) fn names_with_schema(&self, found: &Found) -> bool {
        found.schema.is_some() && self.0.iter().any(|word| word.schema == found.schema && word.name == found.name)
    }

    /// `SET ROLE`, `SET SESSION AUTHORIZATION`, `RESET ROLE`, `set_config('role', …)`.
    pub(super) fn choose_a_role(&self) -> bool {
        self.0.windows(2).any(|pair| match pair {
            [before, word] if word.is("role") => {
                ["set", "local", "session", "reset", "set_config"].iter().any(|it| before.name == *it)
            }
            [before, word] => before.is("session") && word.is("authorization"),
            _ => false,
        })
    }

    pub(super) fn makes_temporary(&self) -> bool {
        let schema = |word: &Word| word.schema.as_deref() == Some("pg_temp");
        self.names("temp") || self.names("temporary") || self.0.iter().any(schema)
    }

    /// Whether it makes what needs the right CREATE or TEMPORARY on the database.
    pub(super) fn works_on_the_database(&self) -> bool {
        const MADE: [&str; 4] = ["schema", "extension", "publication", "language"];
        let makes = |pair: &[Word]| matches!(pair, [a, b] if a.is("create") && MADE.iter().any(|it| b.is(it)));
        self.makes_temporary() || self.0.windows(2).any(makes)
    }

    pub(super) fn grants(&self) -> bool {
        self.begins_with(&["grant", "revoke"])
    }

    /// `GRANT … ON SCHEMA`, also in a `DO` block. `ON ALL TABLES IN SCHEMA` takes but USAGE on it.
    pub(super) fn grants_on_a_schema(&self) -> bool {
        let on_schema = |pair: &[Word]| matches!(pair, [a, b] if a.is("on") && b.is("schema"));
        (self.names("grant") || self.names("revoke")) && self.0.windows(2).any(on_schema)
    }

    /// Whether it is one of those that only the owner may run.
    pub(super) fn is_for_the_owner_of(&self, kind: Kind) -> bool {
        const OWNERS: [&str; 10] =
            ["alter", "drop", "comment", "reindex", "cluster", "refresh", "security", "grant", "revoke", "analyze"];
        const MADE: [&str; 6] = ["index", "unique", "rule", "policy", "statistics", "or"];
        let second = self.0.get(1).map_or("", |word| &word.name);
        match kind {
            Kind::Schema => self.begins_with(&["alter", "drop"]) && second == "schema",
            Kind::Relation | Kind::Sequence | Kind::Function | Kind::Type | Kind::Extension => {
                self.begins_with(&OWNERS) || self.begins_with(&["create"]) && MADE.contains(&second)
            }
            _ => false,
        }
    }

    fn begins_with(&self, words: &[&str]) -> bool {
        self.0.first().is_some_and(|first| words.iter().any(|word| first.is(word)))
    }

    /// The rights on a relation that the statement takes, told by the nearest word before each place where it names it.
    pub(super) fn rights_on(&self, found: &Found) -> Vec<&'static str> {
        let is_it = |word: &Word| {
            word.name == found.name && word.schema.as_ref().is_none_or(|schema| found.schema.as_ref() == Some(schema))
        };
        let mut rights = Vec::new();
        for (at, _) in self.0.iter().enumerate().filter(|(_, word)| is_it(word)) {
            let before = self.0.get(..at).unwrap_or_default();
            for right in self.rights_after(before) {
                if !rights.contains(&right) {
                    rights.push(right);
                }
            }
        }
        rights
    }

    /// The rights that a statement takes on what is named after these words.
    fn rights_after(&self, before: &[Word]) -> Vec<&'static str> {
        for (at, word) in before.iter().enumerate().rev().filter(|(_, word)| word.schema.is_none()) {
            let previous = at.checked_sub(1).and_then(|at| before.get(at)).map_or("", |word| &word.name);
            return match word.name.as_str() {
                "into" if previous == "merge" => self.those_of_merge(),
                "into" => self.those_of_insert(),
                "update" if previous != "for" && previous != "key" => vec!["UPDATE", "SELECT"],
                "from" if previous == "delete" => vec!["DELETE", "SELECT"],
                "from" | "join" | "using" | "like" | "copy" if self.locks_rows() => vec!["SELECT", "UPDATE"],
                "from" | "join" | "using" | "like" | "copy" => vec!["SELECT"],
                "truncate" => vec!["TRUNCATE"],
                "lock" => vec!["SELECT", "UPDATE"],
                "references" => vec!["REFERENCES"],
                "on" if self.names("trigger") => vec!["TRIGGER"],
                // What begins a clause in which no relation is named.
                "select" | "where" | "set" | "values" | "returning" | "conflict" => Vec::new(),
                _ => continue,
            };
        }
        Vec::new()
    }

    fn those_of_insert(&self) -> Vec<&'static str> {
        match (self.names("conflict"), self.names("returning")) {
            (true, _) => vec!["INSERT", "SELECT", "UPDATE"],
            (false, true) => vec!["INSERT", "SELECT"],
            (false, false) => vec!["INSERT"],
        }
    }

    fn those_of_merge(&self) -> Vec<&'static str> {
        let rights = [("insert", "INSERT"), ("update", "UPDATE"), ("delete", "DELETE")];
        let written = rights.iter().filter(|(word, _)| self.names(word)).map(|(_, right)| *right);
        std::iter::once("SELECT").chain(written).collect()
    }

    /// `FOR UPDATE` and its weaker kinds.
    fn locks_rows(&self) -> bool {
        let strengths = ["update", "share", "no", "key"];
        self.0.windows(2).any(|pair| matches!(pair, [a, b] if a.is("for") && strengths.iter().any(|it| b.is(it))))
    }
}

impl Word {
    fn is(&self, name: &str) -> bool {
        self.schema.is_none() && self.name == name
    }
}

fn read(text: &str, depth: usize, words: &mut Vec<Word>) {
    let mut after_dot = false;
    for token in Lexer::new(text).map_while(Result::ok).filter(|token| !token.is_blank()) {
        let written = token.text(text);
        let name = match token.kind {
            TokenKind::Identifier => written.to_ascii_lowercase(),
            TokenKind::QuotedIdentifier => {
                written.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(written).replace("\"\"", "\"")
            }
            TokenKind::Dot => {
                after_dot = true;
                continue;
            }
            TokenKind::String | TokenKind::EscapeString if depth > 0 => {
                let within = written.split_once('\'').and_then(|(_, rest)| rest.strip_suffix('\'')).unwrap_or_default();
                read(&within.replace("''", "'"), depth - 1, words);
                continue;
            }
            TokenKind::DollarQuoted if depth > 0 => {
                let tag = written.get(1..).and_then(|rest| rest.find('$')).map_or(0, |at| at + 2);
                let within = written.len().checked_sub(tag).and_then(|end| written.get(tag..end)).unwrap_or_default();
                read(within, depth - 1, words);
                continue;
            }
            _ => {
                after_dot = false;
                continue;
            }
        };
        match words.pop() {
            Some(before) if after_dot => words.push(Word { schema: Some(before.name), name }),
            before => {
                words.extend(before);
                words.push(Word { schema: None, name });
            }
        }
        after_dot = false;
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    fn said(text: &str) -> String {
        let shown = |word: &super::Word| match &word.schema {
            Some(schema) => format!("{schema}.{}", word.name),
            None => word.name.clone(),
        };
        Words::of(text).0.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_words_of_strings_and_bodies_are_read_and_those_of_comments_are_not() {
        assert_eq!(said("ALTER TABLE \"My Ops\" . T /* x */ ADD y int -- z"), "alter table My Ops.t add y int");
        assert_eq!(said("SELECT nextval('o.s'), E'it''s'"), "select nextval o.s it");
        assert_eq!(said("DO $x$ BEGIN EXECUTE 'DROP TABLE o.t'; END $x$"), "do begin execute drop table o.t end");
        assert_eq!(said("SELECT 'never ends"), "select");
    }

    #[test]
    fn a_role_is_chosen_in_several_ways() {
        for text in [
            "SET ROLE owner",
            "set local role x",
            "SET SESSION AUTHORIZATION x",
            "RESET ROLE",
            "SELECT set_config('role', 'x', true)",
        ] {
            assert!(Words::of(text).choose_a_role(), "{text}");
        }
        for text in ["CREATE ROLE x", "CREATE SCHEMA s AUTHORIZATION x", "SELECT role FROM t", "ALTER ROLE x SET a = b"]
        {
            assert!(!Words::of(text).choose_a_role(), "{text}");
        }
    }

    #[test]
    fn a_right_on_a_schema_is_known_from_rights_on_what_is_in_it() {
        for text in [
            "GRANT USAGE ON SCHEMA s TO x",
            "revoke all on schema s from x",
            "DO 'BEGIN GRANT ALL ON SCHEMA s TO x; END'",
        ] {
            assert!(Words::of(text).grants_on_a_schema(), "{text}");
        }
        for text in
            ["GRANT SELECT ON ALL TABLES IN SCHEMA s TO x", "GRANT SELECT ON s.t TO x", "COMMENT ON SCHEMA s IS NULL"]
        {
            assert!(!Words::of(text).grants_on_a_schema(), "{text}");
        }
    }
}
