static MIGRATIONS: graven::Migrations = graven::embed_migrations!();

fn main() {}
