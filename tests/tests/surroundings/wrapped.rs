// The macro within the expansion of other macros, its path handed on in every way.

macro_rules! literal {
    ($name:ident, $path:literal) => {
        pub static $name: graven::Migrations = graven::embed_migrations!($path);
    };
}

macro_rules! expression {
    ($name:ident, $path:expr, $namespace:expr) => {
        pub static $name: graven::Migrations = graven::embed_migrations!(path = $path, namespace = $namespace);
    };
}

macro_rules! token {
    ($name:ident, $key:ident, $path:tt) => {
        pub static $name: graven::Migrations = graven::embed_migrations!($key = $path);
    };
}

macro_rules! tokens {
    ($name:ident, $($arguments:tt)*) => {
        pub static $name: graven::Migrations = graven::embed_migrations!($($arguments)*);
    };
}

macro_rules! nested {
    ($name:ident, $path:expr) => {
        expression!($name, $path, "nested");
    };
}

macro_rules! item {
    ($(#[$attribute:meta])* $visibility:vis $name:ident, $path:expr) => {
        graven::embed_migrations! { $(#[$attribute])* $visibility static $name = $path, namespace = "items"; }
    };
}

literal!(LITERAL, "migrations");
expression!(EXPRESSION, "migrations", r#"a "namespace""#);
token!(TOKEN, path, "migrations");
tokens!(TOKENS, "migrations", unsealed = "allow", history = "ops.history");
nested!(NESTED, r"migrations");
item! {
    /// Documented where it is used.
    #[allow(dead_code)]
    pub ITEM, "migrations"
}
item!(pub(crate) WITHIN, "migrations");
item!(PRIVATE, "migrations");

pub fn of_items() -> [graven::Migrations; 2] {
    [WITHIN, PRIVATE]
}
