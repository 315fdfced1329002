static MIGRATIONS: graven::Migrations = graven::embed_migrations!("conflict_marker/migrations");

fn main() {}
