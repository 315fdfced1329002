//! Which locks a statement is known to take on relations that were there before it, read off its words.
//!
//! [`KNOWN`] says it as data, from the PostgreSQL manual (13.3.1 and the page of each command); a test compares each row
//! with `pg_locks` on a real server. It knows no catalog: what a cascade, a partition, a foreign key's other end, a
//! trigger or a function's body locks besides is not said. Of what it does not know it says nothing rather than a guess.

mod known;
mod pattern;
#[cfg(test)]
mod tests;

use std::fmt;

use self::known::{ACTIONS, OTHERS, Place};
pub use self::known::{ALTER_TABLE, KNOWN, Known};
use super::name::QualifiedName;
use super::tokens::Tokens;
use crate::lexer::{StringSyntax, TokenKind};

/// How strong a lock on a relation is, the weakest first (PostgreSQL manual, 13.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LockMode {
    /// Nobody can drop or rewrite the table meanwhile.
    AccessShare,
    /// As of `SELECT … FOR UPDATE`.
    RowShare,
    /// As of INSERT, UPDATE and DELETE: others read and write.
    RowExclusive,
    /// Others read and write, and no other maintenance or change of the schema runs.
    ShareUpdateExclusive,
    /// Others read, and nobody writes.
    Share,
    /// Others read, and nobody writes or builds an index.
    ShareRowExclusive,
    /// Others do no more than read.
    Exclusive,
    /// Others do not even read.
    AccessExclusive,
}

impl LockMode {
    /// Every mode, the weakest first.
    pub const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];

    /// As LOCK TABLE has it: `SHARE ROW EXCLUSIVE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// What others can still do with the table, in words: `others read, nobody writes`.
    #[must_use]
    pub const fn lets(self) -> &'static str {
        match self {
            Self::AccessShare | Self::RowShare | Self::RowExclusive => "others read and write",
            Self::ShareUpdateExclusive => "others read and write, no other maintenance",
            Self::Share | Self::ShareRowExclusive | Self::Exclusive => "others read, nobody writes",
            Self::AccessExclusive => "nobody reads or writes",
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A lock that a statement takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lock {
    /// How strong it is.
    pub mode: LockMode,
    /// On what.
    pub on: Locked,
}

/// What is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Locked {
    /// A table, or another relation that the statement names.
    Relation(QualifiedName),
    /// The table to which the index of that name belongs.
    TableOf(QualifiedName),
}

/// The locks that a statement is known to take on relations, the strongest one for each, in the order in which it names
/// them. Empty for what is not known.
///
/// ```
/// use graven_source::statement::{LockMode, locks};
///
/// let locks = locks("ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers NOT VALID");
/// assert_eq!(locks.len(), 2);
/// assert!(locks.iter().all(|lock| lock.mode == LockMode::ShareRowExclusive));
/// ```
#[must_use]
pub fn locks(statement: &str) -> Vec<Lock> {
    let Some(start) = after_with(Tokens::new(statement, StringSyntax::default())) else { return Vec::new() };
    let mut locks = Locks::default();
    for known in KNOWN {
        let mut tokens = start.clone();
        if tokens.follow(known.begins) {
            // A row that fits decides, also where it finds no name.
            let _ = locks.read(known, tokens);
            break;
        }
    }
    locks.0
}

/// What a statement does to the list of relations that exist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It makes a relation, and fails if there is one of that name.
    Makes(QualifiedName),
    /// It makes a relation that is gone with the session at the latest.
    MakesTemporary(QualifiedName),
    /// It gives one another name.
    Renames(QualifiedName, String),
    /// It takes these away.
    Drops(Vec<QualifiedName>),
}

