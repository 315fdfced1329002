-- Default privileges, as statements.
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s%s %s ON %s %s %s%s;', pg_get_userbyid(d.defaclrole),
  CASE WHEN d.defaclnamespace <> 0 THEN format('IN SCHEMA %I ', n.nspname) ELSE '' END, x.word,
  CASE WHEN count(*) = u.most THEN 'ALL'
    ELSE string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type COLLATE "C") END,
  CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS'
    ELSE 'LARGE OBJECTS' END,
  CASE x.word WHEN 'GRANT' THEN 'TO' ELSE 'FROM' END, CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
  CASE WHEN x.is_grantable AND x.word = 'GRANT' THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL (
  SELECT usual, (SELECT count(*) FROM aclexplode(usual) o WHERE o.grantee = d.defaclrole)
  FROM acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's'::"char" ELSE d.defaclobjtype END, d.defaclrole) usual) u (usual, most)
-- Those of a schema are given in addition, so that none is usual.
CROSS JOIN LATERAL (SELECT CASE WHEN d.defaclnamespace = 0 THEN u.usual END) b (begin)
CROSS JOIN LATERAL (
  SELECT 'REVOKE' AS word, r.* FROM (SELECT * FROM aclexplode(b.begin) EXCEPT SELECT * FROM aclexplode(d.defaclacl)) r
  UNION ALL
  SELECT 'GRANT', g.* FROM (SELECT * FROM aclexplode(d.defaclacl) EXCEPT SELECT * FROM aclexplode(b.begin)) g) x
GROUP BY d.defaclrole, d.defaclobjtype, d.defaclnamespace, n.nspname, x.word, x.grantee, x.is_grantable, u.most
ORDER BY pg_get_userbyid(d.defaclrole)::text COLLATE "C",
  coalesce(n.nspname, '')::text COLLATE "C", d.defaclobjtype, x.word DESC, x.grantee = 0, pg_get_userbyid(x.grantee)::text COLLATE "C", x.is_grantable
