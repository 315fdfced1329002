//! What is wrong wherever it is written, also in a new table.

use super::{Lint, lint};

pub(super) static LINTS: &[Lint] = &[
    lint! {
        "identifier-too-long", Always, WhatIsWritten, Squawks,
        finds: "a name is longer than 63 bytes",
        why: "PostgreSQL cuts it there: two names may become one, and code that looks for it in the catalogs finds nothing.",
        remedy: "Give it a shorter name.",
        good: [("0007_change.sql", "create table users (id bigint);\n")],
        bad: "create table users (a_column_with_a_name_that_tells_the_whole_story_of_its_long_life bigint);\n",
    },
    lint! {
        "ban-duplicate-column-assignments", Always, WhatIsWritten, Squawks,
        finds: "a column is written twice in one statement",
        why: "PostgreSQL refuses it.",
        remedy: "Delete all but one of them.",
        good: [("0007_change.sql", "update users set name = 'Ada', age = 36;\n")],
        bad: "update users set name = 'Ada', name = 'Bob';\n",
    },
    lint! {
        "ban-alter-domain-with-add-constraint", Always, WhatIsThere, Finds,
        finds: "a domain gets a constraint that is checked at once",
        why: "All tables with a column of that domain are read under a lock that keeps writers out.",
        remedy: "Add it `NOT VALID`, and validate it in the next migration; or add a CHECK to the columns that are meant, in the same way.",
        good: [("0007_change.sql", "alter table users add constraint users_email check (email like '%@%') not valid;\n")],
        bad: "alter domain email add constraint email_has_at check (value like '%@%');\n",
    },
    lint! {
        "unused-ignore", Always, WhatIsWritten, Squawks,
        finds: "a comment `squawk-ignore` names no rule",
        why: "What it was to ignore is not ignored.",
        remedy: "Correct the name, or delete the comment: `-- graven: allow = …` does the same for a file.",
        good: [("0007_change.sql", "-- squawk-ignore ban-drop-table\ndrop table users;\n")],
        bad: "-- squawk-ignore ban-drop-tables\nselect 1;\n",
    },
];
