static MIGRATIONS: graven::Migrations = graven::embed_migrations!(concat!("migra", "tions"));

fn main() {}
