static MIGRATIONS: graven::Migrations = graven::embed_migrations!("needs_no_transaction/migrations");

fn main() {}
