static MIGRATIONS: graven::Migrations = graven::embed_migrations!("set_local/migrations");

fn main() {}
