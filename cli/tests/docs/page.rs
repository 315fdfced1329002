//! A page as the runner sees it: commands with what they print, files to write, and everything else as it stands.
//!
//! - A fence `console` holds commands, each after `$ ` (and its further lines after `> `), and below each what it prints;
//!   `[exit 4]` says how it ended, where that is not 0.
//! - A fence with `file=PATH` after its language is a file that is written; the line above names it to the reader.
//! - A comment `<!-- sh` holds commands that set a scene and that nobody needs to see. They must succeed.
//! - A comment `<!-- anew -->` starts over, in an empty folder and with an empty database.

use std::fs;
use std::path::PathBuf;

/// A page, taken apart.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) parts: Vec<Part>,
}

pub(crate) enum Part {
    /// What is for readers alone.
    Prose(String),
    /// A fence of another language: its info line and its text.
    Fence { info: String, text: String },
    /// A file to write.
    File { info: String, path: String, text: String },
    /// Commands, and what they print.
    Console(Vec<Shown>),
    /// Commands that nobody sees.
    Hidden(String),
    /// From here on, an empty folder and an empty database.
    Anew,
}

/// A command, and what the page says that it prints.
pub(crate) struct Shown {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) output: String,
}

/// The directory of the pages.
pub(crate) fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The names of all pages but the one that is generated and has a test of its own.
pub(crate) fn names() -> Vec<String> {
    let entries = fs::read_dir(directory()).expect("the pages are there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".md") && name != "rules.md").collect();
    names.sort();
    assert!(names.len() > 4, "{names:?}");
    names
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let text = fs::read_to_string(directory().join(name)).unwrap_or_else(|error| panic!("docs/{name}: {error}"));
        let parts = parse(name, &text);
        Self { name: name.to_owned(), text, parts }
    }

    pub(crate) fn has_commands(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Console(_)))
    }

    /// The texts of all fences of a language that are not written to files, and of files whose name ends so.
    pub(crate) fn fences<'a>(&'a self, language: &'a str) -> impl Iterator<Item = &'a str> {
        self.parts.iter().filter_map(move |part| match part {
            Part::Fence { info, text } if info == language => Some(text.as_str()),
            Part::File { info, text, .. } if info.split(',').next() == Some(language) => Some(text.as_str()),
            _ => None,
        })
    }

    /// What readers see as text: without fences and comments.
    pub(crate) fn prose(&self) -> String {
        let prose = self.parts.iter().filter_map(|part| match part {
            Part::Prose(text) => Some(text.as_str()),
            _ => None,
        });
        prose.collect()
    }
}

fn parse(name: &str, text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut above = "";
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let place = || format!("docs/{name}:{}", index + 1);
        let mut until = |end: &str| {
            let mut inner = String::new();
            for (_, line) in lines.by_ref() {
                if line == end {
                    return inner;
                }
                inner.push_str(line);
                inner.push('\n');
            }
            panic!("docs/{name}:{}: what begins here never ends", index + 1);
        };
        match line.strip_prefix("```") {
            Some("console") => parts.push(Part::Console(shown(index + 2, &until("```"), &place()))),
            Some(info) => match info.split_once(",file=") {
                Some((_, path)) => {
                    assert!(above.contains(&format!("`{path}`")), "{}: the line above does not name {path}", place());
                    parts.push(Part::File { info: info.to_owned(), path: path.to_owned(), text: until("```") });
                }
                None => {
                    assert!(!info.is_empty(), "{}: the fence has no language", place());
                    parts.push(Part::Fence { info: info.to_owned(), text: until("```") });
                }
            },
            None if line == "<!-- anew -->" => parts.push(Part::Anew),
            None if line == "<!-- sh" => parts.push(Part::Hidden(until("-->"))),
            None => {
                assert!(!line.trim_start().starts_with("```"), "{}: fences begin at the margin", place());
                assert!(!line.starts_with("<!--"), "{}: not a comment that means something here", place());
                parts.push(Part::Prose(format!("{line}\n")));
            }
        }
        if !line.is_empty() {
            above = line;
        }
    }
    parts
}

/// The commands of one fence, whose first line has that number.
fn shown(first: usize, text: &str, place: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for (line, text) in (first..).zip(text.lines()) {
        if let Some(command) = text.strip_prefix("$ ") {
            all.push(Shown { line, command: command.to_owned(), output: String::new() });
            continue;
        }
        let last = all.last_mut().unwrap_or_else(|| panic!("{place}: the fence does not begin with a command"));
        match text.strip_prefix("> ") {
            Some(further) if last.output.is_empty() => {
                last.command.push('\n');
                last.command.push_str(further);
            }
            _ => {
                last.output.push_str(text);
                last.output.push('\n');
            }
        }
    }
    assert!(!all.is_empty(), "{place}: the fence holds no command");
    all
}
