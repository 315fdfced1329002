static MIGRATIONS: graven::Migrations = graven::embed_migrations!("not_utf8/migrations");

fn main() {}
