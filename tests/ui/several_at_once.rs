static MIGRATIONS: graven::Migrations = graven::embed_migrations!("several_at_once/migrations");

fn main() {}
