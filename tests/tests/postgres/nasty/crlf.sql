-- Line ends of Windows;
CREATE TABLE crlf (
	a text DEFAULT 'a;
b' -- ;
);
/* ;
 */
INSERT INTO crlf VALUES (E'\';\
'), ($$
;
$$), ('a'
';b'), (E'a\''
  -- ';
';\'');
SELECT a FROM crlf;
CREATE FUNCTION crlf() RETURNS int
BEGIN
ATOMIC
SELECT 1;
END
;
SELECT crlf();
