create table ports (id bigint);
