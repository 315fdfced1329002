-- Operators: where they end, above all before what begins a comment.
SELECT @-@ '[(0,0),(1,1)]'::path, 2 - -1, 2- -1, 2-/* ; */-1, 2 +-1, 2*-1, 2--1 ;
 + 1;
SELECT 6*/* ; */2, 6*/**/2, 6/-- ;
2, 6/ /* ; */2, 6 - /* */ -2, 6%/* ; */4, 6^/*;*/2, 6#/*;*/3, |/4, |//*;*/4, ||/8, @ -5, ~5, ~ -5, - ~5;
SELECT 1<-1, 1>-1, 1=-1, 1<>-1, 1!= -1, 1<=-1, 1>=-1, 1=+1, 5% -2, 5& -2, 5| -2, 5# -2;
SELECT '{"a":{";":1}}'::jsonb->'a'->>';', '{"a":1}'::jsonb #>> '{a}', '{"a":1}'::jsonb ? 'a', '{"a":1}'::jsonb ?| '{a}',
    '{"a":1}'::jsonb ?& '{a}', '{"a":1}'::jsonb @> '{}', '{"a":1}'::jsonb <@ '{"a":1}', '{"a":1}'::jsonb - 'a', '{"a":1}'::jsonb#-'{a}',
    '{"a":1}'::jsonb @? '$.a', '{"a":1}'::jsonb @@ '$.a == 1';
SELECT 'a'||';'||'b', 'a'~';', 'a'!~';', 'a'~*';', 'a'!~*';', 'a' ~~ ';', 'a'!~~*';', 1::int4=1::int8, 1::text||2;
SELECT a[1:2], a[1:-1], a[:1], a[-1:], (ARRAY[ARRAY[1]])[1][1] FROM (SELECT ARRAY[1,2,3]) AS s(a);
CREATE FUNCTION operators_add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2;';
CREATE FUNCTION operators_neg(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT -$1;';
CREATE OPERATOR <+> (FUNCTION = operators_add, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR @/@ (FUNCTION = operators_add, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR */@ (FUNCTION = operators_add, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR *@/ (FUNCTION = operators_add, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR @+- (FUNCTION = operators_add, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR ~- (FUNCTION = operators_add, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR |- (FUNCTION = operators_neg, RIGHTARG = int);
CREATE OPERATOR ?` (FUNCTION = operators_add, LEFTARG = int, RIGHTARG = int);
SELECT 1<+>2, 1@/@2, 1*/@2, 1*@/2, 1@+-2, 1~-2, |-2, 1?`2, 1 <+> -2, 1<+>/*;*/2, 1@/@/*;*/2, 1*@//*;*/2, 1@+- --;
2;
SELECT 1*/*;*//*;*/2, 1 OPERATOR(pg_catalog.+) 2, 1 OPERATOR(public.@/@)/*;*/2;
SELECT 3+--;
4, 3@+- --;
4, 3*--;
4, 3=--;
3;
DROP OPERATOR */@ (int, int), @/@ (int, int);
