-- Text search, and foreign servers. It follows own.sql.
SELECT 'pg_ts_parser' AS kind, p.oid, 'before' AS section, 31 AS rank, n.nspname::text AS schema, p.prsname::text AS name,
  'TEXT SEARCH PARSER' AS type,
  format('CREATE TEXT SEARCH PARSER %I.%I (START = %s, GETTOKEN = %s, END = %s, LEXTYPES = %s%s);', n.nspname, p.prsname, p.prsstart, p.prstoken,
    p.prsend, p.prslextype, CASE WHEN p.prsheadline <> 0 THEN ', HEADLINE = ' || p.prsheadline ELSE '' END) AS statement
FROM pg_ts_parser p JOIN spaces n ON n.oid = p.prsnamespace
WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_ts_parser'::regclass AND h.objid = p.oid)
UNION ALL
SELECT 'pg_ts_template', t.oid, 'before', 31, n.nspname::text, t.tmplname::text, 'TEXT SEARCH TEMPLATE',
  format('CREATE TEXT SEARCH TEMPLATE %I.%I (%sLEXIZE = %s);', n.nspname, t.tmplname,
    CASE WHEN t.tmplinit <> 0 THEN 'INIT = ' || t.tmplinit || ', ' ELSE '' END, t.tmpllexize)
FROM pg_ts_template t JOIN spaces n ON n.oid = t.tmplnamespace
WHERE t.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_ts_template'::regclass AND h.objid = t.oid)
UNION ALL
SELECT 'pg_ts_dict', d.oid, 'before', 32, n.nspname::text, d.dictname::text, 'TEXT SEARCH DICTIONARY',
  format(E'CREATE TEXT SEARCH DICTIONARY %I.%I (\n    TEMPLATE = %I.%I%s\n);', n.nspname, d.dictname, tn.nspname, t.tmplname,
    coalesce(E',\n    ' || d.dictinitoption, ''))
  || CASE WHEN d.dictowner = me.oid THEN '' ELSE format(E'\n\nALTER TEXT SEARCH DICTIONARY %I.%I OWNER TO %I;', n.nspname, d.dictname, pg_get_userbyid(d.dictowner)) END
FROM pg_ts_dict d JOIN spaces n ON n.oid = d.dictnamespace JOIN pg_ts_template t ON t.oid = d.dicttemplate
  JOIN pg_namespace tn ON tn.oid = t.tmplnamespace JOIN pg_roles me ON me.rolname = current_user
WHERE d.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_ts_dict'::regclass AND h.objid = d.oid)
UNION ALL
SELECT 'pg_ts_config', c.oid, 'before', 33, n.nspname::text, c.cfgname::text, 'TEXT SEARCH CONFIGURATION',
  format(E'CREATE TEXT SEARCH CONFIGURATION %I.%I (\n    PARSER = %I.%I\n);', n.nspname, c.cfgname, pn.nspname, p.prsname)
  || coalesce((
    SELECT string_agg(format(E'\n\nALTER TEXT SEARCH CONFIGURATION %I.%I\n    ADD MAPPING FOR %I WITH %s;', n.nspname, c.cfgname, m.alias, m.dictionaries),
      '' ORDER BY m.maptokentype)
    FROM (
      SELECT m.maptokentype, t.alias, string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno) AS dictionaries
      FROM pg_ts_config_map m JOIN ts_token_type(c.cfgparser) t ON t.tokid = m.maptokentype
      WHERE m.mapcfg = c.oid GROUP BY m.maptokentype, t.alias) m), '')
  || CASE WHEN c.cfgowner = me.oid THEN '' ELSE format(E'\n\nALTER TEXT SEARCH CONFIGURATION %I.%I OWNER TO %I;', n.nspname, c.cfgname, pg_get_userbyid(c.cfgowner)) END
FROM pg_ts_config c JOIN spaces n ON n.oid = c.cfgnamespace JOIN pg_ts_parser p ON p.oid = c.cfgparser
  JOIN pg_namespace pn ON pn.oid = p.prsnamespace JOIN pg_roles me ON me.rolname = current_user
WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_ts_config'::regclass AND h.objid = c.oid)
UNION ALL
SELECT 'pg_foreign_data_wrapper', w.oid, 'before', 34, '-', w.fdwname::text, 'FOREIGN DATA WRAPPER',
  format('CREATE FOREIGN DATA WRAPPER %I%s%s%s;', w.fdwname, CASE WHEN w.fdwhandler <> 0 THEN ' HANDLER ' || w.fdwhandler::regproc ELSE '' END,
    CASE WHEN w.fdwvalidator <> 0 THEN ' VALIDATOR ' || w.fdwvalidator::regproc ELSE '' END, o.clause)
  || CASE WHEN w.fdwowner = me.oid THEN '' ELSE format(E'\n\nALTER FOREIGN DATA WRAPPER %I OWNER TO %I;', w.fdwname, pg_get_userbyid(w.fdwowner)) END
FROM pg_foreign_data_wrapper w JOIN pg_roles me ON me.rolname = current_user
CROSS JOIN LATERAL (SELECT coalesce(' OPTIONS (' || string_agg(format('%I %L', option_name, option_value), ', ') || ')', '') FROM pg_options_to_table(w.fdwoptions)) o (clause)
WHERE w.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_foreign_data_wrapper'::regclass AND h.objid = w.oid)
UNION ALL
SELECT 'pg_foreign_server', s.oid, 'before', 35, '-', s.srvname::text, 'SERVER',
  format('CREATE SERVER %I%s%s FOREIGN DATA WRAPPER %I%s;', s.srvname, coalesce(' TYPE ' || quote_literal(s.srvtype), ''),
    coalesce(' VERSION ' || quote_literal(s.srvversion), ''), w.fdwname, o.clause)
  || CASE WHEN s.srvowner = me.oid THEN '' ELSE format(E'\n\nALTER SERVER %I OWNER TO %I;', s.srvname, pg_get_userbyid(s.srvowner)) END
FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw JOIN pg_roles me ON me.rolname = current_user
CROSS JOIN LATERAL (SELECT coalesce(' OPTIONS (' || string_agg(format('%I %L', option_name, option_value), ', ') || ')', '') FROM pg_options_to_table(s.srvoptions)) o (clause)
WHERE s.oid >= 16384 AND NOT EXISTS (SELECT FROM hidden h WHERE h.classid = 'pg_foreign_server'::regclass AND h.objid = s.oid)
UNION ALL
SELECT 'pg_user_mapping', m.umid, 'before', 36, '-', m.srvname::text, 'USER MAPPING',
  format('CREATE USER MAPPING FOR %s SERVER %I%s;', CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE quote_ident(m.usename) END, m.srvname, o.clause)
FROM pg_user_mappings m
CROSS JOIN LATERAL (SELECT coalesce(' OPTIONS (' || string_agg(format('%I %L', option_name, option_value), ', ') || ')', '') FROM pg_options_to_table(m.umoptions)) o (clause)
WHERE m.umid >= 16384
