//! What is wrong with a directory, and how it is shown to people.
//!
//! A [`Problem`] is plain data, for JSON as for text. Rendering never begins with `error:`: whoever shows it, the
//! compiler or the command line, says that itself.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::{
    DEFAULT_EMPHASIS_STYLE, DEFAULT_HELP_STYLE, DEFAULT_LINE_NUM_STYLE, DEFAULT_NOTE_STYLE,
};

use crate::picture::pictured;
use crate::rule::{Rule, SEALED_EDITED};
use crate::snippet::Excerpt;
pub use crate::snippet::Style;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The rule that is broken.
    pub rule: &'static Rule,
    /// What is wrong: a lower-case fragment without a full stop.
    pub message: String,
    /// The file, or the directory, relative to the package and with `/` between its parts.
    pub path: String,
    /// The line in the file, counted from 1, where one is meant.
    pub line: Option<usize>,
    /// The column in that line, in characters, counted from 1, where one is meant.
    pub column: Option<usize>,
    /// The line itself, with the place in it.
    pub excerpt: Option<Excerpt>,
    /// Details, one a row.
    pub rows: Vec<Row>,
    /// Why it matters.
    pub notes: Vec<String>,
    /// What to do: alternatives, the most likely one first.
    pub help: Vec<String>,
    /// How many more problems its file has that are not told of: of a file that is full of them, the last one has that.
    pub left_out: usize,
}

/// A detail of a problem: `sealed`, `sha256:815674e9c24e…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// Its value.
    pub text: String,
}

impl Problem {
    /// A problem of a whole file or directory.
    #[must_use]
    pub fn new(rule: &'static Rule, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            rule,
            message: message.into(),
            path: path.into(),
            line: None,
            column: None,
            excerpt: None,
            rows: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            left_out: 0,
        }
    }

    /// Names the line that is meant, where there is nothing to show of it.
    #[must_use]
    pub fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Names the place that is meant: `span` is in bytes of `text`, and `label` stands beside the caret.
    #[must_use]
    pub fn at(self, text: &str, span: Range<usize>, label: &str) -> Self {
        self.at_excerpt(Excerpt::cut(text, span, label))
    }

    /// Names the place that has been cut out.
    pub(crate) fn at_excerpt(mut self, excerpt: Excerpt) -> Self {
        self.line = Some(excerpt.line());
        self.column = Some(excerpt.column());
        self.excerpt = Some(excerpt);
        self
    }

    /// Adds a detail.
    #[must_use]
    pub fn row(mut self, label: impl Into<String>, text: impl Into<String>) -> Self {
        self.rows.push(Row { label: label.into(), text: text.into() });
        self
    }

    /// Adds why it matters.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// `path`, `path:line` or `path:line:column`.
    #[must_use]
    pub fn place(&self) -> String {
        let mut place = self.path.clone();
        for number in [self.line, self.column].into_iter().flatten() {
            place.push(':');
            place.push_str(&number.to_string());
        }
        place
    }

    /// By file and line, the order in which problems are shown.
    pub(crate) fn order(&self) -> (&str, Option<usize>, Option<usize>) {
        (&self.path, self.line, self.column)
    }

    /// The whole problem: message, place, details, notes, help and the rule. No line end after it.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let mut text = paint(&pictured(&self.message), DEFAULT_EMPHASIS_STYLE, style);
        text.push_str("\n\n");
        match &self.excerpt {
            Some(excerpt) => text.push_str(&excerpt.render(&pictured(&self.path), style)),
            None => {
                let place = self.place();
                let _ = write!(text, "  {} {}", paint("-->", DEFAULT_LINE_NUM_STYLE, style), pictured(&place));
            }
        }
        let width = self.rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
        for Row { label, text: value } in &self.rows {
            let _ = write!(text, "\n      {label:width$} {}", pictured(value));
        }
        text.push('\n');
        for note in &self.notes {
            let _ = write!(text, "\n{}", hang(&paint("note:", DEFAULT_NOTE_STYLE, style), &pictured(note), 6));
        }
        if !self.help.is_empty() {
            let help = alternatives(&self.help);
            let _ = write!(text, "\n{}", hang(&paint("help:", DEFAULT_HELP_STYLE, style), &pictured(&help), 6));
        }
        let _ = write!(text, "\n{} {}", paint("rule:", DEFAULT_NOTE_STYLE, style), self.rule.id);
        text
    }

    /// The problem in three lines: message, place and rule, the first way out, and what graven can do instead.
    fn render_short(&self, style: Style) -> String {
        let mut text = paint(&pictured(&self.message), DEFAULT_EMPHASIS_STYLE, style);
        let arrow = paint("-->", DEFAULT_LINE_NUM_STYLE, style);
        let _ = write!(text, "\n  {arrow} {}  ({})", pictured(&self.place()), self.rule.id);
        if let Some((first, others)) = self.help.split_first() {
            let mut help = in_one_line(first);
            if let Some(graven) = others.iter().find_map(|other| command_of_graven(other)) {
                let how = if self.rule == &SEALED_EDITED { "accept a harmless edit with " } else { "" };
                let _ = write!(help, ", or {how}`{graven}`");
            }
            let _ = write!(text, "\n  {} {}", paint("help:", DEFAULT_HELP_STYLE, style), pictured(&help));
        }
        text
    }
}

