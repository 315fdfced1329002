//! A password is never printed, whatever form the URL has and whatever is wrong with it.

use crate::world::World;

const SECRET: &str = "hunter2";

/// Each holds the password; most are wrong in some way.
const URLS: [&str; 20] = [
    "postgres://me:hunter2@127.0.0.1:1/app",
    "postgresql://me:hunter2@127.0.0.1:1",
    "postgres://127.0.0.1:1/app?user=me&password=hunter2",
    "host=127.0.0.1 port=1 user=me password=hunter2 dbname=app",
    "host=127.0.0.1 port=1 user=me password='hunter2' dbname=app",
    "host=127.0.0.1 port=1 password='hunter2",
    "postgres://me:hunter2@127.0.0.1:port/app",
    "postgres://me:hunter2@127.0.0.1:99999/app",
    "postgres://me:hunter2@127.0.0.1:1/app?sslmode=maybe",
    "postgres://me:hunter2@127.0.0.1:1/app?sslmode=verify-full&sslrootcert=/no/such/file",
    "postgres://me:hunter2@127.0.0.1:1/app?sslcert=x",
    "postgres://me:hunter2@127.0.0.1:1/app?nonsense=1",
    "postgres://me:%zzhunter2@127.0.0.1:1/app",
    "postgres://me:p@hunter2@127.0.0.1:1/app",
    "postgres://me:p@hunter2/x@127.0.0.1:1/app",
    "postgres://me:hunter2#@127.0.0.1:1/app",
    "postgres://me:hunter2?@127.0.0.1:1/app",
    "postgres://me:hunter2/@127.0.0.1:1/app",
    "mysql://me:hunter2@127.0.0.1/app",
    "hunter2",
];

#[test]
fn no_form_of_a_url_shows_its_password() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    for url in URLS {
        assert!(url.contains(SECRET), "{url}");
        for arguments in [&["apply"][..], &["status", "--json"], &["verify"], &["resolve", "1", "--retry"]] {
            let by_argument = world.run(&[arguments, &["--database-url", url]].concat());
            let mut command = world.command(arguments);
            let by_environment = world.finish({
                command.env("DATABASE_URL", url);
                command
            });
            for ran in [by_argument, by_environment] {
                assert!(matches!(ran.code, Some(2 | 7)), "{url}\n{}", ran.page());
                assert!(!ran.page().contains(SECRET), "{url}\n{}", ran.page());
            }
        }
    }
}

#[test]
fn a_failing_migration_does_not_show_the_password_of_the_connection() {
    let world = World::with_database().with(&[("1_a.sql", "select nope;\n")]);
    let url = world.database().url();
    let password = url.rsplit_once('@').and_then(|(front, _)| front.rsplit_once(':')).expect("a password").1;
    assert!(password.len() > 4, "{password}");
    for arguments in [&["apply"][..], &["apply", "--json"], &["status"], &["verify"]] {
        let ran = world.run(arguments);
        assert!(!ran.page().contains(password), "{arguments:?}");
    }
}
