// A library with several sets, in a module each, in functions and in a test.

pub mod web {
    pub static MIGRATIONS: graven::Migrations = graven::embed_migrations!("web", namespace = "web");
}

pub mod ledger {
    pub const MIGRATIONS: graven::Migrations = graven::embed_migrations!("ledger", namespace = "ledger");
}

pub fn in_a_function() -> graven::Migrations {
    let migrations = graven::embed_migrations!("web");
    migrations
}

/// An item within it cannot name the function's own types, and need not.
pub fn in_a_generic_function<T: Copy>() -> graven::Migrations {
    graven::embed_migrations!("ledger")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_test_has_a_set_of_its_own() {
        static MIGRATIONS: graven::Migrations = graven::embed_migrations!("tests/migrations");
        assert_eq!(MIGRATIONS.iter().map(graven::Migration::name).collect::<Vec<_>>(), ["only_for_tests"]);
        assert_eq!(super::web::MIGRATIONS.len(), 1);
    }
}
