-- What looks as if it were meant for psql, in literals and comments: \i nothing.sql ; \.
SELECT '
\i other.sql
\.
\copy a from b;
\gexec
', '\', '\\', E'\\', '\;' /*
\! rm ;
\q
*/ ; -- \q
SELECT $$
\.
\connect nowhere
$$ AS "\d;", '\i';
SELECT ':variable;', ':''quoted;''', ':"name;"', (ARRAY[1, 2])[1:2], 1::text, (ARRAY[1,2])[x:x] FROM (SELECT 1 AS x) AS s;
CREATE FUNCTION lookalikes(a int DEFAULT 1, b int DEFAULT 2) RETURNS int LANGUAGE sql AS 'SELECT $1 - $2; -- \.';
SELECT lookalikes(b := 1), lookalikes(b => 1), lookalikes(a:=5,b=>1);
