//! What must not reach from one migration of a script to the next.

use super::psql::{psql, run, script};
use crate::common::{fresh, lines, set};

#[tokio::test]
async fn a_temporary_table_is_gone_before_the_next_migration() {
    let Some(psql) = psql() else { return };
    let file = |id: u8| {
        format!("CREATE TEMP TABLE IF NOT EXISTS ids AS SELECT {id} AS id;\nINSERT INTO seen SELECT id FROM ids;")
    };
    let (two, three) = (file(2), file(3));
    let four = format!("-- graven: transaction = off\n{}", file(4));
    let files = [
        ("1_seen.sql", "CREATE TABLE seen (id int)"),
        ("2_two.sql", &two),
        ("3_three.sql", &three),
        ("4_four.sql", &four),
    ];
    let (database, _client) = fresh().await;
    run(&psql, &database, &script(&set(&files))).succeeded();
    assert_eq!(lines(&database, "SELECT id FROM seen ORDER BY id"), ["2", "3", "4"]);
}
