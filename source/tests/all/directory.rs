//! Which files of a directory are read, as what, and what is said of the others.

use std::fs;

use graven_source::set::Sealing;
use graven_source::{Checksum, Kind, normalise};

use crate::package::Package;

#[test]
fn each_kind_is_found_and_versions_are_compared_as_numbers() {
    let package = Package::new(&[
        ("10_ten.sql", "select 10;\n"),
        ("9_nine.up.sql", "select 9;\n"),
        ("0009_nine.down.sql", "select -9;\n"),
        ("10_all.baseline.sql", "select 1;\n"),
        ("views.repeatable.sql", "select 2;\n"),
        ("A views.repeatable.sql", "select 3;\n"),
        ("seal.lock", ""),
        ("README.md", "not read"),
        (".hidden.sql", "not read"),
    ]);
    let loaded = package.load();
    assert_eq!(loaded.problems, []);
    let set = &loaded.set;
    let found: Vec<_> = [&set.migrations, &set.reverses, &set.baselines]
        .into_iter()
        .flatten()
        .map(|found| (found.version.value(), found.kind, found.spelling.as_str(), found.name.as_str()))
        .collect();
    let wanted = [
        (9, Kind::Versioned, "9", "nine"),
        (10, Kind::Versioned, "10", "ten"),
        (9, Kind::Reverse, "0009", "nine"),
        (10, Kind::Baseline, "10", "all"),
    ];
    assert_eq!(found, wanted);
    let repeatables: Vec<_> = set.repeatables.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(repeatables, ["A views", "views"]);
    assert_eq!(set.files.len(), 7);
    assert!(set.files.iter().any(|file| file == "seal.lock"));
    for migration in &set.migrations {
        assert_eq!(&migration.file[migration.name_range()], migration.name);
        assert_eq!(migration.sealing, Sealing::Unsealed);
        assert_eq!(set.by_version(migration.version).unwrap().file, migration.file);
    }
}

#[test]
fn many_files_come_out_in_order_whichever_thread_has_read_them() {
    let is_wrong = |version: i64| version % 100 == 0;
    let text = |version| if is_wrong(version) { "select '".to_owned() } else { format!("select {version};\n") };
    let files: Vec<(String, String)> =
        (1..=600).map(|version| (format!("{version:04}_m.sql"), text(version))).collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    files.push(("seal.lock", ""));
    let loaded = Package::new(&files).load();
    let found: Vec<_> = loaded.set.migrations.iter().map(|found| (found.version.value(), found.checksum)).collect();
    let wanted: Vec<_> = (1..=600).map(|version| (version, Checksum::of_text(&text(version)))).collect();
    assert_eq!(found, wanted);
    let broken: Vec<_> = loaded.problems.iter().map(|problem| problem.place()).collect();
    let wanted: Vec<_> =
        (1..=600).filter(|it| is_wrong(*it)).map(|it| format!("migrations/{it:04}_m.sql:1:8")).collect();
    assert_eq!(broken, wanted);
}

#[test]
fn a_large_file_is_hashed_and_read_like_a_small_one() {
    for lines in [1, 100_000] {
        let sound = "select 1;\n".repeat(lines);
        let package = Package::new(&[("1_a.sql", &sound), ("2_b.sql", &format!("{sound}'")), ("seal.lock", "")]);
        let loaded = package.load();
        assert_eq!(loaded.set.migrations[0].checksum, Checksum::of_text(&sound));
        assert_eq!(loaded.set.migrations[1].checksum, Checksum::of_text(&format!("{sound}'")));
        assert_eq!(package.broken(), [("unterminated", format!("migrations/2_b.sql:{}:1", lines + 1))]);
    }
}

#[test]
fn a_checkout_with_crlf_and_a_byte_order_mark_has_the_same_checksum() {
    let (unix, windows) = ("select 1;\nselect 2;\n", "\u{feff}select 1;\r\nselect 2;\r\n");
    let package = Package::new(&[("1_a.sql", unix), ("2_b.sql", windows), ("seal.lock", "")]);
    let set = package.load().set;
    assert_eq!(set.migrations[0].checksum, set.migrations[1].checksum);
    assert_eq!(set.migrations[1].text, normalise(windows.to_owned()));
}

#[test]
fn an_empty_directory_needs_nothing_but_a_seal_file() {
    assert_eq!(Package::new(&[("seal.lock", "")]).broken(), []);
    assert_eq!(Package::new(&[]).broken(), [("seal-absent", "migrations/seal.lock".to_owned())]);
}

#[test]
fn a_file_of_comments_or_of_nothing_is_a_migration() {
    let package = Package::new(&[("1_a.sql", ""), ("2_b.sql", "-- on purpose left empty"), ("seal.lock", "")]);
    assert_eq!(package.broken(), []);
    assert_eq!(package.load().set.migrations.len(), 2);
}

