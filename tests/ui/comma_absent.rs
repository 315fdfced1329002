static MIGRATIONS: graven::Migrations = graven::embed_migrations!("migrations" unsealed = "allow");

fn main() {}
