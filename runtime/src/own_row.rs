//! Whether a migration may take its own row in the history away: by its words alone, as a guess on the safe side.

/// What becomes of the row that a migration has claimed, while the migration runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnRow {
    /// Nothing that stands in the file could touch it.
    Stays,
    /// The file changes rows or runs code of its own: what it has left of the history is looked at before the commit.
    MayGo,
}

/// The words without which SQL neither changes nor hides rows that are there, nor runs a text or a function for the sake of
/// what that does.
const WORDS: [&str; 15] = [
    "call", "copy", "delete", "do", "drop", "execute", "explain", "merge", "policy", "refresh", "rule", "security",
    "select", "truncate", "update",
];

/// Texts longer than this are not read for it: beside what they cost, the look at the row is nothing.
const LONG: usize = 64 << 10;

impl OwnRow {
    /// What may become of the row of a migration with this text.
    ///
    /// Comments and literals count as well. A trigger on another table could still do it: then the commit is not undone, and
    /// the run ends with an error for it.
    pub(crate) fn of(sql: &str) -> Self {
        let is_in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        let mut words = sql.as_bytes().split(|byte| !is_in_word(byte));
        let touches = |word: &[u8]| WORDS.iter().any(|other| word.eq_ignore_ascii_case(other.as_bytes()));
        match sql.len() > LONG || words.any(touches) {
            true => Self::MayGo,
            false => Self::Stays,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LONG, OwnRow};

    #[test]
    fn a_file_that_only_makes_and_fills_things_leaves_its_row_alone() {
        for sql in [
            "",
            "CREATE TABLE a (id int, updated_at timestamptz, selected bool);",
            "ALTER TABLE a ADD COLUMN b int NOT NULL DEFAULT 0;\nCREATE INDEX a_b ON a (b);",
            "INSERT INTO a VALUES (1, 'new'), (2, 'old');",
            "COMMENT ON TABLE a IS 'dropped: nothing';",
        ] {
            assert_eq!(OwnRow::of(sql), OwnRow::Stays, "{sql}");
        }
    }

    #[test]
    fn a_file_that_changes_rows_or_runs_code_may_take_its_row_away() {
        for sql in [
            "TRUNCATE graven_history",
            "delete from graven_history",
            "Do$$BEGIN PERFORM 1; END$$",
            "SELECT empty_all()",
            "(select empty_all())",
            "CALL empty_all()",
            "ALTER TABLE graven_history ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE graven_history ADD CONSTRAINT c CHECK (true); DROP TABLE graven_history",
            "CREATE RULE r AS ON INSERT TO a DO ALSO NOTHING",
            "UPDATE\ngraven_history SET namespace = 'x'",
        ] {
            assert_eq!(OwnRow::of(sql), OwnRow::MayGo, "{sql}");
        }
        assert_eq!(OwnRow::of(&"-".repeat(LONG + 1)), OwnRow::MayGo);
    }
}
