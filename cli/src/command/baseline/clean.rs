//! What pg_dump writes, made into what belongs in a migration.
//!
//! Away go psql's commands, the settings at the head, which graven has made already or which are of no use in it, and whatever
//! names the role that the migrations were run as: in another database that is another one.

use std::ops::Range;

use graven_source::lexer::{Lexer, TokenKind};
use graven_source::statement::{LexError, split};

/// Settings that pg_dump makes for the length of a restore.
const SETTINGS: [&str; 10] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "client_encoding",
    "standard_conforming_strings",
    "check_function_bodies",
    "xmloption",
    "client_min_messages",
    "row_security",
];

/// The sections of a dump without what does not belong. `me` is the role that the migrations were run as, as SQL has it.
pub(super) fn clean<const N: usize>(dump: [&str; N], me: &str) -> Result<[String; N], LexError> {
    let sections = dump.map(without_psql);
    let mut statements = Vec::new();
    for section in &sections {
        let spans = split(section)?.into_iter().map(|statement| statement.span);
        statements.push(spans.map(|span| (section.get(span.clone()).unwrap_or_default(), span)).collect());
    }
    // What one section sets holds in the next one, too.
    let all: Vec<&str> = statements.iter().flat_map(|it: &Vec<(&str, _)>| it.iter().map(|(text, _)| *text)).collect();
    let mut cleaned = sections.each_ref().map(|_| String::new());
    for ((cleaned, section), statements) in cleaned.iter_mut().zip(&sections).zip(&statements) {
        *cleaned = of_section(section, statements, me, &all);
    }
    Ok(cleaned)
}

fn of_section(dump: &str, statements: &[(&str, Range<usize>)], me: &str, all: &[&str]) -> String {
    let mut cleaned = String::new();
    // Whoever gets a table of a schema must be allowed to create in it, where no superuser gives it.
    let (mut grants, mut after_schemas) = (String::new(), None);
    let grants_come_first = !statements.iter().any(|(text, _)| decides_about_grants(text, me, all));
    // What stands above a statement, until one is kept: those after it without a heading of their own belong to it, too.
    let mut heading = None;
    let mut end = 0;
    for (text, span) in statements {
        let between = dump.get(end..span.start).unwrap_or_default();
        end = span.end;
        if !between.trim().is_empty() {
            heading = Some(between);
        }
        if is_left_out(text, me, all) {
            continue;
        }
        let heading = heading.take().map(shortened).unwrap_or_default();
        let kept = format!("\n{heading}{}\n", without_me(text, me));
        if grants_come_first && text.starts_with("GRANT ") && text.contains(" ON SCHEMA ") {
            grants.push_str(&kept);
            continue;
        }
        let is_of_schemas =
            ["SET ", "CREATE SCHEMA ", "ALTER SCHEMA ", "COMMENT ON SCHEMA "].iter().any(|word| text.starts_with(word));
        if !is_of_schemas {
            after_schemas.get_or_insert(cleaned.len());
        }
        cleaned.push_str(&kept);
    }
    cleaned.insert_str(after_schemas.unwrap_or(cleaned.len()), &grants);
    cleaned
}

/// Whether the rights on schemas stay where they are: another role gives some, or something is taken away before.
fn decides_about_grants(text: &str, me: &str, all: &[&str]) -> bool {
    let revokes = text.starts_with("REVOKE ") && text.contains(" ON SCHEMA ") && !is_left_out(text, me, all);
    revokes || text.starts_with("SET SESSION AUTHORIZATION ")
}

/// Without the lines `\restrict` at its beginning and `\unrestrict` at its end, which newer releases write for psql alone.
fn without_psql(dump: &str) -> String {
    let is_blank = |line: &str| line.trim().is_empty() || line.starts_with("--");
    let mut lines: Vec<&str> = dump.split('\n').collect();
    if let Some(at) = lines.iter().position(|line| !is_blank(line)).filter(|at| begins(&lines, *at, "\\restrict ")) {
        lines.remove(at);
    }
    if let Some(at) = lines.iter().rposition(|line| !is_blank(line)).filter(|at| begins(&lines, *at, "\\unrestrict ")) {
        lines.remove(at);
    }
    lines.join("\n")
}

fn begins(lines: &[&str], at: usize, word: &str) -> bool {
    lines.get(at).is_some_and(|line| line.starts_with(word))
}

