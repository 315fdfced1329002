static MIGRATIONS: graven::Migrations = graven::embed_migrations!("baseline_of_nothing/migrations");

fn main() {}
