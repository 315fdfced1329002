-- What the queries of this directory do not write, as people name it. It follows own.sql.
SELECT 'type ' || t.q || CASE WHEN t.typtype = 'r' THEN ' (a range with a canonical function)' WHEN t.typisdefined THEN ' (a base type)' ELSE ' (a shell)' END AS what
FROM types t LEFT JOIN pg_range r ON r.rngtypid = t.oid WHERE t.typtype IN ('b', 'p') OR r.rngcanonical <> 0
UNION ALL
SELECT format('language %I', l.lanname) FROM pg_language l
WHERE l.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_language'::regclass AND h.objid = l.oid)
UNION ALL
SELECT i.type || ' ' || i.identity FROM pg_transform t, pg_identify_object('pg_transform'::regclass, t.oid, 0) i
WHERE t.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_transform'::regclass AND h.objid = t.oid)
UNION ALL
SELECT format('operator %s (a shell)', o.oid::regoperator) FROM pg_operator o
WHERE o.oid >= 16384 AND o.oprcode = 0 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_operator'::regclass AND h.objid = o.oid)
UNION ALL
SELECT format('subscription %I', s.subname) FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT format('the security label of %s %s', l.objtype, l.objname) FROM pg_seclabels l
WHERE l.objoid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = l.classoid AND h.objid = l.objoid)
UNION ALL
SELECT format('the user mapping of %s on server %I (it holds a password)', m.usename, m.srvname) FROM pg_user_mappings m
WHERE m.umid >= 16384 AND EXISTS (SELECT FROM pg_options_to_table(m.umoptions) WHERE option_name ~* 'passw|secret|token')
UNION ALL
SELECT format('index %s (it is invalid)', r.q)
FROM relations r JOIN pg_index x ON x.indexrelid = r.oid WHERE NOT x.indisvalid AND r.relkind = 'i'
UNION ALL
SELECT format('the tablespace of %s', r.q) FROM relations r WHERE r.reltablespace <> 0
UNION ALL
SELECT DISTINCT format('the state of the triggers of constraint %I on %s', k.conname, r.q)
FROM relations r JOIN pg_trigger g ON g.tgrelid = r.oid JOIN pg_constraint k ON k.oid = g.tgconstraint WHERE g.tgisinternal AND g.tgenabled <> 'O'
UNION ALL
SELECT format('the state of trigger %I on %s, which is another one than on the partitioned table', g.tgname, r.q)
FROM relations r JOIN pg_trigger g ON g.tgrelid = r.oid JOIN pg_trigger p ON p.oid = g.tgparentid WHERE NOT g.tgisinternal AND g.tgenabled <> p.tgenabled
UNION ALL
-- What extensions have made, and the system itself, has rights of its own to begin with.
SELECT format('the rights on %s %s, which no migration makes', i.type, i.identity)
FROM (
  SELECT 'pg_class'::regclass, c.oid, 0, c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner)
  FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relnamespace <> 'information_schema'::regnamespace
  UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, a.attacl, '{}'::aclitem[]
  FROM pg_attribute a WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
  UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, p.proacl, acldefault('f', p.proowner) FROM pg_proc p
  UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, t.typacl, acldefault('T', t.typowner) FROM pg_type t
  UNION ALL SELECT 'pg_language'::regclass, l.oid, 0, l.lanacl, acldefault('l', l.lanowner) FROM pg_language l
  UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 0, w.fdwacl, acldefault('F', w.fdwowner) FROM pg_foreign_data_wrapper w
  UNION ALL SELECT 'pg_foreign_server'::regclass, s.oid, 0, s.srvacl, acldefault('S', s.srvowner) FROM pg_foreign_server s
  UNION ALL SELECT 'pg_namespace'::regclass, n.oid, 0, n.nspacl, acldefault('n', n.nspowner) FROM pg_namespace n
  WHERE n.nspname NOT IN ('public', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
) o (classid, objid, objsubid, acl, usual)
LEFT JOIN pg_init_privs b ON b.classoid = o.classid AND b.objoid = o.objid AND b.objsubid = o.objsubid
CROSS JOIN LATERAL (SELECT coalesce(o.acl, o.usual), coalesce(b.initprivs, o.usual)) x (now, begin)
CROSS JOIN LATERAL pg_identify_object(o.classid, o.objid, o.objsubid) i
WHERE NOT (x.now @> x.begin AND x.begin @> x.now)
  AND (o.objid < 16384 OR EXISTS (SELECT FROM pg_depend e WHERE e.classid = o.classid AND e.objid = o.objid AND e.deptype = 'e'))
ORDER BY 1
