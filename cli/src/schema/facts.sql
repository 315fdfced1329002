-- Everything that PostgreSQL's catalogs say of a schema, as rows (object, rank, text), none of which holds a number that
-- a database has given out. It is run with an empty search_path, so that every name in an expression is qualified.
-- $1 is the history table, which is none of the schema's business; an empty text where there is none.
-- It follows hidden.sql.
,
-- What initdb made has a lower number.
spaces AS (
  SELECT n.oid, n.nspname, n.nspowner, n.nspacl, i.type || ' ' || i.identity AS object
  FROM pg_namespace n, pg_identify_object('pg_namespace'::regclass, n.oid, 0) i
  WHERE (n.oid >= 16384 OR n.nspname = 'public') AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_namespace'::regclass AND h.objid = n.oid)
),
relations AS (
  SELECT c.*, i.type || ' ' || i.identity AS object
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
    pg_identify_object('pg_class'::regclass, c.oid, 0) i
  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c', 'i', 'I') AND n.nspname !~ '^pg_(toast|temp_)'
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_class'::regclass AND h.objid = c.oid)
),
routines AS (
  SELECT p.*, i.type || ' ' || i.identity AS object
  FROM pg_proc p, pg_identify_object('pg_proc'::regclass, p.oid, 0) i
  WHERE p.oid >= 16384 AND p.pronamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_temp_')
    -- The constructors of a range belong to it.
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_proc'::regclass AND h.objid = p.oid)
),
types AS (
  SELECT t.*, i.type || ' ' || i.identity AS object
  FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid, pg_identify_object('pg_type'::regclass, t.oid, 0) i
  WHERE t.oid >= 16384 AND (c.oid IS NULL OR c.relkind = 'c') AND t.typtype <> 'm'
    AND t.typnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(toast|temp_)')
    AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_type'::regclass AND h.objid = t.oid)
),
-- Of these kinds each row is an object of its own, and there are few of them.
others AS (
  SELECT o.classid, o.objid, i.type || ' ' || i.identity AS object
  FROM (
    SELECT 'pg_operator'::regclass::oid, oid FROM pg_operator
    UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
    UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
    UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
    UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation
    UNION ALL SELECT 'pg_conversion'::regclass, oid FROM pg_conversion
    UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser
    UNION ALL SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template
    UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language
    UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am
    UNION ALL SELECT 'pg_transform'::regclass, oid FROM pg_transform
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger
    UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext
  ) o (classid, objid), pg_identify_object(o.classid, o.objid, 0) i
  WHERE o.objid >= 16384
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = o.classid AND h.objid = o.objid)
),
-- Rights, as they are and as they would be if nobody had granted or revoked any.
rights (object, acl, usual) AS (
  SELECT object, nspacl, acldefault('n', nspowner) FROM spaces
  UNION ALL SELECT object, relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner) FROM relations
  UNION ALL SELECT object, proacl, acldefault('f', proowner) FROM routines
  UNION ALL SELECT object, typacl, acldefault('T', typowner) FROM types
  UNION ALL SELECT r.object || ' (' || quote_ident(a.attname) || ')', a.attacl, acldefault('c', r.relowner)
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid WHERE a.attnum <> 0 AND NOT a.attisdropped
  UNION ALL SELECT o.object, l.lanacl, acldefault('l', l.lanowner)
    FROM others o JOIN pg_language l ON o.classid = 'pg_language'::regclass AND l.oid = o.objid
  UNION ALL SELECT o.object, w.fdwacl, acldefault('F', w.fdwowner)
    FROM others o JOIN pg_foreign_data_wrapper w ON o.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = o.objid
  UNION ALL SELECT o.object, s.srvacl, acldefault('S', s.srvowner)
    FROM others o JOIN pg_foreign_server s ON o.classid = 'pg_foreign_server'::regclass AND s.oid = o.objid
  UNION ALL SELECT 'database', datacl, acldefault('d', datdba) FROM pg_database WHERE datname = current_database()
),
facts (object, rank, text) AS (
  SELECT object, 0, 'owner: ' || pg_get_userbyid(nspowner) FROM spaces
  UNION ALL
  SELECT 'extension ' || quote_ident(e.extname), 0, 'version ' || e.extversion || ' in schema ' || quote_ident(n.nspname)
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace

  -- Tables, views, sequences. An index belongs to its table's owner.
  UNION ALL
  SELECT object, 0, 'owner: ' || pg_get_userbyid(relowner) FROM relations WHERE relkind NOT IN ('c', 'i', 'I')
  UNION ALL SELECT object, 1, 'unlogged' FROM relations WHERE relpersistence = 'u'
  UNION ALL SELECT object, 1, 'partitioned by ' || pg_get_partkeydef(oid) FROM relations WHERE relkind = 'p'
  UNION ALL
  SELECT r.object, 1, CASE WHEN r.relispartition THEN 'partition of ' ELSE 'inherits from ' END || i.inhparent::regclass
    || coalesce(' ' || pg_get_expr(r.relpartbound, r.oid), ' as number ' || i.inhseqno)
    || CASE WHEN to_jsonb(i) ->> 'inhdetachpending' = 'true' THEN ', being detached' ELSE '' END
  FROM relations r JOIN pg_inherits i ON i.inhrelid = r.oid
  UNION ALL SELECT object, 1, 'of type ' || format_type(reloftype, NULL) FROM relations WHERE reloftype <> 0
  UNION ALL
  SELECT r.object, 1, 'storage parameter ' || option FROM relations r, unnest(r.reloptions) option WHERE relkind NOT IN ('i', 'I')
  UNION ALL
  SELECT r.object, 1, 'storage parameter toast.' || option
  FROM relations r JOIN pg_class t ON t.oid = r.reltoastrelid, unnest(t.reloptions) option
  UNION ALL
  SELECT r.object, 1, 'access method ' || quote_ident(a.amname)
  FROM relations r JOIN pg_am a ON a.oid = r.relam WHERE r.relkind NOT IN ('i', 'I')
  UNION ALL
  SELECT r.object, 1, 'tablespace ' || quote_ident(t.spcname) FROM relations r JOIN pg_tablespace t ON t.oid = r.reltablespace
  UNION ALL
  SELECT object, 1, 'row security ' || CASE WHEN relrowsecurity THEN 'on' ELSE 'off' END
    || CASE WHEN relforcerowsecurity THEN ', forced' ELSE '' END
  FROM relations WHERE relrowsecurity OR relforcerowsecurity
  UNION ALL
  SELECT object, 1, 'replica identity ' || CASE relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' ELSE 'index' END
  FROM relations WHERE relkind IN ('r', 'p') AND relreplident <> 'd'
  UNION ALL SELECT object, 1, 'not populated' FROM relations WHERE relkind = 'm' AND NOT relispopulated
  UNION ALL
  SELECT r.object, 1, 'server ' || quote_ident(s.srvname) || coalesce(' options ' || (SELECT array_agg(option ORDER BY option COLLATE "C") FROM unnest(f.ftoptions) option)::text, '')
  FROM relations r JOIN pg_foreign_table f ON f.ftrelid = r.oid JOIN pg_foreign_server s ON s.oid = f.ftserver
  UNION ALL SELECT object, 9, 'definition:' || chr(10) || pg_get_viewdef(oid) FROM relations WHERE relkind IN ('v', 'm')
  UNION ALL
  SELECT r.object, 1, format('as %s start %s increment %s from %s to %s cache %s%s', format_type(s.seqtypid, NULL), s.seqstart,
    s.seqincrement, s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' cycle' ELSE '' END)
  FROM relations r JOIN pg_sequence s ON s.seqrelid = r.oid
  UNION ALL
  SELECT r.object, 1, CASE d.deptype WHEN 'i' THEN 'identity of ' ELSE 'owned by ' END || i.identity
  FROM relations r JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'),
    pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) i
  WHERE r.relkind = 'S'

  -- Columns: of tables, views and composite types.
  UNION ALL
  SELECT r.object, 3, concat_ws(' ', 'column', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || a.attcollation::regcollation END,
    CASE WHEN a.attnotnull THEN 'not null' END,
    CASE a.attgenerated WHEN '' THEN 'default ' WHEN 's' THEN 'generated stored ' ELSE 'generated virtual ' END
      -- A default of NULL is none, unless a domain has another one. pg_dump writes it where a parent's must not count.
      || CASE WHEN t.typtype = 'd' OR pg_get_expr(d.adbin, d.adrelid) !~ '^NULL::("[^"]+"|[a-z0-9_ ().,[\]])+$'
        THEN pg_get_expr(d.adbin, d.adrelid) END,
    CASE a.attidentity WHEN 'a' THEN 'generated always as identity' WHEN 'd' THEN 'generated by default as identity' END,
    CASE WHEN a.attstorage <> t.typstorage THEN
      'storage ' || CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END END,
    'compression ' || CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
    -- Before PostgreSQL 17 the default was -1.
    'statistics ' || nullif(a.attstattarget, -1),
    'options ' || a.attoptions::text, 'foreign options ' || (SELECT array_agg(option ORDER BY option COLLATE "C") FROM unnest(a.attfdwoptions) option)::text,
    CASE WHEN a.attinhcount > 0 THEN CASE WHEN a.attislocal THEN 'inherited and local' ELSE 'inherited' END END)
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
  UNION ALL
  SELECT r.object, 2, 'order of columns: ' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
  WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') GROUP BY r.object

  -- Indexes.
  UNION ALL
  SELECT r.object, 1, concat_ws(', ', pg_get_indexdef(r.oid), CASE WHEN NOT x.indisvalid THEN 'invalid' END,
    CASE WHEN x.indisclustered THEN 'clustered on' END, CASE WHEN x.indisreplident THEN 'replica identity' END)
  FROM relations r JOIN pg_index x ON x.indexrelid = r.oid
  UNION ALL
  SELECT r.object, 2, 'statistics of column ' || a.attnum || ': ' || a.attstattarget
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid WHERE r.relkind IN ('i', 'I') AND a.attstattarget >= 0

  -- Constraints, of tables and of domains.
  UNION ALL
  SELECT coalesce(r.object, t.object), 4, concat_ws(', ',
    'constraint ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid),
    CASE WHEN k.coninhcount > 0 THEN CASE WHEN k.conislocal THEN 'inherited and local' ELSE 'inherited' END END)
  FROM pg_constraint k LEFT JOIN relations r ON r.oid = k.conrelid LEFT JOIN types t ON t.oid = k.contypid
  WHERE coalesce(r.object, t.object) IS NOT NULL AND k.contype <> 't'

  -- Triggers, rules and policies.
  UNION ALL
  SELECT r.object, 5, concat_ws(', ', pg_get_triggerdef(g.oid),
    CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END,
    CASE WHEN g.tgparentid <> 0 THEN 'inherited' END)
  FROM relations r JOIN pg_trigger g ON g.tgrelid = r.oid WHERE NOT g.tgisinternal
  UNION ALL
  SELECT DISTINCT r.object, 5, 'constraint ' || quote_ident(k.conname) || ' has a trigger in state ' || g.tgenabled::text
  FROM relations r JOIN pg_trigger g ON g.tgrelid = r.oid JOIN pg_constraint k ON k.oid = g.tgconstraint
  WHERE g.tgisinternal AND g.tgenabled <> 'O'
  UNION ALL
  SELECT r.object, 5, concat_ws(', ', pg_get_ruledef(w.oid),
    CASE w.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END)
  FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
  UNION ALL
  SELECT r.object, 6, concat_ws(' ', 'policy', quote_ident(p.polname), CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
    'for', CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END,
    'to', (SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(role)) END, ', '
      ORDER BY CASE role WHEN 0 THEN '' ELSE pg_get_userbyid(role) END) FROM unnest(p.polroles) role),
    'using (' || pg_get_expr(p.polqual, p.polrelid) || ')', 'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
  FROM relations r JOIN pg_policy p ON p.polrelid = r.oid

  -- Functions, procedures, aggregates.
  UNION ALL SELECT object, 0, 'owner: ' || pg_get_userbyid(proowner) FROM routines
  UNION ALL SELECT object, 9, 'definition:' || chr(10) || pg_get_functiondef(oid) FROM routines WHERE prokind <> 'a'
  UNION ALL
  SELECT p.object, 1, concat_ws(', ', 'returns ' || format_type(p.prorettype, NULL), 'arguments (' || pg_get_function_arguments(p.oid) || ')',
    'parallel ' || p.proparallel::text, 'state ' || format_type(a.aggtranstype, NULL),
    'moving state ' || CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END,
    'sort operator ' || CASE WHEN a.aggsortop <> 0 THEN a.aggsortop::regoperator::text END,
    (to_jsonb(a) - '{aggfnoid,aggtranstype,aggmtranstype,aggsortop}'::text[])::text)
  FROM routines p JOIN pg_aggregate a ON a.aggfnoid = p.oid

  -- Types.
  UNION ALL SELECT object, 0, 'owner: ' || pg_get_userbyid(typowner) FROM types
  UNION ALL
  SELECT t.object, 1, 'labels: ' || coalesce(string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder), 'none')
  FROM types t LEFT JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typtype = 'e' GROUP BY t.object
  UNION ALL
  SELECT t.object, 1, concat_ws(' ', 'domain over', format_type(t.typbasetype, t.typtypmod),
    CASE WHEN t.typcollation <> b.typcollation THEN 'collate ' || t.typcollation::regcollation END,
    CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault)
  FROM types t JOIN pg_type b ON b.oid = t.typbasetype WHERE t.typtype = 'd'
  UNION ALL
  SELECT t.object, 1, concat_ws(', ', 'range over ' || format_type(r.rngsubtype, NULL), 'multirange ' || format_type(r.rngmultitypid, NULL),
    'operator class ' || i.identity, 'collation ' || CASE WHEN r.rngcollation <> 0 THEN r.rngcollation::regcollation::text END,
    'canonical ' || r.rngcanonical::text, 'difference ' || r.rngsubdiff::text)
  FROM types t JOIN pg_range r ON r.rngtypid = t.oid, pg_identify_object('pg_opclass'::regclass, r.rngsubopc, 0) i
  UNION ALL
  SELECT object, 1, (to_jsonb(types) - '{oid,object,typname,typnamespace,typowner,typacl,typarray,typelem,typrelid,typbasetype}'::text[])::text
    || CASE WHEN typelem <> 0 THEN ' of ' || format_type(typelem, NULL) ELSE '' END
  FROM types WHERE typtype IN ('b', 'p')

  -- Operators and what indexes make of them.
  UNION ALL
  SELECT o.object, 1, format('owner %s, kind %s, merges %s, hashes %s, result %s, commutator %s, negator %s, function %s, restrict %s, join %s',
    pg_get_userbyid(p.oprowner), p.oprkind, p.oprcanmerge, p.oprcanhash, format_type(p.oprresult, NULL), p.oprcom::regoperator,
    p.oprnegate::regoperator, p.oprcode, p.oprrest, p.oprjoin)
  FROM others o JOIN pg_operator p ON o.classid = 'pg_operator'::regclass AND p.oid = o.objid
  UNION ALL
  SELECT o.object, 1, 'owner: ' || pg_get_userbyid(f.opfowner)
  FROM others o JOIN pg_opfamily f ON o.classid = 'pg_opfamily'::regclass AND f.oid = o.objid
  UNION ALL
  SELECT i.type || ' ' || i.identity, 2, format('operator %s %s for %s%s', a.amopstrategy, a.amopopr::regoperator, a.amoppurpose,
    CASE WHEN a.amopsortfamily <> 0 THEN ' by ' || s.identity ELSE '' END)
  FROM pg_amop a LEFT JOIN LATERAL pg_identify_object('pg_opfamily'::regclass, a.amopsortfamily, 0) s ON true,
    pg_identify_object('pg_opfamily'::regclass, a.amopfamily, 0) i
  WHERE a.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_amop'::regclass AND h.objid = a.oid)
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_opfamily'::regclass AND h.objid = a.amopfamily)
  UNION ALL
  SELECT i.type || ' ' || i.identity, 2, format('function %s (%s, %s) %s', a.amprocnum, format_type(a.amproclefttype, NULL),
    format_type(a.amprocrighttype, NULL), a.amproc::regprocedure)
  FROM pg_amproc a, pg_identify_object('pg_opfamily'::regclass, a.amprocfamily, 0) i
  WHERE a.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_amproc'::regclass AND h.objid = a.oid)
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_opfamily'::regclass AND h.objid = a.amprocfamily)
  UNION ALL
  SELECT o.object, 1, format('owner %s, family %s, for %s%s%s', pg_get_userbyid(k.opcowner), i.identity, format_type(k.opcintype, NULL),
    CASE WHEN k.opcdefault THEN ', default' ELSE '' END,
    CASE WHEN k.opckeytype <> 0 THEN ', stored as ' || format_type(k.opckeytype, NULL) ELSE '' END)
  FROM others o JOIN pg_opclass k ON o.classid = 'pg_opclass'::regclass AND k.oid = o.objid,
    pg_identify_object('pg_opfamily'::regclass, k.opcfamily, 0) i
  UNION ALL
  SELECT o.object, 1, format('function %s, context %s, method %s', CASE WHEN c.castfunc <> 0 THEN c.castfunc::regprocedure::text ELSE 'none' END,
    c.castcontext, c.castmethod)
  FROM others o JOIN pg_cast c ON o.classid = 'pg_cast'::regclass AND c.oid = o.objid

  -- Collations, conversions, text search. What is left out of a row is a number or follows from the system. A collation of every
  -- encoding (-1) is no other one than that of the database's encoding.
  UNION ALL
  SELECT o.object, 1, 'owner ' || pg_get_userbyid(c.collowner) || ' '
    || (to_jsonb(c) - '{oid,collname,collnamespace,collowner,collversion,collencoding}'::text[])::text
  FROM others o JOIN pg_collation c ON o.classid = 'pg_collation'::regclass AND c.oid = o.objid
  UNION ALL
  SELECT o.object, 1, 'owner ' || pg_get_userbyid(c.conowner) || ' ' || (to_jsonb(c) - '{oid,conname,connamespace,conowner}'::text[])::text
  FROM others o JOIN pg_conversion c ON o.classid = 'pg_conversion'::regclass AND c.oid = o.objid
  UNION ALL
  SELECT o.object, 1, format('owner %s, parser %s', pg_get_userbyid(c.cfgowner), i.identity)
  FROM others o JOIN pg_ts_config c ON o.classid = 'pg_ts_config'::regclass AND c.oid = o.objid,
    pg_identify_object('pg_ts_parser'::regclass, c.cfgparser, 0) i
  UNION ALL
  SELECT o.object, 2, format('token %s as number %s by %s', m.maptokentype, m.mapseqno, m.mapdict::regdictionary)
  FROM others o JOIN pg_ts_config_map m ON o.classid = 'pg_ts_config'::regclass AND m.mapcfg = o.objid
  UNION ALL
  SELECT o.object, 1, format('owner %s, template %s, options %s', pg_get_userbyid(c.dictowner), i.identity, c.dictinitoption)
  FROM others o JOIN pg_ts_dict c ON o.classid = 'pg_ts_dict'::regclass AND c.oid = o.objid,
    pg_identify_object('pg_ts_template'::regclass, c.dicttemplate, 0) i
  UNION ALL
  SELECT o.object, 1, (to_jsonb(c) - '{oid,prsname,prsnamespace}'::text[])::text
  FROM others o JOIN pg_ts_parser c ON o.classid = 'pg_ts_parser'::regclass AND c.oid = o.objid
  UNION ALL
  SELECT o.object, 1, (to_jsonb(c) - '{oid,tmplname,tmplnamespace}'::text[])::text
  FROM others o JOIN pg_ts_template c ON o.classid = 'pg_ts_template'::regclass AND c.oid = o.objid

  -- Languages, access methods, foreign servers, event triggers. Options have no order.
  UNION ALL
  SELECT o.object, 1, format('owner %s, trusted %s, functions %s %s %s', pg_get_userbyid(l.lanowner), l.lanpltrusted,
    l.lanplcallfoid::regproc, l.laninline::regproc, l.lanvalidator::regproc)
  FROM others o JOIN pg_language l ON o.classid = 'pg_language'::regclass AND l.oid = o.objid
  UNION ALL
  SELECT o.object, 1, format('type %s, handler %s', a.amtype, a.amhandler)
  FROM others o JOIN pg_am a ON o.classid = 'pg_am'::regclass AND a.oid = o.objid
  UNION ALL
  SELECT o.object, 1, format('from %s, to %s', t.trffromsql::regproc, t.trftosql::regproc)
  FROM others o JOIN pg_transform t ON o.classid = 'pg_transform'::regclass AND t.oid = o.objid
  UNION ALL
  SELECT o.object, 1, format('owner %s, handler %s, validator %s, options %s', pg_get_userbyid(w.fdwowner), w.fdwhandler::regproc,
    w.fdwvalidator::regproc, (SELECT array_agg(option ORDER BY option COLLATE "C") FROM unnest(w.fdwoptions) option))
  FROM others o JOIN pg_foreign_data_wrapper w ON o.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = o.objid
  UNION ALL
  SELECT o.object, 1, format('owner %s, wrapper %s, type %s, version %s, options %s', pg_get_userbyid(s.srvowner), w.fdwname, s.srvtype,
    s.srvversion, (SELECT array_agg(option ORDER BY option COLLATE "C") FROM unnest(s.srvoptions) option))
  FROM others o JOIN pg_foreign_server s ON o.classid = 'pg_foreign_server'::regclass AND s.oid = o.objid
    JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
  UNION ALL
  -- Its options may hold a password.
  SELECT 'user mapping on server ' || quote_ident(srvname), 1, format('for %I, digest of options %s', usename, md5(umoptions::text))
  FROM pg_user_mappings WHERE umid >= 16384
  UNION ALL
  SELECT o.object, 1, format('owner %s, on %s, tags %s, function %s, state %s', pg_get_userbyid(e.evtowner), e.evtevent, e.evttags,
    e.evtfoid::regproc, e.evtenabled)
  FROM others o JOIN pg_event_trigger e ON o.classid = 'pg_event_trigger'::regclass AND e.oid = o.objid

  -- Statistics and replication.
  UNION ALL
  SELECT o.object, 1, concat_ws(', ', 'owner ' || pg_get_userbyid(x.stxowner), pg_get_statisticsobjdef(x.oid), 'statistics ' || nullif(x.stxstattarget, -1))
  FROM others o JOIN pg_statistic_ext x ON o.classid = 'pg_statistic_ext'::regclass AND x.oid = o.objid
  UNION ALL
  SELECT o.object, 1, 'owner ' || pg_get_userbyid(p.pubowner) || ' ' || (to_jsonb(p) - '{oid,pubname,pubowner}'::text[])::text
  FROM others o JOIN pg_publication p ON o.classid = 'pg_publication'::regclass AND p.oid = o.objid
  UNION ALL
  SELECT 'publication ' || quote_ident(p.pubname), 2, 'table ' || (to_jsonb(p) - 'pubname')::text
  FROM pg_publication_tables p
  WHERE to_regclass(quote_ident(p.schemaname) || '.' || quote_ident(p.tablename)) IS DISTINCT FROM to_regclass(nullif($1::text, ''))
  UNION ALL
  SELECT 'subscription ' || quote_ident(s.subname), 1, format('owner %s, enabled %s, publications %s', pg_get_userbyid(s.subowner),
    s.subenabled, s.subpublications)
  FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())

  -- The database itself.
  UNION ALL
  SELECT 'database', 1, concat_ws(' ', 'setting', 'for role ' || CASE WHEN s.setrole <> 0 THEN quote_ident(pg_get_userbyid(s.setrole)) END, setting)
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) setting
  WHERE d.datname = current_database()
  UNION ALL
  SELECT 'database', 1, 'comment: ' || shobj_description(oid, 'pg_database') FROM pg_database
  WHERE datname = current_database() AND shobj_description(oid, 'pg_database') IS NOT NULL
  UNION ALL
  SELECT 'default privileges of ' || pg_get_userbyid(d.defaclrole), 1, format('%s%s: %s to %s%s',
    CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
      WHEN 'n' THEN 'schemas' ELSE 'kind ' || d.defaclobjtype::text END,
    CASE WHEN d.defaclnamespace <> 0 THEN ' in schema ' || d.defaclnamespace::regnamespace ELSE '' END, x.privilege_type,
    CASE x.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(x.grantee) END, CASE WHEN x.is_grantable THEN ' with grant option' ELSE '' END)
  FROM pg_default_acl d, aclexplode(d.defaclacl) x

  -- Rights, comments, labels and ties to extensions, of whatever has them.
  UNION ALL
  SELECT object, 7, format('%s to %s by %s: %s%s', word, CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee) END,
    pg_get_userbyid(grantor), string_agg(privilege_type, ', ' ORDER BY privilege_type), CASE WHEN is_grantable THEN ' with grant option' ELSE '' END)
  FROM (
    SELECT 'granted' AS word, g.* FROM (
      SELECT object, (aclexplode(acl)).* FROM rights WHERE acl IS NOT NULL
      EXCEPT SELECT object, (aclexplode(usual)).* FROM rights WHERE acl IS NOT NULL) g
    UNION ALL
    SELECT 'revoked', g.* FROM (
      SELECT object, (aclexplode(usual)).* FROM rights WHERE acl IS NOT NULL
      EXCEPT SELECT object, (aclexplode(acl)).* FROM rights WHERE acl IS NOT NULL) g
  ) changed
  GROUP BY object, word, grantee, grantor, is_grantable
  UNION ALL
  SELECT i.type || ' ' || i.identity, 8, 'comment: ' || d.description
  FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i
  WHERE (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND d.objoid = to_regnamespace('public')) AND i.identity IS NOT NULL
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = d.classoid AND h.objid = d.objoid)
    AND d.classoid <> 'pg_extension'::regclass
  UNION ALL
  SELECT l.objtype || ' ' || l.objname, 8, 'security label by ' || l.provider || ': ' || l.label
  FROM pg_seclabels l WHERE l.objoid >= 16384
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = l.classoid AND h.objid = l.objoid)
  UNION ALL
  SELECT i.type || ' ' || i.identity, 8, 'depends on extension ' || quote_ident(e.extname)
  FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid,
    pg_identify_object(d.classid, d.objid, d.objsubid) i
  WHERE d.deptype = 'x'
)
SELECT object, rank, text FROM facts WHERE object IS NOT NULL AND text IS NOT NULL
