-- What holds rows, and what gives out numbers, as rows (name as SQL has it, kind, columns, columns whose default varies).
-- It is run with an empty search_path. $1 is the history table; an empty text where there is none.
-- It follows hidden.sql.
SELECT i.identity, c.relkind::text,
  coalesce(array_agg(quote_ident(a.attname) ORDER BY quote_ident(a.attname) COLLATE "C")
    FILTER (WHERE a.attname IS NOT NULL), '{}') AS columns,
  coalesce(array_agg(quote_ident(a.attname)) FILTER (WHERE
    -- The time, a random number, or anything else that PostgreSQL does not take for constant. A sequence's next number
    -- is the same in every run.
    d.adbin::text ~ '\{SQLVALUEFUNCTION' OR EXISTS (
      SELECT FROM regexp_matches(d.adbin::text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') f JOIN pg_proc p ON p.oid = f[1]::oid
      WHERE p.provolatile <> 'i' AND p.oid <> 'nextval(regclass)'::regprocedure)), '{}') AS varying
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN pg_identify_object('pg_class'::regclass, c.oid, 0) i
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
-- A partitioned table has no rows but those of its partitions.
WHERE c.oid >= 16384 AND (c.relkind IN ('r', 'S') OR c.relkind = 'm' AND c.relispopulated)
  AND n.nspname !~ '^pg_(toast|temp_)'
  AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_class'::regclass AND h.objid = c.oid)
GROUP BY i.identity, c.relkind
