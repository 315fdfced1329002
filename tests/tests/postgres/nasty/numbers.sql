-- Numbers and parameters, tight against what follows.
SELECT 1,1.,.5,1.5,1e5,1.e5,1E-5,1e+5,.5e1,1.5E1;
SELECT 1::text,1.::text,1-1,1.-.5,.5-.5,1-.5,-1,- 1,+1,1+-1,1e5-1,1e-5-1;
SELECT 1"a;",.5"b;",1e5"c;",2/*;*/"e;"FROM(VALUES(1),(2))"v;"WHERE 1=1;
SELECT(1)+(2),(1);SELECT(';');SELECT 1;SELECT 2;SELECT';';SELECT $$;$$;SELECT"a"FROM(SELECT 1"a")"s";
PREPARE numbers(int,int)AS SELECT $1+$2,$1-$2,$1*-$2,'$1',$1::text||'$2;';
EXECUTE numbers(3,4);
CREATE FUNCTION numbers(int,int)RETURNS int LANGUAGE sql AS'SELECT $1+$2;';SELECT numbers(1,2);
CREATE FUNCTION numbers_loop()RETURNS int LANGUAGE plpgsql AS $$DECLARE s int:=0;BEGIN FOR i IN 1..3 LOOP s:=s+i;END LOOP;RETURN s;END$$;SELECT numbers_loop();
