static MIGRATIONS: graven::Migrations = graven::embed_migrations!("duplicate_name/migrations");

fn main() {}
