SELECT 1;
SELECT $$the end; is a string;$$