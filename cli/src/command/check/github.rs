//! Findings as workflow commands of GitHub Actions, which shows them at their lines in a pull request.

use graven_source::picture::pictured;

use super::finding::{Finding, Level};
use super::root::Root;

/// A command a finding, one a line.
pub(crate) fn annotations(findings: &[Finding], root: &Root) -> String {
    findings.iter().map(|finding| annotation(finding, root)).collect::<Vec<_>>().join("\n")
}

fn annotation(finding: &Finding, root: &Root) -> String {
    let Finding { level, problem } = finding;
    let word = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let mut properties = format!("file={}", property(&pictured(&root.path(&problem.path))));
    for (key, number) in [("line", problem.line), ("col", problem.column)] {
        if let Some(number) = number {
            properties.push_str(&format!(",{key}={number}"));
        }
    }
    properties.push_str(&format!(",title={}", property(&format!("graven: {}", problem.rule.id))));
    format!("::{word} {properties}::{}", data(&pictured(&finding.text())))
}

/// What the runner takes for the end of a message is written as it wants it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same in a property, where two characters more have a meaning.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// What went wrong before there could be findings.
pub(crate) fn error(message: &str) -> String {
    format!("::error title=graven::{}", data(message))
}

#[cfg(test)]
mod tests {
    use graven_source::problem::Problem;
    use graven_source::rule::{DUPLICATE_VERSION, UNTERMINATED};

    use super::{annotations, error};
    use crate::command::check::finding::Finding;
    use crate::command::check::root::tests::root;

    #[test]
    fn a_finding_is_one_line_with_its_place() {
        let unterminated = Problem::new(&UNTERMINATED, "migrations/1_a.sql", "a string never ends").at(
            "select 1;\nselect 'open;\n",
            17..18,
            "",
        );
        let duplicate =
            Problem::new(&DUPLICATE_VERSION, "migrations/a, b:c%.sql", "two have\none version").help("50% of it");
        let findings = [Finding::error(unterminated), Finding::warning(duplicate)];
        assert_eq!(
            annotations(&findings, &root("/r", "/r")),
            "::error file=migrations/1_a.sql,line=2,col=8,title=graven%3A unterminated::a string never ends\n\
             ::warning file=migrations/a%2C b%3Ac%25.sql,title=graven%3A duplicate-version::two have%0Aone version%0Ahelp: 50%25 of it"
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_pictured() {
        let problem = Problem::new(&DUPLICATE_VERSION, "migrations/a\u{1b}[2J.sql", "an \u{1b}]0;name\u{7}\rhere");
        let text = annotations(&[Finding::error(problem)], &root("/r", "/r"));
        assert!(!text.contains(char::is_control), "{text:?}");
    }

    #[test]
    fn an_error_of_several_lines_stays_one_command() {
        assert_eq!(error("a\n::b::c"), "::error title=graven::a%0A::b::c");
    }
}
