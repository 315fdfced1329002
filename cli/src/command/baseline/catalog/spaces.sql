-- Schemas, extensions, access methods, collations and conversions. It follows own.sql.
SELECT 'pg_namespace' AS kind, n.oid, 'before' AS section, 10 AS rank, '-' AS schema, n.nspname::text AS name, 'SCHEMA' AS type,
  -- What a fresh database has anyhow is none of the migrations' making.
  CASE WHEN n.nspname <> 'public' THEN format('CREATE SCHEMA %I;', n.nspname)
      || CASE WHEN n.nspowner = me.oid THEN '' ELSE format(E'\n\nALTER SCHEMA %I OWNER TO %I;', n.nspname, pg_get_userbyid(n.nspowner)) END
    ELSE concat_ws(E'\n\n',
      CASE WHEN pg_get_userbyid(n.nspowner) = 'pg_database_owner' OR n.oid < 16384 AND n.nspowner < 16384 THEN NULL
        WHEN n.nspowner = me.oid THEN 'ALTER SCHEMA public OWNER TO CURRENT_USER;'
        ELSE format('ALTER SCHEMA public OWNER TO %I;', pg_get_userbyid(n.nspowner)) END,
      CASE WHEN obj_description(n.oid, 'pg_namespace') IS NULL THEN 'COMMENT ON SCHEMA public IS NULL;' END)
    END AS statement
FROM pg_namespace n JOIN spaces s ON s.oid = n.oid JOIN pg_roles me ON me.rolname = current_user
WHERE (n.oid >= 16384 OR n.nspname = 'public')
  AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_namespace'::regclass AND h.objid = n.oid)
UNION ALL
SELECT 'pg_extension', e.oid, 'before', 12, '-', e.extname::text, 'EXTENSION',
  -- Where it made its schema itself, that is not there yet.
  format('CREATE EXTENSION IF NOT EXISTS %I', e.extname)
    || CASE WHEN EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_namespace'::regclass AND h.objid = n.oid) THEN ''
      ELSE format(' WITH SCHEMA %I', n.nspname) END || ';'
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.oid >= 16384
UNION ALL
SELECT 'pg_am', a.oid, 'before', 26, '-', a.amname::text, 'ACCESS METHOD',
  format('CREATE ACCESS METHOD %I TYPE %s HANDLER %s;', a.amname, CASE a.amtype WHEN 'i' THEN 'INDEX' ELSE 'TABLE' END, a.amhandler)
FROM pg_am a
WHERE a.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_am'::regclass AND h.objid = a.oid)
UNION ALL
SELECT 'pg_collation', c.oid, 'before', 11, n.nspname::text, c.collname::text, 'COLLATION',
  format('CREATE COLLATION %I.%I (%s);', n.nspname, c.collname, concat_ws(', ',
    'provider = ' || CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
    CASE WHEN NOT c.collisdeterministic THEN 'deterministic = false' END,
    -- Where the locale is kept depends on the release.
    CASE WHEN c.collprovider = 'c' AND j.j ->> 'collcollate' <> j.j ->> 'collctype'
      THEN format('lc_collate = %L, lc_ctype = %L', j.j ->> 'collcollate', j.j ->> 'collctype')
      ELSE format('locale = %L', coalesce(j.j ->> 'colllocale', j.j ->> 'colliculocale', j.j ->> 'collcollate')) END,
    'rules = ' || quote_literal(j.j ->> 'collicurules')))
  || CASE WHEN c.collowner = me.oid THEN '' ELSE format(E'\n\nALTER COLLATION %I.%I OWNER TO %I;', n.nspname, c.collname, pg_get_userbyid(c.collowner)) END
FROM pg_collation c JOIN spaces n ON n.oid = c.collnamespace JOIN pg_roles me ON me.rolname = current_user
CROSS JOIN LATERAL (SELECT to_jsonb(c)) j (j)
WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_collation'::regclass AND h.objid = c.oid)
UNION ALL
SELECT 'pg_conversion', c.oid, 'before', 30, n.nspname::text, c.conname::text, 'CONVERSION',
  format('CREATE %sCONVERSION %I.%I FOR %L TO %L FROM %s;', CASE WHEN c.condefault THEN 'DEFAULT ' ELSE '' END, n.nspname, c.conname,
    pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding), c.conproc)
  || CASE WHEN c.conowner = me.oid THEN '' ELSE format(E'\n\nALTER CONVERSION %I.%I OWNER TO %I;', n.nspname, c.conname, pg_get_userbyid(c.conowner)) END
FROM pg_conversion c JOIN spaces n ON n.oid = c.connamespace JOIN pg_roles me ON me.rolname = current_user
WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_conversion'::regclass AND h.objid = c.oid)
