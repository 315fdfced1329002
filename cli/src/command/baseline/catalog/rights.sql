-- Rights, as rows (kind, number, statements): how they differ from those that whatever it is has when it is made. It follows own.sql.
,
things (kind, oid, object, columns, acl, usual, owner) AS (
  SELECT 'pg_namespace', n.oid, format('SCHEMA %I', n.nspname), '', n.nspacl, acldefault('n', n.nspowner), n.nspowner
  FROM pg_namespace n JOIN spaces s ON s.oid = n.oid
  -- Those on the schema public are found in another way.
  WHERE n.nspname <> 'public' AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_namespace'::regclass AND h.objid = n.oid)
  UNION ALL
  SELECT 'pg_class', r.oid, CASE r.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || r.q, '', r.relacl,
    acldefault(CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, r.relowner), r.relowner
  FROM relations r WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  UNION ALL
  SELECT 'pg_class', r.oid, 'TABLE ' || r.q, '(' || quote_ident(a.attname) || ')', a.attacl, acldefault('c', r.relowner), r.relowner
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
  UNION ALL
  SELECT 'pg_proc', p.oid, CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || p.oid::regprocedure, '', p.proacl,
    acldefault('f', p.proowner), p.proowner
  FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace
  WHERE p.oid >= 16384 AND p.proacl IS NOT NULL AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_proc'::regclass AND h.objid = p.oid)
  UNION ALL
  SELECT 'pg_type', t.oid, 'TYPE ' || t.q, '', t.typacl, acldefault('T', t.typowner), t.typowner FROM types t
  UNION ALL
  SELECT 'pg_foreign_data_wrapper', w.oid, format('FOREIGN DATA WRAPPER %I', w.fdwname), '', w.fdwacl, acldefault('F', w.fdwowner), w.fdwowner
  FROM pg_foreign_data_wrapper w
  WHERE NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_foreign_data_wrapper'::regclass AND h.objid = w.oid)
  UNION ALL
  SELECT 'pg_foreign_server', s.oid, format('FOREIGN SERVER %I', s.srvname), '', s.srvacl, acldefault('S', s.srvowner), s.srvowner
  FROM pg_foreign_server s WHERE NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_foreign_server'::regclass AND h.objid = s.oid)
),
items AS (
  SELECT t.kind, t.oid, t.object, t.columns, t.owner, x.*,
    (SELECT count(*) FROM aclexplode(t.usual) u WHERE u.grantee = t.owner) AS most
  FROM things t CROSS JOIN LATERAL (
    SELECT 'REVOKE' AS word, u.* FROM (SELECT * FROM aclexplode(t.usual) EXCEPT SELECT * FROM aclexplode(t.acl)) u
    UNION ALL
    SELECT 'GRANT', g.* FROM (SELECT * FROM aclexplode(t.acl) EXCEPT SELECT * FROM aclexplode(t.usual)) g) x
  WHERE t.acl IS NOT NULL
),
changes AS (
  SELECT i.kind, i.oid, i.object, i.columns, i.word, i.grantor <> i.owner AS by_another, i.is_grantable, pg_get_userbyid(i.grantor) AS grantor,
    CASE WHEN i.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(i.grantee)) END AS grantee,
    -- How many there are depends on the release.
    CASE WHEN count(*) = i.most THEN 'ALL'
      ELSE string_agg(i.privilege_type || i.columns, ', ' ORDER BY i.privilege_type COLLATE "C") END AS privileges
  FROM items i
  GROUP BY i.kind, i.oid, i.object, i.columns, i.word, i.grantor, i.owner, i.is_grantable, i.grantee, i.most
),
statements AS (
  SELECT c.*, format('%s %s ON %s %s %s%s;', c.word, c.privileges, c.object, CASE c.word WHEN 'GRANT' THEN 'TO' ELSE 'FROM' END, c.grantee,
    CASE WHEN c.is_grantable AND c.word = 'GRANT' THEN ' WITH GRANT OPTION' ELSE '' END) AS text
  FROM changes c
)
SELECT kind, oid, string_agg(
    CASE WHEN by_another THEN format(E'SET SESSION AUTHORIZATION %I;\n%s\nRESET SESSION AUTHORIZATION;', grantor, text) ELSE text END,
    E'\n' ORDER BY word DESC, by_another, is_grantable DESC, columns COLLATE "C", grantee COLLATE "C", grantor COLLATE "C") AS statements
FROM statements GROUP BY kind, oid
