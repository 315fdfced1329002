static MIGRATIONS: graven::Migrations = graven::embed_migrations!("nul_byte/migrations");

fn main() {}
