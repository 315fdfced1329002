//! The locks of each command, as data.

use super::LockMode::{self, AccessExclusive, Exclusive, RowExclusive, Share, ShareRowExclusive, ShareUpdateExclusive};
use super::Tokens;

/// A command whose locks are known.
#[derive(Debug)]
#[non_exhaustive]
pub struct Known {
    /// The words with which it begins: `[a]` may be absent, `a|b` is one of them, `*` is any name. The first row that fits
    /// decides.
    pub begins: &'static str,
    /// The lock that it takes, unless its words say otherwise.
    pub mode: LockMode,
    pub(super) place: Place,
    /// Statements with their locks. There are the tables `a`, `b` and `c`, the view `v`, the materialized view `m`, the
    /// partitioned table `p` with its partition `p1`, and the index `a_i` of `a`.
    pub examples: Examples,
}

/// Where a statement names what it locks, behind the words of its row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Right there.
    Here,
    /// Right there, perhaps several.
    List,
    /// Right there, the index whose table it is.
    Index,
    /// Behind that word.
    Behind(&'static str),
    /// Right there, with the name of a column at its end.
    OwnerOfColumn,
    /// As COPY has it, which locks so only what it copies into.
    CopyFrom,
    /// As these commands have it.
    Cluster,
    Reindex,
    Vacuum,
    LockTable,
    AlterTable,
    CreateTable,
    /// It is known to be another command than those below.
    Unknown,
}

/// Statements, each with what it locks and how: `("TRUNCATE a", &[("a", AccessExclusive)])`.
type Examples = &'static [(&'static str, &'static [(&'static str, LockMode)])];

const fn row(begins: &'static str, mode: LockMode, place: Place, examples: Examples) -> Known {
    Known { begins, mode, place, examples }
}

