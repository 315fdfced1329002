\set QUIET on
\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SINGLELINE off
\unset FETCH_COUNT
\pset pager off
\encoding UTF8

-- A transaction around all of it would take each migration's own away.
SELECT pg_catalog.timestamptz_ne(pg_catalog.transaction_timestamp(), pg_catalog.statement_timestamp()) AS graven_inside \gset
\if :graven_inside
DO $graven$ BEGIN RAISE EXCEPTION 'graven: this is inside of a transaction, and each migration makes its own'
  USING HINT = 'run psql without -1 (--single-transaction), and not after a BEGIN; after an error, leave psql first'; END $graven$;
\endif

-- What the session is at the end again.
SELECT {{settings}} AS graven_settings_before, pg_catalog.current_setting('role') AS graven_role_before,
  session_user AS graven_user, NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
    AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass)
  AS graven_discards \gset

-- What it is for each migration.
SET standard_conforming_strings = on;
SET statement_timeout = 0;
SELECT CASE WHEN pg_catalog.int4ge(pg_catalog.current_setting('server_version_num')::int, 170000)
  THEN pg_catalog.set_config('transaction_timeout', '0', false) END AS graven_ignored \gset
{{role}}SELECT {{settings}} AS graven_settings, pg_catalog.current_setting('role') AS graven_role \gset

-- May it run at all? Nothing has been changed so far.
SELECT COALESCE(s.schema::pg_catalog.text, '') AS graven_schema, s.run::pg_catalog.text AS graven_run, s.table_exists AS graven_table_exists,
  pg_catalog.concat(CASE WHEN s.application OPERATOR(pg_catalog.=) ANY (ARRAY['', 'psql']) THEN 'psql'
  ELSE pg_catalog.concat('psql (', s.application, ')') END,
  '/', COALESCE(pg_catalog.host(pg_catalog.inet_client_addr()), 'local')) AS graven_as,
  pg_catalog.concat('graven "', pg_catalog.replace(s.schema::pg_catalog.text, '"', '""'), '".', {{quoted_name}}) AS graven_lock,
  CASE
    WHEN s.in_recovery THEN E'graven: this server is a standby\nrun it on the primary'
    WHEN s.schema IS NULL THEN E'graven: no schema of the search path exists or may be used\nCREATE SCHEMA, or GRANT USAGE on it'
    WHEN pg_catalog.starts_with(s.here::pg_catalog.text, 'pg_temp_') OR pg_catalog.starts_with(s.schema::pg_catalog.text, 'pg_temp_')
      THEN E'graven: the search path begins with a temporary schema, and all that is made would go with the connection\nput pg_temp last in the search path, or leave it out'
    WHEN NOT s.schema_exists THEN pg_catalog.format(E'graven: the schema %I of the history does not exist\nCREATE SCHEMA %1$I', s.schema)
    WHEN s.occupied THEN pg_catalog.format(E'graven: %I.%I is no table\nthe history needs that name, or another one that graven is told', s.schema, {{name}})
    WHEN s.table_exists AND NOT (s.may_use AND s.may_read AND s.may_write)
      THEN pg_catalog.format(E'graven: the role %I may not read and write the history\nGRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO %1$I', s.who, s.schema, {{name}})
    WHEN s.table_exists THEN ''
    WHEN s.elsewhere IS NOT NULL
      THEN pg_catalog.format(E'graven: there is a history in %s, and none in the schema %I\nmake the script with `history` set to the one that is meant', s.elsewhere, s.schema)
    WHEN s.tables IS NOT NULL AND {{refuses_existing}}
      THEN pg_catalog.format(E'graven: the schema %I holds tables, and no history: %s\nrecord what they are with `graven stamp`, or make the script so that it begins beside them (`into_existing`)', s.here, pg_catalog.replace(s.tables, E'\n', ', '))
    WHEN NOT s.may_create THEN pg_catalog.format(E'graven: the role %I may not make the history table\nGRANT CREATE ON SCHEMA %I TO %1$I', s.who, s.schema)
    ELSE ''
  END AS graven_stop
FROM (
{{state}}
) AS s (in_recovery, in_transaction, schema, schema_exists, table_exists, may_create, who, run, application, elsewhere,
  tables, here, occupied, database, process, may_use, may_read, may_write) \gset
{{stop}}
-- One at a time: the lock of every graven, asked for again and again. Who waited inside of the server for it would hold a
-- snapshot, for which CREATE INDEX CONCURRENTLY in its holder would wait.
SELECT pg_catalog.set_config('graven.lock', pg_catalog.hashtextextended(:'graven_lock', 0)::pg_catalog.text, false) AS graven_lock \gset
DO $graven$
DECLARE
  deadline pg_catalog.timestamptz := pg_catalog.timestamptz_pl_interval(pg_catalog.clock_timestamp(), interval {{patience}});
  pause pg_catalog.float8 := 0.01;
  who pg_catalog.text;
