-- Functions, procedures, aggregates, casts, operators and what indexes make of them. It follows own.sql.
,
routines AS (
  SELECT p.*, n.nspname, quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS q,
    p.oid::regprocedure AS signature
  FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace
  WHERE p.oid >= 16384
    -- The constructors of a range belong to it.
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_proc'::regclass AND h.objid = p.oid)
),
-- What an operator class or family consists of, as its statement says it.
members (classid, objid, rank, text) AS (
  SELECT d.refclassid, d.refobjid, format('1 %s', lpad(a.amopstrategy::text, 5)),
    format('OPERATOR %s %s%s', a.amopstrategy, a.amopopr::regoperator,
      CASE WHEN a.amopsortfamily <> 0 THEN format(' FOR ORDER BY %I.%I', sn.nspname, s.opfname) ELSE '' END)
  FROM pg_amop a JOIN pg_depend d ON d.classid = 'pg_amop'::regclass AND d.objid = a.oid
    AND d.refclassid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass) AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_opfamily s ON s.oid = a.amopsortfamily LEFT JOIN pg_namespace sn ON sn.oid = s.opfnamespace
  -- A family of its own is what another one sorts by.
  WHERE NOT (d.refclassid = 'pg_opfamily'::regclass AND d.refobjid <> a.amopfamily)
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_amop'::regclass AND h.objid = a.oid)
  UNION ALL
  SELECT d.refclassid, d.refobjid, format('2 %s', lpad(a.amprocnum::text, 5)),
    format('FUNCTION %s (%s, %s) %s', a.amprocnum, format_type(a.amproclefttype, NULL), format_type(a.amprocrighttype, NULL), a.amproc::regprocedure)
  FROM pg_amproc a JOIN pg_depend d ON d.classid = 'pg_amproc'::regclass AND d.objid = a.oid
    AND d.refclassid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass) AND d.deptype IN ('a', 'i')
  WHERE NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_amproc'::regclass AND h.objid = a.oid)
)
SELECT 'pg_proc' AS kind, p.oid, 'before' AS section, 15 AS rank, p.nspname::text AS schema,
  p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS name,
  CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS type,
  regexp_replace(rtrim(pg_get_functiondef(p.oid), E'\n'), '^CREATE OR REPLACE ', 'CREATE ') || ';'
  || CASE WHEN p.proowner = me.oid THEN '' ELSE format(E'\n\nALTER ROUTINE %s OWNER TO %I;', p.signature, pg_get_userbyid(p.proowner)) END AS statement
