-- The ferry line begins with the places it calls at. A port is known by three letters,
-- as on the timetable boards, so that routes and tickets can be read without a join.

CREATE DOMAIN port_code AS text
    CONSTRAINT port_code_is_three_capitals CHECK (VALUE ~ '^[A-Z]{3}$');

CREATE TABLE ports (
    code port_code PRIMARY KEY,
    name text NOT NULL UNIQUE,
    opened_on date NOT NULL
);

COMMENT ON TABLE ports IS 'Places where our ferries call; a closed port stays, for the sake of old tickets.';
