-- Dollar quotes: nested, empty, beside one another, with tags that are nearly the right one.
SELECT $$$$, $$;$$, $a$;$a$, $A$ $a$ ; $A$, $_$;$_$, $_1a$ $_1$ $_1a$;
SELECT $outer$ SELECT $inner$ SELECT $$ ; $$; $inner$; $outer$;
SELECT $a$ $ab$ ; $b$ $ $1 $$ '; "; /* -- $a$;
SELECT $ключ$;$ключ$, $é$ $e$ ; $é$, $日本$ ' ; $日本$;
SELECT $a$x$a$, $$ $ $$, $$
;
$$, $q$
-- no comment ;
/* no comment either ;
$q$;
SELECT $tag$a$tag$||$tag$;b$tag$||$$c$$AS joined;
SELECT $$;$$,$$;$$;SELECT(1),$x$)$x$;
DO $do$ BEGIN EXECUTE $e$ CREATE TABLE dollars (a text DEFAULT $d$;$d$) $e$; END $do$;
DO LANGUAGE plpgsql $$ BEGIN PERFORM 1; /* ' */ END; $$;
CREATE FUNCTION dollars_a$b$c$(a$1$ text) RETURNS text LANGUAGE sql AS $a$ SELECT a$1$ || '$b$;' $a$;
SELECT dollars_a$b$c$($$it's;$$);
CREATE FUNCTION dollars_plpgsql() RETURNS text LANGUAGE plpgsql AS $fn$
DECLARE
    t text := $q$begin; end;$q$;
BEGIN
    EXECUTE 'SELECT $1 || $$;$$' INTO t USING t;
    IF t <> 'begin; end;;' THEN
        RAISE EXCEPTION 'no; %', t;
    END IF;
    RETURN CASE WHEN t IS NULL THEN $$;$$ ELSE t END;
END;
$fn$;
SELECT dollars_plpgsql();
