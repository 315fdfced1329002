static MIGRATIONS: graven::Migrations = graven::embed_migrations!("reverse_in_file/migrations");

fn main() {}
