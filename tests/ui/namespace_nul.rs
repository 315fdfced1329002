static MIGRATIONS: graven::Migrations = graven::embed_migrations!("migrations", namespace = "a\0b");

fn main() {}
