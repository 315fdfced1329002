-- A route is one direction of a crossing: currents make the way out and the way back differ.

CREATE TABLE routes (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin port_code NOT NULL REFERENCES ports (code),
    destination port_code NOT NULL REFERENCES ports (code),
    crossing_minutes integer NOT NULL,
    CONSTRAINT routes_one_per_direction UNIQUE (origin, destination),
    CONSTRAINT routes_lead_elsewhere CHECK (origin <> destination),
    CONSTRAINT routes_take_time CHECK (crossing_minutes > 0)
);

CREATE INDEX routes_destination_idx ON routes (destination);

COMMENT ON TABLE routes IS 'Directed connections between two ports.';
COMMENT ON COLUMN routes.crossing_minutes IS 'From casting off to mooring, in fair weather.';
