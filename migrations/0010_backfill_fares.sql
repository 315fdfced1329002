-- Gives every route the leaflet's fares and every booking those of its route, then makes them required.

UPDATE routes
SET passenger_fare = leaflet.passenger_fare, car_fare = leaflet.car_fare
FROM (VALUES
    ('DAL', 'GRI', 5500, 0),
    ('GRI', 'DAL', 5500, 0),
    ('LAN', 'VES', 2600, 3400),
    ('VES', 'LAN', 2600, 3400),
    ('STY', 'FLA', 4980, 4980),
    ('FLA', 'BRJ', 3980, 3980),
    ('BRJ', 'STY', 7280, 7280)
) AS leaflet (origin, destination, passenger_fare, car_fare)
WHERE routes.origin = leaflet.origin AND routes.destination = leaflet.destination;

-- A route that was opened after the leaflet went to print starts free of charge.
UPDATE routes SET passenger_fare = 0, car_fare = 0 WHERE passenger_fare IS NULL;

UPDATE bookings
SET passenger_fare = routes.passenger_fare, car_fare = routes.car_fare
FROM sailings JOIN routes ON routes.id = sailings.route_id
WHERE sailings.id = bookings.sailing_id;

ALTER TABLE routes
    ALTER COLUMN passenger_fare SET NOT NULL,
    ALTER COLUMN car_fare SET NOT NULL;

ALTER TABLE bookings
    ALTER COLUMN passenger_fare SET NOT NULL,
    ALTER COLUMN car_fare SET NOT NULL;
