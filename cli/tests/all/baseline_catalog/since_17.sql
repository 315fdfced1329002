create table ip (id bigint generated always as identity, k int) partition by list (k);
create table ip1 partition of ip for values in (1); create table ip2 (id bigint not null, k int);
alter table ip attach partition ip2 for values in (2);
insert into ip (k) values (1), (2), (1);
create domain nn as int constraint my_nn not null; create domain nn2 as int not null; grant maintain on t to n_a;
grant all on t to n_b;
create table am1 (a int, b int generated always as (a + 1) stored, constraint ck check (b > 0) no inherit);
