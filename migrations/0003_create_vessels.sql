-- How many people and cars fit aboard is a matter of the ship, not of the route.

CREATE TABLE vessels (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    passenger_capacity integer NOT NULL CHECK (passenger_capacity > 0),
    car_capacity integer NOT NULL DEFAULT 0 CHECK (car_capacity >= 0)
);

COMMENT ON TABLE vessels IS 'The fleet.';
COMMENT ON COLUMN vessels.car_capacity IS 'Zero for a vessel without a car deck.';
