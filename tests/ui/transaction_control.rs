static MIGRATIONS: graven::Migrations = graven::embed_migrations!("transaction_control/migrations");

fn main() {}
