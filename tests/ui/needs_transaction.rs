static MIGRATIONS: graven::Migrations = graven::embed_migrations!("needs_transaction/migrations");

fn main() {}
