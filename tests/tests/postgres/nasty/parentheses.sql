-- Parentheses and brackets that stand in literals, comments and names, and so are not balanced.
SELECT '(', ')', $$((($$, E'\'(', "((", "]" FROM (SELECT 1 AS "((", 2 AS "]") AS s; -- ((((
SELECT ( /* ) */ 1 -- )
) /* ( */, (ARRAY['[', ']', '{'])[1 /* ] */], '[1,2)'::int4range, '(1,2]'::int4range;
CREATE TABLE parentheses ("(" text DEFAULT '(' CHECK ("(" <> '))') /* ((( */); -- )))
INSERT INTO parentheses VALUES ('('), (')'), ($$($$);
SELECT * FROM parentheses WHERE ("(" IN ('(', ')')) OR (("(" = $a$)$a$));
SELECT 1;