#[test]
fn all_problems_of_a_directory_are_reported_at_once_sorted_by_file_and_line() {
    let package = Package::new(&[
        ("0001_a.sql", "select 'open;\n"),
        ("0002_b.sql", "select 1;\nvacuum;\n\n  commit;\n"),
        ("2_c.sql", "select 2;\n"),
        ("init.sql", "select 3;\n"),
        ("notes.txt", "stray"),
        ("0009_z.down.sql", "select 4;\n"),
    ]);
    let wanted = [
        ("unterminated", "migrations/0001_a.sql:1:8"),
        ("needs-no-transaction", "migrations/0002_b.sql:2:1"),
        ("transaction-control", "migrations/0002_b.sql:4:3"),
        ("reverse-without-forward", "migrations/0009_z.down.sql"),
        ("duplicate-version", "migrations/2_c.sql"),
        ("file-name", "migrations/init.sql"),
        ("stray-file", "migrations/notes.txt"),
        ("seal-absent", "migrations/seal.lock"),
    ];
    assert_eq!(package.broken(), wanted.map(|(rule, place)| (rule, place.to_owned())));
}

#[test]
fn no_two_messages_of_one_build_give_away_the_same_free_version() {
    let package = Package::new(&[
        ("0001_a.sql", ""),
        ("1_b.sql", ""),
        ("1_b.down.sql", ""),
        ("0008_c.sql", ""),
        ("init.sql", ""),
        ("seal.lock", ""),
    ]);
    let help: Vec<_> = package.load().problems.into_iter().flat_map(|problem| problem.help).collect();
    let wanted = [
        "give it the next free version (`mv` where git does not know it yet, or calls it conflicted):\n\
         git mv migrations/1_b.sql migrations/0002_b.sql\n\
         git mv migrations/1_b.down.sql migrations/0002_b.down.sql",
        "let `graven renumber 1` do that",
        "rename it (`mv` where git does not know it yet, or calls it conflicted):\ngit mv migrations/init.sql migrations/0009_init.sql",
    ];
    assert_eq!(help, wanted);
}

#[test]
fn a_name_that_is_clear_is_not_given_where_something_else_has_its_version() {
    let package = Package::new(&[
        ("0001_a.sql", ""),
        ("V1__b.sql", ""),
        ("U1__b.down.sql", ""),
        ("V7__c.sql", ""),
        ("7-d.sql", ""),
        ("seal.lock", ""),
    ]);
    let help: Vec<_> = package.load().problems.into_iter().flat_map(|problem| problem.help).collect();
    let wanted = [
        "rename it (`mv` where git does not know it yet, or calls it conflicted):\ngit mv migrations/7-d.sql migrations/7_d.sql",
        "rename it (`mv` where git does not know it yet, or calls it conflicted):\ngit mv migrations/U1__b.down.sql migrations/0008_b.down.sql",
        "rename it (`mv` where git does not know it yet, or calls it conflicted):\ngit mv migrations/V1__b.sql migrations/0008_b.sql",
        "rename it (`mv` where git does not know it yet, or calls it conflicted):\ngit mv migrations/V7__c.sql migrations/0009_c.sql",
    ];
    assert_eq!(help, wanted);
}

#[test]
fn a_migration_laid_out_as_diesel_has_it_is_told_how_to_move() {
    let package = Package::new(&[("seal.lock", "")]);
    let directory = package.root().join("migrations/2026-01-31-093000_create_users");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("up.sql"), "select 1;").unwrap();
    fs::write(directory.join("down.sql"), "select 1;").unwrap();
    let problems = package.load().problems;
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].rule.id, "stray-file");
    assert_eq!(
        problems[0].help,
        ["it is laid out as diesel would have it; take its files out \
          (`mv` where git does not know it yet, or calls it conflicted):\n\
          git mv migrations/2026-01-31-093000_create_users/up.sql migrations/20260131093000_create_users.up.sql\n\
          git mv migrations/2026-01-31-093000_create_users/down.sql migrations/20260131093000_create_users.down.sql"]
    );
}

#[test]
fn commands_over_strange_names_can_be_pasted_into_a_shell() {
    let package = Package::new(&[("V1__it's $(new).sql", ""), ("seal.lock", "")]);
    let help = &package.load().problems[0].help;
    assert_eq!(
        help,
        &[r"rename it (`mv` where git does not know it yet, or calls it conflicted):
git mv 'migrations/V1__it'\''s $(new).sql' 'migrations/1_it'\''s $(new).sql'"]
    );
}

#[test]
fn a_directory_that_is_nearly_there_is_named() {
    let package = Package::new(&[("seal.lock", "")]);
    let problems = package.load_at("migration").problems;
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].rule.id, "directory-absent");
    assert_eq!(problems[0].help[0], "name `migrations`, which is there");
    let problems = package.load_at("migrations/seal.lock").problems;
    assert_eq!(problems[0].message, "`migrations/seal.lock` is not a directory");
}

