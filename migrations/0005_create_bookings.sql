-- One booking is one party on one sailing. A cancelled booking stays, because refunds refer to it.

CREATE DOMAIN email_address AS text
    CONSTRAINT email_address_has_two_parts CHECK (VALUE ~ '^[^@[:space:]]+@[^@[:space:]]+$');

CREATE TABLE bookings (
    reference text PRIMARY KEY CHECK (reference ~ '^[A-Z0-9]{6}$'),
    sailing_id integer NOT NULL REFERENCES sailings (id),
    contact_name text NOT NULL,
    contact_email email_address NOT NULL,
    passengers integer NOT NULL CHECK (passengers BETWEEN 1 AND 200),
    cars integer NOT NULL DEFAULT 0 CHECK (cars >= 0),
    booked_at timestamptz NOT NULL DEFAULT now(),
    cancelled_at timestamptz,
    CONSTRAINT bookings_cancelled_after_booked CHECK (cancelled_at >= booked_at)
);

-- Seats are counted on every page view, and cancelled bookings never count.
CREATE INDEX bookings_live_sailing_idx ON bookings (sailing_id)
    WHERE cancelled_at IS NULL;

COMMENT ON TABLE bookings IS 'Parties that hold, or held, places on a sailing.';
