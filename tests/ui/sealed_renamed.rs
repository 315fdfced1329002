static MIGRATIONS: graven::Migrations = graven::embed_migrations!("sealed_renamed/migrations");

fn main() {}
