//! What a probe is answered: a status and a body, made once and handed out until it is no longer fresh.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Response, StatusCode, header};

use crate::verb::health::Health;

/// An answer, for as many requests as come while it is fresh.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    readiness: Readiness,
    body: Arc<str>,
    /// The same for the log, in one line.
    line: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    Ready,
    NotReady,
    /// The database could not be asked.
    Unknown,
}

/// The body where there is no health to tell.
#[derive(serde::Serialize)]
struct Unknown<'a> {
    state: &'a str,
    error: &'a str,
}

impl Answer {
    pub(super) fn of(health: &Health) -> Self {
        match serde_json::to_string(health) {
            Ok(body) => Self {
                readiness: if health.is_ready() { Readiness::Ready } else { Readiness::NotReady },
                body: body.into(),
                line: health.to_string().into(),
            },
            Err(error) => Self::unknown(&error),
        }
    }

    /// The database cannot be asked. The client learns what happened, and the log why.
    pub(super) fn unknown(error: &(dyn Error + 'static)) -> Self {
        let said = error.to_string();
        let mut line = said.clone();
        let mut source = error.source();
        while let Some(cause) = source {
            line.push_str(": ");
            line.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::without_health(&said, &line)
    }

    pub(super) fn late(timeout: Duration) -> Self {
        let said = format!("the database did not answer within {timeout:?}");
        Self::without_health(&said, &said)
    }

    fn without_health(said: &str, line: &str) -> Self {
        let body = serde_json::to_string(&Unknown { state: "unknown", error: said });
        Self {
            readiness: Readiness::Unknown,
            // Of two strings it does not fail.
            body: body.unwrap_or_default().into(),
            line: line.into(),
        }
    }

    /// Tells the log, once, that a service has come to be ready or has ceased to be.
    pub(super) fn tell_after(&self, last: Option<&Self>) {
        let before = last.map(|last| last.readiness);
        if before == Some(self.readiness) {
            return;
        }
        match self.readiness {
            // Who is ready from the start need not say so.
            Readiness::Ready if before.is_none() => {}
            Readiness::Ready => tracing::info!(target: "graven", health = %self.line, "ready again"),
            Readiness::NotReady => tracing::warn!(target: "graven", health = %self.line, "not ready"),
            Readiness::Unknown => {
                tracing::warn!(target: "graven", error = %self.line, "not ready: the database cannot be asked");
            }
        }
    }

    pub(super) fn response(&self, method: &Method) -> Response<String> {
        let status = match self.readiness {
            Readiness::Ready => StatusCode::OK,
            Readiness::NotReady | Readiness::Unknown => StatusCode::SERVICE_UNAVAILABLE,
        };
        let body = if *method == Method::HEAD { String::new() } else { self.body.as_ref().to_owned() };
        let mut response = with_status(status, body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The answer to what is neither GET nor HEAD.
pub(super) fn not_allowed() -> Response<String> {
    let mut response = with_status(StatusCode::METHOD_NOT_ALLOWED, String::new());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn with_status(status: StatusCode, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
