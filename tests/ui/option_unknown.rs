static MIGRATIONS: graven::Migrations = graven::embed_migrations!("migrations", unsealled = "allow");

fn main() {}
