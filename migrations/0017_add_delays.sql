-- A delayed sailing says by how long; and the first two of them are entered here, as the desk had noted them.

ALTER TABLE sailings
    ADD COLUMN delay_minutes integer NOT NULL DEFAULT 0 CHECK (delay_minutes >= 0);

UPDATE sailings SET status = 'delayed', delay_minutes = 45 WHERE code = 'F103' AND status = 'scheduled';
UPDATE sailings SET status = 'delayed', delay_minutes = 30 WHERE code = 'F104' AND status = 'scheduled';

ALTER TABLE sailings
    ADD CONSTRAINT sailings_delay_is_known CHECK (status <> 'delayed' OR delay_minutes > 0);

COMMENT ON COLUMN sailings.delay_minutes IS 'Expected delay; kept after departure, for the statistics.';
