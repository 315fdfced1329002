-- graven: lock_timeout = 2s
--
-- Three reports added up the fare in three ways; now the table does. Adding a stored column rewrites the
-- table under an exclusive lock: better to give up after two seconds than to queue every booking behind us.

ALTER TABLE bookings
    ADD COLUMN total_fare integer
        GENERATED ALWAYS AS (passengers * passenger_fare + cars * car_fare) STORED;

COMMENT ON COLUMN bookings.total_fare IS 'Króna; computed, never written.';