/// The commands whose locks are known, from the PostgreSQL manual: 13.3.1 and the page of each command.
pub const KNOWN: &[Known] = &[
    row(
        "create [unique] index concurrently",
        ShareUpdateExclusive,
        Place::Behind("on"),
        &[("CREATE INDEX CONCURRENTLY ON a (x)", &[("a", ShareUpdateExclusive)])],
    ),
    row(
        "create [unique] index",
        Share,
        Place::Behind("on"),
        &[
            ("CREATE INDEX ON a (x)", &[("a", Share)]),
            ("CREATE UNIQUE INDEX IF NOT EXISTS \"on\" ON ONLY public.a USING btree (x)", &[("public.a", Share)]),
        ],
    ),
    row(
        "create [global|local] temporary|temp|unlogged table",
        AccessExclusive,
        Place::CreateTable,
        &[("CREATE UNLOGGED TABLE n (x int REFERENCES b)", &[("b", ShareRowExclusive)])],
    ),
    row(
        "create table",
        AccessExclusive,
        Place::CreateTable,
        &[
            ("CREATE TABLE n (x int, n int REFERENCES n (x), PRIMARY KEY (x))", &[]),
            (
                "CREATE TABLE n (x int REFERENCES a, y int, FOREIGN KEY (y) REFERENCES public.b (x))",
                &[("a", ShareRowExclusive), ("public.b", ShareRowExclusive)],
            ),
            ("CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)", &[("p", AccessExclusive)]),
            ("CREATE TABLE n (z int) INHERITS (b)", &[("b", ShareUpdateExclusive)]),
        ],
    ),
    row(
        "create [or replace] [constraint] trigger",
        ShareRowExclusive,
        Place::Behind("on"),
        &[(
            "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON a FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            &[("a", ShareRowExclusive)],
        )],
    ),
    row(
        "create [or replace] rule",
        AccessExclusive,
        Place::Behind("to"),
        &[("CREATE RULE r AS ON DELETE TO a DO INSTEAD NOTHING", &[("a", AccessExclusive)])],
    ),
    row(
        "create policy",
        AccessExclusive,
        Place::Behind("on"),
        &[("CREATE POLICY q ON a USING (true)", &[("a", AccessExclusive)])],
    ),
    row(
        "create statistics",
        ShareUpdateExclusive,
        Place::Behind("from"),
        &[("CREATE STATISTICS s (dependencies) ON x, y FROM a", &[("a", ShareUpdateExclusive)])],
    ),
    row(
        "create or replace [temporary|temp] [recursive] view",
        AccessExclusive,
        Place::Here,
        &[("CREATE OR REPLACE VIEW v AS SELECT 1 AS x", &[("v", AccessExclusive)])],
    ),
    row("alter table all", AccessExclusive, Place::Unknown, &[]),
    row(
        "alter [foreign] table [if exists]",
        AccessExclusive,
        Place::AlterTable,
        &[
            ("ALTER TABLE a ADD COLUMN z int", &[("a", AccessExclusive)]),
            ("ALTER TABLE IF EXISTS ONLY a RENAME COLUMN y TO z", &[("a", AccessExclusive)]),
            ("ALTER TABLE a RENAME TO n", &[("a", AccessExclusive)]),
            ("ALTER TABLE a ALTER COLUMN y TYPE bigint, ALTER y SET STATISTICS 10", &[("a", AccessExclusive)]),
            ("ALTER TABLE a ADD CHECK (y > 0) NOT VALID", &[("a", AccessExclusive)]),
            (
                "ALTER TABLE a ADD COLUMN z int DEFAULT abs(1) REFERENCES b (x), ADD w int",
                &[("a", AccessExclusive), ("b", ShareRowExclusive)],
            ),
        ],
    ),
    row("alter materialized view all", AccessExclusive, Place::Unknown, &[]),
    row(
        "alter [materialized] view [if exists]",
        AccessExclusive,
        Place::AlterTable,
        &[
            ("ALTER VIEW v RENAME TO w", &[("v", AccessExclusive)]),
            ("ALTER MATERIALIZED VIEW m RENAME TO n", &[("m", AccessExclusive)]),
        ],
    ),
    row(
        "alter policy",
        AccessExclusive,
        Place::Behind("on"),
        &[("ALTER POLICY b_q ON b USING (false)", &[("b", AccessExclusive)])],
    ),
    row(
        "drop table|view [if exists]",
        AccessExclusive,
        Place::List,
        &[
            ("DROP TABLE IF EXISTS b, public.p CASCADE", &[("b", AccessExclusive), ("public.p", AccessExclusive)]),
            ("DROP VIEW v", &[("v", AccessExclusive)]),
        ],
    ),
    row(
        "drop foreign|materialized table|view [if exists]",
        AccessExclusive,
        Place::List,
        &[("DROP MATERIALIZED VIEW m", &[("m", AccessExclusive)])],
    ),
    row(
        "drop index concurrently [if exists]",
        ShareUpdateExclusive,
        Place::Index,
        &[("DROP INDEX CONCURRENTLY a_i", &[("table of a_i", ShareUpdateExclusive)])],
    ),
    row(
        "drop index [if exists]",
        AccessExclusive,
        Place::Index,
        &[("DROP INDEX IF EXISTS a_i RESTRICT", &[("table of a_i", AccessExclusive)])],
    ),
    row(
        "drop trigger|policy|rule [if exists]",
        AccessExclusive,
        Place::Behind("on"),
        &[
            ("DROP TRIGGER b_t ON b", &[("b", AccessExclusive)]),
            ("DROP POLICY IF EXISTS b_q ON b", &[("b", AccessExclusive)]),
            ("DROP RULE b_r ON b", &[("b", AccessExclusive)]),
        ],
    ),
    row(
        "comment on [foreign|materialized] table|view",
        ShareUpdateExclusive,
        Place::Here,
        &[("COMMENT ON TABLE a IS 'x'", &[("a", ShareUpdateExclusive)])],
    ),
    row(
        "comment on column",
        ShareUpdateExclusive,
        Place::OwnerOfColumn,
        &[("COMMENT ON COLUMN public.a.x IS 'x'", &[("public.a", ShareUpdateExclusive)])],
    ),
    row(
        "truncate [table]",
        AccessExclusive,
        Place::List,
        &[("TRUNCATE ONLY b, p RESTART IDENTITY CASCADE", &[("b", AccessExclusive), ("p", AccessExclusive)])],
    ),
    row(
        "vacuum",
        ShareUpdateExclusive,
        Place::Vacuum,
        &[
            ("VACUUM (ANALYZE, FULL off) a", &[("a", ShareUpdateExclusive)]),
            ("VACUUM (FULL) a", &[("a", AccessExclusive)]),
            ("VACUUM FULL VERBOSE a", &[("a", AccessExclusive)]),
        ],
    ),
    row(
        "analyze|analyse",
        ShareUpdateExclusive,
        Place::Vacuum,
        &[("ANALYZE VERBOSE a (x), b", &[("a", ShareUpdateExclusive), ("b", ShareUpdateExclusive)])],
    ),
    row(
        "cluster",
        AccessExclusive,
        Place::Cluster,
        &[
            ("CLUSTER a USING a_i", &[("a", AccessExclusive)]),
            ("CLUSTER (VERBOSE) public.a USING a_i", &[("public.a", AccessExclusive)]),
        ],
    ),
    // On the table it takes no more than SHARE, but on the index ACCESS EXCLUSIVE, and whoever plans a query on the table
    // locks all its indexes: readers wait as well (PostgreSQL manual, REINDEX).
    row(
        "reindex",
        AccessExclusive,
        Place::Reindex,
        &[
            ("REINDEX TABLE a", &[("a", AccessExclusive)]),
            ("REINDEX INDEX a_i", &[("table of a_i", AccessExclusive)]),
            ("REINDEX (VERBOSE) TABLE CONCURRENTLY a", &[("a", ShareUpdateExclusive)]),
            ("REINDEX (CONCURRENTLY) INDEX a_i", &[("table of a_i", ShareUpdateExclusive)]),
        ],
    ),
    row(
        "refresh materialized view concurrently",
        Exclusive,
        Place::Here,
        &[("REFRESH MATERIALIZED VIEW CONCURRENTLY m", &[("m", Exclusive)])],
    ),
    row(
        "refresh materialized view",
        AccessExclusive,
        Place::Here,
        &[("REFRESH MATERIALIZED VIEW m", &[("m", AccessExclusive)])],
    ),
    row(
        "insert into",
        RowExclusive,
        Place::Here,
        &[
            ("INSERT INTO a VALUES (3, 4)", &[("a", RowExclusive)]),
            ("WITH n (x) AS (SELECT 5) INSERT INTO a SELECT x, x FROM n", &[("a", RowExclusive)]),
        ],
    ),
    row("update", RowExclusive, Place::Here, &[("UPDATE ONLY a SET y = 2", &[("a", RowExclusive)])]),
    row("delete from", RowExclusive, Place::Here, &[("DELETE FROM a WHERE y = 2", &[("a", RowExclusive)])]),
    row(
        "merge into",
        RowExclusive,
        Place::Here,
        &[("MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN DELETE", &[("a", RowExclusive)])],
    ),
    row("copy", RowExclusive, Place::CopyFrom, &[("COPY a (x, y) FROM '/dev/null'", &[("a", RowExclusive)])]),
    row(
        "lock [table]",
        AccessExclusive,
        Place::LockTable,
        &[
            ("LOCK a", &[("a", AccessExclusive)]),
            ("LOCK TABLE ONLY a, b IN SHARE ROW EXCLUSIVE MODE", &[("a", ShareRowExclusive), ("b", ShareRowExclusive)]),
        ],
    ),
];

