-- Sequences that are no extension's, as rows (name as SQL has it, what it begins with). It is run with an empty search_path.
SELECT i.identity, s.seqstart
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN pg_identify_object('pg_class'::regclass, c.oid, 0) i
WHERE n.nspname !~ '^pg_temp_'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY i.identity COLLATE "C"
