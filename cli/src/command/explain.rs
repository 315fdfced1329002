//! `graven explain`: what a rule finds, why it matters, and what to do.

use graven_source::rule::{Example, RULES, Rule, by_id};
use serde_json::{Value, json};

use crate::arguments::Explain;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{BOLD, DIM, Output};

pub(crate) fn run(explain: &Explain, output: &Output) -> Result<Exit, Failure> {
    match &explain.rule {
        None => output.result(&RULES.iter().map(|rule| json(rule)).collect::<Vec<_>>(), list),
        Some(id) => {
            let rule = by_id(id).ok_or_else(|| unknown(id))?;
            output.result(&json(rule), || page(rule));
        }
    }
    Ok(exit::DONE)
}

fn list() -> String {
    let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        RULES.iter().map(|rule| format!("  {BOLD}{:width$}{BOLD:#}  {}", rule.id, rule.finds)).collect();
    format!("{}\n\n`graven explain RULE` explains one.", lines.join("\n"))
}

fn page(rule: &Rule) -> String {
    format!(
        "{BOLD}{}{BOLD:#}: {}\n\n{}\n\n{BOLD}What to do{BOLD:#}\n{}\n\n{BOLD}Refused{BOLD:#}\n{}\n{BOLD}Fine{BOLD:#}\n{}",
        rule.id,
        rule.finds,
        rule.why,
        rule.remedy,
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
        text.push_str(&format!("  {DIM}{}/{file}{DIM:#}\n", example.path));
        for line in String::from_utf8_lossy(content).lines() {
            text.push_str(&format!("      {}\n", line.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")));
        }
    }
    text
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
    let nearest = RULES.iter().max_by(|a, b| {
        let likeness = |rule: &Rule| strsim::jaro_winkler(rule.id, id);
        likeness(a).total_cmp(&likeness(b))
    });
    let hint = match nearest {
        Some(rule) => format!("did you mean `{}`? `graven explain` lists all rules", rule.id),
        None => "`graven explain` lists all rules".to_owned(),
    };
    Failure::Usage(format!("there is no rule `{id}`"), hint)
}
