static MIGRATIONS: graven::Migrations = graven::embed_migrations!("copy_to_stdout/migrations");

fn main() {}
