-- graven: transaction = off
DROP INDEX CONCURRENTLY IF EXISTS boats_name;
