//! The feature `nightly`: cargo notices by itself what is dropped into the directory.

use crate::app::App;

#[test]
fn with_the_nightly_feature_a_file_dropped_in_or_taken_out_by_hand_is_built() {
    let app = App::nightly();
    app.build().succeeds();
    app.build().is_fresh();

    app.write("0004_by_hand.sql", "select 4;\n");
    app.build().is_rebuilt();
    assert!(app.run().contains("0004_by_hand.sql Unsealed"));
    app.build().is_fresh();

    app.remove("0004_by_hand.sql");
    app.build().is_rebuilt();
    assert!(!app.run().contains("0004_by_hand.sql"));
}
