static MIGRATIONS: graven::Migrations = graven::embed_migrations!("migrations", history =);

fn main() {}
