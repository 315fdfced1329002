//! What of a text depends on where the verbs are: what people type for them, and what they call the set.
//!
//! Texts are written for the command `graven`, which works on a directory. Here, and nowhere else, they are turned into
//! those of a program that has its migrations embedded.

use crate::cli::verb::Verb;

/// As the command is called that works on a directory.
const COMMAND: &str = "graven";

/// The verbs that no program has, since they are about files.
const ABOUT_FILES: [&str; 6] = ["baseline", "check", "new", "renumber", "seal", "summary"];

/// The words of the program that the verbs are part of.
#[derive(Clone, Debug)]
pub struct Words {
    /// What is typed before a verb: `graven`, or `myapp migrate`.
    program: String,
    origin: Origin,
    /// The options that have another name here, since the application has given theirs to one of its own.
    aside: Vec<String>,
    /// What each command is given as well that acts on the set: `--dir billing`.
    option: Option<String>,
}

/// Where the set comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Directory,
    Program,
}

impl Words {
    /// Those of the command `graven`.
    #[must_use]
    pub fn of_the_command() -> Self {
        Self { program: COMMAND.to_owned(), origin: Origin::Directory, aside: Vec::new(), option: None }
    }

    /// Those of a program with an embedded set.
    pub(crate) fn of_a_program(program: impl Into<String>) -> Self {
        Self { program: program.into(), origin: Origin::Program, aside: Vec::new(), option: None }
    }

    /// With what says which directory is meant, as a shell takes it, where the command would not find it by itself.
    #[must_use]
    pub fn with_option(self, option: Option<String>) -> Self {
        Self { option, ..self }
    }

    /// With options that stand aside: `json`, which is `--graven-json` here.
    pub(crate) fn with_aside(self, aside: impl IntoIterator<Item = String>) -> Self {
        Self { aside: aside.into_iter().collect(), ..self }
    }

    /// What is typed before a verb.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// What the set is called.
    pub(crate) fn the_set(&self) -> &'static str {
        match self.origin {
            Origin::Directory => "the directory",
            Origin::Program => "this program",
        }
    }

    /// A set that later migrations are absent from.
    pub(crate) fn this_set(&self) -> &'static str {
        match self.origin {
            Origin::Directory => "this directory",
            Origin::Program => "this program",
        }
    }

    /// A hint or a remedy, with what is to be typed as it can be typed here: `graven apply` as `myapp migrate apply`, or as
    /// `graven apply --dir billing`. What is about files (`graven seal`) stays with a program, since there is no other command
    /// for it. An option has the name that it has here. What the same is called in code is left out.
    #[must_use]
    pub fn typed(&self, text: &str) -> String {
        let text = self.with_program(&self.on_the_set(&without_code(text)));
        self.aside.iter().fold(text, |text, long| renamed(&text, long))
    }

    /// A text whose commands in backquotes say on which set they act, unless they do already.
    fn on_the_set(&self, text: &str) -> String {
        let Some(option) = &self.option else { return text.to_owned() };
        let verbs = Verb::names();
        let takes_it = |command: &str| {
            let verb = command.strip_prefix(COMMAND).and_then(|rest| rest.strip_prefix(' ')).unwrap_or_default();
            let verb = verb.split(' ').next().unwrap_or_default();
            let is_verb = verb == "…" || ABOUT_FILES.contains(&verb) || verbs.iter().any(|known| known == verb);
            is_verb && !command.split(' ').any(|part| part == "--dir")
        };
        let mut parts = text.split('`').peekable();
        let mut on_the_set = String::with_capacity(text.len());
        let mut is_quoted = false;
        while let Some(part) = parts.next() {
            on_the_set.push_str(part);
            if parts.peek().is_some() {
                if is_quoted && takes_it(part) {
                    on_the_set.push(' ');
                    on_the_set.push_str(option);
                }
                on_the_set.push('`');
            }
            is_quoted = !is_quoted;
        }
        on_the_set
    }

    fn with_program(&self, text: &str) -> String {
        if self.program == COMMAND || !text.contains(COMMAND) {
            return text.to_owned();
        }
        let verbs = Verb::names();
        let mut typed = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(COMMAND) {
            typed.push_str(before);
            let is_whole = !typed.ends_with(|c: char| c.is_alphanumeric() || "_-./".contains(c));
            let is_ours = after.strip_prefix(' ').is_some_and(|after| {
                let word = after.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                // Some texts leave it open which verb.
                after.starts_with('…') || verbs.iter().any(|verb| verb == word)
            });
            typed.push_str(if is_whole && is_ours { &self.program } else { COMMAND });
            rest = after;
        }
        typed.push_str(rest);
        typed
    }

    /// A text of `--help`, in which clap breaks the lines.
    pub(crate) fn help(&self, text: &str) -> String {
        let text = flowing(text);
        match self.origin {
            Origin::Directory => self.typed(&text),
            Origin::Program => self.typed(&text).replace("directory", "program"),
        }
    }
}

