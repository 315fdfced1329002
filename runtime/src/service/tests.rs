//! The service by itself: what it answers, how often it asks, and for how long it waits.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{Method, Request, Response, header};
use tower_service::Service as _;

use super::HealthService;
use crate::error::Error;
use crate::migrations::Migrations;
use crate::private;
use crate::verb::health::{Health, HealthState};

const NOTHING: Migrations = private::migrations(&[], "migrations", None, None, "");

fn health(state: HealthState) -> Health {
    Health { state, ..Health::all_applied(&NOTHING) }
}

/// A service that is told this, and how often it has asked.
fn told(state: HealthState, after: Duration) -> (HealthService, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let service = HealthService::new(move || {
        counting.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::time::sleep(after).await;
            Ok::<_, Infallible>(health(state))
        }
    });
    (service, asked)
}

async fn ask(service: &HealthService, method: Method) -> Response<String> {
    let request = Request::builder().method(method).uri("/health/migrations").body(()).unwrap();
    match service.clone().call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn get(service: &HealthService) -> Response<String> {
    ask(service, Method::GET).await
}

fn header_of(response: &Response<String>, name: header::HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_status_follows_the_verdict_and_the_body_says_why() {
    for (state, status) in [(HealthState::Healthy, 200), (HealthState::Degraded, 200), (HealthState::Unhealthy, 503)] {
        let response = get(&told(state, Duration::ZERO).0).await;
        assert_eq!(response.status(), status, "{state}");
        assert_eq!(*response.body(), serde_json::to_string(&health(state)).unwrap());
        assert_eq!(header_of(&response, header::CONTENT_TYPE), "application/json");
        assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-store");
        assert_eq!(header_of(&response, header::CONTENT_LENGTH), response.body().len().to_string());
        assert_eq!(header_of(&response, header::RETRY_AFTER), if status == 503 { "1" } else { "" });
    }
}

#[tokio::test]
async fn a_head_request_gets_the_same_without_the_body() {
    let (service, _) = told(HealthState::Healthy, Duration::ZERO);
    let (got, head) = (get(&service).await, ask(&service, Method::HEAD).await);
    assert_eq!((head.status(), head.headers()), (got.status(), got.headers()));
    assert_eq!(head.body(), "");
}

#[tokio::test]
async fn other_methods_are_refused_and_ask_nobody() {
    let (service, asked) = told(HealthState::Healthy, Duration::ZERO);
    for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
        let response = ask(&service, method).await;
        assert_eq!((response.status().as_u16(), header_of(&response, header::ALLOW)), (405, "GET, HEAD"));
        assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-store");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_cannot_be_asked_is_503_with_the_error_and_not_its_causes() {
    let service = HealthService::new(|| async {
        let source = Box::new(std::io::Error::other("the particulars"));
        Err::<Health, _>(Error::Connect { target: "db:5432/app".to_owned(), source, grant: None })
    });
    let response = get(&service).await;
    assert_eq!(response.status(), 503);
    assert_eq!(*response.body(), r#"{"state":"unknown","error":"cannot connect to db:5432/app"}"#);
    assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn many_at_once_and_one_after_another_ask_once_while_the_answer_is_fresh() {
    let (service, asked) = told(HealthState::Healthy, Duration::from_millis(30));
    let service = service.fresh_for(Duration::from_secs(60));
    let all: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn({
                let service = service.clone();
                async move { get(&service).await.status() }
            })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert_eq!(get(&service).await.status(), 200);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_is_not_handed_out_for_longer_than_it_is_fresh() {
    let (service, asked) = told(HealthState::Healthy, Duration::ZERO);
    let service = service.fresh_for(Duration::from_millis(20));
    get(&service).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    get(&service).await;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let service = service.fresh_for(Duration::ZERO);
    get(&service).await;
    get(&service).await;
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_database_that_hangs_is_503_in_time_for_all_who_wait_and_is_asked_once() {
    let (service, asked) = told(HealthState::Healthy, Duration::from_secs(3600));
    let service = service.timeout(Duration::from_millis(50)).fresh_for(Duration::from_secs(60));
    let began = Instant::now();
    let all: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let service = service.clone();
                async move { get(&service).await }
            })
        })
        .collect();
    for one in all {
        let response = one.await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(*response.body(), r#"{"state":"unknown","error":"the database did not answer within 50ms"}"#);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn whoever_waits_takes_over_from_one_that_is_dropped() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let service = HealthService::new(move || {
        let number = counting.fetch_add(1, Ordering::Relaxed);
        async move {
            // The first one is not answered.
            tokio::time::sleep(Duration::from_secs(if number < 1 { 3600 } else { 0 })).await;
            Ok::<_, Infallible>(health(HealthState::Healthy))
        }
    });
    let first = tokio::spawn({
        let service = service.clone();
        async move { get(&service).await }
    });
    while asked.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let second = tokio::spawn({
        let service = service.clone();
        async move { get(&service).await }
    });
    tokio::task::yield_now().await;
    first.abort();
    assert_eq!(second.await.unwrap().status(), 200);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn who_had_hardly_asked_before_it_was_too_late_keeps_no_answer_for_others() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let service = HealthService::new(move || {
        let number = counting.fetch_add(1, Ordering::Relaxed);
        async move {
            // The first two are not answered.
            tokio::time::sleep(Duration::from_secs(if number < 2 { 3600 } else { 0 })).await;
            Ok::<_, Infallible>(health(HealthState::Healthy))
        }
    });
    let service = service.timeout(Duration::from_secs(3)).fresh_for(Duration::from_secs(60));
    let ask_anew = || {
        let service = service.clone();
        tokio::spawn(async move { get(&service).await })
    };
    let first = ask_anew();
    while asked.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let second = ask_anew();
    // The second has waited for its turn for most of its time when the first goes away.
    tokio::time::sleep(Duration::from_millis(1600)).await;
    first.abort();
    assert_eq!(second.await.unwrap().status(), 503);
    assert_eq!(get(&service).await.status(), 200, "the answer of the second was kept");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn no_duration_is_too_long() {
    let (service, _) = told(HealthState::Healthy, Duration::ZERO);
    let service = service.timeout(Duration::MAX).fresh_for(Duration::MAX);
    assert_eq!(get(&service).await.status(), 200);
    assert_eq!(get(&service).await.status(), 200);
}
