graven::embed_migrations!(pub const MIGRATIONS = "migrations");

fn main() {}
