static MIGRATIONS: graven::Migrations = graven::embed_migrations!("reverse_without_forward/migrations");

fn main() {}
