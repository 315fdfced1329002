//! The members of the workspace, each a surrounding of its own, and what they are to embed.

/// A package.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) edition: &'static str,
    pub(crate) depends_on: DependsOn,
    pub(crate) source: &'static str,
    /// Where in its folder the sample of migrations lies.
    pub(crate) sample: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub(crate) enum DependsOn {
    /// On graven, by this name.
    GravenAs(&'static str),
    /// On other members alone.
    Members(&'static [&'static str]),
}

/// What a set is to hold.
pub(crate) enum Holds {
    /// The sample of migrations.
    Sample,
    /// A migration of this name.
    One(&'static str),
    /// As many as make a deep expansion, a long chain of calls or a large array felt.
    Thousand,
}

/// A member without anything particular, by which others differ.
const PLAIN: Member = Member {
    name: "below",
    folder: "crates/below",
    edition: "2024",
    depends_on: DependsOn::GravenAs("graven"),
    source: "pub static MIGRATIONS: graven::Migrations = graven::embed_migrations!();",
    sample: &["migrations"],
};

/// All members, but for the program that shows what the others embed.
pub(crate) const MEMBERS: &[Member] = &[
    PLAIN,
    Member {
        name: "shared",
        folder: "crates/shared",
        source: r#"
            pub static MIGRATIONS: graven::Migrations = graven::embed_migrations!("../../shared db");
            pub static ROUNDABOUT: graven::Migrations = graven::embed_migrations!("./..//shared/../../shared db/");
        "#,
        sample: &[],
        ..PLAIN
    },
    Member {
        name: "linked",
        folder: "crates/linked",
        source: r#"
            pub static DIRECTORY: graven::Migrations = graven::embed_migrations!();
            pub static FILES: graven::Migrations = graven::embed_migrations!("links to files");
        "#,
        sample: &[],
        ..PLAIN
    },
    Member {
        name: "spaced",
        folder: "crates/größe 数 [1] & 'more'",
        source: r##"pub static MIGRATIONS: graven::Migrations = graven::embed_migrations!("{db} größe 数 #\u{31} $HOME 'é'");"##,
        sample: &["{db} größe 数 #1 $HOME 'é'"],
        ..PLAIN
    },
    // Its files are rewritten as a checkout on Windows has them.
    Member { name: "windows", folder: "crates/windows", ..PLAIN },
    Member {
        name: "edition_2015",
        folder: "crates/edition_2015",
        edition: "2015",
        source: r#"
            #[macro_use(embed_migrations)]
            extern crate graven;
            pub static MIGRATIONS: graven::Migrations = embed_migrations!();
            embed_migrations! { pub static ITEM = "migrations"; }
        "#,
        ..PLAIN
    },
    Member { name: "edition_2018", folder: "crates/edition_2018", edition: "2018", ..PLAIN },
    Member { name: "edition_2021", folder: "crates/edition_2021", edition: "2021", ..PLAIN },
    Member {
        name: "renamed",
        folder: "crates/renamed",
        depends_on: DependsOn::GravenAs("db"),
        source: "
            use db::{Migrations, embed_migrations as embed};
            pub static MIGRATIONS: Migrations = embed!();
            embed! { pub static ITEM; }
            // What else is called so is not meant.
            #[allow(dead_code)]
            mod graven {}
        ",
        ..PLAIN
    },
    Member {
        name: "facade",
        folder: "crates/facade",
        source: r#"
            pub use graven;
            pub use graven::{Migrations, embed_migrations};

            /// Hands everything on.
            #[macro_export]
            macro_rules! carve {
                ($($arguments:tt)*) => { $crate::graven::embed_migrations!($($arguments)*) };
            }

            /// Names the directory itself: it lies in the package that calls it.
            #[macro_export]
            macro_rules! carve_the_usual {
                () => { $crate::carve!("migrations", namespace = "usual") };
            }
        "#,
        sample: &[],
        ..PLAIN
    },
    Member {
        name: "through",
        folder: "crates/through",
        depends_on: DependsOn::Members(&["facade"]),
        source: r#"
            pub static MODULE: facade::Migrations = facade::graven::embed_migrations!();
            pub static MACRO: facade::Migrations = facade::embed_migrations!("migrations");
            pub static HANDED_ON: facade::Migrations = facade::carve!(path = "migrations", unsealed = "allow",);
            pub static USUAL: facade::Migrations = facade::carve_the_usual!();
        "#,
        ..PLAIN
    },
    Member { name: "wrapped", folder: "crates/wrapped", source: include_str!("wrapped.rs"), ..PLAIN },
    Member { name: "several", folder: "crates/several", source: include_str!("several.rs"), sample: &[], ..PLAIN },
    Member { name: "strict", folder: "crates/strict", source: include_str!("strict.rs"), ..PLAIN },
    // What is forbidden cannot be allowed again by an expansion.
    Member {
        name: "forbidding",
        folder: "crates/forbidding",
        source: "
            //! Forbids.
            #![forbid(warnings, future_incompatible, missing_docs, nonstandard_style, unsafe_code, unused)]
            #![forbid(let_underscore, rust_2018_idioms, unused_qualifications)]
            #![forbid(clippy::all, clippy::nursery, clippy::pedantic, clippy::allow_attributes)]

            /// In a static.
            pub static MIGRATIONS: graven::Migrations = graven::embed_migrations!();

            graven::embed_migrations! {
                /// As an item.
                pub static ITEM;
            }
        ",
        ..PLAIN
    },
    Member {
        name: "many",
        folder: "crates/many",
        // A limit that the smallest recursion over the migrations would reach.
        source: r#"
            #![recursion_limit = "16"]
            pub static STATIC: graven::Migrations = graven::embed_migrations!();
            pub const fn in_a_function() -> graven::Migrations {
                graven::embed_migrations!()
            }
        "#,
        sample: &[],
        ..PLAIN
    },
];

/// All sets, as the program says them, and what they are to hold.
pub(crate) const SETS: &[(&str, Holds)] = &[
    ("below::MIGRATIONS", Holds::Sample),
    ("shared::MIGRATIONS", Holds::Sample),
    ("shared::ROUNDABOUT", Holds::Sample),
    ("linked::DIRECTORY", Holds::Sample),
    ("linked::FILES", Holds::Sample),
    ("spaced::MIGRATIONS", Holds::Sample),
    ("windows::MIGRATIONS", Holds::Sample),
    ("edition_2015::MIGRATIONS", Holds::Sample),
    ("edition_2015::ITEM", Holds::Sample),
    ("edition_2018::MIGRATIONS", Holds::Sample),
    ("edition_2021::MIGRATIONS", Holds::Sample),
    ("renamed::MIGRATIONS", Holds::Sample),
    ("renamed::ITEM", Holds::Sample),
    ("through::MODULE", Holds::Sample),
    ("through::MACRO", Holds::Sample),
    ("through::HANDED_ON", Holds::Sample),
    ("through::USUAL", Holds::Sample),
    ("wrapped::LITERAL", Holds::Sample),
    ("wrapped::EXPRESSION", Holds::Sample),
    ("wrapped::TOKEN", Holds::Sample),
    ("wrapped::TOKENS", Holds::Sample),
    ("wrapped::NESTED", Holds::Sample),
    ("wrapped::ITEM", Holds::Sample),
    ("wrapped::of_items()[0]", Holds::Sample),
    ("wrapped::of_items()[1]", Holds::Sample),
    ("several::web::MIGRATIONS", Holds::One("web")),
    ("several::ledger::MIGRATIONS", Holds::One("ledger")),
    ("several::in_a_function()", Holds::One("web")),
    ("several::in_a_generic_function::<u8>()", Holds::One("ledger")),
    ("strict::MIGRATIONS", Holds::Sample),
    ("strict::ITEM", Holds::Sample),
    ("strict::in_a_function()", Holds::Sample),
    ("forbidding::MIGRATIONS", Holds::Sample),
    ("forbidding::ITEM", Holds::Sample),
    ("many::STATIC", Holds::Thousand),
    ("many::in_a_function()", Holds::Thousand),
];