/// The name of an option that stands aside for one of the application's.
pub(crate) fn aside(long: &str) -> String {
    format!("graven-{long}")
}

/// A text without what stands in brackets for those who embed migrations: ` (in code, …)`, and `; in code, …` before a bracket.
fn without_code(text: &str) -> String {
    let mut without = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("in code, ") {
        let (before, after) = rest.split_at(at);
        let Some(end) = closing(after) else { break };
        let (kept, end) = match (before.strip_suffix(" ("), before.strip_suffix("; ")) {
            (Some(kept), _) => (kept, end + ")".len()),
            (None, Some(kept)) => (kept, end),
            (None, None) => (rest.get(..at + end).unwrap_or(rest), end),
        };
        without.push_str(kept);
        rest = after.get(end..).unwrap_or_default();
    }
    without.push_str(rest);
    without
}

/// Where a bracket closes, outside of backquotes.
fn closing(text: &str) -> Option<usize> {
    let mut is_quoted = false;
    text.char_indices().find_map(|(at, c)| {
        is_quoted ^= c == '`';
        (c == ')' && !is_quoted).then_some(at)
    })
}

/// A text in which an option is called as it is where it stands aside.
fn renamed(text: &str, long: &str) -> String {
    let (option, other) = (format!("--{long}"), format!("--{}", aside(long)));
    let goes_on = |c: char| c.is_alphanumeric() || "-_".contains(c);
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&option) {
        renamed.push_str(before);
        let is_whole = !renamed.ends_with(goes_on) && !after.starts_with(goes_on);
        renamed.push_str(if is_whole { &other } else { &option });
        rest = after;
    }
    renamed.push_str(rest);
    renamed
}

/// A text of `--help` whose paragraphs are one line each, so that they are broken where the terminal ends and nowhere else. What
/// is indented, an example or a row of a table, stays a line of its own.
#[must_use]
pub fn flowing(text: &str) -> String {
    let mut flowing = String::with_capacity(text.len());
    let mut is_open = false;
    for (number, line) in text.lines().enumerate() {
        let is_prose = !line.is_empty() && !line.starts_with(' ');
        if number > 0 {
            flowing.push(if is_open && is_prose { ' ' } else { '\n' });
        }
        flowing.push_str(line);
        is_open = is_prose;
    }
    flowing
}

