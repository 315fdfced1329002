-- Office@Skogar.example could not find its bookings, having typed office@skogar.example. From now on only
-- lower case is stored. NOT VALID: new rows are checked at once, the old ones when they have been put right.

ALTER TABLE bookings
    ADD CONSTRAINT bookings_email_is_lower_case CHECK (contact_email = lower(contact_email)) NOT VALID;
