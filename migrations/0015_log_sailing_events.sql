-- The harbour authority wants to know when a sailing changed its status, and to have each year on its own,
-- so that an old year can be detached and archived. It is a log: rows are only ever added.

CREATE TABLE sailing_events (
    sailing_id integer NOT NULL REFERENCES sailings (id),
    old_status sailing_status,
    new_status sailing_status NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY RANGE (occurred_at);

CREATE TABLE sailing_events_2026 PARTITION OF sailing_events
    FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2027-01-01 00:00+00');

CREATE TABLE sailing_events_2027 PARTITION OF sailing_events
    FOR VALUES FROM ('2027-01-01 00:00+00') TO ('2028-01-01 00:00+00');

-- Nothing is lost if nobody adds the next year in time.
CREATE TABLE sailing_events_other PARTITION OF sailing_events DEFAULT;

CREATE INDEX sailing_events_sailing_idx ON sailing_events (sailing_id, occurred_at);

COMMENT ON TABLE sailing_events IS 'Every change of a sailing''s status; one partition a year; never updated.';
COMMENT ON COLUMN sailing_events.old_status IS 'Null where the sailing was first published.';

-- Before this log, all that is known of a sailing is when it was published: as scheduled, like every one.
INSERT INTO sailing_events (sailing_id, new_status, occurred_at)
SELECT id, 'scheduled', published_at FROM sailings ORDER BY published_at, id;

-- The search path is fixed to that of this migration: a caller with another one must still reach the log.
CREATE FUNCTION log_sailing_event() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $body$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO sailing_events (sailing_id, new_status) VALUES (NEW.id, NEW.status);
    ELSIF NEW.status <> OLD.status THEN
        INSERT INTO sailing_events (sailing_id, old_status, new_status) VALUES (NEW.id, OLD.status, NEW.status);
    END IF;
    RETURN NULL; -- The result of an AFTER trigger is ignored.
END;
$body$;

CREATE TRIGGER sailings_log_event
    AFTER INSERT OR UPDATE OF status ON sailings
    FOR EACH ROW EXECUTE FUNCTION log_sailing_event();
