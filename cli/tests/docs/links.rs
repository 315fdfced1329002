//! Every link from page to page leads somewhere.

use std::fs;

use regex::Regex;

use crate::page::{Page, directory, names};

/// The name by which a heading is linked to: as GitHub makes it.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The headings of a page, without their marks.
pub(crate) fn headings(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let lines = text.lines().filter(move |line| {
        fenced ^= line.starts_with("```");
        !fenced && line.starts_with('#')
    });
    lines.map(|line| line.trim_start_matches('#').trim()).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
    let mut seen = 0;
    for name in names() {
        let page = Page::read(&name);
        for found in link.captures_iter(&page.prose()) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            seen += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = directory().join(if file.is_empty() { &name } else { file });
            assert!(file.exists(), "docs/{name} links to {target}, and no such file is there");
            if !heading.is_empty() {
                let text = fs::read_to_string(&file).expect("a page");
                let anchors: Vec<String> = headings(&text).into_iter().map(anchor).collect();
                assert!(anchors.iter().any(|it| it == heading), "docs/{name} links to {target}: {anchors:#?}");
            }
        }
    }
    assert!(seen > 20, "{seen} links");
}

#[test]
fn the_index_names_every_page() {
    let index = fs::read_to_string(directory().join("README.md")).expect("the index is there");
    for name in names().into_iter().chain(["rules.md".to_owned()]).filter(|name| name != "README.md") {
        assert!(index.contains(&format!("]({name})")), "docs/README.md does not name {name}");
    }
}