/// One that is made in its place would be an empty set, of which nothing is said.
#[test]
fn a_directory_that_is_gone_or_was_moved_is_not_to_be_made_anew() {
    let package = Package::new(&[("seal.lock", "")]);
    fs::create_dir(package.root().join("src")).unwrap();
    fs::rename(package.root().join("migrations"), package.root().join("db")).unwrap();
    let ways = [
        "name `db`, which is there",
        "take it back, if git has it: `git checkout HEAD -- migrations`",
        "name its new path, if it was moved: `embed_migrations!(\"PATH\")`",
        "create it, if there was none: `mkdir -p migrations`",
    ];
    assert_eq!(package.load().problems[0].help, ways);
    // Of two nobody can tell.
    fs::write(package.root().join("src/seal.lock"), "").unwrap();
    assert_eq!(package.load().problems[0].help, ways[1..]);
}

#[test]
fn a_copy_of_a_migration_is_to_be_deleted_and_not_to_run_as_another_one() {
    let text = "create table teams (id bigint);\n";
    let lines = format!("0003 create_teams {}\n", Checksum::of_text(text));
    let sealed = format!("head {}\n{lines}", Checksum::of_text(&lines));
    for copy in ["0003_create_teams copy.sql", "0003_create_teams_LOCAL_1234.sql"] {
        let package = Package::new(&[("0003_create_teams.sql", text), (copy, text), ("seal.lock", &sealed)]);
        let loaded = package.load();
        assert_eq!(loaded.problems.len(), 1, "{:#?}", loaded.problems);
        let problem = &loaded.problems[0];
        assert_eq!((problem.rule.id, &problem.path), ("duplicate-version", &format!("migrations/{copy}")));
        assert!(
            problem.notes.contains(&"it is a copy of migrations/0003_create_teams.sql: they have one text".to_owned())
        );
        assert!(
            problem.help.len() == 1 && problem.help[0].starts_with("delete the copy: `git rm -f -- "),
            "{problem:?}"
        );
        assert_eq!(loaded.set.renumberings, []);

        // Without a seal, nobody can tell which of them is the copy.
        let package = Package::new(&[("0003_create_teams.sql", text), (copy, text), ("seal.lock", "")]);
        let problems = package.load().problems;
        assert!(problems[0].notes.contains(&"one is a copy of the other: they have one text".to_owned()));
        assert_eq!(problems[0].help.iter().filter(|help| help.contains("`git rm -f -- ")).count(), 2, "{problems:?}");

        // With a text or a name of its own it is a migration of its own.
        for (other, its) in [(copy, "select 1;\n"), ("0003_add_teams.sql", text)] {
            let package = Package::new(&[("0003_create_teams.sql", text), (other, its), ("seal.lock", "")]);
            assert_eq!(package.load().set.renumberings.len(), 1, "{copy}");
        }
    }
}

#[test]
fn a_path_that_cargo_cannot_keep_track_of_is_refused() {
    let package = Package::new(&[("1_a\u{3000}b.sql", "select 1;\n"), ("2_b.sql", "select 2;\n"), ("seal.lock", "")]);
    let problems = package.load().problems;
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let said = "`1_a\u{3000}b.sql` is not the name of a migration: its name holds a space (U+3000) that cargo cannot keep track of";
    assert_eq!(problems[0].message, said);
    let command = "git mv 'migrations/1_a\u{3000}b.sql' migrations/1_a_b.sql";
    assert!(problems[0].help[0].ends_with(command), "{:?}", problems[0].help);

    let package = Package::new(&[]);
    fs::create_dir(package.root().join("our\u{a0}db")).unwrap();
    fs::write(package.root().join("our\u{a0}db/seal.lock"), "").unwrap();
    let problems = package.load_at("our\u{a0}db").problems;
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let said = "the path of the migrations directory holds a space (U+00A0) that cargo cannot keep track of";
    assert_eq!((problems[0].rule.id, problems[0].message.as_str()), ("file-name", said));
}

