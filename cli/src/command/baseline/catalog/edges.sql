-- What needs what, as rows (kind, number, kind of what it needs, number of that, how they are tied). It follows own.sql.
SELECT CASE
    -- Neither is needed for the sequence or the partition to be made, but for what is said of them then.
    WHEN d.classid = 'pg_class'::regclass AND d.deptype = 'a' AND c.relkind = 'S' THEN 'owned'
    WHEN d.classid = 'pg_class'::regclass AND d.deptype = 'a' AND c.relispartition AND c.relkind IN ('r', 'p', 'f') THEN 'attach'
    ELSE d.classid::regclass::text END AS kind, d.objid, d.refclassid::regclass::text AS needs, d.refobjid, d.deptype::text AS tie
FROM pg_depend d LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
-- Partitions of indexes, and their constraints, are made one by one.
WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype IN ('n', 'a', 'i', 'e')
  -- One that a parent has comes with that.
  AND NOT (d.classid = 'pg_constraint'::regclass AND d.objid IN (SELECT k.oid FROM checks_apart a JOIN pg_constraint k ON k.oid = a.oid WHERE NOT k.conislocal))
UNION ALL SELECT 'pg_class', x.indexrelid, 'pg_class', x.indrelid, 'n' FROM pg_index x WHERE x.indexrelid >= 16384
UNION ALL SELECT 'attach', i.inhrelid, 'pg_class', i.inhrelid, 'n' FROM pg_inherits i
UNION ALL SELECT 'attach', i.inhrelid, 'pg_class', i.inhparent, 'n' FROM pg_inherits i
UNION ALL SELECT 'owned', r.oid, 'pg_class', r.oid, 'n' FROM relations r WHERE r.relkind = 'S'
UNION ALL SELECT 'row security', r.oid, 'pg_class', r.oid, 'n' FROM relations r
UNION ALL SELECT 'members of pg_opfamily', f.oid, 'pg_opfamily', f.oid, 'n' FROM pg_opfamily f WHERE f.oid >= 16384
-- A check that is added later goes for all partitions, which must not be without it when they come.
UNION ALL
SELECT 'pg_constraint', k.oid, 'attach', p.relid, 'n'
FROM checks_apart a JOIN pg_constraint k ON k.oid = a.oid AND k.conislocal JOIN relations r ON r.oid = k.conrelid AND r.relkind = 'p'
CROSS JOIN LATERAL pg_partition_tree(r.oid) p WHERE p.level > 0
