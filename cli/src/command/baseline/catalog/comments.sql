-- Comments, and ties to extensions, as rows (kind, number, statement). It follows own.sql.
SELECT d.classoid::regclass::text AS kind, d.objoid AS oid,
  format('COMMENT ON %s %s IS %L;', CASE
      WHEN i.type LIKE '% column' THEN 'COLUMN'
      WHEN i.type IN ('table constraint', 'domain constraint') THEN 'CONSTRAINT'
      WHEN i.type = 'foreign-data wrapper' THEN 'FOREIGN DATA WRAPPER'
      WHEN i.type = 'statistics object' THEN 'STATISTICS'
      ELSE upper(i.type) END,
    CASE WHEN i.type = 'aggregate' THEN regexp_replace(i.identity, '\(\)$', '(*)')
      WHEN i.type = 'domain constraint' THEN (
        SELECT format('%I ON DOMAIN %s', k.conname, k.contypid::regtype) FROM pg_constraint k WHERE k.oid = d.objoid)
      ELSE i.identity END, d.description) AS statement
FROM pg_description d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND d.objoid = to_regnamespace('public')) AND i.identity IS NOT NULL
  AND d.classoid <> 'pg_extension'::regclass
  AND NOT (d.classoid = 'pg_namespace'::regclass AND d.objoid = to_regnamespace('public') AND d.description = 'standard public schema')
  AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = d.classoid AND h.objid = d.objoid)
UNION ALL
SELECT d.classid::regclass::text, d.objid,
  format('ALTER %s %s DEPENDS ON EXTENSION %I;', upper(i.type), CASE i.type WHEN 'trigger' THEN regexp_replace(i.identity, ' on ', ' ON ') ELSE i.identity END, e.extname)
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid,
  pg_identify_object(d.classid, d.objid, d.objsubid) i
WHERE d.deptype = 'x'
ORDER BY 3
