static MIGRATIONS: graven::Migrations = graven::embed_migrations!("more_than_ten/migrations");

fn main() {}
