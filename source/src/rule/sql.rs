//! The rules about what is in an SQL file.

use super::{Example, Rule};

const GOOD: Example = Example::new(&[
    ("0001_create_users.sql", b"create table users (id bigint primary key, name text);\n"),
    ("0002_first_user.sql", b"insert into users values (1, 'Ada; O''Hara -- \\no command');\n"),
    ("seal.lock", b""),
]);

/// A file that is not UTF-8.
pub static NOT_UTF8: Rule = Rule {
    id: "not-utf8",
    finds: "a file is not UTF-8",
    why: "It is embedded as text and sent to the server as UTF-8: any other encoding would put wrong characters into the \
          database.",
    remedy: "Save the file as UTF-8. `iconv -f LATIN1 -t UTF-8` converts it, with the encoding it has.",
    good: GOOD,
    bad: Example::new(&[("0001_first_user.sql", b"insert into users values (1, 'Andr\xe9');\n"), ("seal.lock", b"")]),
};

/// A file with a NUL byte.
pub static NUL_BYTE: Rule = Rule {
    id: "nul-byte",
    finds: "a file holds a NUL byte",
    why: "PostgreSQL takes it for the end of the message, so that the rest of the file would not run.",
    remedy: "Delete the byte. In a string, write what is meant by `decode('00', 'hex')`; no text in PostgreSQL holds it.",
    good: GOOD,
    bad: Example::new(&[("0001_first_user.sql", b"insert into users values (1, 'Ada\0');\n"), ("seal.lock", b"")]),
};

/// A literal or comment that never ends.
pub static UNTERMINATED: Rule = Rule {
    id: "unterminated",
    finds: "a quote, a dollar quote or a block comment never ends",
    why: "PostgreSQL refuses the file, and where one statement ends and the next begins cannot be told any more.",
    remedy: "End it. A quote inside of a string is written twice; block comments nest.",
    good: GOOD,
    bad: Example::new(&[("0001_first_user.sql", b"insert into users values (1, 'O'Hara');\n"), ("seal.lock", b"")]),
};

/// A merge that is not done.
pub static CONFLICT_MARKER: Rule = Rule {
    id: "conflict-marker",
    finds: "a file holds a line that git wrote where a merge needs a decision, such as `<<<<<<< HEAD`",
    why: "Both versions of what was changed are in the file, and nobody has said which is meant. PostgreSQL would refuse \
          it when the migration runs; in a function's body it may do so only when the function is called.",
    remedy: "Keep what is meant of the two, and delete the lines. A marker by itself may stand in a comment or a literal.",
    good: Example::new(&[
        ("0001_create_users.sql", b"/*\n=======\nUsers\n=======\n*/\ncreate table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        (
            "0001_create_users.sql",
            b"create table users (\n<<<<<<< HEAD\n    id bigint\n=======\n    id uuid\n>>>>>>> keys\n);\n",
        ),
        ("seal.lock", b""),
    ]),
};

/// A psql meta-command.
pub static PSQL_COMMAND: Rule = Rule {
    id: "psql-command",
    finds: "a line begins with a psql meta-command, such as `\\i` or `\\restrict`",
    why: "It is psql that runs those; a server does not know them. They come with dumps of `pg_dump` and with files made \
          for psql.",
    remedy: "Delete the line. What `\\i` includes belongs in a migration of its own, and `\\set` into the SQL itself.",
    good: GOOD,
    bad: Example::new(&[("0001_create_users.sql", b"\\i users.sql\n"), ("seal.lock", b"")]),
};

/// COPY … FROM STDIN.
pub static COPY_FROM_STDIN: Rule = Rule {
    id: "copy-from-stdin",
    finds: "a file holds `COPY … FROM STDIN`",
    why: "Its rows do not travel inside of SQL: psql sends them apart, and a server that is sent the file takes them for \
          statements.",
    remedy: "Write INSERT instead; `pg_dump --rows-per-insert=1000` does.",
    good: GOOD,
    bad: Example::new(&[("0001_users.sql", b"copy users from stdin;\n1\tAda\n\\.\n"), ("seal.lock", b"")]),
};

/// COPY … TO STDOUT.
pub static COPY_TO_STDOUT: Rule = Rule {
    id: "copy-to-stdout",
    finds: "a file holds `COPY … TO STDOUT`",
    why: "The server would send the rows in a way of their own to whoever migrates. Nobody reads them there: a driver that \
          does not expect them gives the migration up, and what became of it is not known.",
    remedy: "Delete it. psql is for taking rows out of a database; `COPY … TO '/path'` writes a file on the server.",
    good: GOOD,
    bad: Example::new(&[("0001_users.sql", b"copy users to stdout;\n"), ("seal.lock", b"")]),
};

