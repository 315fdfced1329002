begin;
set local search_path to app;
create table users (id bigint primary key);
commit;
create table teams (id bigint primary key);
