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
ORDER BY 1
