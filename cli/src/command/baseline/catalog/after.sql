-- What comes after rows: constraints, indexes, statistics, rules, triggers, policies, publications. It follows own.sql.
SELECT 'pg_constraint' AS kind, k.oid, 'after' AS section, CASE k.contype WHEN 'f' THEN 56 ELSE 50 END AS rank, r.nspname::text AS schema,
  r.relname || ' ' || k.conname AS name, CASE k.contype WHEN 'f' THEN 'FK CONSTRAINT' ELSE 'CONSTRAINT' END AS type,
  -- A foreign key of a partitioned table goes for its partitions, too.
  format(E'ALTER TABLE %s%s\n    ADD CONSTRAINT %I %s;', CASE WHEN k.contype = 'f' AND r.relkind = 'p' THEN '' ELSE 'ONLY ' END, r.q, k.conname,
    pg_get_constraintdef(k.oid))
  || coalesce(x.change, '') AS statement
FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid
LEFT JOIN LATERAL (
  SELECT coalesce(format(E'\n\nALTER INDEX %s.%I SET (', quote_ident(r.nspname), c.relname) || array_to_string(c.reloptions, ', ') || ');', '')
    || CASE WHEN x.indisclustered THEN format(E'\n\nALTER TABLE %s CLUSTER ON %I;', r.q, c.relname) ELSE '' END
    || CASE WHEN x.indisreplident THEN format(E'\n\nALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I;', r.q, c.relname) ELSE '' END
  FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')) x (change) ON true
WHERE k.contype IN ('p', 'u', 'x') OR k.contype = 'f' AND k.conparentid = 0
UNION ALL
SELECT 'pg_class', c.oid, 'after', 51, c.nspname::text, c.relname::text, 'INDEX',
  pg_get_indexdef(c.oid) || ';'
  || coalesce((
    SELECT string_agg(format(E'\n\nALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s;', c.q, a.attnum, a.attstattarget), '' ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0), '')
  || CASE WHEN x.indisclustered THEN format(E'\n\nALTER TABLE %s CLUSTER ON %I;', t.q, c.relname) ELSE '' END
  || CASE WHEN x.indisreplident THEN format(E'\n\nALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I;', t.q, c.relname) ELSE '' END
FROM relations c JOIN pg_index x ON x.indexrelid = c.oid JOIN relations t ON t.oid = x.indrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 'attach', c.oid, 'after', 52, c.nspname::text, c.relname::text, 'INDEX ATTACH', format('ALTER INDEX %s ATTACH PARTITION %s;', p.q, c.q)
FROM relations c JOIN pg_inherits i ON i.inhrelid = c.oid JOIN relations p ON p.oid = i.inhparent WHERE c.relkind IN ('i', 'I')
UNION ALL
SELECT 'pg_statistic_ext', x.oid, 'after', 53, n.nspname::text, x.stxname::text, 'STATISTICS',
  pg_get_statisticsobjdef(x.oid) || ';'
  || CASE WHEN x.stxstattarget >= 0 THEN format(E'\n\nALTER STATISTICS %I.%I SET STATISTICS %s;', n.nspname, x.stxname, x.stxstattarget) ELSE '' END
  || CASE WHEN x.stxowner = me.oid THEN '' ELSE format(E'\n\nALTER STATISTICS %I.%I OWNER TO %I;', n.nspname, x.stxname, pg_get_userbyid(x.stxowner)) END
FROM pg_statistic_ext x JOIN spaces n ON n.oid = x.stxnamespace JOIN pg_roles me ON me.rolname = current_user
WHERE NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_statistic_ext'::regclass AND h.objid = x.oid)
UNION ALL
SELECT 'pg_rewrite', w.oid, 'after', 54, r.nspname::text, r.relname || ' ' || w.rulename, 'RULE',
  pg_get_ruledef(w.oid)
  || CASE WHEN w.ev_enabled <> 'O' THEN format(E'\n\nALTER TABLE %s %s RULE %I;', r.q,
    CASE w.ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, w.rulename) ELSE '' END
FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid
WHERE w.rulename <> '_RETURN' AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_rewrite'::regclass AND h.objid = w.oid)
UNION ALL
SELECT 'pg_trigger', g.oid, 'after', 55, r.nspname::text, r.relname || ' ' || g.tgname, 'TRIGGER',
  pg_get_triggerdef(g.oid) || ';'
  || CASE WHEN g.tgenabled <> 'O' THEN format(E'\n\nALTER TABLE %s %s TRIGGER %I;', r.q,
    CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, g.tgname) ELSE '' END
FROM relations r JOIN pg_trigger g ON g.tgrelid = r.oid
WHERE NOT g.tgisinternal AND g.tgparentid = 0
  AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_trigger'::regclass AND h.objid = g.oid)
UNION ALL
SELECT 'row security', r.oid, 'after', 57, r.nspname::text, r.relname::text, 'ROW SECURITY',
  concat_ws(E'\n\n', CASE WHEN r.relrowsecurity THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', r.q) END,
    CASE WHEN r.relforcerowsecurity THEN format('ALTER TABLE ONLY %s FORCE ROW LEVEL SECURITY;', r.q) END)
FROM relations r WHERE r.relrowsecurity OR r.relforcerowsecurity
UNION ALL
SELECT 'pg_policy', p.oid, 'after', 58, r.nspname::text, r.relname || ' ' || p.polname, 'POLICY',
  format('CREATE POLICY %I ON %s', p.polname, r.q) || CASE WHEN p.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END
  || CASE p.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT' WHEN 'w' THEN ' FOR UPDATE' WHEN 'd' THEN ' FOR DELETE' ELSE '' END
  || CASE WHEN p.polroles = '{0}' THEN '' ELSE ' TO ' || (
    SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ' ORDER BY pg_get_userbyid(role) COLLATE "C")
    FROM unnest(p.polroles) role) END
  || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
  || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') || ';'
FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'pg_publication', p.oid, 'after', 59, '-', p.pubname::text, 'PUBLICATION',
  format('CREATE PUBLICATION %I%s WITH (%s);', p.pubname, CASE WHEN p.puballtables THEN ' FOR ALL TABLES' ELSE '' END, concat_ws(', ',
    'publish = ' || quote_literal(concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
      CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END)),
    CASE WHEN p.pubviaroot THEN 'publish_via_partition_root = true' END,
    -- Since PostgreSQL 18.
    CASE to_jsonb(p) ->> 'pubgencols' WHEN 's' THEN 'publish_generated_columns = stored' END))
  || CASE WHEN p.pubowner = me.oid THEN '' ELSE format(E'\n\nALTER PUBLICATION %I OWNER TO %I;', p.pubname, pg_get_userbyid(p.pubowner)) END
FROM pg_publication p JOIN pg_roles me ON me.rolname = current_user
WHERE NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_publication'::regclass AND h.objid = p.oid)
UNION ALL
SELECT 'pg_publication_rel', m.oid, 'after', 60, r.nspname::text, p.pubname || ' ' || r.relname, 'PUBLICATION TABLE',
  format('ALTER PUBLICATION %I ADD TABLE ONLY %s%s%s;', p.pubname, r.q, coalesce((
      SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')'
      -- Columns and conditions are there since PostgreSQL 15.
      FROM jsonb_path_query(to_jsonb(m), '$.prattrs[*] ? (@ != null)') n JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = n::int), ''),
    coalesce((
      SELECT ' WHERE (' || (to_jsonb(t) ->> 'rowfilter') || ')' FROM pg_publication_tables t
      WHERE t.pubname = p.pubname AND t.schemaname = r.nspname AND t.tablename = r.relname), ''))
FROM pg_publication_rel m JOIN pg_publication p ON p.oid = m.prpubid JOIN relations r ON r.oid = m.prrelid
UNION ALL
SELECT 'pg_event_trigger', e.oid, 'last', 80, '-', e.evtname::text, 'EVENT TRIGGER',
  format(E'CREATE EVENT TRIGGER %I ON %s%s\n    EXECUTE FUNCTION %s();', e.evtname, e.evtevent,
    coalesce((SELECT E'\n    WHEN TAG IN (' || string_agg(quote_literal(tag), ', ') || ')' FROM unnest(e.evttags) tag), ''), e.evtfoid::regproc)
  || CASE WHEN e.evtenabled <> 'O' THEN format(E'\n\nALTER EVENT TRIGGER %I %s;', e.evtname,
    CASE e.evtenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END) ELSE '' END
  || CASE WHEN e.evtowner = me.oid THEN '' ELSE format(E'\n\nALTER EVENT TRIGGER %I OWNER TO %I;', e.evtname, pg_get_userbyid(e.evtowner)) END
FROM pg_event_trigger e JOIN pg_roles me ON me.rolname = current_user
WHERE NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_event_trigger'::regclass AND h.objid = e.oid)
UNION ALL
-- After everything that it may need, which is why it is no part of the view.
SELECT 'rows', r.oid, 'last', 70, r.nspname::text, r.relname::text, 'MATERIALIZED VIEW DATA', format('REFRESH MATERIALIZED VIEW %s;', r.q)
FROM relations r WHERE r.relkind = 'm' AND r.relispopulated