/// `1 migration`, `2 migrations`.
#[must_use]
pub fn plural(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn a_verb_is_typed_as_the_program_has_it_and_what_is_about_files_stays() {
        let words = Words::of_a_program("myapp migrate");
        for (text, typed) in [
            ("`graven apply` applies them", "`myapp migrate apply` applies them"),
            (
                "`graven resolve 3 --retry` runs it again, `graven redo 4`",
                "`myapp migrate resolve 3 --retry` runs it again, `myapp migrate redo 4`",
            ),
            ("go on with it (`graven … --namespace web`)", "go on with it (`myapp migrate … --namespace web`)"),
            ("`graven seal --accept-edit 3`", "`graven seal --accept-edit 3`"),
            ("build again, or `graven new`", "build again, or `graven new`"),
            ("forget it with `DELETE FROM graven_history`", "forget it with `DELETE FROM graven_history`"),
            ("graven: transaction = off", "graven: transaction = off"),
            ("my-graven apply", "my-graven apply"),
            ("`graven applying`", "`graven applying`"),
            ("graven", "graven"),
            ("", ""),
        ] {
            assert_eq!(words.typed(text), typed);
            assert_eq!(Words::of_the_command().typed(text), text);
        }
    }

    #[test]
    fn a_command_names_the_directory_that_it_would_not_find_by_itself() {
        let words = Words::of_the_command().with_option(Some("--dir 'our billing'".to_owned()));
        for (text, typed) in [
            (
                "`graven stamp --to 1`, or `graven seal`",
                "`graven stamp --to 1 --dir 'our billing'`, or `graven seal --dir 'our billing'`",
            ),
            ("go on (`graven … --namespace web`)", "go on (`graven … --namespace web --dir 'our billing'`)"),
            ("`graven renumber --dir other`", "`graven renumber --dir other`"),
            ("`graven explain` lists all", "`graven explain` lists all"),
            ("`DELETE FROM x` or graven apply, `graven", "`DELETE FROM x` or graven apply, `graven"),
            ("`graven applying`, `my graven apply`", "`graven applying`, `my graven apply`"),
            ("", ""),
        ] {
            assert_eq!(words.typed(text), typed);
        }
    }

    #[test]
    fn who_types_a_command_is_not_told_what_it_is_called_in_code() {
        for (text, typed) in [
            ("say `graven reset --force` (in code, `Sessions::End`)", "say `graven reset --force`"),
            ("`a` (in code, `f(x)` or `g()`); or `b` (in code, `h`).", "`a`; or `b`."),
            (
                "go on (`graven … --namespace a`; in code, `namespace = \"a)\"`); or",
                "go on (`graven … --namespace a`); or",
            ),
            ("it is in code, and (nothing else) is", "it is in code, and (nothing else) is"),
            ("(in code, never closed", "(in code, never closed"),
        ] {
            assert_eq!(Words::of_the_command().typed(text), typed);
        }
    }

    #[test]
    fn an_option_that_stands_aside_is_called_by_its_other_name() {
        let words = Words::of_a_program("myapp db").with_aside(["to".to_owned(), "lock-timeout".to_owned()]);
        for (text, typed) in [
            ("wait longer with `--lock-timeout 5min`", "wait longer with `--graven-lock-timeout 5min`"),
            ("`graven stamp --to VERSION`", "`myapp db stamp --graven-to VERSION`"),
            ("--to=3, --to-day, graven--to, --tool", "--graven-to=3, --to-day, graven--to, --tool"),
            ("--to", "--graven-to"),
        ] {
            assert_eq!(words.typed(text), typed);
        }
    }

    #[test]
    fn paragraphs_are_one_line_each_and_examples_stay_as_they_are() {
        let text = "Examples:\n  graven apply    all\n  graven plan\n                  none\n\nIt does\nwhat it is\nto do.\n\nMore.";
        let flowing = "Examples:\n  graven apply    all\n  graven plan\n                  none\n\nIt does what it is to do.\n\nMore.";
        assert_eq!(super::flowing(text), flowing);
        assert_eq!(super::flowing(""), "");
    }

    #[test]
    fn help_speaks_of_the_program_where_there_is_no_directory() {
        let text = "graven stamp    all that the directory has";
        assert_eq!(Words::of_a_program("myapp db").help(text), "myapp db stamp    all that the program has");
        assert_eq!(Words::of_the_command().help(text), text);
    }
}
