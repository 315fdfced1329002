//! What code that is running may still use.

use super::{Lint, lint};

const MAY_USE_IT: &str = "Code that is running may use it still.";
const NOT_USED_ANY_MORE: &str = "Drop it once no release that runs uses it. Then allow the lint in that file.";
const MAY_RELY_ON_IT: &str = "Code that is running may rely on it.";
const OLD_NAME: &str = "Code that is running knows it by its old name.";

pub(super) static LINTS: &[Lint] = &[
    lint! {
        "ban-drop-column", Always, WhatIsThere, Finds,
        finds: "a column is dropped",
        why: "Code that is running may use it still, and no reverse brings the data back.",
        remedy: NOT_USED_ANY_MORE,
        good: [(
            "0007_change.sql",
            "-- Not used since 3.2.\n-- graven: allow = ban-drop-column\nalter table users drop column nickname;\n"
        )],
        bad: "alter table users drop column nickname;\n",
    },
    lint! {
        "ban-drop-table", Always, WhatIsThere, Finds,
        finds: "a table is dropped",
        why: "Code that is running may use it still, and no reverse brings the data back.",
        remedy: NOT_USED_ANY_MORE,
        good: [("0007_change.sql", "-- graven: allow = ban-drop-table\ndrop table users;\n")],
        bad: "drop table users;\n",
    },
    lint! {
        "ban-truncate-cascade", Always, WhatIsThere, Finds,
        finds: "tables are emptied that the statement does not name",
        why: "CASCADE empties each table with a foreign key to this one, and each with a key to that.",
        remedy: "Leave CASCADE away, and name all tables that are to be emptied.",
        good: [("0007_change.sql", "truncate users, posts;\n")],
        bad: "truncate users cascade;\n",
    },
    lint! {
        "ban-drop-database", Always, WhatIsThere, Finds,
        finds: "a database is dropped",
        why: "All that is in it is gone, whatever else makes use of it.",
        remedy: "Drop it by hand: a migration changes its own database.",
        good: [("0007_change.sql", "create schema reports;\n")],
        bad: "-- graven: transaction = off\ndrop database reports;\n",
    },
    lint! {
        "ban-drop-schema", Always, WhatIsThere, Finds,
        finds: "a schema is dropped",
        why: MAY_USE_IT,
        remedy: NOT_USED_ANY_MORE,
        good: [("0007_change.sql", "-- graven: allow = ban-drop-schema\ndrop schema reports;\n")],
        bad: "drop schema reports;\n",
    },
    lint! {
        "ban-drop-view", Always, WhatIsThere, Finds,
        finds: "a view is dropped",
        why: MAY_USE_IT,
        remedy: "Drop it once no release that runs uses it. Then allow the lint in that file. One that the same file \
                 makes anew is not meant; best it is a repeatable migration.",
        good: [("0007_change.sql", "-- graven: allow = ban-drop-view\ndrop view readers;\n")],
        bad: "drop view readers;\n",
    },
    lint! {
        "ban-drop-function", Always, WhatIsThere, Finds,
        finds: "a function, a procedure or an aggregate is dropped",
        why: MAY_USE_IT,
        remedy: NOT_USED_ANY_MORE,
        good: [("0007_change.sql", "-- graven: allow = ban-drop-function\ndrop function total(bigint);\n")],
        bad: "drop function total(bigint);\n",
    },
    lint! {
        "ban-drop-type", Always, WhatIsThere, Finds,
        finds: "a type, an operator or a cast is dropped",
        why: MAY_USE_IT,
        remedy: NOT_USED_ANY_MORE,
        good: [("0007_change.sql", "-- graven: allow = ban-drop-type\ndrop type mood;\n")],
        bad: "drop type mood;\n",
    },
    lint! {
        "ban-drop-domain", Always, WhatIsThere, Finds,
        finds: "a domain is dropped",
        why: MAY_USE_IT,
        remedy: NOT_USED_ANY_MORE,
        good: [("0007_change.sql", "-- graven: allow = ban-drop-domain\ndrop domain email;\n")],
        bad: "drop domain email;\n",
    },
    lint! {
        "ban-drop-sequence", Always, WhatIsThere, Finds,
        finds: "a sequence is dropped",
        why: MAY_USE_IT,
        remedy: NOT_USED_ANY_MORE,
        good: [("0007_change.sql", "-- graven: allow = ban-drop-sequence\ndrop sequence numbers;\n")],
        bad: "drop sequence numbers;\n",
    },
    lint! {
        "ban-drop-extension", Always, WhatIsThere, Finds,
        finds: "an extension is dropped",
        why: "Its functions, types and operators go with it, and code that is running may use them still.",
        remedy: NOT_USED_ANY_MORE,
        good: [("0007_change.sql", "-- graven: allow = ban-drop-extension\ndrop extension hstore;\n")],
        bad: "drop extension hstore;\n",
    },
    lint! {
        "ban-drop-constraint", Always, WhatIsThere, Finds,
        finds: "a constraint is dropped",
        why: MAY_RELY_ON_IT,
        remedy: "Drop it once no release that runs relies on it. Then allow the lint in that file. A CHECK that was there to prove \
                 NOT NULL, and is dropped where that is set, is not meant.",
        good: [(
            "0007_change.sql",
            "-- graven: allow = ban-drop-constraint\nalter table users drop constraint users_age;\n"
        )],
        bad: "alter table users drop constraint users_age;\n",
    },
    lint! {
        "ban-drop-not-null", Always, WhatIsThere, Finds,
        finds: "a column may hold NULL from now on",
        why: "Code that is running may not expect a NULL there.",
        remedy: "Release the code that expects it first. Then allow the lint in the file.",
        good: [(
            "0007_change.sql",
            "-- graven: allow = ban-drop-not-null\nalter table users alter column email drop not null;\n"
        )],
        bad: "alter table users alter column email drop not null;\n",
    },
    lint! {
        "ban-drop-default", Always, WhatIsThere, Finds,
        finds: "a default is dropped",
        why: "Code that is running may leave the column away, and would write NULL or fail.",
        remedy: "Release the code that writes the column first. Then allow the lint in the file.",
        good: [(
            "0007_change.sql",
            "-- graven: allow = ban-drop-default\nalter table users alter column role drop default;\n"
        )],
        bad: "alter table users alter column role drop default;\n",
    },
    lint! {
        "ban-drop-generated-expression", Always, WhatIsThere, Finds,
        finds: "a generated column becomes a plain one",
        why: "Code that is running does not write it, so that it holds NULL in every new row.",
        remedy: "Release the code that writes the column with it, and let a trigger write it meanwhile.",
        good: [(
            "0007_change.sql",
            "-- graven: allow = ban-drop-generated-expression\nalter table users alter column total drop expression;\n"
        )],
        bad: "alter table users alter column total drop expression;\n",
    },
    lint! {
        "ban-alter-identity", Always, WhatIsThere, Finds,
        finds: "it changes whether a column is an identity",
        why: "Code that is running may write the column, or leave it away, and would fail.",
        remedy: "Release the code that suits both first. Then allow the lint in the file.",
        good: [(
            "0007_change.sql",
            "-- graven: allow = ban-alter-identity\nalter table users alter column id drop identity;\n"
        )],
        bad: "alter table users alter column id drop identity;\n",
    },
    lint! {
        "renaming-column", Always, WhatIsThere, Finds,
        finds: "a column is renamed",
        why: OLD_NAME,
        remedy: "Add a column of the new name, keep both the same by a trigger, and drop the old one in a later release.",
        good: [("0007_change.sql", "alter table users add column full_name text;\n")],
        bad: "alter table users rename column name to full_name;\n",
    },
    lint! {
        "renaming-table", Always, WhatIsThere, Finds,
        finds: "a table is renamed",
        why: OLD_NAME,
        remedy: "Leave a view of the old name in its place, in the same file. Then allow the lint there, and drop the view in a later \
                 release.",
        good: [(
            "0007_change.sql",
            "-- graven: allow = renaming-table\nalter table users rename to people;\ncreate view users as select * from people;\n"
        )],
        bad: "alter table users rename to people;\n",
    },
    lint! {
        "renaming-object", Always, WhatIsThere, Finds,
        finds: "something is renamed",
        why: OLD_NAME,
        remedy: "Make a second one of the new name, and drop the old one in a later release.",
        good: [("0007_change.sql", "create view readers as select * from reader;\n")],
        bad: "alter view reader rename to readers;\n",
    },
    lint! {
        "ban-set-schema", Always, WhatIsThere, Finds,
        finds: "something goes to another schema",
        why: "Code that is running looks for it where it was.",
        remedy: "Let the search path of the code name both schemas first. Then allow the lint in the file.",
        good: [("0007_change.sql", "-- graven: allow = ban-set-schema\nalter table users set schema app;\n")],
        bad: "alter table users set schema app;\n",
    },
];
