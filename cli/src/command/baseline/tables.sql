-- Tables that may hold rows, as rows (name as SQL has it; columns; of each column how its values are written, and its default if
-- that varies from run to run, as a value of the column's type; what to order by; whether an identity would refuse values). It is run with an empty search_path.
-- $1 is the history table; an empty text where there is none.
-- It follows hidden.sql.
SELECT i.identity,
  coalesce(array_agg(quote_ident(a.attname) ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL), '{}') AS columns,
  coalesce(array_agg(
    -- A number of type float8 is text: the literal -0 would be the integer 0.
    CASE WHEN a.atttypid = ANY ('{int2,int4,int8,numeric}'::regtype[]::oid[]) THEN 'number'
      WHEN a.atttypid = 'bool'::regtype THEN 'boolean'
      WHEN (SELECT y.typcategory = 'D' FROM pg_type y WHERE y.oid = a.atttypid) THEN 'moment'
      ELSE 'text' END ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL), '{}') AS forms,
  coalesce(array_agg(
    -- The time, a random number, or anything else that PostgreSQL does not take for constant. A sequence's next number
    -- is the same in every run.
    CASE WHEN coalesce(d.adbin, t.typdefaultbin)::text ~ '\{SQLVALUEFUNCTION' OR EXISTS (
      SELECT FROM regexp_matches(coalesce(d.adbin, t.typdefaultbin)::text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') f JOIN pg_proc p ON p.oid = f[1]::oid
      WHERE p.provolatile <> 'i' AND p.oid <> 'nextval(regclass)'::regprocedure)
    -- A domain brings its own.
    THEN format('CAST((%s) AS %s)', coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault), format_type(a.atttypid, a.atttypmod))
    ELSE '' END ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL), '{}') AS defaults,
  coalesce((
    SELECT array_agg(quote_ident(k.attname) ORDER BY p.n)
    FROM pg_index x CROSS JOIN unnest(x.indkey::int2[]) WITH ORDINALITY p (attnum, n)
      JOIN pg_attribute k ON k.attrelid = x.indrelid AND k.attnum = p.attnum
    WHERE x.indrelid = c.oid AND x.indisprimary), '{}') AS key,
  coalesce((
    SELECT array_agg(CASE WHEN k.attcollation <> 0 THEN ' COLLATE "C"' ELSE '' END ORDER BY p.n)
    FROM pg_index x CROSS JOIN unnest(x.indkey::int2[]) WITH ORDINALITY p (attnum, n)
      JOIN pg_attribute k ON k.attrelid = x.indrelid AND k.attnum = p.attnum
    WHERE x.indrelid = c.oid AND x.indisprimary), '{}') AS collations,
  coalesce(bool_or(a.attidentity = 'a'), false) AS always
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN pg_identify_object('pg_class'::regclass, c.oid, 0) i
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
LEFT JOIN pg_type t ON t.oid = a.atttypid AND t.typtype = 'd'
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.oid >= 16384 AND c.relkind = 'r' AND n.nspname !~ '^pg_(toast|temp_)'
  AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_class'::regclass AND h.objid = c.oid)
GROUP BY c.oid, i.identity
ORDER BY i.identity COLLATE "C"
