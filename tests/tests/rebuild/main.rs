//! What makes cargo build again, and what a build without debug assertions refuses: cargo is run over a package of its
//! own, step after step, as its author would change the migrations.
//!
//! A package that depends on graven under another name shows in passing that the expansion names nothing of its user's.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

mod app;
mod nightly;
#[path = "../scratch/mod.rs"]
mod scratch;

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use crate::app::App;
use crate::scratch::{EMAIL, INDEX, USERS};

/// The steps share one package, since a second one would be compiled from the beginning.
#[test]
fn a_change_to_the_migrations_is_built_or_refused() {
    let app = App::new();
    a_build_embeds_what_is_there(&app);
    a_sealed_migration_that_is_edited_deleted_or_renamed_is_refused(&app);
    two_migrations_of_one_version_are_refused(&app);
    an_edit_of_an_unsealed_migration_is_built(&app);
    an_unsealed_migration_that_is_renamed_or_deleted_is_built_so(&app);
    a_branch_that_is_checked_out_is_built_or_refused_when_the_program_runs(&app);
    a_file_with_an_older_time_is_refused_when_the_program_runs(&app);
    #[cfg(unix)]
    a_file_that_is_linked_is_built_when_what_it_points_to_is_edited(&app);
    what_was_built_of_another_worktree_is_refused_when_the_program_runs(&app);
    a_relative_folder_is_one_of_the_place_where_the_compiler_runs(&app);
    a_migration_made_by_graven_new_is_built(&app);
    a_migration_dropped_in_by_hand_is_refused_when_the_program_runs(&app);
    a_release_refuses_what_is_not_sealed_until_it_is_allowed_or_sealed(&app);
    a_release_does_not_know_where_it_was_built(&app);
    a_set_that_is_sealed_is_built_so(&app);
    a_build_script_notices_a_migration_dropped_in_by_hand(&app);
    a_migration_adds_160_bytes_to_a_program_beside_its_sql_and_less(&app);
    a_large_migration_is_built_beside_small_ones_and_other_line_ends(&app);
}

