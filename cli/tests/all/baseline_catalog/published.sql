create schema pubs; create table t (a int not null, b text, c int, unique nulls not distinct (b), primary key (a));
create table pubs.x (a int primary key);
create publication p1b for table t where (a > 5), tables in schema pubs;
create publication p2 for table t (a, b);
create view inv with (security_invoker = true) as select * from t;
create unlogged sequence us; create table i (a int generated always as identity); 