/// Another tool's section that takes the file back.
pub static REVERSE_IN_FILE: Rule = Rule {
    id: "reverse-in-file",
    finds: "a file holds a section that takes it back, as goose, sql-migrate, dbmate, tern, node-pg-migrate, rambler and \
            micrate have it",
    why: "Those tools run one section of such a file. graven runs a file whole: what it does would be taken back at once, \
          and dropped with it the data that was there before.",
    remedy: "Move the section into a file of its own, `<version>_<name>.down.sql`, or delete it. A comment that begins an \
             empty section may stay.",
    good: Example::new(&[
        ("0001_create_users.sql", b"-- +goose Up\ncreate table if not exists users (id bigint primary key);\n"),
        ("0001_create_users.down.sql", b"drop table users;\n"),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        (
            "0001_create_users.sql",
            b"-- +goose Up\ncreate table if not exists users (id bigint primary key);\n\n-- +goose Down\ndrop table users;\n",
        ),
        ("seal.lock", b""),
    ]),
};

/// A directive that says nothing.
pub static DIRECTIVE: Rule = Rule {
    id: "directive",
    finds: "a directive is unknown, malformed or misspelt, said twice, or stands after the first statement",
    why: "A directive that is passed over in silence leaves a migration without the timeout, or inside the transaction, \
          that its author decided on.",
    remedy: "Directives are comment lines before the first statement, `-- graven: key = value`, and not in `/* */`. The keys are \
             `transaction` (`on`, `off`), `lock_timeout` and `statement_timeout` (`5s`, `200ms`, `0` for none), \
             `retries` (0 to 100) and `allow` (lints of `graven check`, such as `ban-drop-column`, with commas between \
             them).",
    good: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        (
            "0002_add_email.sql",
            b"-- graven: lock_timeout = 2s\n-- graven: retries = 5\nalter table users add column email text;\n",
        ),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        ("0001_add_email.sql", b"-- graven: lock_timout = 2s\nalter table users add column email text;\n"),
        ("seal.lock", b""),
    ]),
};

/// A statement that PostgreSQL refuses inside a transaction block.
pub static NEEDS_NO_TRANSACTION: Rule = Rule {
    id: "needs-no-transaction",
    finds: "a statement that PostgreSQL refuses inside a transaction block stands in one",
    why: "A migration is one transaction unless it says otherwise, and PostgreSQL would refuse the statement when the \
          migration runs. That goes for CREATE INDEX CONCURRENTLY, VACUUM, CREATE DATABASE, ALTER SYSTEM and their like.",
    remedy: "Put the statement into a migration of its own whose first line is `-- graven: transaction = off`.",
    good: Example::new(&[
        (
            "0001_index_email.sql",
            b"-- graven: transaction = off\ncreate index concurrently users_email on users (email);\n",
        ),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        ("0001_index_email.sql", b"create index concurrently users_email on users (email);\n"),
        ("seal.lock", b""),
    ]),
};

/// A baseline or a repeatable without a transaction.
pub static NEEDS_TRANSACTION: Rule = Rule {
    id: "needs-transaction",
    finds: "a baseline or a repeatable says `transaction = off`",
    why: "Its text and what the history says of it are one transaction. Cut off in the middle of a baseline, a database \
          would be at no version at all; and half of a repeatable would stand beside a checksum that speaks of all of it.",
    remedy: "Delete the directive. Where a statement cannot run in a transaction: a baseline needs no CONCURRENTLY, since \
             nobody is at work on a fresh database, and the statement of a repeatable belongs in a versioned migration.",
    good: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("0001_all.baseline.sql", b"create table users (id bigint primary key);\n"),
        ("user_names.repeatable.sql", b"create or replace view user_ids as select id from users;\n"),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        ("0001_create_users.sql", b"create table users (id bigint primary key);\n"),
        ("0001_all.baseline.sql", b"-- graven: transaction = off\ncreate table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
};

/// BEGIN, COMMIT and their like, where they cannot be what was meant.
pub static TRANSACTION_CONTROL: Rule = Rule {
    id: "transaction-control",
    finds: "a BEGIN or COMMIT has no partner, has options or is nested, a file holds ROLLBACK or PREPARE TRANSACTION, or a \
            SET LOCAL in a block with statements after it",
    why: "A migration and its row in the history are one transaction. Plain pairs of BEGIN and COMMIT are understood and \
          left out; anything else would end that transaction early, or never. Since they are left out, what is to end \
          with the COMMIT would hold for the statements after it, too: what SET LOCAL, SET TRANSACTION, SET CONSTRAINTS \
          and `set_config(…, true)` set, and a temporary table that is `ON COMMIT DROP` or `ON COMMIT DELETE ROWS`.",
    remedy: "Delete the statement: the migration is a transaction anyhow. SAVEPOINT, RELEASE and ROLLBACK TO may stay. \
             A block with a SET LOCAL belongs to the end of the file, or into a file of its own; with \
             `-- graven: transaction = off` as the first line of the file, it is sent as it stands.",
    good: Example::new(&[
        ("0001_create_users.sql", b"begin;\ncreate table users (id bigint primary key);\ncommit;\n"),
        ("seal.lock", b""),
    ]),
    bad: Example::new(&[
        ("0001_create_users.sql", b"begin;\ncreate table users (id bigint primary key);\n"),
        ("seal.lock", b""),
    ]),
};
