static MIGRATIONS: graven::Migrations = graven::embed_migrations!("inserted_before_seal/migrations");

fn main() {}
