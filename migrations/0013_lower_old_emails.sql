-- Puts the old addresses right and then validates the constraint, which reads the table but
-- does not keep anybody from booking meanwhile.

UPDATE bookings
SET contact_email = lower(contact_email)
WHERE contact_email <> lower(contact_email);

ALTER TABLE bookings VALIDATE CONSTRAINT bookings_email_is_lower_case;
