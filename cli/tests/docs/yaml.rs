//! What of the pages and of the action is YAML is YAML.

use std::fs;
use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

use crate::page::{Page, names};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// One document.
pub(crate) fn parse(what: &str, text: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{what}: {error}\n{text}"));
    assert_eq!(documents.len(), 1, "{what} is one document");
    documents.remove(0)
}

/// The action.
pub(crate) fn action() -> Yaml {
    let text = fs::read_to_string(root().join("action.yml")).expect("the action is there");
    parse("action.yml", &text)
}

#[test]
fn every_yaml_of_the_pages_parses_and_means_something() {
    let mut seen = 0;
    for name in names() {
        let page = Page::read(&name);
        for text in page.fences("yaml") {
            let yaml = parse(&format!("docs/{name}"), text);
            let keys = yaml.as_hash().unwrap_or_else(|| panic!("docs/{name}: not a mapping\n{text}"));
            assert!(keys.values().all(|value| !value.is_null()), "docs/{name}: a key without a value\n{text}");
            seen += 1;
        }
    }
    assert!(seen > 4, "{seen}");
}

#[test]
fn every_input_of_the_action_is_documented_and_every_one_that_it_uses_is_an_input() {
    let action = action();
    let inputs = action["inputs"].as_hash().expect("inputs");
    assert!(inputs.len() > 4, "{inputs:?}");
    let page = Page::read("ci.md").prose();
    let text = fs::read_to_string(root().join("action.yml")).expect("the action is there");
    for (name, input) in inputs {
        let name = name.as_str().expect("a name");
        assert!(page.contains(&format!("| `{name}` |")), "docs/ci.md does not document {name}");
        assert!(text.contains(&format!("inputs.{name}")), "nothing uses {name}");
        assert!(input["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        // Inputs are texts, whatever they look like.
        assert!(input["default"].as_str().is_some(), "{name}");
    }
    for used in text.split("inputs.").skip(1) {
        let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
        assert!(inputs.contains_key(&Yaml::String(name.clone())), "{name} is no input");
    }
}
