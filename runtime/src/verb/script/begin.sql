\set QUIET on
\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SINGLELINE off
\unset FETCH_COUNT
\pset pager off
\encoding UTF8

-- A transaction around all of it would take each migration's own away.
SELECT pg_catalog.transaction_timestamp() <> pg_catalog.statement_timestamp() AS graven_inside \gset
\if :graven_inside
DO $graven$ BEGIN RAISE EXCEPTION 'graven: this is inside of a transaction, and each migration makes its own'
  USING HINT = 'run psql without -1 (--single-transaction), and not after a BEGIN; after an error, leave psql first'; END $graven$;
\endif

-- What the session is at the end again.
SELECT {{settings}} AS graven_settings_before, pg_catalog.current_setting('role') AS graven_role_before,
  session_user AS graven_user, NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE d.refobjid = pg_catalog.pg_my_temp_schema() AND d.refclassid = 'pg_catalog.pg_namespace'::regclass)
  AS graven_discards \gset

-- What it is for each migration.
SET standard_conforming_strings = on;
SET statement_timeout = 0;
SELECT CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 170000
  THEN pg_catalog.set_config('transaction_timeout', '0', false) END AS graven_ignored \gset
{{role}}SELECT {{settings}} AS graven_settings, pg_catalog.current_setting('role') AS graven_role \gset

-- May it run at all? Nothing has been changed so far.
SELECT COALESCE(s.schema::text, '') AS graven_schema, s.run::text AS graven_run, s.table_exists AS graven_table_exists,
  CASE s.application WHEN '' THEN 'psql' WHEN 'psql' THEN 'psql' ELSE 'psql (' || s.application || ')' END
  || '/' || COALESCE(pg_catalog.host(pg_catalog.inet_client_addr()), 'local') AS graven_as,
  'graven ' || '"' || pg_catalog.replace(s.schema::text, '"', '""') || '".' || {{quoted_name}} AS graven_lock,
  CASE
    WHEN s.in_recovery THEN E'graven: this server is a standby\nrun it on the primary'
    WHEN s.schema IS NULL THEN E'graven: no schema of the search path exists or may be used\nCREATE SCHEMA, or GRANT USAGE on it'
    WHEN pg_catalog.starts_with(s.here::text, 'pg_temp_') OR pg_catalog.starts_with(s.schema::text, 'pg_temp_')
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
SELECT pg_catalog.set_config('graven.lock', pg_catalog.hashtextextended(:'graven_lock', 0)::text, false) AS graven_lock \gset
DO $graven$
DECLARE
  deadline timestamptz := pg_catalog.clock_timestamp() + interval {{patience}};
  pause float8 := 0.01;
  who text;
BEGIN
  WHILE NOT pg_catalog.pg_try_advisory_lock(pg_catalog.current_setting('graven.lock')::bigint) LOOP
    COMMIT;
    IF pg_catalog.clock_timestamp() >= deadline THEN
      SELECT pg_catalog.format('pid %s (%s)', l.pid, a.application_name) INTO who
      {{held}} LIMIT 1;
      RAISE EXCEPTION 'graven: gave up waiting for %, which is migrating', COALESCE(who, 'somebody')
        USING HINT = 'run it again; nothing was applied';
    END IF;
    PERFORM pg_catalog.pg_sleep(pause);
    COMMIT;
    pause := LEAST(pause * 2, 0.5);
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
recorded AS (SELECT * FROM {{table}} h WHERE h.namespace = {{namespace}})
SELECT 0 AS version, pg_catalog.format('%s: its row has format %s, and this script knows {{format}}', h.id, h.format) AS line
  FROM recorded h WHERE h.format > {{format}}
UNION ALL
SELECT h.version, pg_catalog.format('%s %s is modified: applied as sha256:%s, here sha256:%s', k.version, k.name,
    pg_catalog.left(pg_catalog.encode(h.checksum, 'hex'), 12), pg_catalog.left(k.checksums, 12))
  FROM known k JOIN recorded h ON h.version = k.version
  WHERE pg_catalog.strpos(k.checksums, pg_catalog.encode(h.checksum, 'hex')) = 0
UNION ALL
SELECT h.version, pg_catalog.format('%s %s is orphaned: applied, and not among these migrations', h.version, h.name)
  FROM recorded h WHERE h.version <= {{head}} AND NOT EXISTS (SELECT FROM known k WHERE k.version = h.version)
UNION ALL
SELECT h.version, pg_catalog.format('%s %s is incomplete: whether statement %s of %s has run is for a person to say (graven resolve %s)',
    k.version, k.name, h.statements_done + 1, h.statements_total, k.version)
  FROM known k JOIN recorded h ON h.version = k.version
  WHERE h.state = 'started' AND (h.statements_total <> k.total OR h.in_doubt AND h.statements_done < k.total
    AND pg_catalog.strpos(k.certain, ',' || h.statements_done || ',') = 0)
{{out_of_order}}{{future}}{{before}}ORDER BY 1
) c \gset
SELECT CASE WHEN :'graven_conflicts' = '' THEN ''
  ELSE E'graven: these migrations and the history disagree; nothing was applied\n' || :'graven_conflicts' END AS graven_stop \gset
{{stop}}{{namespaces}}COMMIT;
SELECT NOT EXISTS (SELECT FROM {{table}} h WHERE h.namespace = {{namespace}}) AS graven_fresh,
  EXISTS (SELECT FROM {{table}} h WHERE h.namespace = {{namespace}} AND h.version > {{head}}) AS graven_ahead \gset
