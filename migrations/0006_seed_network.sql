-- The network on opening day. These rows are reference data: every installation has them.

INSERT INTO ports (code, name, opened_on) VALUES
    ('DAL', 'Dalvík', '2019-05-01'),
    ('GRI', 'Grímsey', '2019-05-01'),
    ('LAN', 'Landeyjahöfn', '2021-03-15'),
    ('VES', 'Vestmannaeyjar', '2021-03-15'),
    ('STY', 'Stykkishólmur', '2023-06-01'),
    ('FLA', 'Flatey', '2023-06-01'),
    ('BRJ', 'Brjánslækur', '2023-06-01');

INSERT INTO routes (origin, destination, crossing_minutes) VALUES
    ('DAL', 'GRI', 180),
    ('GRI', 'DAL', 175),
    ('LAN', 'VES', 40),
    ('VES', 'LAN', 40),
    ('STY', 'FLA', 90),
    ('FLA', 'BRJ', 60),
    ('BRJ', 'STY', 150);

INSERT INTO vessels (name, passenger_capacity, car_capacity) VALUES
    ('Lundi', 390, 75),
    ('Kría', 280, 49),
    ('Æður', 96, 0);
