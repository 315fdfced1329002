static MIGRATIONS: graven::Migrations = graven::embed_migrations!("seal_damaged/migrations");

fn main() {}
