-- COPY to the client, and words that only look as if rows were to follow.
CREATE TABLE copies (stdin text, "from" text);
INSERT INTO copies VALUES ('a;', E'b\t\\.'), (NULL, '''');
COPY copies TO STDOUT;
COPY copies (stdin) TO STDOUT WITH (FORMAT csv, HEADER, DELIMITER ';', QUOTE '"', FORCE_QUOTE (stdin));
COPY (SELECT stdin FROM copies WHERE stdin IS DISTINCT FROM ';') TO STDOUT;
COPY (SELECT ';' AS stdin, $$ FROM stdin; $$, E'\';') TO STDOUT (DELIMITER ';');
COPY (VALUES (1), (2)) TO PROGRAM 'cat > /dev/null; true';
COMMENT ON TABLE copies IS 'COPY copies FROM STDIN;
a	b
\.
';
SELECT 'COPY copies FROM stdin;', $$
\.
$$;