/// An action of ALTER TABLE that takes a lesser lock on the table than the strongest.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) begins: &'static str,
    mode: LockMode,
    only: Only,
}

/// Whether all forms of an action take that lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    All,
    /// Those with storage parameters of [`LESSER`] only. Of others nothing is said.
    Lesser,
}

impl Action {
    /// The lock on the table that is altered; `None` where it is not known.
    pub(super) fn mode(&self, mut action: Tokens<'_>) -> Option<LockMode> {
        let is_known = match self.only {
            Only::All => true,
            Only::Lesser => action.follow("set|reset") && action.all_options_begin(&LESSER),
        };
        is_known.then_some(self.mode)
    }
}

/// The beginnings of the storage parameters under whose change others go on reading and writing (PostgreSQL manual, ALTER
/// TABLE).
const LESSER: [&str; 5] = ["fillfactor", "toast_tuple_target", "parallel_workers", "autovacuum_", "vacuum_"];

const fn action(begins: &'static str, mode: LockMode) -> Action {
    Action { begins, mode, only: Only::All }
}

pub(super) const ACTIONS: &[Action] = &[
    action("add constraint * foreign key", ShareRowExclusive),
    action("add foreign key", ShareRowExclusive),
    action("validate constraint", ShareUpdateExclusive),
    action("alter [column] * set statistics", ShareUpdateExclusive),
    action("alter [column] * set|reset (", ShareUpdateExclusive),
    Action { begins: "set|reset (", mode: ShareUpdateExclusive, only: Only::Lesser },
    action("cluster on", ShareUpdateExclusive),
    action("set without cluster", ShareUpdateExclusive),
    action("enable|disable [replica|always] trigger", ShareRowExclusive),
    action("attach partition", ShareUpdateExclusive),
    action("detach partition . concurrently|finalize", ShareUpdateExclusive),
];

