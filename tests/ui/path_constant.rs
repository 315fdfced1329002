const PATH: &str = "migrations";
static MIGRATIONS: graven::Migrations = graven::embed_migrations!(PATH);
static QUALIFIED: graven::Migrations = graven::embed_migrations!(path = crate::PATH);

fn main() {}
