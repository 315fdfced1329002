-- graven: transaction = off
INSERT INTO boats VALUES (1, 'Fram') ON CONFLICT DO NOTHING;
CREATE INDEX CONCURRENTLY boats_name ON boats (name);
