//! Findings as SARIF 2.1.0, the format in which code scanning takes them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::finding::{Finding, Level};
use super::root::Root;
use super::rules;
use crate::lint;
use crate::lint::own::{NOT_LINTED, UNKNOWN_LINT, UNUSED_ALLOW};
use graven_source::rule::Rule;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// What stands for the root of the repository.
const ROOT: &str = "%SRCROOT%";

/// A log of one run: all rules there are, of the lints those that found something, and what was found.
pub(crate) fn log(findings: &[Finding], root: &Root) -> Value {
    let broken = |rule: &Rule| findings.iter().any(|finding| finding.problem.rule == rule);
    let lints = lint::registry::all().map(|lint| &lint.rule).filter(|rule| broken(rule));
    let all: Vec<&Rule> = rules::all().chain(lints).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "graven",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "informationUri": "https://docs.rs/graven",
                    "rules": all.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
                },
            },
            // Columns are counted in characters.
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(|finding| result(finding, &all, root)).collect::<Vec<_>>(),
        }],
    })
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.finds },
        "fullDescription": { "text": rule.why },
        "help": { "text": format!("{}\n\n`graven explain {}` shows an example.", rule.remedy, rule.id) },
        "defaultConfiguration": { "level": default_level(rule).as_str() },
    })
}

fn default_level(rule: &Rule) -> Level {
    if [&UNUSED_ALLOW, &NOT_LINTED].contains(&rule) {
        Level::Note
    } else if rule.id.starts_with(lint::registry::PREFIX) || [&rules::NO_STATEMENT, &UNKNOWN_LINT].contains(&rule) {
        Level::Warning
    } else {
        Level::Error
    }
}

fn result(finding: &Finding, rules: &[&Rule], root: &Root) -> Value {
    let problem = &finding.problem;
    let mut place = json!({ "artifactLocation": { "uri": uri(&root.path(&problem.path)), "uriBaseId": ROOT } });
    if let Some(line) = problem.line {
        place["region"] = json!({ "startLine": line });
        if let Some(column) = problem.column {
            place["region"]["startColumn"] = json!(column);
        }
    }
    json!({
        "ruleId": problem.rule.id,
        "ruleIndex": rules.iter().position(|rule| *rule == problem.rule),
        "level": finding.level.as_str(),
        "message": { "text": finding.text() },
        "locations": [{ "physicalLocation": place }],
    })
}

/// A path as a relative reference (RFC 3986): what has a meaning there is written as numbers.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(byte.into()),
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use graven_source::problem::Problem;
    use graven_source::rule::{DUPLICATE_VERSION, UNTERMINATED};
    use serde_json::{Value, json};

    use super::{log, uri};
    use crate::command::check::finding::Finding;
    use crate::command::check::root::tests::root;

    fn a_log() -> Value {
        let unterminated = Problem::new(&UNTERMINATED, "migrations/1 é.sql", "a string never ends")
            .at("select 'open", 7..8, "")
            .note("why");
        let duplicate = Problem::new(&DUPLICATE_VERSION, "migrations", "two have one version");
        log(&[Finding::error(unterminated), Finding::warning(duplicate)], &root("/repo/web", "/repo"))
    }

    /// The properties that an object of SARIF 2.1.0 must have, and those that it may have of which we make use.
    fn is(value: &Value, must: &[&str], may: &[&str]) {
        let object = value.as_object().unwrap_or_else(|| panic!("{value} is an object"));
        for key in must {
            assert!(object.contains_key(*key), "{key} is required in {value}");
        }
        for key in object.keys() {
            assert!(must.contains(&key.as_str()) || may.contains(&key.as_str()), "{key} is not known in {value}");
        }
    }

    fn is_message(value: &Value) {
        is(value, &["text"], &[]);
        assert!(value["text"].as_str().is_some_and(|text| !text.is_empty()), "{value}");
    }

    #[test]
    fn the_log_has_the_structure_that_the_standard_demands() {
        let log = a_log();
        is(&log, &["version", "runs"], &["$schema"]);
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        is(run, &["tool"], &["results", "columnKind"]);
        assert!(["utf16CodeUnits", "unicodeCodePoints"].iter().any(|kind| run["columnKind"] == *kind));
        is(&run["tool"], &["driver"], &[]);
        let driver = &run["tool"]["driver"];
        is(driver, &["name"], &["semanticVersion", "informationUri", "rules"]);
        let rules = driver["rules"].as_array().expect("rules");
        for rule in rules {
            is(rule, &["id"], &["shortDescription", "fullDescription", "help", "defaultConfiguration"]);
            ["shortDescription", "fullDescription", "help"].iter().for_each(|key| is_message(&rule[key]));
            is(&rule["defaultConfiguration"], &[], &["level"]);
        }
        let results = run["results"].as_array().expect("results");
        assert_eq!(results.len(), 2);
        for result in results {
            is(result, &["message"], &["ruleId", "ruleIndex", "level", "locations"]);
            is_message(&result["message"]);
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("a small one");
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(["none", "note", "warning", "error"].iter().any(|level| result["level"] == *level));
            let place = &result["locations"][0]["physicalLocation"];
            is(place, &["artifactLocation"], &["region"]);
            is(&place["artifactLocation"], &["uri"], &["uriBaseId"]);
            if let Some(region) = place.get("region") {
                is(region, &["startLine"], &["startColumn"]);
                assert!(region["startLine"].as_u64() >= Some(1));
            }
        }
    }

    #[test]
    fn a_result_says_where_by_a_path_from_the_root_of_the_repository() {
        let log = a_log();
        let result = &log["runs"][0]["results"][0];
        assert_eq!(
            result["locations"][0]["physicalLocation"],
            json!({
                "artifactLocation": { "uri": "web/migrations/1%20%C3%A9.sql", "uriBaseId": "%SRCROOT%" },
                "region": { "startLine": 1, "startColumn": 8 },
            })
        );
        assert_eq!((result["ruleId"].as_str(), result["level"].as_str()), (Some("unterminated"), Some("error")));
        assert_eq!(result["message"]["text"], "a string never ends\nnote: why");
        assert!(log["runs"][0]["results"][1]["locations"][0]["physicalLocation"].get("region").is_none());
    }

    #[test]
    fn a_path_is_escaped_as_a_uri_wants_it() {
        assert_eq!(uri("a/b_c-1.sql"), "a/b_c-1.sql");
        assert_eq!(uri("a b%[é]?#"), "a%20b%25%5B%C3%A9%5D%3F%23");
    }
}