/// A way out in one line: where it ends in commands, these as one that can be pasted.
fn in_one_line(help: &str) -> String {
    match help.split_once(":\n") {
        Some((lead, commands)) => {
            let commands = format!("`{}`", commands.lines().collect::<Vec<_>>().join(" && "));
            // A condition is worth its space.
            if lead.starts_with("if ") { format!("{lead}: {commands}") } else { commands }
        }
        None => help.lines().next().unwrap_or_default().to_owned(),
    }
}

/// The command of graven that a way out consists of, if it does without a condition.
fn command_of_graven(help: &str) -> Option<&str> {
    if help.starts_with("if ") {
        return None;
    }
    let (_, quoted) = help.split_once('`')?;
    let (command, _) = quoted.split_once('`')?;
    command.starts_with("graven ").then_some(command)
}

/// As many lines as are shown of several problems before each of them is shortened.
const SCREEN: usize = 50;

/// Shows problems as one text, sorted by file and line; those after the first `limit`, and those that were
/// [left out](Problem::left_out) before, are counted only.
///
/// One problem is shown whole. Several are shown whole if they fit on a screen, and in short otherwise.
#[must_use]
pub fn render_all(problems: &[Problem], limit: usize, style: Style) -> String {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| problem.order());
    let shown = sorted.get(..limit.max(1)).unwrap_or(&sorted);

    let mut texts: Vec<String> = shown.iter().map(|problem| problem.render(style)).collect();
    let lines: usize = texts.iter().map(|text| text.lines().count() + 2).sum();
    let fits = lines <= SCREEN;
    if texts.len() > 1 && !fits {
        texts = shown.iter().map(|problem| problem.render_short(style)).collect();
    }
    let count = problems.len() + problems.iter().map(|problem| problem.left_out).sum::<usize>();
    let heading = (count > 1).then(|| format!("{count} problems in the migrations"));
    let rest = count - shown.len();
    let rest = (rest > 0).then(|| format!("and {rest} more"));
    let blank = if fits { "\n\n\n" } else { "\n\n" };
    heading.into_iter().chain(texts).chain(rest).collect::<Vec<_>>().join(blank)
}

/// Ways out as one text. What is to be pasted stands on lines of its own, and no comma is put after it.
fn alternatives(help: &[String]) -> String {
    let mut text = String::new();
    let mut divider = "";
    for help in help {
        text.push_str(divider);
        text.push_str(help);
        divider = if help.contains('\n') { "\nor " } else { ",\nor " };
    }
    text
}

/// As much of a part of a text as a message has room for.
pub(crate) fn brief(part: &str) -> Cow<'_, str> {
    const ROOM: usize = 60;
    match part.char_indices().nth(ROOM) {
        Some((end, _)) => Cow::Owned(format!("{}…", part.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(part),
    }
}

fn paint(text: &str, colour: annotate_snippets::renderer::Style, style: Style) -> String {
    match style {
        Style::Plain => text.to_owned(),
        Style::Ansi => format!("{colour}{text}{colour:#}"),
    }
}

/// A text after its heading; its further lines stand below its first one.
fn hang(heading: &str, text: &str, indent: usize) -> String {
    let mut lines = text.lines();
    let mut hung = format!("{heading} {}", lines.next().unwrap_or_default());
    for line in lines {
        let _ = write!(hung, "\n{:indent$}{line}", "");
    }
    hung
}
