//! The page for probes on a real database: mounted in axum, and asked without a network.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use graven::service::HealthService;
use graven_testkit::{Message, Proxy};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::common::{fresh, set, until, value};

const ONE: [(&str, &str); 1] = [("1_a.sql", "CREATE TABLE a ()")];
const TWO: [(&str, &str); 2] = [ONE[0], ("2_b.sql", "CREATE TABLE b ()")];

fn mounted(service: HealthService) -> Router {
    Router::new().route_service("/health/migrations", service)
}

async fn ask(app: &Router) -> (StatusCode, Value) {
    let request = Request::get("/health/migrations").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn mounted_in_axum_it_follows_the_history() {
    let (database, mut client) = fresh().await;
    let app = mounted(HealthService::of_url(set(&TWO).migrator(), database.url()).fresh_for(Duration::ZERO));
    let (status, body) = ask(&app).await;
    assert_eq!((status.as_u16(), &body["state"], &body["pending"]), (503, &json!("unhealthy"), &json!(2)));
    set(&TWO).run(&mut client).await.unwrap();
    let (status, body) = ask(&app).await;
    assert_eq!((status.as_u16(), &body["state"], &body["last_applied"]["name"]), (200, &json!("healthy"), &json!("b")));
    database.execute("UPDATE graven_history SET checksum = sha256('edited') WHERE version = 1").unwrap();
    let (status, body) = ask(&app).await;
    assert_eq!((status.as_u16(), &body["modified"]), (503, &json!(1)));
    assert_eq!(body["differences"], json!([{ "version": 1, "name": "a", "state": "modified" }]));
}

#[tokio::test]
async fn many_probes_are_one_connection_and_one_message_a_while() {
    let (database, mut client) = fresh().await;
    set(&ONE).run(&mut client).await.unwrap();
    let proxy = Proxy::to(database.url()).unwrap();
    let fresh_for = Duration::from_millis(200);
    let app = mounted(HealthService::of_url(set(&ONE).migrator(), proxy.url()).fresh_for(fresh_for));
    let began = Instant::now();
    for _ in 0..2 {
        for _ in 0..50 {
            assert_eq!(ask(&app).await.0, 200);
        }
        tokio::time::sleep(fresh_for).await;
    }
    let most = 1 + began.elapsed().as_millis() / fresh_for.as_millis();
    let traffic = proxy.traffic();
    let asked = traffic.messages.iter().filter_map(Message::sql).count();
    // Fifty may have taken longer than an answer is fresh, on a machine that is busy.
    assert!((2..=most).contains(&(asked as u128)), "{asked} of {most}: {traffic:#?}");
    assert_eq!(traffic.connections, 1, "{traffic:#?}");
}

#[tokio::test]
async fn a_connection_that_was_lost_meanwhile_is_made_anew_and_no_probe_fails() {
    let (database, mut client) = fresh().await;
    set(&ONE).run(&mut client).await.unwrap();
    let url = format!("{}?application_name=probe", database.url());
    let app = mounted(HealthService::of_url(set(&ONE).migrator(), url).fresh_for(Duration::ZERO));
    for _ in 0..3 {
        assert_eq!(ask(&app).await.0, 200);
        let of_probe = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'probe'";
        assert_eq!(value(&database, &format!("SELECT count(pg_terminate_backend(pid)) {of_probe}")), "1");
        until("it has ended", || value(&database, &format!("SELECT count(*) {of_probe}")) == "0").await;
    }
    assert_eq!(ask(&app).await.0, 200);
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_503_without_the_password() {
    let url = "postgres://somebody:swordfish@127.0.0.1:1/nothing";
    let app = mounted(HealthService::of_url(set(&ONE).migrator(), url));
    let (status, body) = ask(&app).await;
    assert_eq!((status.as_u16(), &body["state"]), (503, &json!("unknown")));
    let error = body["error"].as_str().unwrap();
    assert!(error.contains("cannot connect to 127.0.0.1:1/nothing") && !error.contains("swordfish"), "{error}");
}

#[tokio::test]
async fn connections_and_answers_may_come_from_the_caller() {
    let (database, mut client) = fresh().await;
    set(&ONE).migrator().namespace("web").run(&mut client).await.unwrap();
    let url = database.url().to_owned();
    let connect = move || {
        let url = url.clone();
        async move { graven::connect(&url).await }
    };
    let app = mounted(HealthService::with_connections(set(&ONE).migrator().namespace("web"), connect.clone()));
    assert_eq!(ask(&app).await.0, 200);
    let migrations = set(&ONE);
    let app = mounted(HealthService::new(move || {
        let connecting = connect();
        async move {
            let mut client = connecting.await?;
            migrations.health(&mut client).await
        }
    }));
    assert_eq!(ask(&app).await.0, 503, "the other namespace has nothing");
}

#[tokio::test]
async fn a_probe_that_gives_up_leaves_no_backend_at_work_and_the_next_one_asks_anew() {
    let (database, mut client) = fresh().await;
    set(&ONE).run(&mut client).await.unwrap();
    let url = format!("{}?application_name=probe", database.url());
    let patience = Duration::from_millis(100);
    let service = HealthService::of_url(set(&ONE).migrator(), url).timeout(patience).fresh_for(Duration::ZERO);
    let app = mounted(service.clone());
    // As long as this is open, a question about the history waits in the server, which does not see that nobody listens.
    let holder = database.connect().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE graven_history IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let of_probes =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'probe'";
    for _ in 0..3 {
        let began = Instant::now();
        let (status, body) = ask(&app).await;
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert_eq!((status.as_u16(), &body["state"]), (503, &json!("unknown")));
        assert_eq!(body["error"], "the database did not answer within 100ms");
    }
    until("what it asked is cancelled", || value(&database, of_probes) == "0").await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    // On a machine that is busy, an answer may take longer than the first ones were ready to wait.
    let patient = mounted(service.timeout(Duration::from_secs(60)));
    assert_eq!(ask(&patient).await.0, 200);
}
