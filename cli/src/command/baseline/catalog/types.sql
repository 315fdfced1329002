-- Types: enums, composite types, ranges, domains, and checks of domains that come later. It follows own.sql.
SELECT 'pg_type' AS kind, t.oid, 'before' AS section, 13 AS rank, t.nspname::text AS schema, t.typname::text AS name,
  CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END AS type,
  CASE t.typtype
    WHEN 'e' THEN 'CREATE TYPE ' || t.q || E' AS ENUM (\n' || coalesce((
      SELECT string_agg('    ' || quote_literal(e.enumlabel), E',\n' ORDER BY e.enumsortorder) || E'\n'
      FROM pg_enum e WHERE e.enumtypid = t.oid), '') || ');'
    WHEN 'c' THEN 'CREATE TYPE ' || t.q || E' AS (\n' || coalesce((
      SELECT string_agg('    ' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attcollation <> y.typcollation THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END, E',\n' ORDER BY a.attnum) || E'\n'
      FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
      WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ');'
    WHEN 'r' THEN 'CREATE TYPE ' || t.q || E' AS RANGE (\n' || (
      SELECT concat_ws(E',\n', '    subtype = ' || format_type(r.rngsubtype, NULL),
        '    multirange_type_name = ' || format('%I.%I', n.nspname, m.typname),
        CASE WHEN NOT o.opcdefault THEN '    subtype_opclass = ' || format('%I.%I', p.nspname, o.opcname) END,
        CASE WHEN r.rngcollation <> 0 AND r.rngcollation <> s.typcollation THEN '    collation = ' || r.rngcollation::regcollation END,
        '    subtype_diff = ' || nullif(r.rngsubdiff::text, '-'))
      FROM pg_range r JOIN pg_type m ON m.oid = r.rngmultitypid JOIN pg_namespace n ON n.oid = m.typnamespace
        JOIN pg_opclass o ON o.oid = r.rngsubopc JOIN pg_namespace p ON p.oid = o.opcnamespace JOIN pg_type s ON s.oid = r.rngsubtype
      WHERE r.rngtypid = t.oid) || E'\n);'
    WHEN 'd' THEN 'CREATE DOMAIN ' || t.q || ' AS ' || format_type(t.typbasetype, t.typtypmod)
      || CASE WHEN t.typcollation <> b.typcollation THEN ' COLLATE ' || t.typcollation::regcollation ELSE '' END
      || CASE WHEN t.typnotnull THEN coalesce((
          -- It is a constraint with a name since PostgreSQL 17.
          SELECT ' CONSTRAINT ' || quote_ident(k.conname) FROM pg_constraint k
          WHERE k.contypid = t.oid AND k.contype = 'n' AND k.conname <> t.typname || '_not_null'), '') || ' NOT NULL' ELSE '' END
      || coalesce(' DEFAULT ' || coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault), '')
      || coalesce((
        SELECT string_agg(E'\n    CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), '' ORDER BY k.conname COLLATE "C")
        FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c' AND k.oid NOT IN (SELECT oid FROM checks_apart)), '') || ';'
  END
  || CASE WHEN t.typowner = me.oid THEN '' ELSE format(E'\n\nALTER %s %s OWNER TO %I;', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.q,
    pg_get_userbyid(t.typowner)) END AS statement
FROM types t LEFT JOIN pg_type b ON b.oid = t.typbasetype JOIN pg_roles me ON me.rolname = current_user
WHERE t.typtype IN ('e', 'c', 'r', 'd')
UNION ALL
SELECT 'pg_constraint', k.oid, 'before', 16, t.nspname::text, t.typname || ' ' || k.conname, 'CHECK CONSTRAINT',
  format(E'ALTER DOMAIN %s\n    ADD CONSTRAINT %I %s;', t.q, k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN types t ON t.oid = k.contypid WHERE k.oid IN (SELECT oid FROM checks_apart)
