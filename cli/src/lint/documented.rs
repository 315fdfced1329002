//! `docs/lints.md` says of each lint what the registry says.
//!
//! `GRAVEN_BLESS=1 cargo test -p graven-cli documented` writes it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use graven_source::rule::Rule;

use super::registry::{self, Heeded, LEFT_OUT, Lint};

/// From here on the page is written by this test.
const BEGINS: &str = "\n## All lints\n";

#[test]
fn the_page_says_of_each_lint_what_the_registry_says() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/lints.md");
    let page = fs::read_to_string(&file).expect("the page is there").replace("\r\n", "\n");
    let (by_hand, _) = page.split_once(BEGINS).expect("the page has its heading");
    let wanted = format!("{by_hand}{BEGINS}{}", lists());
    if page == wanted {
        return;
    }
    assert!(
        std::env::var_os("GRAVEN_BLESS").is_some(),
        "docs/lints.md is out of date: run `GRAVEN_BLESS=1 cargo test -p graven-cli documented`"
    );
    fs::write(&file, wanted).expect("the page can be written");
}

fn lists() -> String {
    let mut text = "\nThese are heeded unless they are allowed:\n\n".to_owned();
    text.push_str(&table(Heeded::Always));
    text.push_str(
        "\nThese only with `--warn`, since they are a matter of taste, or are about most changes of a schema:\n\n",
    );
    text.push_str(&table(Heeded::OnRequest));
    text.push_str("\nThese rules of squawk are left out:\n\n| rule of squawk | why |\n|---|---|\n");
    for left_out in LEFT_OUT {
        let _ = writeln!(text, "| `{}` | {} |", left_out.name, left_out.because);
    }
    for lint in registry::all().filter(|lint| lint.heeded == Heeded::Always) {
        text.push_str(&section(&lint.rule, lint.name()));
    }
    text
}

fn table(heeded: Heeded) -> String {
    let mut table = "| lint | finds that | why |\n|---|---|---|\n".to_owned();
    for lint in registry::all().filter(|lint| lint.heeded == heeded) {
        let why = lint.rule.why;
        let _ = match heeded {
            Heeded::Always => writeln!(table, "| [`{}`](#{0}) | {} | {why} |", lint.name(), lint.rule.finds),
            Heeded::OnRequest => writeln!(table, "| `{}` | {} | {why} |", Lint::name(lint), lint.rule.finds),
        };
    }
    table
}

fn section(rule: &Rule, name: &str) -> String {
    let mut text = format!("\n### {name}\n\n**What to do:** {}\n", rule.remedy);
    for (heading, example) in [("Found", &rule.bad), ("Fine", &rule.good)] {
        let _ = write!(text, "\n{heading}:\n\n```sql\n");
        let files: Vec<_> = example.files.iter().filter(|(_, content)| !content.is_empty()).collect();
        for (number, (file, content)) in files.iter().enumerate() {
            if files.len() > 1 {
                let _ = writeln!(text, "{}-- {}/{file}", if number == 0 { "" } else { "\n" }, example.path);
            }
            text.push_str(&String::from_utf8_lossy(content));
        }
        text.push_str("```\n");
    }
    text
}
