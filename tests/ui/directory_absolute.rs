static MIGRATIONS: graven::Migrations = graven::embed_migrations!("/srv/app/migrations");

fn main() {}
