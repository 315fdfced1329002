static MIGRATIONS: graven::Migrations = graven::embed_migrations!("directive/migrations");

fn main() {}
