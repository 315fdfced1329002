-- Tables, what becomes of them once they are there, sequences, and views. It follows own.sql.
,
parents AS (
  SELECT i.inhrelid, i.inhseqno, i.inhparent, r.q FROM pg_inherits i JOIN relations r ON r.oid = i.inhparent
),
columns AS (
  SELECT a.*, r.q, r.relkind, r.relispartition, y.typstorage, quote_ident(a.attname) AS name,
    -- A partition begins as a table of its own.
    a.attislocal OR r.relispartition AS is_written,
    k.conname AS not_null_name, k.connoinherit AS not_null_here, k.conislocal OR r.relispartition AS not_null_local,
    k.convalidated AS not_null_valid, r.relname || '_' || a.attname || '_not_null' AS usual_name,
    pg_get_expr(d.adbin, d.adrelid) AS expression, d.oid AS default_oid,
    NOT (a.attislocal OR r.relispartition) AND EXISTS (SELECT FROM parents p JOIN pg_attribute b ON b.attrelid = p.inhparent
      WHERE p.inhrelid = a.attrelid AND b.attname = a.attname AND b.attnotnull) AS parent_not_null,
    (SELECT min(pg_get_expr(f.adbin, f.adrelid)) FROM parents p JOIN pg_attribute b ON b.attrelid = p.inhparent
      JOIN pg_attrdef f ON f.adrelid = b.attrelid AND f.adnum = b.attnum
      WHERE NOT (a.attislocal OR r.relispartition) AND p.inhrelid = a.attrelid AND b.attname = a.attname) AS parent_expression
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type y ON y.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    -- Constraints of this kind are there since PostgreSQL 18.
    LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
  WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
),
-- What stands between the parentheses.
elements AS (
  SELECT c.attrelid, c.attnum::int AS rank, '' AS name,
    '    ' || c.name || CASE WHEN r.reloftype <> 0 THEN ' WITH OPTIONS' ELSE ' ' || format_type(c.atttypid, c.atttypmod) END
    || CASE WHEN c.attcollation <> y.typcollation AND r.reloftype = 0 THEN ' COLLATE ' || c.attcollation::regcollation ELSE '' END
    || coalesce((SELECT ' OPTIONS (' || string_agg(format('%I %L', option_name, option_value), ', ') || ')' FROM pg_options_to_table(c.attfdwoptions)), '')
    || CASE WHEN c.attgenerated <> '' THEN ' GENERATED ALWAYS AS (' || c.expression || ')' || CASE c.attgenerated WHEN 's' THEN ' STORED' ELSE '' END
      WHEN c.expression IS NOT NULL AND c.default_oid NOT IN (SELECT oid FROM defaults_apart) THEN ' DEFAULT ' || c.expression ELSE '' END
    || CASE WHEN c.attnotnull AND coalesce(c.not_null_local AND c.not_null_valid, true)
      THEN CASE WHEN c.not_null_name <> c.usual_name THEN ' CONSTRAINT ' || quote_ident(c.not_null_name) ELSE '' END || ' NOT NULL'
        || CASE WHEN c.not_null_here THEN ' NO INHERIT' ELSE '' END ELSE '' END AS text
  FROM columns c JOIN relations r ON r.oid = c.attrelid JOIN pg_type y ON y.oid = c.atttypid
  WHERE c.is_written AND c.relkind IN ('r', 'p', 'f')
    AND (r.reloftype = 0 OR c.attnotnull OR c.expression IS NOT NULL AND c.default_oid NOT IN (SELECT oid FROM defaults_apart))
  UNION ALL
  -- An inherited column may have a constraint of its own.
  SELECT c.attrelid, c.attnum + 10000, '', format('    CONSTRAINT %I NOT NULL %s', c.not_null_name, c.name)
    || CASE WHEN c.not_null_here THEN ' NO INHERIT' ELSE '' END
  FROM columns c WHERE NOT c.is_written AND c.not_null_local AND c.not_null_valid
  UNION ALL
  SELECT k.conrelid, 100000, k.conname, format('    CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid))
  FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid
  WHERE k.contype = 'c' AND (k.conislocal OR r.relispartition) AND k.oid NOT IN (SELECT oid FROM checks_apart)
),
options AS (
  SELECT o.oid, ' WITH (' || string_agg(o.prefix || quote_ident(v.key) || '=' || CASE WHEN quote_ident(v.value) = v.value THEN v.value ELSE quote_literal(v.value) END,
    ', ' ORDER BY o.prefix, o.number) || ')' AS clause
  FROM (
    SELECT r.oid, '' AS prefix, u.option, u.number FROM relations r, unnest(r.reloptions) WITH ORDINALITY u (option, number)
    UNION ALL
    SELECT r.oid, 'toast.', u.option, u.number
    FROM relations r JOIN pg_class t ON t.oid = r.reltoastrelid, unnest(t.reloptions) WITH ORDINALITY u (option, number)) o
  CROSS JOIN LATERAL (SELECT split_part(o.option, '=', 1), substr(o.option, strpos(o.option, '=') + 1)) v (key, value)
  GROUP BY o.oid
),
-- What is said of columns afterwards.
afterwards AS (
  SELECT c.attrelid, string_agg(format(E'\n\nALTER TABLE ONLY %s ALTER COLUMN %s %s;', c.q, c.name, s.change), '' ORDER BY c.attnum, s.change) AS text
  FROM columns c CROSS JOIN LATERAL (VALUES
    (CASE WHEN c.attstorage <> c.typstorage AND c.relkind IN ('r', 'p', 'f', 'm') THEN
      'SET STORAGE ' || CASE c.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END),
    (CASE WHEN c.attcompression <> '' THEN 'SET COMPRESSION ' || CASE c.attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END END),
    (CASE WHEN c.attstattarget >= 0 THEN 'SET STATISTICS ' || c.attstattarget END),
    ('SET (' || (SELECT string_agg(replace(o, '=', ' = '), ', ') FROM unnest(c.attoptions) o) || ')'),
    (CASE WHEN NOT c.is_written AND c.attnotnull AND c.not_null_name IS NULL AND NOT c.parent_not_null THEN 'SET NOT NULL' END),
    (CASE WHEN NOT c.is_written AND c.expression IS NULL AND c.parent_expression IS NOT NULL THEN 'DROP DEFAULT' END)
  ) s (change)
  WHERE s.change IS NOT NULL AND c.relkind <> 'v'
  GROUP BY c.attrelid
)
SELECT 'pg_class' AS kind, r.oid, 'before' AS section, 40 AS rank, r.nspname::text AS schema, r.relname::text AS name,
  CASE r.relkind WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS type,
  'CREATE ' || CASE WHEN r.relpersistence = 'u' THEN 'UNLOGGED ' ELSE '' END || CASE r.relkind WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || r.q
  || CASE WHEN r.reloftype <> 0 THEN ' OF ' || format_type(r.reloftype, NULL) || coalesce(E' (\n' || e.text || E'\n)', '')
    ELSE E' (\n' || coalesce(e.text || E'\n', '') || ')' END
  || CASE WHEN r.relispartition THEN '' ELSE coalesce((
    SELECT E'\nINHERITS (' || string_agg(p.q, ', ' ORDER BY p.inhseqno) || ')' FROM parents p WHERE p.inhrelid = r.oid), '') END
  || CASE WHEN r.relkind = 'p' THEN E'\nPARTITION BY ' || pg_get_partkeydef(r.oid) ELSE '' END
  || coalesce((
    SELECT format(E'\nSERVER %I', s.srvname) || coalesce((
      SELECT E'\nOPTIONS (' || string_agg(format('%I %L', option_name, option_value), ', ') || ')' FROM pg_options_to_table(f.ftoptions)), '')
    FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = r.oid), '')
  || coalesce((SELECT format(E'\nUSING %I', m.amname) FROM pg_am m WHERE m.oid = r.relam AND m.amname <> 'heap'), '')
  || coalesce(E'\n' || ltrim(o.clause), '') || ';'
  || coalesce(w.text, '')
  || CASE WHEN r.relreplident IN ('n', 'f') AND r.relkind <> 'f' THEN E'\n\nALTER TABLE ONLY ' || r.q || ' REPLICA IDENTITY '
    || CASE r.relreplident WHEN 'n' THEN 'NOTHING;' ELSE 'FULL;' END ELSE '' END
  || CASE WHEN r.relowner = me.oid THEN '' ELSE format(E'\n\nALTER TABLE %s OWNER TO %I;', r.q, pg_get_userbyid(r.relowner)) END AS statement
FROM relations r JOIN pg_roles me ON me.rolname = current_user
  LEFT JOIN (SELECT attrelid, string_agg(text, E',\n' ORDER BY rank, name COLLATE "C") FROM elements GROUP BY attrelid) e (oid, text) ON e.oid = r.oid
  LEFT JOIN options o ON o.oid = r.oid LEFT JOIN afterwards w ON w.attrelid = r.oid
WHERE r.relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'attach', r.oid, 'before', 42, r.nspname::text, r.relname::text, 'TABLE ATTACH',
  format('ALTER TABLE ONLY %s ATTACH PARTITION %s %s;', p.q, r.q, pg_get_expr(r.relpartbound, r.oid))
FROM relations r JOIN parents p ON p.inhrelid = r.oid WHERE r.relispartition AND r.relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'pg_attrdef', d.oid, 'before', 43, r.nspname::text, r.relname || ' ' || a.attname, 'DEFAULT',
  format('ALTER %s %s ALTER COLUMN %I SET DEFAULT %s;', CASE r.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE ONLY' END, r.q, a.attname,
    pg_get_expr(f.adbin, f.adrelid))
FROM defaults_apart d JOIN pg_attrdef f ON f.oid = d.oid JOIN relations r ON r.oid = d.adrelid
  JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
UNION ALL
SELECT 'pg_constraint', k.oid, CASE WHEN k.convalidated THEN 'before' ELSE 'after' END, 44, r.nspname::text, r.relname || ' ' || k.conname,
  'CHECK CONSTRAINT',
  -- Children get it, too.
  format(E'ALTER TABLE %s\n    ADD CONSTRAINT %I %s;', r.q, k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid
WHERE k.conislocal AND (k.oid IN (SELECT oid FROM checks_apart) OR k.contype = 'n' AND NOT k.convalidated)
UNION ALL
SELECT 'pg_class', r.oid, 'before', 40, r.nspname::text, r.relname::text, 'SEQUENCE',
  CASE WHEN i.identity IS NULL
    THEN 'CREATE ' || CASE WHEN r.relpersistence = 'u' THEN 'UNLOGGED ' ELSE '' END || 'SEQUENCE ' || r.q || E'\n'
      || CASE WHEN s.seqtypid <> 'int8'::regtype THEN '    AS ' || format_type(s.seqtypid, NULL) || E'\n' ELSE '' END
    ELSE format(E'ALTER TABLE %s ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (\n    SEQUENCE NAME %s\n', i.q, i.attname, i.identity, r.q) END
  || format(E'    START WITH %s\n    INCREMENT BY %s\n    %s\n    %s\n    CACHE %s', s.seqstart, s.seqincrement,
    CASE WHEN s.seqmin = CASE WHEN s.seqincrement > 0 THEN 1 ELSE t.lowest END THEN 'NO MINVALUE' ELSE 'MINVALUE ' || s.seqmin END,
    CASE WHEN s.seqmax = CASE WHEN s.seqincrement > 0 THEN t.highest ELSE -1 END THEN 'NO MAXVALUE' ELSE 'MAXVALUE ' || s.seqmax END, s.seqcache)
  || CASE WHEN s.seqcycle THEN E'\n    CYCLE' ELSE '' END || CASE WHEN i.identity IS NULL THEN ';' ELSE E'\n);' END
  || CASE WHEN r.relowner = me.oid OR i.identity IS NOT NULL THEN '' ELSE format(E'\n\nALTER SEQUENCE %s OWNER TO %I;', r.q, pg_get_userbyid(r.relowner)) END
FROM relations r JOIN pg_sequence s ON s.seqrelid = r.oid JOIN pg_roles me ON me.rolname = current_user
CROSS JOIN LATERAL (SELECT
  CASE s.seqtypid WHEN 'int2'::regtype THEN -32768 WHEN 'int4'::regtype THEN -2147483648 ELSE -9223372036854775808 END,
  CASE s.seqtypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END) t (lowest, highest)
LEFT JOIN LATERAL (
  SELECT c.q, c.attname, CASE c.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END
  FROM pg_depend d JOIN columns c ON c.attrelid = d.refobjid AND c.attnum = d.refobjsubid
  WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i') i (q, attname, identity) ON true
WHERE r.relkind = 'S'
UNION ALL
SELECT 'owned', r.oid, 'before', 41, r.nspname::text, r.relname::text, 'SEQUENCE OWNED BY',
  format('ALTER SEQUENCE %s OWNED BY %s.%s;', r.q, c.q, c.name)
FROM relations r JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
    AND d.refobjsubid > 0 AND d.deptype = 'a'
  JOIN columns c ON c.attrelid = d.refobjid AND c.attnum = d.refobjsubid
WHERE r.relkind = 'S'
UNION ALL
SELECT 'pg_class', r.oid, 'before', 40, r.nspname::text, r.relname::text, CASE r.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END,
  CASE r.relkind WHEN 'v' THEN 'CREATE VIEW ' ELSE 'CREATE MATERIALIZED VIEW ' END || r.q
  || CASE WHEN r.relkind = 'm' THEN coalesce((SELECT format(' USING %I', m.amname) FROM pg_am m WHERE m.oid = r.relam AND m.amname <> 'heap'), '') ELSE '' END
  || coalesce(o.clause, '') || E' AS\n' || CASE r.relkind WHEN 'v' THEN pg_get_viewdef(r.oid) ELSE rtrim(pg_get_viewdef(r.oid), ';') || E'\n  WITH NO DATA;' END
  || coalesce(w.text, '')
  || CASE WHEN r.relowner = me.oid THEN '' ELSE format(E'\n\nALTER %s %s OWNER TO %I;', CASE r.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END,
    r.q, pg_get_userbyid(r.relowner)) END
FROM relations r JOIN pg_roles me ON me.rolname = current_user LEFT JOIN options o ON o.oid = r.oid LEFT JOIN afterwards w ON w.attrelid = r.oid
WHERE r.relkind IN ('v', 'm')
