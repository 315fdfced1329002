static MIGRATIONS: graven::Migrations = graven::embed_migrations!("psql_command/migrations");

fn main() {}
