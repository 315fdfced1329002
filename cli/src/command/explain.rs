//! `graven explain`: what a rule finds, why it matters, and what to do.

use graven_source::rule::{Example, Rule};
use serde_json::{Value, json};

use crate::arguments::Explain;
use crate::command::check::all_rules;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::lint::own::OWN;
use crate::lint::registry::{self, Heeded, PREFIX};
use crate::output::{BOLD, DIM, Output};

/// As wide as text is read with ease.
const WIDTH: usize = 100;
/// From where on a misspelt rule is taken for a rule: 1 is the same, 0 has nothing in common.
const ALIKE: f64 = 0.75;

pub(crate) fn run(explain: &Explain, output: &Output) -> Result<Exit, Failure> {
    let rules = explain.rules.iter().map(|id| named(id).ok_or_else(|| unknown(id))).collect::<Result<Vec<_>, _>>()?;
    match rules.as_slice() {
        [] => output.result(&all().map(json).collect::<Vec<_>>(), list)?,
        [rule] => output.result(&json(rule), || page(rule))?,
        several => {
            let pages = || several.iter().map(|rule| page(rule)).collect::<Vec<_>>().join("\n");
            output.result(&several.iter().map(|rule| json(rule)).collect::<Vec<_>>(), pages)?;
        }
    }
    Ok(exit::DONE)
}

/// The rules, then the lints.
fn all() -> impl Iterator<Item = &'static Rule> {
    all_rules().chain(registry::all().map(|lint| &lint.rule))
}

/// A lint also goes by squawk's name alone.
fn named(id: &str) -> Option<&'static Rule> {
    all_rules().find(|rule| rule.id == id).or_else(|| registry::by_name(id).map(|lint| &lint.rule))
}

fn list() -> String {
    let width = all().map(|rule| rule.id.len()).max().unwrap_or(0);
    let lines = |rules: &mut dyn Iterator<Item = &'static Rule>| {
        let line = |rule: &Rule| {
            let finds = wrapped(rule.finds, WIDTH - width - 4).join(&format!("\n{:1$}", "", width + 4));
            format!("  {BOLD}{:width$}{BOLD:#}  {finds}", rule.id)
        };
        rules.map(line).collect::<Vec<_>>().join("\n")
    };
    let lints = |heeded| lines(&mut registry::all().filter(move |lint| lint.heeded == heeded).map(|lint| &lint.rule));
    format!(
        "{}\n\nLints, which are warnings\n{}\n\nLints that are off unless asked for (`graven check --warn LINT`)\n{}\n\n\
         `graven explain RULE` explains one.",
        lines(&mut all_rules()),
        lints(Heeded::Always),
        lints(Heeded::OnRequest)
    )
}

fn page(rule: &Rule) -> String {
    let paragraph = |text: &str| wrapped(text, WIDTH).join("\n");
    let lint = registry::by_name(rule.id).filter(|lint| lint.rule == *rule);
    // The rules about linting are no lints, and refuse nothing either.
    let refused = if lint.is_some() || OWN.contains(&rule) { "Found" } else { "Refused" };
    let more = match lint {
        Some(lint) if lint.heeded == Heeded::OnRequest => {
            format!("\n{DIM}It is off unless asked for: `graven check --warn {}`{DIM:#}\n", lint.name())
        }
        Some(lint) => format!("\n{DIM}A file allows it by `-- graven: allow = {}` at its head{DIM:#}\n", lint.name()),
        None => String::new(),
    };
    format!(
        "{BOLD}{}{BOLD:#}: {}\n\n{}\n\n{BOLD}What to do{BOLD:#}\n{}\n\n{BOLD}{refused}{BOLD:#}\n{}\n{BOLD}Fine{BOLD:#}\n{}{more}",
        rule.id,
        rule.finds,
        paragraph(rule.why),
        paragraph(rule.remedy),
        example(&rule.bad),
        example(&rule.good)
    )
}

fn example(example: &Example) -> String {
    if example.files.is_empty() {
        return format!("  {DIM}there is no directory {}{DIM:#}\n", example.path);
    }
    let mut text = String::new();
    for (file, content) in example.files {
        let empty = if content.is_empty() { " (empty)" } else { "" };
        text.push_str(&format!("  {DIM}{}/{file}{empty}{DIM:#}\n", example.path));
        for line in visible(content).lines() {
            text.push_str(&format!("      {line}\n"));
        }
    }
    text
}

/// A file as it can be shown: what is no text, or would do something to a terminal, is written as a number.
fn visible(content: &[u8]) -> String {
    let mut text = String::new();
    for chunk in content.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' | '\t' => text.push(c),
                c if c.is_control() => text.extend(c.escape_unicode()),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// The lines of a paragraph.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn json(rule: &Rule) -> Value {
    let files = |example: &Example| {
        example
            .files
            .iter()
            .map(|(file, content)| json!({ "file": format!("{}/{file}", example.path), "content": String::from_utf8_lossy(content) }))
            .collect::<Vec<_>>()
    };
    json!({
        "id": rule.id,
        "finds": rule.finds,
        "why": rule.why,
        "remedy": rule.remedy,
        "good": files(&rule.good),
        "bad": files(&rule.bad),
    })
}

fn unknown(id: &str) -> Failure {
    if let Some(left_out) = registry::left_out(id) {
        let (message, because) = left_out.told();
        return Failure::Usage(message, because);
    }
    let likeness = |rule: &Rule| {
        let name = if id.starts_with(PREFIX) { rule.id } else { rule.id.trim_start_matches(PREFIX) };
        strsim::jaro_winkler(name, &id.to_lowercase())
    };
    let nearest = all().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|rule| likeness(rule) > ALIKE);
    let hint = match nearest {
        Some(rule) => format!("did you mean `{}`? `graven explain` lists all rules", rule.id),
        None => "`graven explain` lists all rules".to_owned(),
    };
    Failure::Usage(format!("there is no rule `{id}`"), hint)
}

#[cfg(test)]
mod tests {
    use super::{visible, wrapped};

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_a_number() {
        assert_eq!(visible(b"a\tb\n\x1b[2J \\no \xe9\0"), "a\tb\n\\u{1b}[2J \\no \\xe9\\u{0}");
    }

    #[test]
    fn a_line_ends_before_the_word_that_would_not_fit() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable a", 4), ["unbreakable", "a"]);
    }
}