#[test]
fn what_is_not_utf8_says_where() {
    let package = Package::new(&[("seal.lock", "")]);
    package.write("1_latin.sql", b"select 1;\nselect '\xe9';\n");
    package.write("2_utf16.sql", b"\xff\xfes\0e\0l\0");
    package.write("3_nul.sql", b"select 1;\nselect '\0';\n");
    assert_eq!(
        package.broken(),
        [
            ("not-utf8", "migrations/1_latin.sql:2".to_owned()),
            ("not-utf8", "migrations/2_utf16.sql:1".to_owned()),
            ("nul-byte", "migrations/3_nul.sql:2".to_owned()),
        ]
    );
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use graven_source::read;

    use crate::package::Package;

    #[test]
    fn links_to_files_and_to_the_directory_are_followed() {
        let package = Package::new(&[("seal.lock", "")]);
        let root = package.root();
        fs::write(root.join("elsewhere.sql"), "select 1;\n").unwrap();
        symlink("../elsewhere.sql", root.join("migrations/1_a.sql")).unwrap();
        symlink("migrations", root.join("linked")).unwrap();
        let loaded = package.load_at("linked");
        assert_eq!(loaded.problems, []);
        assert_eq!(loaded.set.migrations[0].text, "select 1;\n");
        assert_eq!(loaded.set.path_of("1_a.sql"), "linked/1_a.sql");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_a_socket_is_not_waited_for() {
        let package = Package::new(&[("seal.lock", "")]);
        let directory = package.root().join("migrations");
        symlink("nowhere.sql", directory.join("1_dead.sql")).unwrap();
        let _socket = UnixListener::bind(directory.join("2_socket.sql")).unwrap();
        fs::create_dir(directory.join("3_folder.sql")).unwrap();
        fs::create_dir(directory.join(".git")).unwrap();
        fs::write(directory.join(OsStr::from_bytes(b"4_\xff.sql")), "").unwrap();
        let wanted = [
            ("directory-absent", "migrations/1_dead.sql"),
            ("stray-file", "migrations/2_socket.sql"),
            ("stray-file", "migrations/3_folder.sql"),
            ("file-name", "migrations/4_\u{fffd}.sql"),
        ];
        assert_eq!(package.broken(), wanted.map(|(rule, place)| (rule, place.to_owned())));
    }

    #[test]
    fn links_that_lead_to_no_file_say_why() {
        let package = Package::new(&[("seal.lock", "")]);
        let directory = package.root().join("migrations");
        symlink("gone.sql", directory.join("1_a.sql")).unwrap();
        symlink("2_b.sql", directory.join("2_b.sql")).unwrap();
        symlink("../migrations/4_d.sql", directory.join("3_c.sql")).unwrap();
        symlink(directory.join("3_c.sql"), directory.join("4_d.sql")).unwrap();
        let problems = package.load().problems;
        let said: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        let wanted = [
            "`1_a.sql` is a link to a file that is gone",
            "`2_b.sql` is a link that leads in a circle",
            "`3_c.sql` is a link that leads in a circle",
            "`4_d.sql` is a link that leads in a circle",
        ];
        assert_eq!(said, wanted);
        assert!(problems.iter().all(|problem| problem.rule.id == "directory-absent" && problem.help.len() == 2));
    }

    #[test]
    fn a_seal_file_that_is_no_file_is_neither_a_stray_nor_absent() {
        let package = Package::new(&[]);
        let file = package.root().join("migrations/seal.lock");
        let said = || -> Vec<(&str, String)> {
            package.load().problems.into_iter().map(|problem| (problem.rule.id, problem.message)).collect()
        };
        let wanted = |what: &str| [("directory-absent", format!("`seal.lock` is {what}, and no file"))];
        fs::create_dir(&file).unwrap();
        assert_eq!(said(), wanted("a directory"));
        fs::remove_dir(&file).unwrap();
        symlink("gone", &file).unwrap();
        assert_eq!(said(), wanted("a link to a file that is gone"));
        fs::remove_file(&file).unwrap();
        symlink("seal.lock", &file).unwrap();
        assert_eq!(said(), wanted("a link that leads in a circle"));
        fs::remove_file(&file).unwrap();
        let _socket = UnixListener::bind(&file).unwrap();
        assert_eq!(said(), wanted("a pipe, a socket or a device"));
    }

    #[test]
    fn writing_replaces_what_a_link_points_to_keeps_permissions_and_leaves_nothing_behind() {
        use std::os::unix::fs::PermissionsExt;

        let package = Package::new(&[("seal.lock", "old")]);
        let directory = package.root().join("migrations");
        let file = directory.join("seal.lock");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("migrations/seal.lock", package.root().join("link")).unwrap();
        read::write(&package.root().join("link"), "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(package.root().join("link")).unwrap().is_symlink());
        assert_eq!(read::list(&directory).unwrap().len(), 1);

        read::write(&directory.join("made.lock"), "made").unwrap();
        assert_eq!(read::read(&directory.join("made.lock")).unwrap(), b"made");
        assert!(read::write(&package.root().join("absent/seal.lock"), "").is_err());
    }
}