BEGIN
  WHILE NOT pg_catalog.pg_try_advisory_lock(pg_catalog.current_setting('graven.lock')::bigint) LOOP
    COMMIT;
    IF pg_catalog.timestamptz_ge(pg_catalog.clock_timestamp(), deadline) THEN
      SELECT pg_catalog.format('pid %s (%s)', l.pid, a.application_name) INTO who
      {{held}} LIMIT 1;
      RAISE EXCEPTION 'graven: gave up waiting for %, which is migrating', COALESCE(who, 'somebody')
        USING HINT = 'run it again; nothing was applied';
    END IF;
    PERFORM pg_catalog.pg_sleep(pause);
    COMMIT;
    pause := LEAST(pg_catalog.float8mul(pause, 2), 0.5);
  END LOOP;
END $graven$;

-- The history, and whether it agrees with these migrations. Where it does not, the transaction takes the table back again.
BEGIN;
SELECT pg_catalog.to_regclass(pg_catalog.format('%I.%I', :'graven_schema', {{name}})) IS NULL AS graven_first \gset
\if :graven_first
{{create}};
\endif
SELECT COALESCE(pg_catalog.string_agg(c.line, E'\n'), '') AS graven_conflicts FROM (
WITH known (version, name, checksums, total, certain) AS ({{known}}),
recorded AS (SELECT * FROM {{table}} h WHERE h.namespace OPERATOR(pg_catalog.=) {{namespace}})
SELECT 0 AS version, pg_catalog.format('%s: its row has format %s, and this script knows {{format}}', h.id, h.format) AS line
  FROM recorded h WHERE h.format OPERATOR(pg_catalog.>) {{format}}
UNION ALL
SELECT h.version, pg_catalog.format('%s %s is modified: applied as sha256:%s, here sha256:%s', k.version, k.name,
    pg_catalog.left(pg_catalog.encode(h.checksum, 'hex'), 12), pg_catalog.left(k.checksums, 12))
  FROM known k JOIN recorded h ON h.version OPERATOR(pg_catalog.=) k.version
  WHERE pg_catalog.strpos(k.checksums, pg_catalog.encode(h.checksum, 'hex')) OPERATOR(pg_catalog.=) 0
UNION ALL
SELECT h.version, pg_catalog.format('%s %s is orphaned: applied, and not among these migrations', h.version, h.name)
  FROM recorded h WHERE h.version OPERATOR(pg_catalog.<=) {{head}} AND NOT EXISTS (SELECT FROM known k WHERE k.version OPERATOR(pg_catalog.=) h.version)
UNION ALL
SELECT h.version, pg_catalog.format('%s %s is incomplete: whether statement %s of %s has run is for a person to say (graven resolve %s)',
    k.version, k.name, pg_catalog.int4pl(h.statements_done, 1), h.statements_total, k.version)
  FROM known k JOIN recorded h ON h.version OPERATOR(pg_catalog.=) k.version
  WHERE h.state OPERATOR(pg_catalog.=) 'started' AND (h.statements_total OPERATOR(pg_catalog.<>) k.total
    OR h.in_doubt AND h.statements_done OPERATOR(pg_catalog.<) k.total
    AND pg_catalog.strpos(k.certain, pg_catalog.concat(',', h.statements_done, ',')) OPERATOR(pg_catalog.=) 0)
{{out_of_order}}{{future}}{{before}}ORDER BY 1
) c \gset
SELECT CASE WHEN :'graven_conflicts' OPERATOR(pg_catalog.=) '' THEN ''
  ELSE pg_catalog.concat(E'graven: these migrations and the history disagree; nothing was applied\n', :'graven_conflicts') END AS graven_stop \gset
{{stop}}{{namespaces}}COMMIT;
SELECT NOT EXISTS (SELECT FROM {{table}} h WHERE h.namespace OPERATOR(pg_catalog.=) {{namespace}}) AS graven_fresh,
  EXISTS (SELECT FROM {{table}} h WHERE h.namespace OPERATOR(pg_catalog.=) {{namespace}} AND h.version OPERATOR(pg_catalog.>) {{head}}) AS graven_ahead \gset
