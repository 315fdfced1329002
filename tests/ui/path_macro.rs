static MIGRATIONS: graven::Migrations = graven::embed_migrations!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"));

fn main() {}
