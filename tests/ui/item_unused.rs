#![deny(dead_code)]

graven::embed_migrations! {
    /// Nothing names it.
    static UNUSED = "item_unused/migrations", unsealed = "allow";
}

fn main() {}