/// The actions of ALTER TABLE that name another table right behind these words, and their locks on that.
pub(super) const OTHERS: &[(&str, LockMode)] =
    &[("attach partition", AccessExclusive), ("detach partition", AccessExclusive), ("inherit", ShareUpdateExclusive)];

/// Examples for the actions of ALTER TABLE with locks of their own, as those of [`Known`].
pub const ALTER_TABLE: Examples = &[
    (
        "ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (y) REFERENCES b NOT VALID",
        &[("a", ShareRowExclusive), ("b", ShareRowExclusive)],
    ),
    (
        "ALTER TABLE a ADD FOREIGN KEY (y) REFERENCES public.b (x)",
        &[("a", ShareRowExclusive), ("public.b", ShareRowExclusive)],
    ),
    ("ALTER TABLE b VALIDATE CONSTRAINT b_c", &[("b", ShareUpdateExclusive)]),
    ("ALTER TABLE a ALTER COLUMN x SET STATISTICS 10", &[("a", ShareUpdateExclusive)]),
    ("ALTER TABLE a ALTER x SET (n_distinct = 5)", &[("a", ShareUpdateExclusive)]),
    ("ALTER TABLE a SET (fillfactor = 70, toast.autovacuum_enabled)", &[("a", ShareUpdateExclusive)]),
    ("ALTER TABLE a CLUSTER ON a_i", &[("a", ShareUpdateExclusive)]),
    ("ALTER TABLE a SET WITHOUT CLUSTER", &[("a", ShareUpdateExclusive)]),
    ("ALTER TABLE b DISABLE TRIGGER b_t", &[("b", ShareRowExclusive)]),
    ("ALTER TABLE p ATTACH PARTITION c FOR VALUES IN (2)", &[("p", ShareUpdateExclusive), ("c", AccessExclusive)]),
    (
        "ALTER TABLE p DETACH PARTITION public.p1 CONCURRENTLY",
        &[("p", ShareUpdateExclusive), ("public.p1", AccessExclusive)],
    ),
    ("ALTER TABLE p DETACH PARTITION p1", &[("p", AccessExclusive), ("p1", AccessExclusive)]),
    ("ALTER TABLE a INHERIT c", &[("a", AccessExclusive), ("c", ShareUpdateExclusive)]),
];
