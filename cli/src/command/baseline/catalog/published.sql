-- Schemas whose tables a publication has, since PostgreSQL 15. It follows own.sql.
SELECT 'pg_publication_namespace' AS kind, m.oid, 'after' AS section, 60 AS rank, n.nspname::text AS schema, p.pubname || ' ' || n.nspname AS name,
  'PUBLICATION TABLES IN SCHEMA' AS type, format('ALTER PUBLICATION %I ADD TABLES IN SCHEMA %I;', p.pubname, n.nspname) AS statement
FROM pg_publication_namespace m JOIN pg_publication p ON p.oid = m.pnpubid JOIN spaces n ON n.oid = m.pnnspid
