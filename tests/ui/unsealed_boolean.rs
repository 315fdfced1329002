static MIGRATIONS: graven::Migrations = graven::embed_migrations!("migrations", unsealed = true);

fn main() {}
