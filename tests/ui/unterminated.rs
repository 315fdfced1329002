static MIGRATIONS: graven::Migrations = graven::embed_migrations!("unterminated/migrations");

fn main() {}
