static MIGRATIONS: graven::Migrations = graven::embed_migrations!("stray_file/migrations");

fn main() {}
