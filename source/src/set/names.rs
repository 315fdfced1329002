//! The files of a directory, sorted out by their names alone.

use super::free::Free;
use super::place::{Place, quote};
use crate::file_name::{self, FileName, Kind, Refusal, SEAL_FILE, Suggestion};
use crate::problem::Problem;
use crate::read::{self, Entry, EntryKind};
use crate::rule;
use crate::seal::Seal;
use crate::version::Version;

/// A migration's file that has not been read yet.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) file: String,
    pub(super) kind: Kind,
    pub(super) version: Option<Version>,
    pub(super) spelling: String,
    pub(super) name: String,
}

impl Named {
    /// What stands after the name of one that has a version: `.sql`, `.up.sql`, `.down.sql`.
    pub(super) fn ending(&self) -> &str {
        self.file.get(self.spelling.len() + 1 + self.name.len()..).unwrap_or_default()
    }
}

/// Something whose name cannot stay.
#[derive(Clone, Debug)]
pub(super) struct Misnamed {
    pub(super) file: String,
    /// What is said of it, but for the name that it should have.
    pub(super) problem: Problem,
    pub(super) wanted: Wanted,
    /// Of a directory that is a migration as diesel has it, the files in it that are to be taken out.
    pub(super) parts: Vec<&'static str>,
}

/// The name that something should have.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// This one, if nothing else has it or its version.
    Name(String),
    /// A version that is free, and then this: `_init.sql`.
    NextVersion(String),
    /// A version that keeps it in its place, which is that of a version with these parts, and then this.
    InPlace(Vec<String>, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SealFile {
    There,
    Absent,
    /// Something else has its name, and a problem says so.
    NoFile,
}

/// What lies in a directory.
pub(super) struct Listing {
    pub(super) migrations: Vec<Named>,
    pub(super) seal: SealFile,
    /// The names of all files that are to be read.
    pub(super) files: Vec<String>,
    /// What should have another name, which only the whole listing tells.
    pub(super) misnamed: Vec<Misnamed>,
}

/// Sorts out what a directory holds. What does not belong there is reported at once. What only has a wrong name is kept
/// for [`super::misnamed`]: which names are free takes the whole directory to tell.
pub(super) fn sort_out(place: &Place, entries: Vec<Entry>, problems: &mut Vec<Problem>) -> Listing {
    let mut listing =
        Listing { migrations: Vec::new(), seal: SealFile::Absent, files: Vec::new(), misnamed: Vec::new() };
    for entry in entries {
        let Ok(file) = entry.name.into_string().map_err(|name| {
            problems.push(place.name_not_utf8(&name.to_string_lossy()));
        }) else {
            continue;
        };
        match (file_name::parse(&file), entry.what) {
            (FileName::LeftAlone, _) => {}
            (FileName::Seal, what) if what != EntryKind::File => {
                listing.seal = SealFile::NoFile;
                problems.push(place.no_seal_file(what));
            }
            (_, EntryKind::Directory) => listing.directory(place, file, problems),
            (_, what @ (EntryKind::DeadLink | EntryKind::LinkInCircle)) => problems.push(place.dead_link(&file, what)),
            (_, EntryKind::Other) => problems.push(place.stray(&file, "it is neither a file nor a link to one")),
            (FileName::Seal, _) => {
                listing.seal = SealFile::There;
                listing.files.push(file);
            }
            (FileName::Migration(found), EntryKind::File) => {
                listing.migrations.push(Named {
                    kind: found.kind,
                    version: found.version,
                    spelling: found.spelling().to_owned(),
                    name: found.name().to_owned(),
                    file: file.clone(),
                });
                listing.files.push(file);
            }
            (FileName::Refused(refusal), EntryKind::File) => listing.refused(place, &file, refusal, problems),
        }
    }
    listing
}

impl Listing {
    fn refused(&mut self, place: &Place, file: &str, refusal: Refusal<'_>, problems: &mut Vec<Problem>) {
        match refusal {
            Refusal::Stray { should_be: None } => problems.push(place.stray(file, "it is not a migration")),
            Refusal::Stray { should_be: Some(should_be) } => {
                let problem = place.stray(file, "it differs from a name of graven's by its case");
                // Where the file system tells the two names apart, both may be there.
                let is_free = !place.location.join(should_be.as_ref()).exists();
                let rename = is_free.then(|| format!("rename it:\n{}", place.git_mv(file, &should_be)));
                problems.push(Problem { help: rename.map_or(problem.help, |rename| vec![rename]), ..problem });
            }
            Refusal::NoKind { reason, should_be } => {
                let wanted = match should_be {
                    Suggestion::Name(name) => Wanted::Name(name),
                    Suggestion::NextVersion(rest) => Wanted::NextVersion(rest),
                    Suggestion::InPlace { parts, rest } => Wanted::InPlace(parts, rest),
                };
                let (file, problem) = (file.to_owned(), place.no_kind(file, &reason));
                self.misnamed.push(Misnamed { file, problem, wanted, parts: Vec::new() });
            }
            Refusal::VersionTooLarge { spelling, rest } => {
                let message = format!("version {spelling} is too large");
                let problem = Problem::new(&rule::VERSION_RANGE, place.path_of(file), message)
                    .note(format!("the history table keeps it as a `bigint`, which holds up to {}", Version::MAX));
                let wanted = Wanted::NextVersion(rest.to_owned());
                self.misnamed.push(Misnamed { file: file.to_owned(), problem, wanted, parts: Vec::new() });
            }
        }
    }

    /// A directory may be a migration as diesel has it: `2026-01-31-093000_create_users/up.sql`.
    fn directory(&mut self, place: &Place, name: String, problems: &mut Vec<Problem>) {
        let within = read::list(&place.location.join(&name));
        // Git leaves one behind whose files were moved out, and takes none along. One with the name of a migration would be
        // taken for one where only names are looked at.
        let is_empty = within.as_ref().is_ok_and(Vec::is_empty);
        if is_empty && !matches!(file_name::parse(&name), FileName::Migration(_)) {
            return;
        }
        let within = within.unwrap_or_default();
        let problem = place.stray(&name, "it is a directory, which is not looked into");
        let has = |file: &str| within.iter().any(|entry| entry.name == file);
        let wanted =
            of_diesel(&name).filter(|_| has("up.sql")).map(|(version, rest)| format!("{version}_{rest}.up.sql"));
        match wanted.filter(|wanted| matches!(file_name::parse(wanted), FileName::Migration(_))) {
            Some(wanted) => {
                let parts = ["up.sql", "down.sql"].into_iter().filter(|file| has(file)).collect();
                self.misnamed.push(Misnamed { file: name, problem, wanted: Wanted::Name(wanted), parts });
            }
            None => problems.push(problem),
        }
    }

    /// The versions that migrations have or that are sealed or announced, with the width of their spelling.
    ///
    /// A reverse takes none: it has the version of its migration or, left behind by a move that was cut off, the one
    /// where its migration is going.
    pub(super) fn taken(&self, seal: Option<&Seal>) -> impl Iterator<Item = (Version, usize)> {
        let taking = self.migrations.iter().filter(|named| named.kind != Kind::Reverse);
        let there = taking.filter_map(|named| Some((named.version?, named.spelling.len())));
        let sealed = seal.into_iter().flat_map(Seal::lines).map(|line| (line.version, line.spelling.len()));
        there.chain(sealed)
    }

    /// The versions above all that are taken or `claimed`.
    pub(super) fn free(&self, seal: Option<&Seal>, claimed: &[(Version, usize)]) -> Free {
        let taken: Vec<_> = self.taken(seal).collect();
        // What has a wrong name is no model for how versions are spelt.
        let width = taken.iter().max().map(|(_, width)| *width);
        let claimed = claimed.iter().map(|(version, own)| (*version, width.unwrap_or(*own)));
        Free::above(taken.iter().copied().chain(claimed))
    }
}

/// A directory as diesel has it, as a version and a name.
fn of_diesel(directory: &str) -> Option<(String, &str)> {
    let digits = directory.bytes().take_while(u8::is_ascii_digit).count();
    let (version, rest) = directory.split_at(digits);
    match rest.strip_prefix('_') {
        Some(name) => version.parse::<Version>().is_ok().then(|| (version.to_owned(), name)),
        None => file_name::dated(version, rest),
    }
}

/// What stands there in place of a file.
const fn described(what: EntryKind) -> &'static str {
    match what {
        EntryKind::File => "a file",
        EntryKind::Directory => "a directory",
        EntryKind::DeadLink => "a link to a file that is gone",
        EntryKind::LinkInCircle => "a link that leads in a circle",
        EntryKind::Other => "a pipe, a socket or a device",
    }
}

