//! A file name becomes a kind, a version and a name. Nothing else is looked at: no disk, no content, no other file.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::version::{Version, VersionError};

/// What a file of a migrations directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `<version>_<name>.sql` or `<version>_<name>.up.sql`: applied once, in order of version.
    Versioned,
    /// `<version>_<name>.down.sql`: takes the versioned migration of that version back.
    Reverse,
    /// `<version>_<name>.baseline.sql`: what a fresh database gets in place of every version up to this one.
    Baseline,
    /// `<name>.repeatable.sql`: applied again when its checksum changes, after all versioned ones.
    Repeatable,
}

impl Kind {
    /// What stands between the name and `.sql`, with its dot. `.up` of a versioned migration may be left out.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Versioned => ".up",
            Self::Reverse => ".down",
            Self::Baseline => ".baseline",
            Self::Repeatable => ".repeatable",
        }
    }

    /// All kinds.
    const ALL: [Self; 4] = [Self::Versioned, Self::Reverse, Self::Baseline, Self::Repeatable];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Versioned => "versioned",
            Self::Reverse => "reverse",
            Self::Baseline => "baseline",
            Self::Repeatable => "repeatable",
        })
    }
}

/// The name of the seal file.
pub const SEAL_FILE: &str = "seal.lock";

/// What a file name says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileName<'a> {
    /// A migration of any kind.
    Migration(MigrationName<'a>),
    /// The seal file.
    Seal,
    /// No business of graven's: a dotfile, an editor's backup, Markdown, a README.
    LeftAlone,
    /// Something that does not belong in a migrations directory under this name.
    Refused(Refusal<'a>),
}

/// The parts of a migration's file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationName<'a> {
    /// The whole file name.
    pub file: &'a str,
    /// What the file is for.
    pub kind: Kind,
    /// Its version, which a repeatable does not have.
    pub version: Option<Version>,
    /// Where in `file` the name stands, in bytes.
    pub name: Range<usize>,
}

impl<'a> MigrationName<'a> {
    /// The name: of `0001_create_users.up.sql`, `create_users`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.file.get(self.name.clone()).unwrap_or_default()
    }

    /// The version as it is spelt in the file name, leading zeros included; empty for a repeatable.
    #[must_use]
    pub fn spelling(&self) -> &'a str {
        match self.version {
            Some(_) => self.file.get(..self.name.start.saturating_sub(1)).unwrap_or_default(),
            None => "",
        }
    }
}

/// Why a file name is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal<'a> {
    /// It is not SQL. `should_be` is set where the name differs from one that would serve by its case only.
    Stray {
        /// The name it should have had, if it is clear.
        should_be: Option<Cow<'a, str>>,
    },
    /// It is SQL and fits no kind.
    NoKind {
        /// What is wrong with it: a fragment such as `the version is divided from the name by '-'`.
        reason: Cow<'static, str>,
        /// The name it should have had.
        should_be: Suggestion,
    },
    /// It has a version larger than [`Version::MAX`].
    VersionTooLarge {
        /// The version, as it is spelt.
        spelling: &'a str,
        /// What stands after the version: `_name.sql`.
        rest: &'a str,
    },
}

/// The name that a file should have had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Suggestion {
    /// This very name.
    Name(String),
    /// The next free version, which only the whole directory tells, and then this: `_init.sql`.
    NextVersion(String),
    /// A version in its place among those of all other files, which only the whole directory tells, and then `rest`.
    InPlace {
        /// The parts of the version that it has, which is no integer: `["1", "2"]` of `V1.2__init.sql`.
        parts: Vec<String>,
        /// What follows the version: `_init.sql`.
        rest: String,
    },
}

/// Reads a file name, without a directory.
///
/// ```
/// use graven_source::file_name::{self, FileName, Kind};
///
/// let FileName::Migration(found) = file_name::parse("0001_create_users.down.sql") else { unreachable!() };
/// assert_eq!((found.kind, found.spelling(), found.name()), (Kind::Reverse, "0001", "create_users"));
/// assert_eq!(file_name::parse("README.md"), FileName::LeftAlone);
/// ```
#[must_use]
pub fn parse(file: &str) -> FileName<'_> {
    parse_ordinary(file).unwrap_or_else(|| parse_any(file))
}

