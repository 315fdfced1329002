static MIGRATIONS: graven::Migrations = graven::embed_migrations!("migrations", path = "db/migrations");

fn main() {}