fn is_left_out(text: &str, me: &str, all: &[&str]) -> bool {
    if let Some(setting) = text.strip_prefix("SET ") {
        let name = setting.split([' ', '=']).next().unwrap_or_default();
        return SETTINGS.contains(&name)
            // What a database has anyhow, unless something else was chosen for a part of the objects.
            || is_usual(text, "default_tablespace", "SET default_tablespace = '';", all)
            || is_usual(text, "default_table_access_method", "SET default_table_access_method = heap;", all);
    }
    // Names are qualified; and without it, what functions do as rows come in is as it was for the migrations.
    text == "SELECT pg_catalog.set_config('search_path', '', false);"
        || text == "CREATE SCHEMA public;"
        || text.ends_with(&format!(" OWNER TO {me};"))
        // What they are is found out without it: what it writes goes by the release that it is of.
        || ["GRANT ", "REVOKE "].iter().any(|word| text.starts_with(word)) && text.contains(" ON SCHEMA public ")
        // CREATE EXTENSION comments on it itself, and only its owner may.
        || text.starts_with("COMMENT ON EXTENSION ")
}

fn is_usual(text: &str, name: &str, usual: &str, all: &[&str]) -> bool {
    let beginning = format!("SET {name} ");
    text.starts_with(&beginning) && all.iter().all(|it| !it.starts_with(&beginning) || *it == usual)
}

/// A statement that names no role where it means the one that runs it.
fn without_me(text: &str, me: &str) -> String {
    let defaults = "ALTER DEFAULT PRIVILEGES ";
    let of_me = format!("{defaults}FOR ROLE {me} ");
    let text = match text.strip_prefix(&of_me) {
        Some(rest) => format!("{defaults}{rest}"),
        None => text.to_owned(),
    };
    if let Some(server) = text.strip_prefix(&format!("CREATE USER MAPPING FOR {me} SERVER ")) {
        return format!("CREATE USER MAPPING FOR CURRENT_USER SERVER {server}");
    }
    if text.starts_with("CREATE POLICY ") {
        return policy_without_me(&text, me);
    }
    if !["GRANT ", "REVOKE ", defaults].iter().any(|word| text.starts_with(word)) {
        return text;
    }
    for (word, ending) in [("TO", ";"), ("FROM", ";"), ("TO", " WITH GRANT OPTION;")] {
        if let Some(before) = text.strip_suffix(&format!(" {word} {me}{ending}")) {
            return format!("{before} {word} CURRENT_USER{ending}");
        }
    }
    text
}

/// The roles stand between `TO` and what it is about: `USING (…)`, `WITH CHECK (…)` or the end.
fn policy_without_me(text: &str, me: &str) -> String {
    let mut policy = String::new();
    let mut in_roles = false;
    let mut end = 0;
    for token in Lexer::new(text).map_while(Result::ok) {
        let word = token.text(text);
        policy.push_str(if in_roles && word == me { "CURRENT_USER" } else { word });
        end = token.end;
        match word {
            "TO" => in_roles = true,
            "USING" | "WITH" => break,
            _ if token.kind == TokenKind::OpenParen => break,
            _ => {}
        }
    }
    policy.push_str(text.get(end..).unwrap_or_default());
    policy
}

