static MIGRATIONS: graven::Migrations = graven::embed_migrations!("kind_not_run/migrations");

fn main() {}
