//! A set of migrations: two that are sealed, and one that is not.

use std::fs;
use std::path::Path;

use graven_source::seal::Seal;
use graven_source::set::{Paths, Set};

pub(crate) const USERS: &str = "0001_create_users.sql";
pub(crate) const EMAIL: &str = "0002_add_email.sql";
pub(crate) const INDEX: &str = "0003_add_index.sql";

/// The files, `seal.lock` among them.
pub(crate) fn files() -> [(&'static str, String); 4] {
    let (users, email) = ("create table users (id bigint);\n", "alter table users add column email text;\n");
    let index = "create index on users (email);\n";
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [(USERS, users), (EMAIL, email), ("seal.lock", "")] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let sealed = Seal::default().seal_all(&Set::load(folder.path(), Path::new("."), Paths::Relative).set);
    let seal = sealed.with_unsealed("0003", "add_index").unwrap().render();
    [(USERS, users.to_owned()), (EMAIL, email.to_owned()), (INDEX, index.to_owned()), ("seal.lock", seal)]
}
