graven::embed_migrations!(static MIGRATIONS = PATH);

fn main() {
    println!("{}", MIGRATIONS.len());
}
