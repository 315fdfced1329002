//! Where statements end, asked of PostgreSQL itself: what graven cuts is what the server counts, and sent piece by piece
//! it does what it does when sent whole.
//!
//! `nasty/` holds the texts: valid SQL, each file about one thing that makes cutting difficult.

mod grammar;
mod wire;

#[path = "../../../source/tests/all/nasty.rs"]
pub(crate) mod nasty;

use graven_source::statement::{Statement, StatementKind, split};
use graven_testkit::Database;

use self::grammar::{Count, Grammar};
use self::wire::{Reply, Wire};

#[test]
fn sent_piece_by_piece_a_file_does_what_it_does_sent_whole() {
    let (one, other) = (Database::create().unwrap(), Database::create().unwrap());
    let mut statements = 0;
    for (name, text) in nasty::files() {
        println!("{name}");
        let pieces = split(&text).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let whole = answers(&one, &pieces, [text.as_str()]);
        let apart = answers(&other, &pieces, pieces.iter().map(|piece| &text[piece.span.clone()]));
        assert_eq!(apart, whole, "{name}");
        assert!(!whole.iter().any(|reply| matches!(reply, Reply::Refused(..))), "{name}: {whole:?}");
        let tags = whole.iter().filter(|reply| matches!(reply, Reply::Tag(_))).count();
        assert_eq!(tags, pieces.len(), "{name}: {whole:?}");
        statements += tags;
    }
    assert!(statements > 250, "{statements}");
    assert_eq!(left_behind(&other), left_behind(&one));
    match (one.dump_schema(), other.dump_schema()) {
        (Ok(one), Ok(other)) => assert_eq!(other, one),
        // What was fetched with npm comes without `pg_dump`; the catalogs have been compared above.
        (Err(one), Err(_)) => println!("not compared: {one}"),
        (one, other) => panic!("{one:?} {other:?}"),
    }
}

#[test]
fn each_piece_of_a_file_is_one_statement_to_the_servers_grammar_and_what_is_between_is_none() {
    let mut grammar = Grammar::new();
    for (name, text) in nasty::files() {
        println!("{name}");
        let statements = split(&text).unwrap();
        assert_eq!(grammar.count(&text), wanted(&statements));
        assert_eq!(disagreement(&mut grammar, &text, &statements), None, "{name}");
    }
}

/// Random texts, of which the server refuses many: what it takes, it must count as graven does, and what it refuses must
/// not come out as pieces of which it takes every one. `GRAVEN_TEST_CASES` makes it longer, `GRAVEN_TEST_SEED` repeats one.
#[test]
fn the_servers_grammar_agrees_on_random_changes_of_nasty_texts() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let seed = number("GRAVEN_TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("GRAVEN_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut grammar = Grammar::new();
    let statements = nasty_statements();
    let (cases, mut taken) = (number("GRAVEN_TEST_CASES").unwrap_or(1_500), 0);
    for _ in 0..cases {
        let text = random_text(&statements, &mut random);
        // How the server reads a whole message is decided before it runs what changes that.
        if text.to_ascii_lowercase().contains("standard_conforming_strings") {
            continue;
        }
        taken += u64::from(agrees(&mut grammar, &text));
    }
    println!("{taken} of {cases} were valid");
    assert!(taken > cases / 10, "{taken} of {cases} were valid: that proves little");
}

