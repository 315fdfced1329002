-- Statements that hold another one, and blocks of code.
PREPARE "plan;" (int, text) AS SELECT $1 + 1, $2 || ';', '$1';
EXECUTE "plan;" (1, ';');
EXECUTE "plan;"(2,$$;$$);
DEALLOCATE "plan;";
PREPARE plan AS SELECT CASE WHEN $1 THEN ';' END AS end;
EXECUTE plan (true);
EXPLAIN (COSTS OFF) SELECT ';' WHERE 'a;' <> E'\';';
EXPLAIN (COSTS OFF, FORMAT json) WITH c AS (SELECT 1 AS "a;") SELECT "a;" FROM c;
CREATE TABLE inner_statements AS SELECT ';' AS a UNION ALL SELECT $$;$$;
EXPLAIN (COSTS OFF) EXECUTE plan (false);
DECLARE "cursor;" CURSOR FOR SELECT a || ';' FROM inner_statements;
FETCH ALL FROM "cursor;";
CLOSE "cursor;";
DO $$
BEGIN
    FOR i IN 1..2 LOOP
        RAISE NOTICE 'in a block; %', CASE WHEN i = 1 THEN 'one;' ELSE 'end;' END;
    END LOOP;
END
$$;
DO 'BEGIN RAISE NOTICE ''in a string;''; END';
DO LANGUAGE plpgsql E'BEGIN RAISE NOTICE \'escaped;\'; END;';
WITH moved AS (DELETE FROM inner_statements RETURNING a) INSERT INTO inner_statements SELECT a || ';' FROM moved;
TABLE inner_statements;
VALUES (1, ';'), (2, $$;$$);
(SELECT 1) UNION (SELECT 2) ORDER BY 1;
((SELECT (1)));
LOCK TABLE inner_statements IN ACCESS EXCLUSIVE MODE;
SET LOCAL search_path TO public, "a;b", ';';
SHOW search_path;
RESET search_path;
CREATE FUNCTION inner_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END; $$;
CREATE TRIGGER "trigger;" BEFORE INSERT ON inner_statements FOR EACH ROW WHEN (NEW.a <> ';') EXECUTE FUNCTION inner_trigger('a;', E'\';');
CREATE POLICY "policy;" ON inner_statements USING (a <> ';' AND (a <> ')'));
CREATE TYPE inner_enum AS ENUM (';', '(', '''', '$$');
CREATE TYPE inner_composite AS ("a;" int, b text);
SELECT ROW(1, ';')::inner_composite, ';'::inner_enum, ARRAY[';', E'\';']::text[];
ALTER TABLE inner_statements ADD COLUMN b text GENERATED ALWAYS AS (a || ';') STORED, ADD CONSTRAINT "c;" CHECK (a <> '(');
NOTIFY "channel;", 'payload;';
