graven::embed_migrations! {
    /// What is needed.
    static MIGRATIONS = "item_directory_absent/migrations", unsealed = "allow";
}

fn main() {
    println!("{}", MIGRATIONS.len());
}
