static MIGRATIONS: graven::Migrations = graven::embed_migrations!("file_name/migrations");

fn main() {}