FROM routines p JOIN pg_roles me ON me.rolname = current_user
WHERE p.prokind <> 'a'
UNION ALL
SELECT 'pg_proc', p.oid, 'before', 17, p.nspname::text, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', 'AGGREGATE',
  'CREATE AGGREGATE ' || p.q || '(' || CASE WHEN pg_get_function_arguments(p.oid) = '' THEN '*' ELSE pg_get_function_arguments(p.oid) END || E') (\n'
  || concat_ws(E',\n', '    SFUNC = ' || a.aggtransfn, '    STYPE = ' || format_type(a.aggtranstype, NULL),
    CASE WHEN a.aggtransspace <> 0 THEN '    SSPACE = ' || a.aggtransspace END,
    '    FINALFUNC = ' || nullif(a.aggfinalfn::text, '-'), CASE WHEN a.aggfinalextra THEN '    FINALFUNC_EXTRA' END,
    -- What it is without a word depends on the kind.
    CASE WHEN a.aggfinalfn <> 0 THEN '    FINALFUNC_MODIFY = ' || CASE a.aggfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END,
    '    COMBINEFUNC = ' || nullif(a.aggcombinefn::text, '-'), '    SERIALFUNC = ' || nullif(a.aggserialfn::text, '-'),
    '    DESERIALFUNC = ' || nullif(a.aggdeserialfn::text, '-'), '    INITCOND = ' || quote_literal(a.agginitval),
    '    MSFUNC = ' || nullif(a.aggmtransfn::text, '-'), '    MINVFUNC = ' || nullif(a.aggminvtransfn::text, '-'),
    CASE WHEN a.aggmtranstype <> 0 THEN '    MSTYPE = ' || format_type(a.aggmtranstype, NULL) END,
    CASE WHEN a.aggmtransspace <> 0 THEN '    MSSPACE = ' || a.aggmtransspace END,
    '    MFINALFUNC = ' || nullif(a.aggmfinalfn::text, '-'), CASE WHEN a.aggmfinalextra THEN '    MFINALFUNC_EXTRA' END,
    CASE WHEN a.aggmfinalfn <> 0 THEN '    MFINALFUNC_MODIFY = ' || CASE a.aggmfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END,
    '    MINITCOND = ' || quote_literal(a.aggminitval),
    CASE WHEN a.aggsortop <> 0 THEN '    SORTOP = ' || format('OPERATOR(%I.%s)', sn.nspname, s.oprname) END,
    CASE p.proparallel WHEN 's' THEN '    PARALLEL = safe' WHEN 'r' THEN '    PARALLEL = restricted' END,
    CASE WHEN a.aggkind = 'h' THEN '    HYPOTHETICAL' END) || E'\n);'
  || CASE WHEN p.proowner = me.oid THEN '' ELSE format(E'\n\nALTER ROUTINE %s OWNER TO %I;', p.signature, pg_get_userbyid(p.proowner)) END
FROM routines p JOIN pg_aggregate a ON a.aggfnoid = p.oid LEFT JOIN pg_operator s ON s.oid = a.aggsortop
  LEFT JOIN pg_namespace sn ON sn.oid = s.oprnamespace JOIN pg_roles me ON me.rolname = current_user
UNION ALL
SELECT 'pg_cast', c.oid, 'before', 14, '-', format('(%s AS %s)', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)), 'CAST',
  format('CREATE CAST (%s AS %s) %s%s;', format_type(c.castsource, NULL), format_type(c.casttarget, NULL),
    CASE c.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || c.castfunc::regprocedure WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END,
    CASE c.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' ELSE '' END)
FROM pg_cast c
WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_cast'::regclass AND h.objid = c.oid)
  -- That of a range to its multirange belongs to it.
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'i')
UNION ALL
SELECT 'pg_operator', o.oid, 'before', 27, n.nspname::text, o.oprname::text, 'OPERATOR',
  format(E'CREATE OPERATOR %I.%s (\n', n.nspname, o.oprname) || concat_ws(E',\n', '    FUNCTION = ' || o.oprcode,
    CASE WHEN o.oprleft <> 0 THEN '    LEFTARG = ' || format_type(o.oprleft, NULL) END,
    CASE WHEN o.oprright <> 0 THEN '    RIGHTARG = ' || format_type(o.oprright, NULL) END,
    -- One that is not there yet is made by its name, and filled in later.
    CASE WHEN c.oid IS NOT NULL THEN format('    COMMUTATOR = OPERATOR(%I.%s)', cn.nspname, c.oprname) END,
    CASE WHEN g.oid IS NOT NULL THEN format('    NEGATOR = OPERATOR(%I.%s)', gn.nspname, g.oprname) END,
    CASE WHEN o.oprcanmerge THEN '    MERGES' END, CASE WHEN o.oprcanhash THEN '    HASHES' END,
    '    RESTRICT = ' || nullif(o.oprrest::text, '-'), '    JOIN = ' || nullif(o.oprjoin::text, '-')) || E'\n);'
  || CASE WHEN o.oprowner = me.oid THEN '' ELSE format(E'\n\nALTER OPERATOR %s OWNER TO %I;', o.oid::regoperator, pg_get_userbyid(o.oprowner)) END
