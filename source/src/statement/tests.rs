use proptest::prelude::*;

use super::StatementKind::{self, *};
use super::{ConcurrentIndex, QualifiedName, Reader, at_offset, split};
use crate::lexer::{LexErrorKind, Lexer, TokenKind};

fn texts(text: &str) -> Vec<&str> {
    let statements = split(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    statements.into_iter().map(|statement| &text[statement.span]).collect()
}

fn kinds(text: &str) -> Vec<StatementKind> {
    let statements = split(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    statements.into_iter().map(|statement| statement.kind).collect()
}

/// The kind of a text with one statement.
fn kind(text: &str) -> StatementKind {
    let kinds = kinds(text);
    assert_eq!(kinds.len(), 1, "{text:?}");
    kinds.into_iter().next().unwrap()
}

#[test]
fn statements_end_at_semicolons_and_leave_comments_outside() {
    for (text, wanted) in [
        ("", &[] as &[&str]),
        ("-- nothing\n/* here */", &[]),
        (";; ;\n;", &[]),
        ("a", &["a"]),
        ("a;b", &["a;", "b"]),
        ("/*1*/ a /*2*/ b /*3*/ ; --4\n c --5", &["a /*2*/ b /*3*/ ;", "c"]),
        ("a ';' $$;$$ \";\" E'\\';' /*;*/ --;\n;b", &["a ';' $$;$$ \";\" E'\\';' /*;*/ --;\n;", "b"]),
        ("\u{a0};é;", &["\u{a0};", "é;"]),
    ] {
        assert_eq!(texts(text), wanted, "{text:?}");
    }
}

#[test]
fn a_semicolon_in_parentheses_separates_the_commands_of_a_rule() {
    let rule = "create rule r as on insert to t do also (insert into a values (1); delete from b;);";
    assert_eq!(texts(&format!("{rule} select 1")), [rule, "select 1"]);
    assert_eq!(texts("select 1);select 2;"), ["select 1);", "select 2;"]);
}

#[test]
fn the_body_of_an_sql_function_is_part_of_its_statement() {
    for function in [
        "create function f() returns int begin atomic select 1; select 2; end;",
        "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 ELSE 2 END; END;",
        "create procedure p() begin atomic insert into t values (case 1 when 1 then case when true then 1 end end); end;",
        "create function f() returns int language sql begin /* x */ atomic -- y\n; ; end ;",
        "create function f() returns int begin atomic end;",
        "create function f() returns int begin atomic select 1 as end; select t.end from t; select 1 \"end\"; end;",
        "create function f() returns int begin atomic select 1 as case; select 2 as begin; end;",
        "create function f(begin int) returns int begin atomic select 1; end;",
        "create function f(a int default (1)) returns table (a int, b int) begin atomic select 1, (2); end;",
        "create function f() returns int return 1;",
        "create function f() returns int language plpgsql as $$ begin; end; $$;",
        "create function begin() returns int return case when true then 1 end;",
        // PostgreSQL's grammar takes these, and only then it says that a body must not hold them.
        "create function f() begin atomic create function g() begin atomic select 1; end; select 2; end;",
        "create function f() begin atomic create function g() return 1; create rule r as on a to t do (b; c); end;",
    ] {
        assert_eq!(texts(&format!("{function}select 3;")), [function, "select 3;"], "{function}");
    }
    // Elsewhere those words have no such meaning.
    assert_eq!(texts("begin; select 1; end; select 2;").len(), 4);
    assert_eq!(texts("create view v as select 1 as begin; select 2; end;").len(), 3);
    assert_eq!(texts("create table function (begin int); atomic; end;").len(), 3);
    assert_eq!(texts("create schema s create table t (a int) create view v as select 1; select 2;").len(), 2);
}

#[test]
fn an_error_of_the_lexer_is_passed_on() {
    for (text, kind, span) in [
        ("select 1;\nselect 'a", LexErrorKind::UnterminatedString, 17..18),
        ("select 1;\n\\i b.sql", LexErrorKind::PsqlCommand, 10..18),
    ] {
        let error = split(text).unwrap_err();
        assert_eq!((error.kind, error.span), (kind, span), "{text:?}");
    }
}

#[test]
fn the_statement_at_an_offset_is_the_one_that_holds_it_or_the_next() {
    let text = "a; /* */ b; ";
    let statements = split(text).unwrap();
    for (offset, wanted) in [(0, Some("a;")), (1, Some("a;")), (2, Some("b;")), (9, Some("b;")), (11, None)] {
        let found = at_offset(&statements, offset).map(|statement| &text[statement.span.clone()]);
        assert_eq!(found, wanted, "{offset}");
    }
}

#[test]
fn transaction_control_is_recognised_in_every_spelling() {
    for (text, wanted) in [
        ("begin", Begin { plain: true }),
        ("BEGIN /* */ Work;", Begin { plain: true }),
        ("begin transaction;", Begin { plain: true }),
        ("start transaction;", Begin { plain: true }),
        ("begin isolation level serializable;", Begin { plain: false }),
        ("begin transaction read only;", Begin { plain: false }),
        ("start transaction deferrable;", Begin { plain: false }),
        ("commit;", Commit { plain: true }),
        ("end;", Commit { plain: true }),
        ("commit work;", Commit { plain: true }),
        ("end transaction;", Commit { plain: true }),
        ("commit and no chain;", Commit { plain: true }),
        ("commit and chain;", Commit { plain: false }),
        ("commit transaction and chain;", Commit { plain: false }),
        ("commit prepared 'a';", NeedsNoTransaction { command: "COMMIT PREPARED" }),
        ("rollback prepared 'a';", NeedsNoTransaction { command: "ROLLBACK PREPARED" }),
        ("rollback;", Rollback),
        ("abort work;", Rollback),
        ("rollback and chain;", Rollback),
        ("rollback to savepoint a;", Ordinary),
        ("rollback work to a;", Ordinary),
        ("rollback transaction to savepoint a;", Ordinary),
        ("savepoint a;", Ordinary),
        ("release savepoint a;", Ordinary),
        ("prepare transaction 'a';", PrepareTransaction),
        ("prepare transaction as select 1;", Ordinary),
        ("prepare transaction (int) as select $1;", Ordinary),
        ("prepare a as select 1;", Ordinary),
        ("\"begin\";", Ordinary),
        ("begins;", Ordinary),
    ] {
        assert_eq!(kind(text), wanted, "{text:?}");
    }
}

#[test]
fn only_what_changes_nothing_but_the_session_may_be_repeated() {
    for text in [
        "set search_path = a, b;",
        "set local lock_timeout to '1s';",
        "set role x;",
        "set session authorization default;",
        "set session characteristics as transaction read only;",
        "set time zone 'UTC';",
        "reset all;",
        "RESET search_path",
        "select set_config('search_path', '', false);",
        "SELECT pg_catalog.set_config('search_path', '', false);",
        "select set_config('a.b', 'c', true) as x, set_config('d.e', 'f' || current_setting('g.h', true), false);",
    ] {
        assert_eq!(kind(text), Session, "{text:?}");
    }
    for text in [
        "set constraints all deferred;",
        "set transaction isolation level serializable;",
        "select set_config('a.b', nextval('s')::text, false);",
        "select set_config('a.b', (select 'c'), false);",
        "select set_config('a.b', 'c', false) from t;",
        "select set_config('a.b', 'c', false), drop_everything();",
        "select set_config;",
        "select set_config('a.b'",
        "select other.set_config('a.b', 'c', false);",
        "select 1;",
        "discard plans;",
    ] {
        assert_eq!(kind(text), Ordinary, "{text:?}");
    }
}

#[test]
fn what_postgresql_refuses_in_a_transaction_block_is_recognised() {
    for (text, command) in [
        ("vacuum;", "VACUUM"),
        ("VACUUM (full, analyze) t;", "VACUUM"),
        ("create database d;", "CREATE DATABASE"),
        ("drop database if exists d;", "DROP DATABASE"),
        ("alter database d set tablespace t;", "ALTER DATABASE SET TABLESPACE"),
        ("create tablespace t location '/x';", "CREATE TABLESPACE"),
        ("drop tablespace t;", "DROP TABLESPACE"),
        ("alter system set work_mem = '1MB';", "ALTER SYSTEM"),
        ("drop index concurrently if exists a, b;", "DROP INDEX CONCURRENTLY"),
        ("drop /**/ index -- x\n concurrently a;", "DROP INDEX CONCURRENTLY"),
        ("reindex index concurrently a;", "REINDEX CONCURRENTLY"),
        ("reindex table concurrently a;", "REINDEX CONCURRENTLY"),
        ("reindex (verbose) table concurrently a;", "REINDEX CONCURRENTLY"),
        ("reindex (concurrently) index a;", "REINDEX CONCURRENTLY"),
        ("reindex (tablespace t, concurrently on, verbose) index a;", "REINDEX CONCURRENTLY"),
        ("reindex (concurrently 1) index a;", "REINDEX CONCURRENTLY"),
        ("reindex database d;", "REINDEX DATABASE"),
        ("reindex database;", "REINDEX DATABASE"),
        ("reindex system d;", "REINDEX SYSTEM"),
        ("reindex schema s;", "REINDEX SCHEMA"),
        ("cluster;", "CLUSTER"),
        ("cluster verbose;", "CLUSTER"),
        ("cluster (verbose);", "CLUSTER"),
        ("discard all;", "DISCARD ALL"),
        ("alter table a detach partition b concurrently;", "ALTER TABLE … DETACH PARTITION … CONCURRENTLY"),
        (
            "alter table if exists s.\"A\" * detach partition s.b concurrently",
            "ALTER TABLE … DETACH PARTITION … CONCURRENTLY",
        ),
        ("alter table only (a) detach partition b concurrently", "ALTER TABLE … DETACH PARTITION … CONCURRENTLY"),
        ("create subscription s connection 'x' publication p;", "CREATE SUBSCRIPTION"),
        ("create subscription s connection 'x' publication p with (enabled = false);", "CREATE SUBSCRIPTION"),
        ("create subscription s connection 'x' publication p with (create_slot);", "CREATE SUBSCRIPTION"),
        ("drop subscription s;", "DROP SUBSCRIPTION"),
        ("alter subscription s refresh publication;", "ALTER SUBSCRIPTION … REFRESH"),
        ("alter subscription s set publication p;", "ALTER SUBSCRIPTION with refresh"),
        ("alter subscription s add publication p with (copy_data = false);", "ALTER SUBSCRIPTION with refresh"),
        ("alter subscription s set (failover = true);", "ALTER SUBSCRIPTION … SET (failover)"),
    ] {
        assert_eq!(kind(text), NeedsNoTransaction { command }, "{text:?}");
        assert_eq!(kind(text).needs_no_transaction(), Some(command), "{text:?}");
    }
}

#[test]
fn what_only_looks_like_it_is_ordinary() {
    for text in [
        "create index concurrently_a on t (a);",
        "create index a on concurrently (a);",
        "drop index a;",
        "drop index \"concurrently\";",
        "drop index public.concurrently;",
        "comment on table t is 'create index concurrently';",
        "refresh materialized view concurrently v;",
        "reindex index a;",
        "reindex (verbose) table a;",
        "reindex (concurrently false) table a;",
        "reindex (concurrently off, verbose) index a;",
        "cluster t using i;",
        "cluster verbose t;",
        "analyze t;",
        "discard temp;",
        "alter database d set timezone = 'UTC';",
        "alter database d rename to e;",
        "alter table a detach partition b;",
        "alter table a detach partition b finalize;",
        "alter table a add column concurrently int;",
        "alter type t add value 'a';",
        "create subscription s connection 'x' publication p with (connect = false);",
        "create subscription s connection 'x' publication p with (create_slot = false, slot_name = none);",
        "alter subscription s set publication p with (refresh = false);",
        "alter subscription s set (slot_name = none);",
        "alter subscription s disable;",
        "create table vacuum (a int);",
        "start slave;",
        "select 'vacuum';",
    ] {
        assert_eq!(kind(text), Ordinary, "{text:?}");
        assert_eq!(kind(text).needs_no_transaction(), None, "{text:?}");
    }
}

#[test]
fn a_concurrent_index_is_named_as_the_catalog_names_it() {
    let long = "l".repeat(62) + "öö";
    let cut = "l".repeat(62);
    for (text, name, schema, table) in [
        ("create index concurrently i on t (a);", Some("i"), None, Some("t")),
        ("CREATE INDEX CONCURRENTLY IdX_Ä ON S.T (a);", Some("idx_Ä"), Some("s"), Some("t")),
        ("create index concurrently \"A\"\"b\" on \"S x\".\"T\" (a);", Some("A\"b"), Some("S x"), Some("T")),
        ("create index concurrently on only d.s.t (a)", None, Some("s"), Some("t")),
        ("create index concurrently /*a*/ i --b\n on t using gin (a)", Some("i"), None, Some("t")),
        (r#"create index concurrently U&"d\0061t\+000061\\" on t (a)"#, Some("data\\"), None, Some("t")),
        (r#"create index concurrently U&"d!0061" uescape '!' on t (a)"#, Some("da"), None, Some("t")),
        (r#"create index concurrently U&"\D83D\DC4D" on t (a)"#, Some("👍"), None, Some("t")),
        (r#"create index concurrently U&"\00zz" on t (a)"#, None, None, Some("t")),
        (r#"create index concurrently U&"\" on t (a)"#, None, None, Some("t")),
        ("create index concurrently", None, None, None),
        ("create index concurrently i", Some("i"), None, None),
        (&format!("create index concurrently {long} on t (a)"), Some(cut.as_str()), None, Some("t")),
        (&format!("create index concurrently \"{long}\" on t (a)"), Some(cut.as_str()), None, Some("t")),
    ] {
        let CreateIndexConcurrently(index) = kind(text) else { panic!("{text:?}") };
        let table = table.map(|table| QualifiedName { schema: schema.map(str::to_owned), name: table.to_owned() });
        let name = name.map(str::to_owned);
        assert_eq!(index, ConcurrentIndex { name, table, unique: false, if_not_exists: false }, "{text:?}");
    }
    let text = "create unique index concurrently if not exists i on t (a);";
    let CreateIndexConcurrently(index) = kind(text) else { panic!("{text:?}") };
    assert!(index.unique && index.if_not_exists);
    assert_eq!(index.name.as_deref(), Some("i"));
    assert_eq!(kind(text).needs_no_transaction(), Some("CREATE INDEX CONCURRENTLY"));
}

#[test]
fn copy_from_stdin_is_recognised_and_its_data_is_no_sql() {
    for text in ["copy t from stdin;", "COPY s.t (a, b) FROM STDIN WITH (FORMAT csv)", "copy t from stdout"] {
        assert_eq!(kind(text), CopyFromStdin, "{text:?}");
    }
    for text in
        ["copy t to '/x';", "copy t from '/x';", "copy (select a from stdin) to '/x';", "copy t from program 'x'"]
    {
        assert_eq!(kind(text), Ordinary, "{text:?}");
    }
    let text = "copy t (a) from stdin;\nit's \\N 1;2\n\\.\nselect 1;\ncopy t from stdin;\n\\.\r\nselect 2;";
    assert_eq!(texts(text), ["copy t (a) from stdin;", "select 1;", "copy t from stdin;", "select 2;"]);
    assert_eq!(texts("copy t from stdin;\nit's\n"), ["copy t from stdin;"]);
    assert_eq!(texts("copy t from stdin;"), ["copy t from stdin;"]);
}

#[test]
fn copy_to_stdout_is_recognised_and_what_follows_it_is_sql() {
    for text in [
        "copy t to stdout;",
        "COPY BINARY s.t (a, \"from\") TO /* here */ STDOUT WITH (FORMAT csv)",
        "copy t to stdin",
        "copy (select a from stdin) to stdout",
        "copy (insert into t values (1) returning a) to stdout (format csv)",
    ] {
        assert_eq!(kind(text), CopyToStdout, "{text:?}");
    }
    for text in ["copy t to program 'stdout'", "copy stdout to 'stdout'", "copy (select 1 as \"to\") to '/x'"] {
        assert_eq!(kind(text), Ordinary, "{text:?}");
    }
    assert_eq!(texts("copy t to stdout; select 1;"), ["copy t to stdout;", "select 1;"]);
}

#[test]
fn standard_conforming_strings_change_how_later_strings_are_read() {
    const WITH_OFF: &str = r"select 'a\'; b';";
    for (before, off) in [
        ("set standard_conforming_strings = off;", true),
        ("SET Standard_Conforming_Strings TO 'off';", true),
        ("set session standard_conforming_strings to false;", true),
        ("set local standard_conforming_strings = 0;", true),
        ("set \"standard_conforming_strings\" = E'no';", true),
        ("select set_config('standard_conforming_strings', 'off', false);", true),
        ("select pg_catalog.set_config('standard_conforming_strings', 'of', true);", true),
        ("begin; set standard_conforming_strings = off; commit;", true),
        ("set standard_conforming_strings = on;", false),
        ("set standard_conforming_strings = off; set standard_conforming_strings = default;", false),
        ("set standard_conforming_strings = off; reset standard_conforming_strings;", false),
        ("set standard_conforming_strings = off; reset all;", false),
        ("begin; set local standard_conforming_strings = off; commit;", false),
        ("set standard_conforming_strings = off; begin; set local standard_conforming_strings = on; end;", true),
        ("begin; set standard_conforming_strings = off; rollback;", false),
        ("set standard_conforming_strings = off; rollback;", true),
        ("savepoint a; set standard_conforming_strings = off; rollback to a;", false),
        ("savepoint a; set standard_conforming_strings = off; abort work to savepoint A;", false),
        ("savepoint \"A\"; set standard_conforming_strings = off; rollback to a;", true),
        ("savepoint a; set standard_conforming_strings = off; release a; rollback to a;", true),
        ("set standard_conforming_strings = off; savepoint a; reset all; savepoint b; rollback to a;", true),
        ("savepoint savepoint; set standard_conforming_strings = off; rollback to savepoint;", false),
        ("begin; savepoint a; set local standard_conforming_strings = off; release savepoint a;", true),
        ("begin; savepoint a; set local standard_conforming_strings = off; release a; commit;", false),
        ("set standard_conforming_strings = off; discard all;", false),
        ("set standard_conforming_strings = off; discard plans;", true),
        ("set other = off;", false),
        ("set standard_conforming_strings = nonsense;", false),
        ("set standard_conforming_strings", false),
        ("comment on table t is 'set standard_conforming_strings = off';", false),
    ] {
        let text = format!("{before}{}{WITH_OFF}", if before.ends_with(';') { "" } else { ";" });
        match (off, split(&text)) {
            (true, found) => {
                let last = found.unwrap_or_else(|error| panic!("{before}: {error}")).pop().unwrap();
                assert_eq!(&text[last.span], WITH_OFF, "{before}");
            }
            // Read as it is by default, the string ends earlier, and the last quote begins one that never ends.
            (false, found) => {
                assert_eq!(found.unwrap_err().kind, LexErrorKind::UnterminatedString, "{before}");
            }
        }
    }
}

fn nasty() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "'",
        "\"",
        "E'",
        "\\",
        "$$",
        "$a$",
        "--",
        "/*",
        "*/",
        "\n",
        ";",
        ";",
        "(",
        ")",
        ",",
        ".",
        "=",
        "create ",
        "or ",
        "replace ",
        "function ",
        "begin ",
        "atomic ",
        "end ",
        "case ",
        "index ",
        "concurrently ",
        "unique ",
        "if ",
        "not ",
        "exists ",
        "on ",
        "only ",
        "U&\"\\0041\" ",
        "uescape '!' ",
        "alter ",
        "table ",
        "detach ",
        "partition ",
        "subscription ",
        "with ",
        "set ",
        "local ",
        "standard_conforming_strings ",
        "off ",
        "select ",
        "set_config",
        "current_setting",
        "commit ",
        "rollback ",
        "copy ",
        "from ",
        "stdin ",
        "\n\\.\n",
        "reindex ",
        "ä ",
        "1 ",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_skipped_changes_no_statement(text in prop_oneof![any::<String>(), nasty()]) {
        let mut reader = Reader::new(&text);
        let by_token = match reader.find_map(Result::err) {
            Some(error) => Err(error),
            None => Ok(reader.statements()),
        };
        prop_assert_eq!(split(&text), by_token);
    }

    #[test]
    fn outside_of_statements_is_nothing_but_blanks_and_semicolons(text in prop_oneof![any::<String>(), nasty()]) {
        let Ok(statements) = split(&text) else { return Ok(()) };
        let mut at = 0;
        for statement in &statements {
            prop_assert!(statement.span.start >= at && statement.span.end > statement.span.start);
            prop_assert!(is_empty(&text[at..statement.span.start]), "{:?}", &text[at..statement.span.start]);
            at = statement.span.end;
            if statement.kind == CopyFromStdin {
                // Data follow, which are no SQL.
                return Ok(());
            }
        }
        prop_assert!(is_empty(&text[at..]), "{:?}", &text[at..]);
    }
}

fn is_empty(between: &str) -> bool {
    Lexer::new(between).all(|token| token.is_ok_and(|token| token.is_blank() || token.kind == TokenKind::Semicolon))
}
