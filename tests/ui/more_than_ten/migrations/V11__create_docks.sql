create table docks (id bigint);
