macro_rules! embed {
    ($name:ident, $path:expr) => {
        static $name: graven::Migrations = graven::embed_migrations!($path);
    };
    ($name:ident at $path:expr) => {
        static $name: graven::Migrations = graven::embed_migrations!(path = $path);
    };
}

embed!(FIRST, concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"));
embed!(SECOND, std::env!("MIGRATIONS"));
embed!(THIRD at env!("MIGRATIONS"));

fn main() {}