#[test]
fn the_splitter_follows_the_setting_by_which_the_server_reads_strings() {
    const PIECES: &[&str] = &[
        r"CREATE TABLE followed (a text DEFAULT '\');",
        r"SET standard_conforming_strings = off;",
        r"INSERT INTO followed VALUES ('it\'s;'), (N'\';'), (E'\';'), ($$\$$), ('a'
            '\';'), (B'1'::text);",
        r#"SELECT ';\'' AS "\;", ';' AS U&"\0061;", '\\' AS ";";"#,
        r"CREATE FUNCTION followed() RETURNS text LANGUAGE sql AS 'SELECT \'it;\'::text';",
        r"BEGIN;",
        r"SAVEPOINT a;",
        r"SET standard_conforming_strings TO 'on';",
        r"SELECT ';\';",
        r#"SAVEPOINT "b;";"#,
        r"SELECT set_config('standard_conforming_strings', 'off', false);",
        r"SELECT ';\';';",
        r#"ROLLBACK WORK TO SAVEPOINT "b;";"#,
        r"SELECT ';\';",
        r#"RELEASE SAVEPOINT "b;";"#,
        r"SELECT ';\';",
        r"ROLLBACK TO a;",
        r"SELECT ';\';';",
        r"SET LOCAL standard_conforming_strings = yes;",
        r"SELECT ';\';",
        r"COMMIT;",
        r"SELECT ';\';';",
        r"START TRANSACTION READ ONLY;",
        r"SET standard_conforming_strings = true;",
        r"SELECT ';\';",
        r"ABORT;",
        r"SELECT ';\';';",
        r"DISCARD ALL;",
        r"SELECT ';\';",
        r"SET SESSION standard_conforming_strings = 0;",
        r"SELECT ';\';';",
        r"RESET ALL;",
        r"SELECT ';\';",
        r"SELECT * FROM followed",
    ];
    let text = PIECES.join("\n");
    let statements = split(&text).unwrap();
    assert_eq!(statements.iter().map(|statement| &text[statement.span.clone()]).collect::<Vec<_>>(), PIECES);

    let database = Database::create().unwrap();
    let mut wire = Wire::connect(&database);
    for piece in PIECES {
        let parsed = wire.parse(piece);
        assert!(matches!(&parsed[..], [.., Reply::Parsed]), "{piece}: {parsed:?}");
        let replies = wire.query(piece);
        let tags = replies.iter().filter(|reply| matches!(reply, Reply::Tag(_))).count();
        let refused = replies.iter().any(|reply| matches!(reply, Reply::Refused(..)));
        assert_eq!((tags, refused), (1, false), "{piece}: {replies:?}");
    }
    let rows = database.rows("SELECT a FROM followed").unwrap().concat();
    let rows: Vec<_> = rows.iter().flatten().map(String::as_str).collect();
    assert_eq!(rows, ["it's;", "';", "';", "\\", "a';", "1"]);
}

/// What a server answers to messages that are one transaction, unless the statements in them make their own.
fn answers<'m>(
    database: &Database,
    statements: &[Statement],
    messages: impl IntoIterator<Item = &'m str>,
) -> Vec<Reply> {
    let brings_its_own = statements.iter().any(|statement| matches!(statement.kind, StatementKind::Begin { .. }));
    let mut wire = Wire::connect(database);
    if !brings_its_own {
        wire.query("BEGIN");
    }
    let replies = messages.into_iter().flat_map(|message| wire.query(message)).collect::<Vec<_>>();
    if !brings_its_own {
        assert_eq!(wire.query("COMMIT"), [Reply::Tag("COMMIT".to_owned())], "{replies:?}");
    }
    // A message without a statement is answered, too, and no piece is one.
    replies.into_iter().filter(|reply| *reply != Reply::Empty).collect()
}

