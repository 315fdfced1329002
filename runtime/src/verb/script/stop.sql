SELECT :'graven_stop' OPERATOR(pg_catalog.<>) '' AS graven_stops \gset
\if :graven_stops
SELECT pg_catalog.set_config('graven.stop', :'graven_stop', false) AS graven_ignored \gset
DO $graven$
DECLARE
  said pg_catalog.text := pg_catalog.current_setting('graven.stop');
BEGIN
  RAISE EXCEPTION USING MESSAGE = pg_catalog.split_part(said, E'\n', 1),
    DETAIL = pg_catalog.substr(said, pg_catalog.int4pl(pg_catalog.strpos(said, E'\n'), 1));
END $graven$;
\endif