FROM pg_operator o JOIN spaces n ON n.oid = o.oprnamespace JOIN pg_roles me ON me.rolname = current_user
  LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_namespace cn ON cn.oid = c.oprnamespace
  LEFT JOIN pg_operator g ON g.oid = o.oprnegate LEFT JOIN pg_namespace gn ON gn.oid = g.oprnamespace
WHERE o.oid >= 16384 AND o.oprcode <> 0 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_operator'::regclass AND h.objid = o.oid)
UNION ALL
SELECT 'pg_opfamily', f.oid, 'before', 28, n.nspname::text, f.opfname::text, 'OPERATOR FAMILY',
  format('CREATE OPERATOR FAMILY %I.%I USING %I;', n.nspname, f.opfname, a.amname)
  || CASE WHEN f.opfowner = me.oid THEN '' ELSE format(E'\n\nALTER OPERATOR FAMILY %I.%I USING %I OWNER TO %I;', n.nspname, f.opfname, a.amname, pg_get_userbyid(f.opfowner)) END
FROM pg_opfamily f JOIN spaces n ON n.oid = f.opfnamespace JOIN pg_am a ON a.oid = f.opfmethod JOIN pg_roles me ON me.rolname = current_user
WHERE f.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_opfamily'::regclass AND h.objid = f.oid)
UNION ALL
-- What belongs to a family and to none of its classes.
SELECT 'members of pg_opfamily', f.oid, 'before', 29, n.nspname::text, f.opfname::text, 'OPERATOR FAMILY',
  format(E'ALTER OPERATOR FAMILY %I.%I USING %I ADD\n', n.nspname, f.opfname, a.amname) || m.items || ';'
FROM pg_opfamily f JOIN spaces n ON n.oid = f.opfnamespace JOIN pg_am a ON a.oid = f.opfmethod
  JOIN (SELECT objid, string_agg('    ' || text, E',\n' ORDER BY rank COLLATE "C", text COLLATE "C")
    FROM members WHERE classid = 'pg_opfamily'::regclass GROUP BY objid) m (objid, items) ON m.objid = f.oid
WHERE NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_opfamily'::regclass AND h.objid = f.oid)
UNION ALL
SELECT 'pg_opclass', k.oid, 'before', 29, n.nspname::text, k.opcname::text, 'OPERATOR CLASS',
  format(E'CREATE OPERATOR CLASS %I.%I\n    %sFOR TYPE %s USING %I FAMILY %I.%I AS\n', n.nspname, k.opcname,
    CASE WHEN k.opcdefault THEN 'DEFAULT ' ELSE '' END, format_type(k.opcintype, NULL), a.amname, fn.nspname, f.opfname)
  || concat_ws(E',\n', CASE WHEN k.opckeytype <> 0 THEN '    STORAGE ' || format_type(k.opckeytype, NULL) WHEN m.items IS NULL
      -- Something has to stand there.
      THEN '    STORAGE ' || format_type(k.opcintype, NULL) END, m.items) || ';'
  || CASE WHEN k.opcowner = me.oid THEN '' ELSE format(E'\n\nALTER OPERATOR CLASS %I.%I USING %I OWNER TO %I;', n.nspname, k.opcname, a.amname, pg_get_userbyid(k.opcowner)) END
FROM pg_opclass k JOIN spaces n ON n.oid = k.opcnamespace JOIN pg_am a ON a.oid = k.opcmethod JOIN pg_opfamily f ON f.oid = k.opcfamily
  JOIN pg_namespace fn ON fn.oid = f.opfnamespace JOIN pg_roles me ON me.rolname = current_user
  LEFT JOIN (SELECT objid, string_agg('    ' || text, E',\n' ORDER BY rank COLLATE "C", text COLLATE "C")
    FROM members WHERE classid = 'pg_opclass'::regclass GROUP BY objid) m (objid, items) ON m.objid = k.oid
WHERE k.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_opclass'::regclass AND h.objid = k.oid)
