static MIGRATIONS: graven::Migrations = graven::embed_migrations!("unsealed_release/migrations");

fn main() {}
