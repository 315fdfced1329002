-- The desk wants to know whether a printed timetable is still good; so every change leaves its time behind.

ALTER TABLE sailings ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE bookings ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

CREATE FUNCTION stamp_updated_at() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END;
$$;

CREATE TRIGGER sailings_stamp_updated_at
    BEFORE UPDATE ON sailings
    FOR EACH ROW EXECUTE FUNCTION stamp_updated_at();

CREATE TRIGGER bookings_stamp_updated_at
    BEFORE UPDATE ON bookings
    FOR EACH ROW EXECUTE FUNCTION stamp_updated_at();
