graven::embed_migrations! {
    pub static MIGRATIONS: graven::Migrations = "migrations";
}

fn main() {
    println!("{}", MIGRATIONS.len());
}
