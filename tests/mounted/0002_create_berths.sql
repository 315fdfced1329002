CREATE TABLE berths (id bigint PRIMARY KEY, boat bigint REFERENCES boats);