/// Which relation a statement makes, renames or drops, where it is known to.
///
/// One that is made with IF NOT EXISTS or OR REPLACE may have been there, and is none of them.
#[must_use]
pub fn change(statement: &str) -> Option<Change> {
    let tokens = Tokens::new(statement, StringSyntax::default());
    let begins = |pattern: &str| {
        let mut rest = tokens.clone();
        rest.follow(pattern).then_some(rest)
    };
    if let Some(mut rest) = begins("create [global|local] temporary|temp [recursive] table|view") {
        return (!rest.sees("if")).then(|| rest.relation()).flatten().map(Change::MakesTemporary);
    }
    if let Some(mut rest) = begins("create [unlogged] [foreign|materialized] table|view") {
        return (!rest.sees("if")).then(|| rest.relation()).flatten().map(Change::Makes);
    }
    if let Some(mut rest) = begins("alter table [if exists]") {
        let relation = rest.relation()?;
        return rest.follow("rename to").then(|| rest.name()).flatten().map(|name| Change::Renames(relation, name));
    }
    let mut rest = begins("drop [foreign|materialized] table|view [if exists]")?;
    Some(Change::Drops(rest.relations()))
}

/// The tokens of the statement proper, behind `WITH … AS ( … )`. Of a query that begins so nothing is known.
fn after_with(mut tokens: Tokens<'_>) -> Option<Tokens<'_>> {
    if !tokens.eat("with") {
        return Some(tokens);
    }
    tokens.eat("recursive");
    // A name may be `update`.
    tokens.skip_one();
    while !tokens.at_end() {
        if ["insert", "update", "delete", "merge"].iter().any(|word| tokens.sees(word)) {
            return Some(tokens);
        }
        if ["select", "values", "table"].iter().any(|word| tokens.sees(word)) {
            return None;
        }
        if tokens.eat_kind(TokenKind::Comma) {
            tokens.skip_one();
        }
        tokens.skip_one();
    }
    None
}

#[derive(Default)]
struct Locks(Vec<Lock>);

impl Locks {
    /// The strongest one for each.
    fn add(&mut self, mode: LockMode, on: Locked) {
        match self.0.iter_mut().find(|lock| lock.on == on) {
            Some(lock) => lock.mode = lock.mode.max(mode),
            None => self.0.push(Lock { mode, on }),
        }
    }

    /// Reads on behind the words of a row.
    fn read(&mut self, known: &Known, mut tokens: Tokens<'_>) -> Option<()> {
        let mode = known.mode;
        match known.place {
            Place::Here => self.add(mode, Locked::Relation(tokens.relation()?)),
            Place::List => {
                for relation in tokens.relations() {
                    self.add(mode, Locked::Relation(relation));
                }
            }
            Place::Index => {
                for index in tokens.relations() {
                    self.add(mode, Locked::TableOf(index));
                }
            }
            Place::Behind(word) => {
                tokens.skip_to(word)?;
                self.add(mode, Locked::Relation(tokens.relation()?));
            }
            Place::OwnerOfColumn => self.add(mode, Locked::Relation(tokens.owner()?)),
            Place::CopyFrom => {
                let relation = tokens.relation()?;
                tokens.skip_parentheses();
                tokens.eat("from").then(|| self.add(mode, Locked::Relation(relation)))?;
            }
            Place::Cluster => self.cluster(mode, tokens)?,
            Place::Reindex => self.reindex(mode, tokens)?,
            Place::Vacuum => self.vacuum(mode, tokens),
            Place::LockTable => self.lock_table(mode, tokens),
            Place::AlterTable => self.alter_table(mode, tokens)?,
            Place::CreateTable => self.create_table(mode, tokens)?,
            Place::Unknown => {}
        }
        Some(())
    }

    /// FULL rewrites the table; an empty list means all tables, of which nothing is said.
    fn vacuum(&mut self, mode: LockMode, mut tokens: Tokens<'_>) {
        let mut is_full = tokens.option("full") == Some(true);
        tokens.skip_parentheses();
        for word in ["full", "freeze", "verbose", "analyze", "analyse"] {
            is_full |= tokens.eat(word) && word == "full";
        }
        let mode = if is_full { LockMode::AccessExclusive } else { mode };
        for relation in tokens.relations() {
            self.add(mode, Locked::Relation(relation));
        }
    }

    /// The older grammar names the index first: `CLUSTER i ON t`.
    fn cluster(&mut self, mode: LockMode, mut tokens: Tokens<'_>) -> Option<()> {
        tokens.skip_parentheses();
        tokens.eat("verbose");
        let mut relation = tokens.relation()?;
        if tokens.eat("on") {
            relation = tokens.relation()?;
        }
        self.add(mode, Locked::Relation(relation));
        Some(())
    }

    /// Of a schema, of a database and of the catalogs nothing is said.
    fn reindex(&mut self, mode: LockMode, mut tokens: Tokens<'_>) -> Option<()> {
        let mut is_concurrent = tokens.option("concurrently") == Some(true);
        tokens.skip_parentheses();
        tokens.eat("verbose");
        let is_table = tokens.eat("table");
        if !is_table && !tokens.eat("index") {
            return None;
        }
        is_concurrent |= tokens.eat("concurrently");
        let relation = tokens.relation()?;
        let on = if is_table { Locked::Relation(relation) } else { Locked::TableOf(relation) };
        self.add(if is_concurrent { LockMode::ShareUpdateExclusive } else { mode }, on);
        Some(())
    }

    fn lock_table(&mut self, mode: LockMode, mut tokens: Tokens<'_>) {
        let relations = tokens.relations();
        let mut said = Some(mode);
        if tokens.eat("in") {
            said = LockMode::ALL.into_iter().find(|mode| {
                let words = mode.as_str().to_ascii_lowercase();
                tokens.clone().follow(&format!("{words} mode"))
            });
        }
        let Some(mode) = said else { return };
        for relation in relations {
            self.add(mode, Locked::Relation(relation));
        }
    }

    /// Of all its actions the strongest lock holds from the beginning (PostgreSQL manual, ALTER TABLE). Each that is not noted
    /// to take a lesser one takes the strongest.
    fn alter_table(&mut self, otherwise: LockMode, mut tokens: Tokens<'_>) -> Option<()> {
        let table = Locked::Relation(tokens.relation()?);
        let mut others = Self::default();
        loop {
            match ACTIONS.iter().find(|row| tokens.clone().follow(row.begins)) {
                Some(row) => self.add(row.mode(tokens.clone())?, table.clone()),
                None => self.add(otherwise, table.clone()),
            }
            for (begins, mode) in OTHERS {
                let mut rest = tokens.clone();
                if rest.follow(begins) {
                    others.add(*mode, Locked::Relation(rest.relation()?));
                }
            }
            if tokens.sees("add") {
                others.references(tokens.clone());
            }
            if !tokens.skip_to_comma() {
                break;
            }
        }
        for Lock { mode, on } in others.0 {
            self.add(mode, on);
        }
        Some(())
    }

    /// The new table itself is nobody else's yet.
    fn create_table(&mut self, mode: LockMode, mut tokens: Tokens<'_>) -> Option<()> {
        tokens.follow("if not exists");
        let new = tokens.relation()?;
        if tokens.follow("partition of") {
            self.add(mode, Locked::Relation(tokens.relation()?));
        }
        let mut rest = tokens.clone();
        if rest.skip_to("inherits").is_some() && rest.eat_kind(TokenKind::OpenParen) {
            for parent in rest.relations() {
                self.add(LockMode::ShareUpdateExclusive, Locked::Relation(parent));
            }
        }
        self.references(tokens);
        self.0.retain(|lock| lock.on != Locked::Relation(new.clone()));
        Some(())
    }

    /// The other ends of the foreign keys in one action, or in a whole CREATE TABLE. REFERENCES is a reserved word.
    fn references(&mut self, mut tokens: Tokens<'_>) {
        let mut depth = 0_usize;
        while let Some(token) = tokens.peek() {
            if tokens.eat("references") {
                if let Some(relation) = tokens.relation() {
                    self.add(LockMode::ShareRowExclusive, Locked::Relation(relation));
                }
                continue;
            }
            match token.kind {
                TokenKind::OpenParen => depth += 1,
                TokenKind::CloseParen => depth = depth.saturating_sub(1),
                // The next action is read by itself; in a CREATE TABLE, all stands in parentheses.
                TokenKind::Comma if depth == 0 => return,
                _ => {}
            }
            tokens.next();
        }
    }
}
