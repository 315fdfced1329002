SELECT 1; -- No line end after the last statement, and no semicolon;
SELECT 2