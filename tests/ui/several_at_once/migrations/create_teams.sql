create table teams (id bigint primary key);
