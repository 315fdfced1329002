-- A sailing is one departure of one vessel: what a passenger books.

CREATE TYPE sailing_status AS ENUM ('scheduled', 'boarding', 'departed', 'arrived', 'cancelled');

CREATE TABLE sailings (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^F[0-9]{3}$'),
    route_id integer NOT NULL REFERENCES routes (id),
    vessel_id integer NOT NULL REFERENCES vessels (id),
    departs_at timestamptz NOT NULL,
    status sailing_status NOT NULL DEFAULT 'scheduled',
    published_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sailings_published_ahead CHECK (published_at < departs_at)
);

-- A vessel cannot leave twice at one moment, but a cancelled departure may be replaced.
CREATE UNIQUE INDEX sailings_vessel_departs_key ON sailings (vessel_id, departs_at)
    WHERE status <> 'cancelled';

CREATE INDEX sailings_route_departs_idx ON sailings (route_id, departs_at);

COMMENT ON TABLE sailings IS 'Departures on the timetable, past and to come.';
