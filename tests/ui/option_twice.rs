static MIGRATIONS: graven::Migrations = graven::embed_migrations!(unsealed = "allow", unsealed = "allow");

fn main() {}