impl Place {
    fn no_kind(&self, file: &str, reason: &str) -> Problem {
        Problem::new(&rule::FILE_NAME, self.path_of(file), format!("`{file}` is not the name of a migration: {reason}"))
            .note("passed over in silence, its SQL would be absent from every database")
    }

    fn stray(&self, file: &str, reason: &str) -> Problem {
        Problem::new(&rule::STRAY_FILE, self.path_of(file), format!("`{file}` does not belong here: {reason}"))
            .note("it might be a migration with a slip in its name, which would be passed over in silence")
            .help("move it elsewhere")
            .help(format!("give it a name that begins with a dot: `{}`", self.git_mv(file, &format!(".{file}"))))
    }

    fn name_not_utf8(&self, file: &str) -> Problem {
        let rule = if file.to_ascii_lowercase().ends_with(".sql") { &rule::FILE_NAME } else { &rule::STRAY_FILE };
        Problem::new(rule, self.path_of(file), format!("the file name `{file}` is not UTF-8"))
            .help("give it a name in UTF-8")
    }

    /// What has the name of the seal file and is none. Nothing may pass over it as over a seal file that is not there: what
    /// was sealed may be said elsewhere.
    fn no_seal_file(&self, what: EntryKind) -> Problem {
        let path = self.path_of(SEAL_FILE);
        let quoted = quote(&path);
        Problem::new(&rule::DIRECTORY_ABSENT, path, format!("`{SEAL_FILE}` is {}, and no file", described(what)))
            .note("it says which migrations must not change any more")
            .help(format!("move that elsewhere, and take the seal file back from git (`git checkout -- {quoted}`)"))
            .help(format!("create it where git has none: an empty one serves (`touch {quoted}`)"))
    }

    fn dead_link(&self, file: &str, what: EntryKind) -> Problem {
        let path = self.path_of(file);
        let quoted = quote(&path);
        Problem::new(&rule::DIRECTORY_ABSENT, path, format!("`{file}` is {}", described(what)))
            .help(format!("let it lead to the file (`ln -sfn FILE {quoted}`)"))
            .help(format!("put the file itself in its place, or delete it (`rm {quoted}`)"))
    }

    /// A file that is there and cannot be read.
    pub(super) fn unreadable_file(&self, file: &str, reason: &str) -> Problem {
        let message = format!("`{file}` cannot be read");
        let problem = Problem::new(&rule::DIRECTORY_ABSENT, self.path_of(file), message).row("the system says", reason);
        match file {
            SEAL_FILE => problem.note("it says which migrations must not change any more"),
            _ => problem,
        }
    }
}