/// From 256 KB on, the compiler takes a text as bytes, without its file's name.
fn a_large_migration_is_built_beside_small_ones_and_other_line_ends(app: &App) {
    app.restore();
    app.write("0004_large.sql", &"select 4;\n".repeat(40_000));
    app.write("0004_large.down.sql", &"select -4;\n".repeat(40_000));
    app.write("0005_large.sql", &"select 5;\r\n".repeat(40_000));
    app.write("0006_small.sql", "select 6;\r\n");
    app.write("0007_directed.sql", &format!("-- graven: retries = 2\n{}", "select 7;\n".repeat(40_000)));
    app.seal();
    app.build().is_rebuilt();
    let listed = app.run();
    let files = ["0001_create_users", "0004_large", "0005_large", "0006_small", "0007_directed"];
    for file in files.map(|file| format!("{file}.sql")) {
        assert!(listed.contains(&format!("{file} Sealed")), "{file}: {}", listed.len());
    }
    assert!(listed.contains(r#"Sealed "select 4;\nselect 4;"#) && listed.contains(r#"Sealed "select 5;\nselect 5;"#));
}

/// Of names as long as they come: the bytes of a name are among the 160.
fn a_migration_adds_160_bytes_to_a_program_beside_its_sql_and_less(app: &App) {
    app.restore();
    let before = app.size();
    let (mut sql, migrations) = (0, 500);
    for number in 0..migrations {
        let text = format!("create table invoices_{number} (id bigint primary key);\n");
        app.write(&format!("20260131120{number:03}_create_invoices_by_month_{number:03}.sql"), &text);
        sql += text.len() as u64;
    }
    let added = app.size() - before;
    // The linker rounds each section up to a page.
    assert!(added <= sql + 160 * migrations, "{} a migration", (added - sql) / migrations);
    // What it says is worth something: the texts and what goes with each are there.
    assert!(added >= sql + 100 * migrations, "{added} bytes for {sql} of SQL");
}

fn a_build_embeds_what_is_there(app: &App) {
    app.build().succeeds();
    let listed = app.run();
    assert!(listed.contains("0001_create_users.sql Sealed \"create table users (id bigint);\""), "{listed}");
    assert!(listed.contains("0003_add_index.sql Unsealed"), "{listed}");
    assert!(!listed.contains("this binary was built before"), "{listed}");
    app.build().is_fresh();
}

fn a_sealed_migration_that_is_edited_deleted_or_renamed_is_refused(app: &App) {
    let edit = || app.write(USERS, "create table users (id uuid);\n");
    let delete = || app.remove(USERS);
    let rename = || fs::rename(app.migration(EMAIL), app.migration("0002_add_mail.sql")).unwrap();
    let changes: [(&dyn Fn(), &str); 3] = [
        (&edit, "sealed migration 1 was edited"),
        (&delete, "sealed migration 1 is gone"),
        (&rename, "sealed migration 2 was renamed"),
    ];
    for (change, message) in changes {
        change();
        app.build().fails_with(message);
        app.restore();
        app.build().succeeds();
    }
}

fn two_migrations_of_one_version_are_refused(app: &App) {
    app.write("3_add_team.sql", "select 1;\n");
    // As a pull does that brings a second one.
    app.touch_seal();
    app.build().fails_with("two migrations have version 3");
    app.restore();
}

fn an_edit_of_an_unsealed_migration_is_built(app: &App) {
    app.build().succeeds();
    app.write(INDEX, "create unique index on users (email);\n");
    app.build().is_rebuilt();
    assert!(app.run().contains("0003_add_index.sql Unsealed \"create unique index on users (email);\""));
}

fn an_unsealed_migration_that_is_renamed_or_deleted_is_built_so(app: &App) {
    // `mv` keeps the time of the file.
    fs::rename(app.migration(INDEX), app.migration("0003_index_email.sql")).unwrap();
    app.build().is_rebuilt();
    let listed = app.run();
    assert!(listed.contains("0003_index_email.sql Unsealed") && !listed.contains("0003_add_index.sql"), "{listed}");
    app.remove("0003_index_email.sql");
    app.build().is_rebuilt();
    let listed = app.run();
    assert!(listed.contains("0002_add_email.sql Sealed") && !listed.contains("0003"), "{listed}");
    app.restore();
}

/// Git gives what it writes the time of now.
fn a_branch_that_is_checked_out_is_built_or_refused_when_the_program_runs(app: &App) {
    let branch = |name: &str, change: &dyn Fn()| {
        app.git(&["checkout", "-q", "-b", name, "main"]);
        change();
        app.git(&["add", "migrations"]);
        app.git(&["commit", "-q", "-m", name]);
    };
    app.git(&["init", "-q"]);
    app.git(&["checkout", "-q", "-b", "main"]);
    app.git(&["add", "migrations"]);
    app.git(&["commit", "-q", "-m", "main"]);
    branch("new", &|| app.new_migration("0004", "new"));
    branch("edited", &|| app.write(INDEX, "create unique index on users (email);\n"));
    branch("by-hand", &|| app.write("0004_by_hand.sql", "select 4;\n"));

    app.git(&["checkout", "-q", "new"]);
    app.build().is_rebuilt();
    assert!(app.run().contains("0004_new.sql Unsealed"));
    app.git(&["checkout", "-q", "edited"]);
    app.build().is_rebuilt();
    let listed = app.run();
    assert!(listed.contains("create unique index") && !listed.contains("0004_new.sql"), "{listed}");
    app.git(&["checkout", "-q", "main"]);
    app.build().is_rebuilt();
    assert!(app.run().contains("create index"));

    // A branch that adds a file without a word in the seal file changes nothing that cargo knows of.
    app.git(&["checkout", "-q", "by-hand"]);
    app.build().is_fresh();
    let listed = app.run();
    assert!(listed.contains("this binary was built before migrations/0004_by_hand.sql was added"), "{listed}");
    app.git(&["checkout", "-q", "main"]);
    app.build().is_fresh();
    let listed = app.run();
    assert!(listed.contains("create index") && !listed.contains("was built before"), "{listed}");
}

/// Cargo takes a file for unchanged that is not newer than the last build.
fn a_file_with_an_older_time_is_refused_when_the_program_runs(app: &App) {
    let yesterday = yesterday();
    app.restore();
    app.build().is_rebuilt();

    app.write_of(yesterday, INDEX, "create unique index on users (email);\n");
    app.build().is_fresh();
    let listed = app.run();
    assert!(listed.contains("this binary was built before migrations/0003_add_index.sql was edited"), "{listed}");
    assert!(listed.contains("touch migrations/seal.lock"), "{listed}");
    app.touch_seal();
    app.build().is_rebuilt();
    let listed = app.run();
    assert!(listed.contains("create unique index") && !listed.contains("was built before"), "{listed}");

    app.write_of(yesterday, "0004_older.sql", "select 4;\n");
    app.build().is_fresh();
    assert!(app.run().contains("this binary was built before migrations/0004_older.sql was added"));
    app.remove("0004_older.sql");
    app.write_of(yesterday, "0003_add_index.down.sql", "drop index users_email_idx;\n");
    app.build().is_fresh();
    assert!(app.run().contains("this binary was built before migrations/0003_add_index.down.sql was added"));
    app.remove("0003_add_index.down.sql");

    // Other line ends are the same text, and an edit that is newer is what the next build is for.
    app.write_of(yesterday, INDEX, "create unique index on users (email);\r\n");
    assert!(!app.run().contains("was built before"));
    app.write(INDEX, "create index on users (email);\n");
    assert!(!app.run().contains("was built before"));
    app.build().is_rebuilt();
}

#[cfg(unix)]
fn a_file_that_is_linked_is_built_when_what_it_points_to_is_edited(app: &App) {
    app.remove(INDEX);
    app.scratch.write("app/index.sql", "create index on users (email);\n");
    std::os::unix::fs::symlink("../index.sql", app.migration(INDEX)).unwrap();
    app.build().succeeds();
    app.scratch.write("app/index.sql", "create unique index on users (email);\n");
    app.build().is_rebuilt();
    assert!(app.run().contains("create unique index"));
    // What a link points to instead may be older than the build.
    app.write_of(yesterday(), "0003_add_index.sql.orig", "create index on users (lower(email));\n");
    app.remove(INDEX);
    std::os::unix::fs::symlink("0003_add_index.sql.orig", app.migration(INDEX)).unwrap();
    app.build().is_fresh();
    assert!(app.run().contains("this binary was built before migrations/0003_add_index.sql was edited"));
    app.restore();
}

/// To cargo, packages that lie elsewhere and share a target directory are one.
fn what_was_built_of_another_worktree_is_refused_when_the_program_runs(app: &App) {
    app.restore();
    app.build().succeeds();
    let worktree = app.worktree("another", yesterday());
    let (built, listed) = app.cargo_run_in(&worktree);
    built.is_fresh();
    assert!(!listed.contains("was built before"), "{listed}");

    let edited = worktree.join("migrations").join(INDEX);
    fs::write(&edited, "create unique index on users (email);\n").unwrap();
    File::options().write(true).open(&edited).unwrap().set_modified(yesterday()).unwrap();
    let (built, listed) = app.cargo_run_in(&worktree);
    built.is_fresh();
    assert!(listed.contains("this binary was built before migrations/0003_add_index.sql was edited"), "{listed}");
    fs::write(worktree.join("migrations/0004_by_hand.sql"), "select 4;\n").unwrap();
    let (built, listed) = app.cargo_run_in(&worktree);
    built.is_fresh();
    assert!(listed.contains("this binary was built before migrations/0004_by_hand.sql was added"), "{listed}");
    // The worktree that was built is not stale, nor is any where cargo runs another package.
    assert!(!app.run().contains("was built before"));
}

/// What builds other than cargo say of the package. The compiler includes what is relative from beside the source.
fn a_relative_folder_is_one_of_the_place_where_the_compiler_runs(app: &App) {
    app.restore();
    // As long as the other, so that its length does not give it away.
    app.scratch.write(&format!("app/src/migrations/{USERS}"), "create table other (id bigint);\n");
    app.build_in(".").succeeds();
    let listed = app.run();
    assert!(listed.contains("0001_create_users.sql Sealed \"create table users (id bigint);\""), "{listed}");
    assert!(!listed.contains("was built before"), "{listed}");
    app.touch_seal();
    app.build_in("").fails_with("GRAVEN_MANIFEST_DIR is empty: build with cargo, or set it to the package's folder");
    app.touch_seal();
    app.build().succeeds();
}

fn a_migration_made_by_graven_new_is_built(app: &App) {
    app.new_migration("0004", "add_name");
    app.build().is_rebuilt();
    assert!(app.run().contains("0004_add_name.sql Unsealed"));
}

fn a_migration_dropped_in_by_hand_is_refused_when_the_program_runs(app: &App) {
    // A name that the next build refuses is seen as well.
    for file in ["0005-by-hand.sql", "by_hand.sql", "V5__by_hand.sql"] {
        app.write(file, "select 5;\n");
        app.build().is_fresh();
        let listed = app.run();
        assert!(listed.contains(&format!("was built before migrations/{file} was added")), "{listed}");
        app.remove(file);
    }
    app.write("0005_by_hand.sql", "select 5;\n");
    app.build().is_fresh();
    // What is to be typed holds where the program runs, as at a workspace's root.
    let listed = app.run_in(app.scratch.path());
    assert!(listed.contains("touch app/migrations/seal.lock"), "{listed}");
    let listed = app.run();
    assert!(listed.contains("this binary was built before migrations/0005_by_hand.sql was added"), "{listed}");
    assert!(listed.contains("touch migrations/seal.lock"), "{listed}");
    app.touch_seal();
    app.build().is_rebuilt();
    let listed = app.run();
    assert!(listed.contains("0005_by_hand.sql Unsealed") && !listed.contains("was built before"), "{listed}");
}

fn a_release_refuses_what_is_not_sealed_until_it_is_allowed_or_sealed(app: &App) {
    let refused = app.release(&[]);
    refused.fails_with("3 migrations are not sealed (3 to 5), and this is a release build");
    app.release(&["--features", "allow"]).succeeds();
    assert!(app.run().contains("0005_by_hand.sql Unsealed"));

    let printed = refused.lines_from("# Sealed migrations.");
    let is_of_seal = |line: &&str| line.starts_with(['#', '0']) || line.starts_with("head ");
    let lines: Vec<_> = printed.iter().map(String::as_str).take_while(is_of_seal).collect();
    assert_eq!(lines.len(), 7, "{lines:?}");
    app.write("seal.lock", &(lines.join("\n") + "\n"));
    app.release(&[]).succeeds();
    let listed = app.run();
    assert!(listed.contains("0005_by_hand.sql Sealed") && !listed.contains("Unsealed"), "{listed}");
}

fn a_release_does_not_know_where_it_was_built(app: &App) {
    let here = app.path().display().to_string();
    assert!(!app.binary_holds(&here), "the release holds {here}");
    // Nor does its guard look at anything.
    app.write("0006_by_hand.sql", "select 6;\n");
    assert!(!app.run().contains("was built before"));
    app.remove("0006_by_hand.sql");

    app.build().succeeds();
    assert!(app.binary_holds(&here), "even a dev build does not hold {here}: the search finds nothing");
}

fn a_set_that_is_sealed_is_built_so(app: &App) {
    app.new_migration("0006", "add_team");
    app.build().is_rebuilt();
    assert!(app.run().contains("0006_add_team.sql Unsealed"));
    app.seal();
    app.build().is_rebuilt();
    assert!(app.run().contains("0006_add_team.sql Sealed"));
}

fn a_build_script_notices_a_migration_dropped_in_by_hand(app: &App) {
    app.scratch.write("app/build.rs", "fn main() {\n    println!(\"cargo:rerun-if-changed=migrations\");\n}\n");
    app.build().succeeds();
    app.build().is_fresh();
    app.write("0007_by_hand.sql", "select 7;\n");
    app.build().is_rebuilt();
    let listed = app.run();
    assert!(listed.contains("0007_by_hand.sql Unsealed") && !listed.contains("was built before"), "{listed}");
}

fn yesterday() -> SystemTime {
    SystemTime::now() - Duration::from_secs(86_400)
}
