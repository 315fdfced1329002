static MIGRATIONS: graven::Migrations = graven::embed_migrations!("copy_from_stdin/migrations");

fn main() {}
