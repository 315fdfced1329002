-- "Scheduled" turned out to be a poor word for a ferry that waits for the swell to drop. The new value stands
-- alone in its migration: PostgreSQL does not let a value be used in the transaction that adds it.

ALTER TYPE sailing_status ADD VALUE 'delayed' AFTER 'scheduled';