/// A name as nearly all have it, of a version, `_`, ASCII letters, digits and more `_`, with which nothing can be wrong. One
/// look at each byte is enough for these: in a procedural macro, which is mostly built without optimisation, ten thousand
/// names would take longer otherwise than what they name.
fn parse_ordinary(file: &str) -> Option<FileName<'_>> {
    let end = file.strip_suffix(".sql")?.len();
    let bytes = file.as_bytes();
    let mut version = 0;
    let mut at = 0;
    // So many digits are a version, whichever they are.
    while at < 18 && at < end && bytes[at].is_ascii_digit() {
        version = version * 10 + i64::from(bytes[at] - b'0');
        at += 1;
    }
    if at == 0 || at + 1 >= end || bytes[at] != b'_' {
        return None;
    }
    let name = at + 1..end;
    while at < end {
        if !(bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
            return None;
        }
        at += 1;
    }
    let version = Version::new(version);
    Some(FileName::Migration(MigrationName { file, kind: Kind::Versioned, version, name }))
}

fn parse_any(file: &str) -> FileName<'_> {
    if file == SEAL_FILE {
        return FileName::Seal;
    }
    if is_left_alone(file) {
        return FileName::LeftAlone;
    }
    match strip_suffix_in_any_case(file, ".sql") {
        Some(stem) => parse_sql(file, stem),
        None if file.eq_ignore_ascii_case(SEAL_FILE) => {
            FileName::Refused(Refusal::Stray { should_be: Some(Cow::Borrowed(SEAL_FILE)) })
        }
        None => FileName::Refused(Refusal::Stray { should_be: None }),
    }
}

/// What editors, systems and people leave beside migrations: no reason to stop a build.
fn is_left_alone(file: &str) -> bool {
    const BACKUPS: [&str; 9] = ["~", ".swp", ".swo", ".swx", ".orig", ".bak", ".rej", ".tmp", ".old"];
    const DOCUMENTS: [&str; 2] = [".md", ".markdown"];
    // Vim makes a file of that name for a moment, to see whether it may write here.
    const OF_A_SYSTEM: [&str; 3] = ["thumbs.db", "desktop.ini", "4913"];
    let folded = file.to_ascii_lowercase();
    let is_sql = folded.ends_with(".sql");
    folded.starts_with('.')
        || BACKUPS.iter().chain(&DOCUMENTS).any(|ending| folded.ends_with(ending))
        || (folded.starts_with('#') && folded.ends_with('#'))
        || (folded.starts_with("readme") && !is_sql)
        || OF_A_SYSTEM.contains(&folded.as_str())
}

/// Reads the name of an SQL file; `stem` is what stands before `.sql`.
fn parse_sql<'a>(file: &'a str, stem: &'a str) -> FileName<'a> {
    let (bare, suffix) = split_kind(stem);
    if suffix == Some(Kind::Repeatable) {
        return parse_repeatable(file, stem, bare);
    }
    let kind = suffix.unwrap_or(Kind::Versioned);
    let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    let (spelling, rest) = bare.split_at(digits);
    let version = match spelling.parse::<Version>() {
        Ok(version) => version,
        Err(VersionError::TooLarge) if rest.starts_with('_') => {
            return FileName::Refused(Refusal::VersionTooLarge {
                spelling,
                rest: file.get(digits..).unwrap_or_default(),
            });
        }
        Err(_) => return no_version(bare, kind, suffix),
    };
    let ending = ending(kind, suffix);
    let Some(name) = rest.strip_prefix('_') else {
        return wrong_divider(spelling, rest, &ending);
    };
    match fault(name) {
        Some(fault) => refuse(fault, Suggestion::Name(format!("{spelling}_{}{ending}", mended(name)))),
        None if !is_canonical(file, stem) => {
            refuse("its ending is not in lower case", Suggestion::Name(format!("{spelling}_{name}{ending}")))
        }
        None => {
            let name = digits + 1..bare.len();
            FileName::Migration(MigrationName { file, kind, version: Some(version), name })
        }
    }
}

