-- What hangs on the wall of every harbour office, and what the website shows first. Times are those of
-- Iceland, which keeps UTC all year round.

CREATE VIEW departure_board AS
SELECT
    sailings.code AS sailing,
    to_char(sailings.departs_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS departs,
    origin.name AS origin,
    destination.name AS destination,
    vessels.name AS vessel,
    sailings.status::text AS status,
    sailings.delay_minutes,
    booked.passengers AS passengers_booked,
    vessels.passenger_capacity - booked.passengers AS seats_left
FROM sailings
JOIN routes ON routes.id = sailings.route_id
JOIN ports AS origin ON origin.code = routes.origin
JOIN ports AS destination ON destination.code = routes.destination
JOIN vessels ON vessels.id = sailings.vessel_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(bookings.passengers), 0)::integer AS passengers
    FROM bookings
    WHERE bookings.sailing_id = sailings.id AND bookings.cancelled_at IS NULL
) AS booked;

COMMENT ON VIEW departure_board IS 'One row a sailing, ready to be shown; order it by departs and sailing.';
