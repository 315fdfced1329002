static MIGRATIONS: graven::Migrations = graven::embed_migrations!("version_range/migrations");

fn main() {}
