-- The opening days of the summer timetable, carried over from the harbour office's ledger.
-- Ports and vessels are looked up by name, since identity values differ between installations.

INSERT INTO sailings (code, route_id, vessel_id, departs_at, status, published_at)
SELECT t.code, r.id, v.id, t.departs_at::timestamptz, t.status::sailing_status, '2026-04-20 09:00Z'
FROM (VALUES
    ('F101', 'LAN', 'VES', 'Lundi', '2026-06-01 07:00Z', 'arrived'),
    ('F102', 'VES', 'LAN', 'Lundi', '2026-06-01 08:30Z', 'arrived'),
    ('F201', 'DAL', 'GRI', 'Æður',  '2026-06-01 09:00Z', 'arrived'),
    ('F301', 'STY', 'FLA', 'Kría',  '2026-06-01 09:00Z', 'arrived'),
    ('F302', 'FLA', 'BRJ', 'Kría',  '2026-06-01 10:45Z', 'departed'),
    ('F202', 'GRI', 'DAL', 'Æður',  '2026-06-01 14:00Z', 'cancelled'),
    ('F303', 'BRJ', 'STY', 'Kría',  '2026-06-01 14:00Z', 'boarding'),
    ('F103', 'LAN', 'VES', 'Lundi', '2026-06-01 16:00Z', 'scheduled'),
    ('F104', 'VES', 'LAN', 'Lundi', '2026-06-01 17:30Z', 'scheduled'),
    ('F105', 'LAN', 'VES', 'Lundi', '2026-06-02 07:00Z', 'scheduled'),
    ('F106', 'VES', 'LAN', 'Lundi', '2026-06-02 08:30Z', 'scheduled'),
    ('F203', 'DAL', 'GRI', 'Æður',  '2026-06-02 09:00Z', 'scheduled'),
    ('F304', 'STY', 'FLA', 'Kría',  '2026-06-02 09:00Z', 'scheduled'),
    ('F204', 'GRI', 'DAL', 'Æður',  '2026-06-02 14:00Z', 'scheduled')
) AS t (code, origin, destination, vessel, departs_at, status)
JOIN routes r ON r.origin = t.origin AND r.destination = t.destination
JOIN vessels v ON v.name = t.vessel
ORDER BY t.departs_at, t.code;

INSERT INTO bookings (reference, sailing_id, contact_name, contact_email, passengers, cars, booked_at, cancelled_at)
SELECT t.reference, s.id, t.contact_name, t.contact_email, t.passengers, t.cars,
    t.booked_at::timestamptz, t.cancelled_at::timestamptz
FROM (VALUES
    ('K4T9QX', 'F101', 'Anna Jónsdóttir',     'anna@example.is',           4, 1, '2026-04-21 10:12Z', NULL),
    ('M2B7RD', 'F101', 'Skógar School',       'Office@Skogar.example',    62, 0, '2026-04-28 08:05Z', NULL),
    ('P8L3VN', 'F102', 'Island Football',     'away.games@ibv.example',   38, 2, '2026-05-02 19:40Z', NULL),
    ('Q5W1HZ', 'F201', 'Tómas O''Brien',      'tomas@example.ie',          2, 0, '2026-05-03 11:00Z', NULL),
    ('R7C6JY', 'F201', 'Northern Birders',    'Trips@Birders.example',    24, 0, '2026-05-03 16:31Z', NULL),
    ('S9D2KF', 'F301', 'Guðrún Helgadóttir',  'gudrun@example.is',         5, 1, '2026-05-05 07:58Z', NULL),
    ('T1F8MG', 'F302', 'Lena Vogt',           'Lena.Vogt@example.de',      3, 1, '2026-05-07 21:15Z', NULL),
    ('U3G4NP', 'F202', 'Northern Birders',    'Trips@Birders.example',    24, 0, '2026-05-03 16:33Z', '2026-06-01 12:20Z'),
    ('V6H5PS', 'F303', 'Westfjords Cyclists', 'ride@westfjords.example',  17, 0, '2026-05-09 13:02Z', NULL),
    ('W8J7RT', 'F103', 'Skógar School',       'Office@Skogar.example',    62, 0, '2026-05-10 08:09Z', NULL),
    ('X2K9TV', 'F104', 'Anna Jónsdóttir',     'anna@example.is',           4, 1, '2026-04-21 10:14Z', NULL),
    ('Y4L1VW', 'F105', 'Market Traders',      'stalls@market.example',   120, 44, '2026-05-12 06:45Z', NULL),
    ('Z6M3WX', 'F106', 'Island Choir',        'alto@choir.example',       55, 3, '2026-05-14 18:20Z', NULL),
    ('A8N5XY', 'F203', 'Arctic Circle Tours', 'desk@arctic.example',      88, 0, '2026-05-15 09:30Z', NULL),
    ('B1P7YZ', 'F203', 'Mei Tanaka',          'mei@example.jp',            2, 0, '2026-05-16 03:11Z', NULL),
    ('C3Q9ZA', 'F304', 'Lena Vogt',           'Lena.Vogt@example.de',      3, 1, '2026-05-07 21:18Z', '2026-05-20 10:00Z'),
    ('D5R2AB', 'F304', 'Flatey Book Club',    'pages@flatey.example',     11, 2, '2026-05-18 15:55Z', NULL),
    ('E7S4BC', 'F204', 'Arctic Circle Tours', 'desk@arctic.example',      88, 0, '2026-05-15 09:34Z', NULL)
) AS t (reference, sailing, contact_name, contact_email, passengers, cars, booked_at, cancelled_at)
JOIN sailings s ON s.code = t.sailing;
