create schema ext; create extension hstore with schema ext; create extension citext; create extension pg_trgm schema ext;
create table uses (h ext.hstore default 'a=>1', c citext not null, t text);
create index on uses using gin (t ext.gin_trgm_ops);
create function to_h(a text) returns ext.hstore language sql immutable as $$ select ext.hstore(a, a) $$;
comment on extension citext is 'mine';
