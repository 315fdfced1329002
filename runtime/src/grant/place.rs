//! Where a statement was refused, as the server's context tells: what it prints depends on the server's language.

/// Where it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Statement,
    /// In a function, whose text is not known, and which may run with the rights of its owner.
    Function,
}

impl Place {
    pub(super) fn of(context: Option<&str>, sql: &str) -> Self {
        match context {
            Some(context) if !is_of_a_block(context, sql) => Self::Function,
            _ => Self::Statement,
        }
    }
}

/// Whether the context, innermost first, is that of a `DO` block with at most a statement of the file in it: of these the
/// whole text is known, and no function stands between them.
fn is_of_a_block(context: &str, sql: &str) -> bool {
    // It is called so in each language.
    let Some((before, after)) = context.rsplit_once("inline_code_block") else { return false };
    // The last line is the block's own.
    !after.contains('\n') && before.rsplit_once('\n').is_none_or(|(within, _)| is_statement_of(sql, within))
}

fn is_statement_of(sql: &str, entry: &str) -> bool {
    // Those of the server's languages.
    const QUOTES: [char; 8] = ['"', '«', '»', '„', '“', '”', '「', '」'];
    let Some((head, rest)) = entry.split_once(QUOTES) else { return false };
    let Some((statement, tail)) = rest.rsplit_once(QUOTES) else { return false };
    // `PERFORM …` is quoted as `SELECT …`.
    let statement = statement.strip_prefix("SELECT").unwrap_or(statement).trim();
    // Of a function there is a line of its own, and more than its name in it.
    !head.contains('\n') && tail.trim().is_empty() && sql.contains(statement)
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_block_is_known_from_a_function_that_it_calls() {
        const SQL: &str = "DO $$ DECLARE v int; BEGIN PERFORM f(); v := f(); CREATE TABLE o.t (); END $$";
        const BLOCK: &str = "PL/pgSQL function inline_code_block line 1 at SQL statement";
        for within in [
            "",
            "SQL statement \"CREATE TABLE o.t ()\"\n",
            "SQL statement \"SELECT f()\"\n",
            "PL/pgSQL assignment \"v := f()\"\n",
            "SQL-Anweisung »CREATE TABLE o.t ()«\n",
            "instruction SQL « CREATE TABLE o.t () »\n",
        ] {
            assert_eq!(Place::of(Some(&format!("{within}{BLOCK}")), SQL), Place::Statement, "{within}");
        }
        for within in [
            "SQL statement \"CREATE TABLE o.t ()\"\nPL/pgSQL function f() line 1 at SQL statement\n",
            "SQL statement \"CREATE TABLE o.t ()\"\nPL/pgSQL function f() line 1 at RAISE\nSQL statement \"SELECT f()\"\n",
            "PL/pgSQL function f() line 1 at SQL statement\nPL/pgSQL assignment \"v := f()\"\n",
            "PL/pgSQL function \"f\"() line 1 at RAISE\nSQL statement \"SELECT f()\"\n",
            "SQL function \"f\" statement 1\n",
            "SQL function \"f\" statement 1\nSQL statement \"SELECT f()\"\n",
            "SQL statement \"DROP TABLE o.t\"\n",
        ] {
            assert_eq!(Place::of(Some(&format!("{within}{BLOCK}")), SQL), Place::Function, "{within}");
        }
        let of_a_function = format!("{BLOCK}\nSQL statement \"DO\"\nPL/pgSQL function f() line 1 at EXECUTE");
        assert_eq!(Place::of(Some(&of_a_function), SQL), Place::Function);
    }
}
