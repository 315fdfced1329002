static MIGRATIONS: graven::Migrations = graven::embed_migrations!("sealed_edited/migrations");

fn main() {}
