-- How the rights on the schema public differ from those that a fresh database of this release has, as statements. $1 are those.
-- pg_dump goes by what its own release has, which is another thing since PostgreSQL 15.
WITH public AS (SELECT nspowner, nspacl FROM pg_namespace WHERE nspname = 'public'),
fresh AS (SELECT i.* FROM public, aclexplode($1::text[]::aclitem[]) i),
now AS (SELECT i.* FROM public, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) i)
SELECT statement FROM (
SELECT rank, word || ' ' || privilege_type || ' ON SCHEMA public ' || CASE word WHEN 'REVOKE' THEN 'FROM ' ELSE 'TO ' END
  || CASE WHEN grantee = 0 THEN 'PUBLIC' WHEN pg_get_userbyid(grantee) = current_user THEN 'CURRENT_USER'
    ELSE quote_ident(pg_get_userbyid(grantee)) END
  || CASE WHEN is_grantable AND word = 'GRANT' THEN ' WITH GRANT OPTION' ELSE '' END || ';' AS statement
FROM (
  SELECT 1 AS rank, 'REVOKE' AS word, r.* FROM (
    SELECT grantee, privilege_type, is_grantable FROM fresh EXCEPT SELECT grantee, privilege_type, is_grantable FROM now) r
  UNION ALL
  SELECT 2, 'GRANT', g.* FROM (
    SELECT grantee, privilege_type, is_grantable FROM now EXCEPT SELECT grantee, privilege_type, is_grantable FROM fresh) g
) changed
-- The rights of its owner go with it.
WHERE grantee NOT IN (SELECT nspowner FROM public UNION SELECT grantor FROM fresh)
) statements
ORDER BY rank, statement COLLATE "C"
