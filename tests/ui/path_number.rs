static MIGRATIONS: graven::Migrations = graven::embed_migrations!(7);

fn main() {}