fn parse_repeatable<'a>(file: &'a str, stem: &'a str, name: &'a str) -> FileName<'a> {
    match fault(name) {
        Some(fault) => refuse(fault, Suggestion::Name(format!("{}.repeatable.sql", tidy(name)))),
        None if !is_canonical(file, stem) => {
            refuse("its ending is not in lower case", Suggestion::Name(format!("{name}.repeatable.sql")))
        }
        None => {
            let name = 0..name.len();
            FileName::Migration(MigrationName { file, kind: Kind::Repeatable, version: None, name })
        }
    }
}

/// The stem without its kind, and the kind it names, in any case.
fn split_kind(stem: &str) -> (&str, Option<Kind>) {
    Kind::ALL
        .into_iter()
        .find_map(|kind| strip_suffix_in_any_case(stem, kind.suffix()).map(|bare| (bare, Some(kind))))
        .unwrap_or((stem, None))
}

/// What a well-spelt name ends in: `.sql`, or `.up.sql` where the file said `.up` itself.
fn ending(kind: Kind, said: Option<Kind>) -> String {
    match said {
        Some(_) => format!("{}.sql", kind.suffix()),
        None => ".sql".to_owned(),
    }
}

/// Whether `.sql` and the kind before it are in lower case.
fn is_canonical(file: &str, stem: &str) -> bool {
    let ends_well = file.ends_with(".sql");
    ends_well
        && match split_kind(stem) {
            (_, Some(kind)) => stem.ends_with(kind.suffix()),
            (_, None) => true,
        }
}

/// Why a name cannot stay. It may hold nearly everything: what is refused would make a line of the seal file, or the
/// file name itself, read two ways.
fn fault(name: &str) -> Option<Cow<'static, str>> {
    if name.trim().is_empty() {
        Some("it has no name".into())
    } else if name.chars().any(char::is_control) {
        Some("its name holds a control character".into())
    } else if let Some(space) = untracked_space(name) {
        Some(format!("its name holds {space}").into())
    } else if name.trim() != name {
        Some("its name begins or ends with a space".into())
    } else if name.contains("sha256:") {
        Some("its name holds `sha256:`, which the seal file could not tell from a checksum".into())
    } else if split_kind(name).1.is_some() {
        Some("it names two kinds".into())
    } else {
        None
    }
}

/// The space of a path that makes cargo build anew at every build. rustc lists the files that it has read with spaces
/// between them and writes a `\` before a space of ASCII only, and cargo divides that list at spaces of any kind.
pub(crate) fn untracked_space(path: &str) -> Option<String> {
    let space = path.chars().find(|c| is_untracked(*c))?;
    Some(format!("a space (U+{:04X}) that cargo cannot keep track of", u32::from(space)))
}

fn is_untracked(c: char) -> bool {
    c.is_whitespace() && c != ' '
}

/// The name without any [`fault`].
fn mended(name: &str) -> String {
    let name: String = name.trim().chars().map(|c| if c.is_control() || is_untracked(c) { '_' } else { c }).collect();
    let name = name.replace("sha256:", "sha256_");
    let mut name = name.as_str();
    // A kind may stand before a space, and a space before a kind.
    while let rest = split_kinds(name.trim())
        && rest.len() < name.len()
    {
        name = rest;
    }
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// Takes all kinds off the end.
fn split_kinds(mut stem: &str) -> &str {
    while let (bare, Some(_)) = split_kind(stem) {
        stem = bare;
    }
    stem
}

/// `1.sql`, `0001-init.sql`, `0001 init.sql`, `1init.sql`: a version, and no `_` after it.
fn wrong_divider<'a>(spelling: &'a str, rest: &'a str, ending: &str) -> FileName<'a> {
    if rest.is_empty() {
        return refuse("it has no name", Suggestion::Name(format!("{spelling}_unnamed{ending}")));
    }
    if let Some((version, name)) = dated(spelling, rest) {
        let name = format!("{version}_{}{ending}", tidy(name));
        return refuse("its version is not an integer", Suggestion::Name(name));
    }
    // A dotted version such as 1.2 is no integer: the digits after the dot belong to it.
    let divided_again = rest.get(1..).is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | ' ' | '_'));
    let name = tidy(after);
    if divided_again {
        let more = rest.strip_suffix(after).unwrap_or_default();
        let parts = parts(spelling).chain(parts(more)).collect();
        return refuse("its version is not an integer", in_place(parts, format!("_{name}{ending}")));
    }
    refuse("no `_` follows its version", Suggestion::Name(format!("{spelling}_{name}{ending}")))
}

