//! What keeps others from a table that is in use: locks that last as long as the table is large.

use super::{Lint, lint};

pub(super) static LINTS: &[Lint] = &[
    lint! {
        "require-concurrent-index-creation", Always, WhatIsThere, Finds,
        finds: "an index is built without CONCURRENTLY",
        why: "Nobody can write to the table until the index is built.",
        remedy: "Build it `CONCURRENTLY`, in a file of its own that begins with `-- graven: transaction = off`. An index of a \
                 partitioned table cannot be built so: build one of each partition, then that of the table, which takes them up.",
        good: [("0007_change.sql", "-- graven: transaction = off\ncreate index concurrently users_email on users (email);\n")],
        bad: "create index users_email on users (email);\n",
    },
    lint! {
        "require-concurrent-index-deletion", Always, WhatIsThere, Finds,
        finds: "an index is dropped without CONCURRENTLY",
        why: "It waits for all who use the table, and keeps everybody else from it meanwhile.",
        remedy: "Drop it `CONCURRENTLY`, in a file of its own that begins with `-- graven: transaction = off`.",
        good: [("0007_change.sql", "-- graven: transaction = off\ndrop index concurrently users_email;\n")],
        bad: "drop index users_email;\n",
    },
    lint! {
        "require-concurrent-reindex", Always, WhatIsThere, Finds,
        finds: "an index is built anew without CONCURRENTLY",
        why: "Nobody can write to the table until it is done, nor make use of the index.",
        remedy: "Build it anew `CONCURRENTLY`, in a file of its own that begins with `-- graven: transaction = off`.",
        good: [("0007_change.sql", "-- graven: transaction = off\nreindex table concurrently users;\n")],
        bad: "reindex table users;\n",
    },
    lint! {
        "require-concurrent-partition-detach", Always, WhatIsThere, Finds,
        finds: "a partition is detached without CONCURRENTLY",
        why: "It waits for all who use the whole table, and keeps everybody else from it meanwhile.",
        remedy: "Detach it `CONCURRENTLY`, in a file of its own that begins with `-- graven: transaction = off`. A table with a \
                 default partition cannot do so: allow the lint there.",
        good: [(
            "0007_change.sql",
            "-- graven: transaction = off\nalter table events detach partition events_2020 concurrently;\n"
        )],
        bad: "alter table events detach partition events_2020;\n",
    },
    lint! {
        "constraint-missing-not-valid", Always, WhatIsThere, Finds,
        finds: "a constraint is checked against all rows at once",
        why: "The whole table is read under a lock that keeps others from it.",
        remedy: "Add it `NOT VALID`, and validate it in the next migration. In one file the lock of the first statement would be \
                 held while the second reads the table. An EXCLUDE constraint cannot be added so: allow the lint there.",
        good: [
            ("0007_change.sql", "alter table users add constraint users_age check (age >= 0) not valid;\n"),
            ("0008_change.sql", "alter table users validate constraint users_age;\n"),
        ],
        bad: "alter table users add constraint users_age check (age >= 0);\n",
    },
    lint! {
        "adding-foreign-key-constraint", Always, WhatIsThere, Finds,
        finds: "a foreign key is checked against all rows at once",
        why: "Nobody can write to either table until the whole of one is read.",
        remedy: "Add it `NOT VALID`, and validate it in the next migration. Where it comes with a new column, add the column \
                 first, without the key.",
        good: [
            (
                "0007_change.sql",
                "alter table posts add constraint posts_author foreign key (author) references users not valid;\n"
            ),
            ("0008_change.sql", "alter table posts validate constraint posts_author;\n"),
        ],
        bad: "alter table posts add constraint posts_author foreign key (author) references users;\n",
    },
    lint! {
        "adding-not-nullable-field", Always, WhatIsThere, Finds,
        finds: "a column is made NOT NULL without a CHECK that proves it",
        why: "The whole table is read under a lock that lets nobody read or write.",
        remedy: "Add `CHECK (… IS NOT NULL) NOT VALID`, validate that in the next migration, and set NOT NULL in the one after it. \
                 A CHECK that an earlier migration has validated is found, and all is well.",
        good: [
            ("0007_change.sql", "alter table users add constraint has_email check (email is not null) not valid;\n"),
            ("0008_change.sql", "alter table users validate constraint has_email;\n"),
            (
                "0009_change.sql",
                "alter table users alter column email set not null;\nalter table users drop constraint has_email;\n"
            ),
        ],
        bad: "alter table users alter column email set not null;\n",
    },
    lint! {
        "adding-serial-primary-key-field", Always, WhatIsThere, Finds,
        finds: "a primary key is added without an index that is there already",
        why: "Its index is built under a lock that lets nobody read or write.",
        remedy: "Build a unique index `CONCURRENTLY`, and add the key `USING INDEX` in the next migration. Its columns have to be \
                 NOT NULL by then.",
        good: [
            ("0007_change.sql", "-- graven: transaction = off\ncreate unique index concurrently users_key on users (id);\n"),
            ("0008_change.sql", "alter table users add primary key using index users_key;\n"),
        ],
        bad: "alter table users add primary key (id);\n",
    },
    lint! {
        "disallowed-unique-constraint", Always, WhatIsThere, Finds,
        finds: "a UNIQUE constraint is added without an index that is there already",
        why: "Its index is built under a lock that lets nobody read or write.",
        remedy: "Build a unique index `CONCURRENTLY`, and add the constraint `USING INDEX` in the next migration.",
        good: [
            (
                "0007_change.sql",
                "-- graven: transaction = off\ncreate unique index concurrently users_email on users (email);\n"
            ),
            ("0008_change.sql", "alter table users add constraint users_email unique using index users_email;\n"),
        ],
        bad: "alter table users add constraint users_email unique (email);\n",
    },
    lint! {
        "adding-field-with-default", Always, WhatIsThere, Finds,
        finds: "a column is added with a default that is computed for each row",
        why: "The table is written anew under a lock that lets nobody read or write.",
        remedy: "Add the column alone, set the default in a second statement, and fill in old rows in batches. A default that is \
                 the same for all rows, a constant or `now()`, rewrites nothing, and is not meant. A stored generated column \
                 always rewrites the table: let a trigger fill in a plain one.",
        good: [(
            "0007_change.sql",
            "alter table users add column token uuid;\nalter table users alter column token set default gen_random_uuid();\n"
        )],
        bad: "alter table users add column token uuid default gen_random_uuid();\n",
    },
    lint! {
        "adding-required-field", Always, WhatIsThere, Finds,
        finds: "a column is added that is NOT NULL and has no default",
        why: "It fails where the table has rows, and code that is running does not fill it in.",
        remedy: "Give it a default, or add it without NOT NULL and make it so later.",
        good: [("0007_change.sql", "alter table users add column role text not null default 'reader';\n")],
        bad: "alter table users add column role text not null;\n",
    },
    lint! {
        "changing-column-type", Always, WhatIsThere, Finds,
        finds: "a column gets another type",
        why: "Mostly the table is written anew, while nobody reads or writes it; and code that is running may not expect the type.",
        remedy: "Add a column of the new type, keep both the same by a trigger, fill in, and drop the old one in a later release. \
                 What rewrites nothing, such as a longer `varchar` or from `varchar` to `text`, may be allowed.",
        good: [("0007_change.sql", "alter table users add column number_as_bigint bigint;\n")],
        bad: "alter table users alter column number type bigint;\n",
    },
];
