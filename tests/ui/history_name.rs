static MIGRATIONS: graven::Migrations = graven::embed_migrations!("migrations", history = "ops.audit.history");

fn main() {}