/// A heading in one line, without the owner.
fn shortened(heading: &str) -> String {
    let lines = heading.lines().map(|line| line.trim_start_matches('-').trim()).filter(|line| !line.is_empty());
    let mut text = String::new();
    for line in lines.filter(|line| line.starts_with("Name: ")) {
        let line = line.rsplit_once("; Owner: ").map_or(line, |(before, _)| before);
        text.push_str(&format!("-- {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::clean;

    const HEAD: &str = "\
--
-- PostgreSQL database dump
--

\\restrict Ab1

-- Dumped from database version 15.14
-- Dumped by pg_dump version 15.14

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;

";
    const TAIL: &str = "\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict Ab1\n\n";

    fn cleaned(body: &str) -> String {
        clean([&format!("{HEAD}{body}{TAIL}")], "\"the boss\"").expect("a dump").concat()
    }

    #[test]
    fn what_pg_dump_writes_around_the_schema_goes_away() {
        assert_eq!(cleaned(""), "");
        assert_eq!(clean(["", ""], "me").expect("a dump"), ["", ""]);
    }

    #[test]
    fn a_statement_keeps_its_name_and_loses_its_owner() {
        let body = "--\n-- Name: t; Type: TABLE; Schema: public; Owner: the boss\n--\n\nCREATE TABLE public.t (\n    a integer\n);\n\n\n\
             ALTER TABLE public.t OWNER TO \"the boss\";\n\n\
             --\n-- Name: u; Type: TABLE; Schema: public; Owner: other\n--\n\nCREATE TABLE public.u ();\n\n\n\
             ALTER TABLE public.u OWNER TO other;\n";
        assert_eq!(
            cleaned(body),
            "\n-- Name: t; Type: TABLE; Schema: public\nCREATE TABLE public.t (\n    a integer\n);\n\
             \n-- Name: u; Type: TABLE; Schema: public\nCREATE TABLE public.u ();\n\nALTER TABLE public.u OWNER TO other;\n"
        );
    }

    #[test]
    fn the_role_that_ran_the_migrations_is_nowhere_named() {
        for (statement, expected) in [
            ("ALTER SCHEMA s OWNER TO \"the boss\";", ""),
            ("GRANT SELECT ON TABLE public.t TO \"the boss\";", "\nGRANT SELECT ON TABLE public.t TO CURRENT_USER;\n"),
            ("REVOKE ALL ON TABLE public.t FROM \"the boss\";", "\nREVOKE ALL ON TABLE public.t FROM CURRENT_USER;\n"),
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE \"the boss\" IN SCHEMA public GRANT SELECT ON TABLES  TO reader;",
                "\nALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES  TO reader;\n",
            ),
            ("REVOKE USAGE ON SCHEMA public FROM PUBLIC;", ""),
            (
                "CREATE POLICY \"the boss\" ON public.\"TO\" TO a, \"the boss\" USING ((who = 'TO \"the boss\"'::text));",
                "\nCREATE POLICY \"the boss\" ON public.\"TO\" TO a, CURRENT_USER USING ((who = 'TO \"the boss\"'::text));\n",
            ),
            (
                "CREATE POLICY p ON t FOR INSERT TO \"the boss\";",
                "\nCREATE POLICY p ON t FOR INSERT TO CURRENT_USER;\n",
            ),
            (
                "CREATE POLICY p ON t USING ((a = \"the boss\"));",
                "\nCREATE POLICY p ON t USING ((a = \"the boss\"));\n",
            ),
            (
                "CREATE USER MAPPING FOR \"the boss\" SERVER s OPTIONS (\n    \"user\" 'x'\n);",
                "\nCREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (\n    \"user\" 'x'\n);\n",
            ),
            ("COMMENT ON TABLE t IS 'TO \"the boss\";';", "\nCOMMENT ON TABLE t IS 'TO \"the boss\";';\n"),
        ] {
            assert_eq!(cleaned(statement), expected, "{statement}");
        }
    }

    #[test]
    fn what_stands_in_a_body_is_not_touched() {
        let body = "CREATE FUNCTION public.f() RETURNS void\n    LANGUAGE sql\n    AS $$\n\n\\restrict x\nSET lock_timeout = 0;\n$$;";
        assert_eq!(cleaned(body), format!("\n{body}\n"));
    }

    #[test]
    fn what_every_database_has_by_default_is_not_set() {
        let usual = "SET default_tablespace = '';\n\nSET default_table_access_method = heap;\n";
        assert_eq!(cleaned(usual), "");
        let other = "SET default_tablespace = fast;\n\nSET default_tablespace = '';\n";
        assert_eq!(cleaned(other), "\nSET default_tablespace = fast;\n\nSET default_tablespace = '';\n");
    }

    #[test]
    fn what_one_section_sets_is_set_back_in_the_next_one() {
        let (fast, usual) = ("SET default_tablespace = fast;\n", "SET default_tablespace = '';\n");
        let cleaned = clean([fast, usual], "me").expect("a dump");
        assert_eq!(cleaned, [format!("\n{fast}"), format!("\n{usual}")]);
        assert_eq!(clean([usual, usual], "me").expect("a dump"), ["", ""]);
    }

    #[test]
    fn rights_on_schemas_come_before_what_is_in_them() {
        let schema = "CREATE SCHEMA s;\n\nALTER SCHEMA s OWNER TO o;\n";
        let (table, grant) = ("ALTER TABLE s.t OWNER TO o;\n", "GRANT ALL ON SCHEMA s TO o;\n");
        assert_eq!(cleaned(&format!("{schema}\n{table}\n{grant}")), format!("\n{schema}\n{grant}\n{table}"));
        assert_eq!(cleaned(&format!("{schema}\n{grant}")), format!("\n{schema}\n{grant}"));
        for before in ["REVOKE ALL ON SCHEMA s FROM o;\n", "SET SESSION AUTHORIZATION o;\n"] {
            let body = format!("{schema}\n{table}\n{before}\n{grant}");
            assert_eq!(cleaned(&body), format!("\n{body}"));
        }
    }

    #[test]
    fn extensions_are_made_and_not_commented_on() {
        let body = "--\n-- Name: hstore; Type: EXTENSION; Schema: -; Owner: -\n--\n\n\
             CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;\n\n\n\
             --\n-- Name: EXTENSION hstore; Type: COMMENT; Schema: -; Owner: \n--\n\n\
             COMMENT ON EXTENSION hstore IS 'sets';\n";
        assert_eq!(
            cleaned(body),
            "\n-- Name: hstore; Type: EXTENSION; Schema: -\nCREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;\n"
        );
    }
}
