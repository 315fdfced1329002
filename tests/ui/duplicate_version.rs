static MIGRATIONS: graven::Migrations = graven::embed_migrations!("duplicate_version/migrations");

fn main() {}
