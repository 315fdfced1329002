-- Roles that were made since, or that the database speaks of, as rows (name, name as SQL has it, attributes, whether it may log in,
-- settings, whether it was there before: then nothing more is said of it). The one that asks and those that PostgreSQL brings along
-- are left out. $1 are those that were there before, $2 whether any that was made since counts, whoever made it.
WITH role AS (SELECT r.*, r.rolname = ANY ($1::text[]) AS was_there FROM pg_roles r)
SELECT r.rolname::text, quote_ident(r.rolname),
  CASE WHEN r.was_there THEN '' ELSE concat_ws(' ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN NOT r.rolinherit THEN 'NOINHERIT' END,
    CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
    CASE WHEN r.rolcanlogin THEN 'LOGIN' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END,
    CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END, 'CONNECTION LIMIT ' || nullif(r.rolconnlimit, -1),
    'VALID UNTIL ' || quote_literal(r.rolvaliduntil)) END AS attributes,
  r.rolcanlogin AND NOT r.was_there,
  coalesce((SELECT array_agg(setting ORDER BY setting COLLATE "C") FROM pg_db_role_setting s, unnest(s.setconfig) setting
    WHERE s.setrole = r.oid AND s.setdatabase = 0 AND NOT r.was_there), '{}') AS settings,
  r.was_there
FROM role r CROSS JOIN (SELECT oid FROM pg_database WHERE datname = current_database()) me
WHERE r.oid >= 16384 AND r.rolname <> current_user
  AND ($2::bool AND NOT r.was_there
    OR EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.dbid = me.oid)
    OR EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase = me.oid))
ORDER BY r.rolname COLLATE "C"
