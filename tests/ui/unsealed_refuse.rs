static MIGRATIONS: graven::Migrations = graven::embed_migrations!("migrations", unsealed = "refuse");

fn main() {}
