-- What there is to be written, for the queries of this directory. It follows hidden.sql. Rows are (kind, number, section, rank,
-- schema, name, type, statements): the kind is the catalog in which the number is one, or a word for what has no row of its own.
,
spaces AS (
  SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
),
relations AS (
  SELECT c.*, n.nspname, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS q
  FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_class'::regclass AND h.objid = c.oid)
),
types AS (
  SELECT t.*, n.nspname, quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS q
  FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE t.oid >= 16384 AND (c.oid IS NULL OR c.relkind = 'c') AND t.typtype <> 'm'
    AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_type'::regclass AND h.objid = t.oid)
),
-- Defaults that are set after their table is there: what they call may need it, a view has no other way, and an inherited
-- column is not written with its table.
defaults_apart AS (
  SELECT d.oid, d.adrelid, d.adnum
  FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum JOIN relations r ON r.oid = d.adrelid
  WHERE a.attgenerated = '' AND (r.relkind = 'v' OR NOT a.attislocal AND NOT r.relispartition
    OR EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_attrdef'::regclass AND e.objid = d.oid AND e.refobjid >= 16384
      AND (e.refclassid, e.refobjid) <> ('pg_class'::regclass::oid, d.adrelid)))
),
-- Checks that are added after their table or domain is there, for the same reason; and those that rows need not pass.
checks_apart AS (
  SELECT k.oid
  FROM pg_constraint k
  WHERE k.contype = 'c' AND (NOT k.convalidated OR EXISTS (
    SELECT FROM pg_depend e WHERE e.classid = 'pg_constraint'::regclass AND e.objid = k.oid AND e.refobjid >= 16384
      AND e.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
      AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = e.refclassid AND h.objid = e.refobjid)))
)
