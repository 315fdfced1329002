-- CREATE SCHEMA with elements: several commands that are one statement.
CREATE SCHEMA schemas
    CREATE TABLE a (id int PRIMARY KEY, t text DEFAULT ';', CHECK (t <> '(;'))
    CREATE TABLE b (id int REFERENCES schemas.a, "c;" int)
    CREATE INDEX b_id ON b (id)
    CREATE SEQUENCE s START 5
    CREATE VIEW v AS SELECT a.id, CASE WHEN a.t = ';' THEN 'end;' END AS end FROM schemas.a
    GRANT SELECT ON a, v TO PUBLIC;
CREATE SCHEMA "schemas;2" AUTHORIZATION CURRENT_USER CREATE TABLE "t;" ("begin" int);
CREATE SCHEMA IF NOT EXISTS schemas;
SELECT nextval('schemas.s');
DROP SCHEMA "schemas;2" CASCADE;
CREATE TABLE schemas.p (id int, part text) PARTITION BY LIST (part);
CREATE TABLE schemas."p;" PARTITION OF schemas.p FOR VALUES IN (';', '(', $$)$$);
CREATE TABLE schemas.q PARTITION OF schemas.p DEFAULT;
INSERT INTO schemas.p VALUES (1, ';'), (2, 'x');
SELECT tableoid::regclass, * FROM schemas.p ORDER BY id;
