//! `run_url`: what a URL means, what is said where it leads nowhere, and TLS.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use graven::{Error, Migrations, Outcome};
use graven_testkit::{Cluster, Database, Mode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use x509_cert::der::{Decode, Encode};

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

/// What takes connections and never says a word: a server that hangs, a load balancer with nobody behind it.
fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[tokio::test]
async fn a_host_that_stays_silent_is_given_up_in_time_and_the_next_one_taken() {
    let (database, silent) = (Database::create().unwrap(), silent());
    let address = silent.local_addr().unwrap();
    let url = format!("{}?connect_timeout=1&target_session_attrs=read-write", database.url());
    let began = Instant::now();
    let report = migrations().run_url(&url.replace('@', &format!("@{address},"))).await.unwrap();
    assert_eq!(report.outcome, Outcome::Applied);
    assert!(began.elapsed() >= Duration::from_secs(1), "it was asked first");
    // As a list of pairs, with an address for each host.
    let (account, place) = database.url().trim_start_matches("postgres://").split_once('@').unwrap();
    let ((user, password), (host, name)) = (account.split_once(':').unwrap(), place.split_once('/').unwrap());
    let (ip, port) = host.split_once(':').unwrap();
    let pairs = format!(
        "host=a.invalid,localhost hostaddr={ip},{ip} port={},{port} user={user} password={password} dbname={name} \
         connect_timeout=1",
        address.port()
    );
    assert_eq!(migrations().run_url(&pairs).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn hosts_that_stay_silent_are_named_with_the_limit() {
    let (one, other) = (silent(), silent());
    let (one, other) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let limit = "no answer within 1 s (connect_timeout)";
    let error = migrations().run_url(&format!("postgres://u@{one}/d?connect_timeout=1")).await.unwrap_err();
    assert!(error.explain().starts_with(&format!("cannot connect to {one}/d\n  cause: {limit}\n")), "{error:?}");
    let url = format!("postgres://u@{one},{other}/d?connect_timeout=1");
    let error = migrations().run_url(&url).await.unwrap_err();
    let expected = format!("cannot connect to {one},{other}/d\n  cause: {one}: {limit}; {other}\n  cause: {limit}\n");
    assert!(error.explain().starts_with(&expected), "{error:?}");
    let diagnosis = migrations().migrator().ignore_environment().doctor_url(&url).await;
    let found: Vec<&str> = diagnosis.complaints().map(|finding| finding.what.as_str()).collect();
    assert_eq!(found, [format!("cannot connect to {one},{other}/d: {one}: {limit}; {other}: {limit}")]);
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

/// The same certificate of X.509 version 1, as plain `openssl x509 -req` makes them, in PEM.
fn version_1(certificate: &rcgen::Certificate) -> String {
    let mut read = x509_cert::Certificate::from_der(certificate.der()).unwrap();
    read.tbs_certificate.version = x509_cert::certificate::Version::V1;
    read.tbs_certificate.extensions = None;
    pem::encode(&pem::Pem::new("CERTIFICATE", read.to_der().unwrap()))
}

#[tokio::test]
async fn a_certificate_of_version_1_serves_where_none_is_checked_or_it_is_trusted_itself() {
    let key = KeyPair::generate().unwrap();
    let certificate =
        version_1(&CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap());
    let files = TempDir::new().unwrap();
    let root = files.path().join("server.pem");
    fs::write(&root, &certificate).unwrap();
    let root = root.display();
    let cluster = Cluster::builder().tls(certificate, key.serialize_pem()).start().unwrap();
    for query in [
        String::new(),
        "sslmode=allow".to_owned(),
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=verify-ca&sslrootcert={root}"),
    ] {
        let database = cluster.database().unwrap();
        migrations().run_url(&format!("{}?{query}", database.url())).await.unwrap();
        assert_eq!(value(&database, "SELECT ssl FROM seen"), "true", "{query}");
    }
    let url = cluster.database().unwrap().url().replace("127.0.0.1", "localhost");
    let error = migrations().run_url(&format!("{url}?sslmode=verify-full&sslrootcert={root}")).await.unwrap_err();
    assert!(error.hint().unwrap().contains("a certificate of version 3, with its host in subjectAltName"), "{error:?}");
}

#[tokio::test]
async fn a_servers_certificate_that_is_its_own_authority_can_be_trusted_itself() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    let certificate = params.self_signed(&key).unwrap().pem();
    let files = TempDir::new().unwrap();
    let root = files.path().join("server.pem");
    fs::write(&root, &certificate).unwrap();
    let root = root.display();
    let cluster = Cluster::builder().tls(certificate, key.serialize_pem()).start().unwrap();
    let database = cluster.database().unwrap();
    let url = database.url().replace("127.0.0.1", "localhost");
    migrations().run_url(&format!("{url}?sslmode=verify-ca&sslrootcert={root}")).await.unwrap();
    assert_eq!(value(&database, "SELECT ssl FROM seen"), "true");
    // libpq would take the CN for a name.
    let error = migrations().run_url(&format!("{url}?sslmode=verify-full&sslrootcert={root}")).await.unwrap_err();
    assert!(error.hint().unwrap().contains("a certificate whose subjectAltName has this host"), "{error:?}");
}

#[tokio::test]
async fn what_to_do_about_a_connection_fits_why_there_is_none() {
    let Secured { cluster, files } = secured();
    let database = cluster.database().unwrap();
    let rules = "local all all trust\nhostssl all postgres all scram-sha-256\n";
    fs::write(cluster.data_directory().join("pg_hba.conf"), rules).unwrap();
    cluster.restart(Mode::Fast).unwrap();
    let url = database.url();
    let without_tls = format!("{url}?sslmode=disable");
    let (head, tail) = url.split_once('@').unwrap();
    let user = head.rsplit_once(':').unwrap().0;
    let file = |name: &str| files.path().join(name).display().to_string();
    let plain = Database::create().unwrap();
    for (url, words) in [
        (without_tls, "add such a line to pg_hba.conf"),
        (format!("{user}:wrong@{tail}"), "correct user and password in the URL"),
        (format!("{user}@{tail}"), "write it into the URL"),
        (url.replace(database.name(), "nowhere_at_all"), "create it"),
        (format!("{url}?sslmode=verify-ca&sslrootcert={}", file("absent.pem")), "see that this file is there"),
        (format!("{url}?sslmode=verify-ca&sslrootcert={}", file("empty.pem")), "see that this file is there"),
        (format!("{url}?sslmode=verify-ca&sslrootcert={}", file("stranger.pem")), "name the authority's certificate"),
        (format!("{url}?sslmode=verify-full&sslrootcert={}", file("own.pem")), "connect by the name that it is for"),
        (format!("{}?sslmode=require", plain.url()), "switch it on there"),
        ("postgres://u@127.0.0.1:1/d".to_owned(), "start the server"),
    ] {
        let error = migrations().run_url(&url).await.unwrap_err();
        assert!(error.hint().unwrap().contains(words), "{words}: {error:?}");
        let diagnosis = migrations().migrator().doctor_url(&url).await;
        let found = diagnosis.complaints().next().unwrap();
        assert_eq!(found.remedy, error.hint(), "{found:?}");
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

/// A server or something on the way to it resets the connection; nobody has said a word.
#[tokio::test]
async fn why_a_connection_was_lost_is_said() {
    let database = Database::create().unwrap();
    let server: tokio_postgres::Config = database.url().parse().unwrap();
    let port = server.get_ports()[0];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = database.url().replace(&format!(":{port}/"), &format!(":{}/", listener.local_addr().unwrap().port()));
    let (cut, is_cut) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        tokio::select! {
            copied = tokio::io::copy_bidirectional(&mut client, &mut server) => drop(copied),
            _ = is_cut => client.set_zero_linger().unwrap(),
        }
    });
    let migrations = set(&[("1_a.sql", "SELECT pg_sleep(60)")]);
    let run = tokio::spawn(async move { migrations.run_url(&url).await });
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    crate::common::until("the migration runs", || value(&database, sleeps) == "1").await;
    cut.send(()).unwrap();
    let error = run.await.unwrap().unwrap_err();
    let said = "the connection was lost: error communicating with the server: Connection reset by peer";
    assert!(error.explain().contains(said), "{error:?}");
}
