//! What of a text depends on where the verbs are: what people type for them, and what they call the set.
//!
//! Texts are written for the command `graven`, which works on a directory. Here, and nowhere else, they are turned into
//! those of a program that has its migrations embedded.

use crate::cli::verb::Verb;

/// As the command is called that works on a directory.
const COMMAND: &str = "graven";

/// The words of the program that the verbs are part of.
#[derive(Clone, Debug)]
pub struct Words {
    /// What is typed before a verb: `graven`, or `myapp migrate`.
    program: String,
    origin: Origin,
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
        Self { program: COMMAND.to_owned(), origin: Origin::Directory }
    }

    /// Those of a program with an embedded set.
    pub(crate) fn of_a_program(program: impl Into<String>) -> Self {
        Self { program: program.into(), origin: Origin::Program }
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

    /// A hint or a remedy, with what is to be typed as it can be typed here: `graven apply` as `myapp migrate apply`. What
    /// is about files (`graven seal`) stays, since there is no other command for it.
    #[must_use]
    pub fn typed(&self, text: &str) -> String {
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

    /// A text of `--help`.
    pub(crate) fn help(&self, text: &str) -> String {
        match self.origin {
            Origin::Directory => self.typed(text),
            Origin::Program => self.typed(text).replace("directory", "program"),
        }
    }
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
    fn help_speaks_of_the_program_where_there_is_no_directory() {
        let text = "graven stamp    all that the directory has";
        assert_eq!(Words::of_a_program("myapp db").help(text), "myapp db stamp    all that the program has");
        assert_eq!(Words::of_the_command().help(text), text);
    }
}
