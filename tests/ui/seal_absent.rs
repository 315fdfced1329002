static MIGRATIONS: graven::Migrations = graven::embed_migrations!("seal_absent/migrations");

fn main() {}
