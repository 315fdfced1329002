//! The features are built and documented wherever that is done for all of them. `--all-features` cannot say it: one
//! of them is for nightly compilers alone.

use std::fs;

/// What a stable compiler does not build.
const NIGHTLY: &str = "nightly";

#[test]
fn every_feature_for_stable_compilers_is_documented() {
    let manifest = fs::read_to_string("../runtime/Cargo.toml").unwrap();
    let (_, features) = manifest.split_once("[features]\n").unwrap();
    let (features, _) = features.split_once("\n[").unwrap();
    let features = features.lines().filter_map(|line| line.split_once(" = "));
    let default = features.clone().find(|(name, _)| *name == "default").unwrap().1;
    let documented = manifest.split_once("[package.metadata.docs.rs]").unwrap().1.split_once("]\n").unwrap().0;
    let ci = fs::read_to_string("../.ci/run").unwrap();
    let ci = ci.lines().find(|line| line.contains("cargo doc")).unwrap();
    let mut seen = 0;
    for (feature, _) in features.filter(|(name, _)| !["default", NIGHTLY].contains(name)) {
        let quoted = format!("{feature:?}");
        assert!(documented.contains(&quoted), "docs.rs is not told of {feature}");
        assert!(
            default.contains(&quoted) || ci.contains(&format!("graven/{feature}")),
            "the CI documents no {feature}"
        );
        seen += 1;
    }
    assert!(seen >= 3, "{manifest}");
    assert!(!documented.contains(&format!("{NIGHTLY:?}")) && !default.contains(NIGHTLY));
}
