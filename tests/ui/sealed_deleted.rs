static MIGRATIONS: graven::Migrations = graven::embed_migrations!("sealed_deleted/migrations");

fn main() {}
