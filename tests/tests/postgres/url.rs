//! `run_url`: what a URL means, what is said where it leads nowhere, and TLS.

use std::fs;

use graven::{Error, Migrations, Outcome};
use graven_testkit::{Cluster, Database};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::common::{lines, set, value};

fn migrations() -> Migrations {
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    let seen = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    set(&[("0001_seen.sql", &format!("CREATE TABLE seen AS {seen};\nCREATE TABLE held AS {locks}"))])
}

#[tokio::test]
async fn a_url_by_tcp_or_socket_is_all_that_a_run_needs() {
    let database = Database::create().unwrap();
    let report = migrations().run_url(database.url()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Applied);
    assert_eq!(migrations().run_url(&database.socket_url()).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(lines(&database, "SELECT applied_as LIKE 'graven/%' FROM graven_history"), ["t"]);
}

#[tokio::test]
async fn the_connection_of_a_url_is_closed_at_the_end() {
    let database = Database::create().unwrap();
    migrations().run_url(database.url()).await.unwrap();
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'graven'";
    crate::common::until("the connection is closed", || value(&database, open) == "0").await;
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let database = Database::create().unwrap();
    let secret = "hunter2secret";
    let (head, tail) = database.url().split_once('@').unwrap();
    let user = head.rsplit_once(':').unwrap().0;
    let urls = [
        format!("{user}:{secret}@{tail}"),
        format!("postgres://u:{secret}@127.0.0.1:1/db"),
        format!("postgres://u:{secret}@nowhere.invalid/db"),
        format!("postgres://u:{secret}@127.0.0.1:notaport/db"),
        format!("postgres://u:{secret}@127.0.0.1/db?sslmode=odd"),
        format!("postgres://u:{secret}@127.0.0.1/db?unknown=1"),
        format!("mysql://u:{secret}@127.0.0.1/db"),
        format!("host=127.0.0.1 port=1 password='{secret}"),
        format!("host=127.0.0.1 port=1 user=u password={secret}"),
        format!("postgres://u:{secret}%@127.0.0.1:1/db"),
        secret.to_owned(),
    ];
    for url in urls {
        let error = migrations().run_url(&url).await.unwrap_err();
        let mut said = format!("{error} {error:?} {} {:?}", error.explain(), error.hint());
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            said.push_str(&format!(" {cause} {cause:?}"));
            source = cause.source();
        }
        assert!(!said.contains("hunter2") && !said.contains(secret), "{said}");
        assert!(matches!(error, Error::Connect { .. } | Error::Url { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_database_that_is_not_there_are_told_in_postgresqls_words() {
    let database = Database::create().unwrap();
    let (head, tail) = database.url().split_once('@').unwrap();
    let user = head.rsplit_once(':').unwrap().0;
    for (url, words) in [
        (format!("{user}:wrong@{tail}"), "password authentication failed for user \"postgres\" (SQLSTATE 28P01)"),
        (
            database.url().replace(database.name(), "nowhere_at_all"),
            "database \"nowhere_at_all\" does not exist (SQLSTATE 3D000)",
        ),
    ] {
        let error = migrations().run_url(&url).await.unwrap_err();
        assert!(error.explain().contains(words), "{error:?}");
        assert!(error.to_string().starts_with("cannot connect to 127.0.0.1:"), "{error}");
    }
}

#[tokio::test]
async fn a_refused_connection_names_the_target() {
    let error = migrations().run_url("postgres://u@127.0.0.1:1,localhost:2/db?connect_timeout=5").await.unwrap_err();
    assert_eq!(error.to_string(), "cannot connect to 127.0.0.1:1,localhost:2/db");
    assert!(error.explain().contains("refused"), "{error:?}");
}

/// A server whose certificate is good for `localhost` only, and the files of its authority and of a stranger.
struct Secured {
    cluster: Cluster,
    files: TempDir,
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), certificate)
}

fn secured() -> Secured {
    let (issuer, own) = authority("own");
    let (_, stranger) = authority("stranger");
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let files = TempDir::new().unwrap();
    fs::write(files.path().join("own.pem"), own).unwrap();
    fs::write(files.path().join("stranger.pem"), stranger).unwrap();
    fs::write(files.path().join("empty.pem"), "").unwrap();
    let cluster = Cluster::builder().tls(certificate.pem(), key.serialize_pem()).start().unwrap();
    Secured { cluster, files }
}

#[tokio::test]
async fn each_sslmode_checks_what_it_says_and_no_more() {
    let Secured { cluster, files } = secured();
    let file = |name: &str| files.path().join(name).display().to_string();
    let (own, stranger, empty, absent) = (file("own.pem"), file("stranger.pem"), file("empty.pem"), file("absent.pem"));
    let cases: [(&str, String, Result<&str, &str>); 18] = [
        ("127.0.0.1", String::new(), Ok("true")),
        ("127.0.0.1", "sslmode=disable".to_owned(), Ok("false")),
        ("127.0.0.1", "sslmode=allow".to_owned(), Ok("true")),
        ("127.0.0.1", "sslmode=prefer".to_owned(), Ok("true")),
        ("127.0.0.1", "sslmode=require".to_owned(), Ok("true")),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={own}"), Ok("true")),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={stranger}"), Err("UnknownIssuer")),
        ("127.0.0.1", "sslmode=verify-ca".to_owned(), Err("sslrootcert")),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={own}"), Ok("true")),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={own}"), Ok("true")),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={stranger}"), Err("UnknownIssuer")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={own}"), Ok("true")),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={own}"), Err("not valid for name")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={stranger}"), Err("UnknownIssuer")),
        ("localhost", "sslmode=verify-full".to_owned(), Err("cause: ")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={empty}"), Err("empty.pem holds no certificate")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={absent}"), Err("absent.pem")),
        ("localhost", format!("sslmode=verify-full&sslcert={own}"), Err("sslcert is not supported")),
    ];
    for (host, query, expected) in cases {
        let database = cluster.database().unwrap();
        let url = format!("{}?{query}", database.url().replace("127.0.0.1", host));
        match (migrations().run_url(&url).await, expected) {
            (Ok(_), Ok(encrypted)) => {
                assert_eq!(value(&database, "SELECT ssl FROM seen"), encrypted, "{host} {query}");
                // However it is encrypted, the server's own process is recognised, and no pooler is suspected.
                assert_eq!(value(&database, "SELECT count FROM held"), "1", "{host} {query}");
            }
            (Err(error), Err(words)) => assert!(error.explain().contains(words), "{host} {query}: {error:?}"),
            (found, _) => panic!("{host} {query}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required_and_taken_where_it_is_not() {
    let database = Database::create().unwrap();
    let error = migrations().run_url(&format!("{}?sslmode=require", database.url())).await.unwrap_err();
    assert!(error.explain().contains("server does not support TLS"), "{error:?}");
    migrations().run_url(&format!("{}?sslmode=prefer", database.url())).await.unwrap();
    assert_eq!(value(&database, "SELECT ssl FROM seen"), "false");
}
