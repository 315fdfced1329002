-- Bodies of functions in standard SQL: the semicolons in them separate, and so many words could be their END.
CREATE TABLE bodies (id int PRIMARY KEY, "end" text, "begin" text, "case" text);
CREATE FUNCTION bodies_return(a int) RETURNS int RETURN a + 1;
CREATE FUNCTION bodies_return_case(a int) RETURNS text LANGUAGE sql RETURN CASE WHEN a > 1 THEN ';' ELSE CASE a WHEN 1 THEN 'end;' END END;
CREATE OR REPLACE FUNCTION bodies_empty() RETURNS void BEGIN ATOMIC END;
CREATE FUNCTION bodies_semicolons() RETURNS int LANGUAGE sql BEGIN ATOMIC ; ; SELECT 1;; SELECT 2; ; END;
CREATE FUNCTION bodies_cases(a int, b int DEFAULT (1), OUT c text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN a > b THEN CASE b WHEN 1 THEN 'one;' WHEN 2 THEN CASE WHEN true THEN 'two' END END ELSE 'end;' END;
END;
SELECT bodies_cases(2), bodies_cases(2, 2), bodies_cases(0), bodies_return(1), bodies_return_case(1);
CREATE FUNCTION bodies_names() RETURNS text BEGIN ATOMIC
    INSERT INTO bodies AS begin (id, "end", "begin", "case") VALUES (1, 'end;', ';', 'case') ON CONFLICT DO NOTHING;
    SELECT b."end" AS end FROM bodies AS b;
    SELECT b.id AS case, "end" "end", "begin" begin FROM bodies b WHERE b."end" <> 'end';
    WITH atomic AS (SELECT 1 AS begin) SELECT atomic.begin::text AS begin FROM atomic;
END;
SELECT bodies_names();
CREATE PROCEDURE bodies_procedure(x int)
BEGIN ATOMIC
    INSERT INTO bodies VALUES (x, $$;$$, E'\';', (SELECT CASE x WHEN 1 THEN 'a' ELSE (CASE WHEN x = 2 THEN ';' END) END));
    UPDATE bodies SET "end" = CASE "end" WHEN ';' THEN 'end' ELSE "end" END WHERE id = x;
    DELETE FROM bodies WHERE "case" = 'end;';
END;
CALL bodies_procedure(2);
CREATE OR REPLACE PROCEDURE bodies_procedure(x int) LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT BEGIN ATOMIC DELETE FROM bodies WHERE id = x; END;
CREATE FUNCTION "begin"(begin int, atomic int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT begin + atomic; END;
SELECT "begin"(1, 2);
CREATE SCHEMA "atomic";
CREATE FUNCTION atomic.begin() RETURNS TABLE (a int, "end" int) BEGIN ATOMIC SELECT 1, 2 AS end; END;
SELECT * FROM atomic.begin() AS t;
CREATE DOMAIN atomic.begin AS int;
CREATE FUNCTION bodies_domain(a atomic.begin) RETURNS atomic.begin BEGIN ATOMIC SELECT a; END;
CREATE FUNCTION bodies_set() RETURNS int LANGUAGE sql SET "my.begin" TO begin SET my.setting = begin BEGIN ATOMIC SELECT 1; SELECT 2; END;
SELECT bodies_set();
CREATE FUNCTION bodies_end_last() RETURNS int BEGIN ATOMIC SELECT 1 FROM bodies WHERE CASE WHEN id = 1 THEN true END; END; SELECT bodies_end_last();
CREATE FUNCTION bodies_quoted() RETURNS text LANGUAGE sql AS 'SELECT ''begin atomic;''; SELECT ''end;''';
SELECT bodies_quoted();
CREATE FUNCTION bodies_c() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION bodies_returning() RETURNS int BEGIN ATOMIC RETURN 1; END; SELECT bodies_returning();
CREATE TABLE function (begin int, atomic int); CREATE TABLE procedure (atomic int);
CREATE VIEW bodies_view AS SELECT begin, atomic FROM function;
CREATE OR REPLACE VIEW bodies_view AS SELECT begin, atomic FROM function WHERE begin > 0;
CREATE AGGREGATE bodies_sum (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
SELECT bodies_sum(id) FROM bodies;
