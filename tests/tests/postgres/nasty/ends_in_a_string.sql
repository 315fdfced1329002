SELECT 1;
SELECT E'the end\'; is a string;'