/// What is in a database: every row, and what the catalogs say of functions, rules, columns, constraints and comments.
fn left_behind(database: &Database) -> Vec<String> {
    const OURS: &str =
        "NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)";
    let lines = |sql: &str| -> Vec<String> {
        let rows = database.rows(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let mut lines: Vec<_> = rows.into_iter().map(|row| format!("{row:?}")).collect();
        lines.sort();
        lines
    };
    let mut found: Vec<String> = [
        format!("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace {OURS} AND prokind <> 'a'"),
        format!("SELECT pg_get_ruledef(r.oid) FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class WHERE relnamespace {OURS}"),
        format!("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace {OURS}"),
        format!(
            "SELECT c.relname, attname, format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid), \
             col_description(c.oid, attnum), obj_description(c.oid, 'pg_class') FROM pg_class c \
             JOIN pg_attribute ON attrelid = c.oid LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum \
             WHERE relnamespace {OURS} AND attnum > 0"
        ),
        format!("SELECT oprname, oprcode FROM pg_operator WHERE oprnamespace {OURS}"),
        "SELECT enumlabel FROM pg_enum".to_owned(),
    ]
    .iter()
    .flat_map(|sql| lines(sql))
    .collect();
    let tables =
        format!("SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace {OURS} ORDER BY 1");
    let tables = database.rows(&tables).unwrap().concat();
    assert!(found.len() > 100 && tables.len() > 15, "{found:?} {tables:?}");
    for table in tables.into_iter().flatten() {
        found.extend(lines(&format!("SELECT '{}', t::text FROM {table} AS t", table.replace('\'', "''"))));
    }
    found
}

/// The statements of the nasty files, each with the name of its file.
fn nasty_statements() -> Vec<(String, String)> {
    let cut = |(name, text): (String, String)| -> Vec<(String, String)> {
        split(&text).unwrap().iter().map(|one| (name.clone(), text[one.span.clone()].to_owned())).collect()
    };
    let statements: Vec<_> = nasty::files().into_iter().flat_map(cut).filter(|(_, text)| text.len() < 2_000).collect();
    assert!(statements.len() > 250);
    statements
}

/// Some of the statements, one after another, mostly with a few random changes.
fn random_text(statements: &[(String, String)], random: &mut fastrand::Rng) -> String {
    const SPACE: &[&str] = &["", "\n", " ", ";", "/* ; */", "-- '\n", "/*/**/*/;\n;"];
    if random.u8(..20) == 0 {
        return nasty::soup(random);
    }
    let mut text = String::new();
    for _ in 0..1 + random.usize(..3) {
        text.push_str(&statements[random.usize(..statements.len())].1);
        text.push_str(SPACE[random.usize(..SPACE.len())]);
    }
    let changes = random.usize(..4);
    nasty::changed(&text, statements, random, changes)
}

/// Asserts that the server and the splitter agree on a text. Whether it is valid.
fn agrees(grammar: &mut Grammar, text: &str) -> bool {
    let count = grammar.count(text);
    let is_valid = !matches!(count, Count::Refused(..));
    match split(text) {
        Err(error) => assert!(!is_valid, "the server takes what is refused here: {error:?} in {text:?}"),
        // Its rows would follow, and they are no SQL.
        Ok(statements) if statements.iter().any(|one| one.kind == StatementKind::CopyFromStdin) => {}
        Ok(statements) if is_valid => {
            assert_eq!(count, wanted(&statements), "{statements:?} of {text:?}");
            let disagreement = disagreement(grammar, text, &statements);
            assert_eq!(disagreement, None, "{statements:?} of {text:?}");
        }
        Ok(statements) => {
            let disagreement = disagreement(grammar, text, &statements);
            assert!(disagreement.is_some(), "{count:?}, although each piece is valid: {statements:?} of {text:?}");
        }
    }
    is_valid
}

fn wanted(statements: &[Statement]) -> Count {
    match statements.len() {
        0 => Count::None,
        1 => Count::One,
        _ => Count::Several,
    }
}

/// The first piece that is not one statement to the server, or the first space between that is not none.
fn disagreement(grammar: &mut Grammar, text: &str, statements: &[Statement]) -> Option<(String, Count)> {
    let mut at = 0;
    for statement in statements {
        let pieces = [(&text[at..statement.span.start], Count::None), (&text[statement.span.clone()], Count::One)];
        for (piece, wanted) in pieces {
            let count = grammar.count(piece);
            if count != wanted {
                return Some((piece.to_owned(), count));
            }
        }
        at = statement.span.end;
    }
    let count = grammar.count(&text[at..]);
    (count != Count::None).then(|| (text[at..].to_owned(), count))
}
