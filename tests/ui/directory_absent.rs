static MIGRATIONS: graven::Migrations = graven::embed_migrations!("directory_absent/migrations");

fn main() {}
