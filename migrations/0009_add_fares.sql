-- Fares move from the printed leaflet into the database. A booking keeps the fares of the day it was
-- made, so they are copied into it; they stay nullable until the bookings at hand have theirs.

ALTER TABLE routes
    ADD COLUMN passenger_fare integer CHECK (passenger_fare >= 0),
    ADD COLUMN car_fare integer CHECK (car_fare >= 0);

ALTER TABLE bookings
    ADD COLUMN passenger_fare integer CHECK (passenger_fare >= 0),
    ADD COLUMN car_fare integer CHECK (car_fare >= 0);

COMMENT ON COLUMN routes.passenger_fare IS 'Króna; today''s price for one person.';
COMMENT ON COLUMN routes.car_fare IS 'Króna; today''s price for one car, its driver not included.';
COMMENT ON COLUMN bookings.passenger_fare IS 'Króna; the price for one person when the booking was made.';
COMMENT ON COLUMN bookings.car_fare IS 'Króna; the price for one car when the booking was made.';