/// A date with hyphens, as diesel has it: of `2026-01-31-093000_create_users`, `20260131093000` and `create_users`.
#[must_use]
pub(crate) fn dated<'a>(year: &str, rest: &'a str) -> Option<(String, &'a str)> {
    let (days, name) = rest.strip_prefix('-')?.split_once('_')?;
    let version: String = year.chars().chain(days.chars().filter(|c| *c != '-')).collect();
    let is_date = year.len() == 4 && version.len() <= 18 && version.bytes().all(|byte| byte.is_ascii_digit());
    is_date.then_some((version, name))
}

/// A name that does not begin with a digit: Flyway's, or one without a version.
fn no_version<'a>(bare: &str, kind: Kind, said: Option<Kind>) -> FileName<'a> {
    let mut letters = bare.chars();
    let (prefix, rest) = (letters.next().map(|letter| letter.to_ascii_uppercase()), letters.as_str());
    if let (Some('R'), Some(name)) = (prefix, rest.strip_prefix("__")) {
        let name = Suggestion::Name(format!("{}.repeatable.sql", tidy(name)));
        return refuse(OF_FLYWAY, name);
    }
    let of_flyway = match prefix {
        Some('V') => Some(".sql"),
        Some('U') => Some(".down.sql"),
        Some('B') => Some(".baseline.sql"),
        _ => None,
    };
    if let (Some(ending), Some((version, name))) = (of_flyway, rest.split_once("__"))
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_'))
    {
        let name = tidy(name);
        let should_be = match version.parse::<Version>() {
            Ok(_) => Suggestion::Name(format!("{version}_{name}{ending}")),
            Err(_) => in_place(parts(version).collect(), format!("_{name}{ending}")),
        };
        let reason = if prefix == Some('U') { OF_TWO_TOOLS } else { OF_FLYWAY };
        return refuse(reason, should_be);
    }
    let name = tidy(bare.trim_start_matches(|c: char| c.is_ascii_digit()));
    refuse("it has no version", Suggestion::NextVersion(format!("_{name}{}", ending(kind, said))))
}

const OF_FLYWAY: &str = "it is named as Flyway would have it";

/// What `U2__name.sql` is depends on where it comes from.
const OF_TWO_TOOLS: &str = "it is named as Flyway would have what takes a migration back, and refinery a migration";

/// The numbers that a version is made of.
fn parts(version: &str) -> impl Iterator<Item = String> {
    let is_divider = |c: char| !c.is_ascii_digit();
    version.split(is_divider).filter(|part| !part.is_empty()).map(str::to_owned)
}

/// One number that is too large to be a version has its place by chance only.
fn in_place(parts: Vec<String>, rest: String) -> Suggestion {
    if parts.len() > 1 { Suggestion::InPlace { parts, rest } } else { Suggestion::NextVersion(rest) }
}

/// A name without the dividers before it and without any [`fault`].
fn tidy(name: &str) -> String {
    mended(name.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '_' | '.')))
}

fn refuse<'a>(reason: impl Into<Cow<'static, str>>, should_be: Suggestion) -> FileName<'a> {
    FileName::Refused(Refusal::NoKind { reason: reason.into(), should_be })
}

fn strip_suffix_in_any_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    // `get` is `None` inside a character, and then the text cannot end in an ASCII suffix.
    text.get(at..)?.eq_ignore_ascii_case(suffix).then(|| text.get(..at))?
}
