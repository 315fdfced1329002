-- graven: transaction = off
--
-- "My bookings" looks a person up by address. Built concurrently, because the desk sells tickets all day;
-- PostgreSQL does not allow that inside a transaction block.

CREATE INDEX CONCURRENTLY bookings_contact_email_idx ON bookings (contact_email, booked_at DESC);
