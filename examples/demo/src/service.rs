//! The service: what to copy into your own.
//!
//! The migrations are part of the binary. Each instance runs them at its start and then serves; however many start at
//! once, each migration is applied by one of them, and the others wait for it. From then on readiness is a matter of one
//! round trip: does the database still hold what this binary was built for?

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use graven::service::HealthService;
use graven::{Health, Migrator, Report};
use serde_json::json;

use crate::board::{self, Departure};
use crate::database::Database;
use crate::page;

/// The schema that this binary was built for: `migrations/` beside this package's `Cargo.toml`.
pub(crate) static MIGRATIONS: graven::Migrations = graven::embed_migrations!();

/// How long a request waits for the database. Probes give up sooner or later themselves, and then know less.
const PATIENCE: Duration = Duration::from_secs(2);

/// What every request needs.
pub(crate) struct Service {
    /// Which instance this is, for people.
    name: String,
    database: Database,
}

impl Service {
    /// Brings the database up to what this binary needs. The service that comes back can serve.
    ///
    /// `migrator` is [`MIGRATIONS`] with the options that the caller wants: `&mut MIGRATIONS.migrator()`.
    ///
    /// # Errors
    ///
    /// Those of [`Migrator::run`], and where no connection can be made. A service that gets one must not start.
    pub(crate) async fn start(
        name: String,
        database: Database,
        migrator: &mut Migrator,
    ) -> Result<(Self, Report), graven::Error> {
        let mut connection = database.connection().await?;
        let report = migrator.run(&mut *connection).await?;
        connection.give_back();
        Ok((Self { name, database }, report))
    }

    /// Everything that the service answers to.
    pub(crate) fn router(self) -> Router {
        let service = Arc::new(self);
        // Whether this instance may take traffic: 200 or 503, with the counts behind the verdict.
        let ready = HealthService::new({
            let service = Arc::clone(&service);
            move || Arc::clone(&service).health()
        });
        Router::new()
            .route("/", get(departures))
            .route("/health/live", get(live))
            .route_service("/health/ready", ready.timeout(PATIENCE))
            .with_state(service)
    }

    async fn health(self: Arc<Self>) -> Result<Health, graven::Error> {
        let mut connection = self.database.connection().await?;
        let health = MIGRATIONS.health(&mut *connection).await?;
        connection.give_back();
        Ok(health)
    }

    async fn departures(&self) -> Result<Vec<Departure>, Unavailable> {
        let connection = self.database.connection().await?;
        let departures = board::departures(&connection).await?;
        connection.give_back();
        Ok(departures)
    }
}

/// Whether the process is up. It does not ask the database: restarting this process would not bring that back.
async fn live() -> Json<serde_json::Value> {
    Json(json!({ "live": true }))
}

/// The departure board, as a page or as JSON.
async fn departures(State(service): State<Arc<Service>>, headers: HeaderMap) -> Result<Response, Unavailable> {
    let departures = in_time(service.departures()).await?;
    let response_headers = [(header::CACHE_CONTROL, "no-store"), (header::VARY, "accept")];
    Ok(match Format::wanted(&headers) {
        Format::Json => (response_headers, Json(departures)).into_response(),
        Format::Html => (response_headers, page::departures(&service.name, &departures)).into_response(),
    })
}

/// What a client wants to be answered in.
#[derive(Debug, PartialEq)]
enum Format {
    Html,
    Json,
}

impl Format {
    /// A page, unless JSON is asked for by name and HTML is not.
    fn wanted(headers: &HeaderMap) -> Self {
        let accepts = |wanted: &str| {
            let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
            let mut kinds = values.flat_map(|value| value.split(','));
            kinds.any(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
        };
        if accepts("application/json") && !accepts("text/html") { Self::Json } else { Self::Html }
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(Unavailable::Late))
}

/// Why a request cannot be answered now. The next one opens a new connection and may well be answered.
#[derive(Debug, thiserror::Error)]
enum Unavailable {
    #[error(transparent)]
    Connection(#[from] graven::Error),
    #[error("the database did not answer the query")]
    Query(#[from] tokio_postgres::Error),
    #[error("the database did not answer within {PATIENCE:?}")]
    Late,
}

impl IntoResponse for Unavailable {
    /// The client learns that the database is away; the particulars are for the log.
    fn into_response(self) -> Response {
        match &self {
            Self::Connection(error) => tracing::warn!(cause = cause(error), "{error}"),
            Self::Query(error) => {
                tracing::warn!(cause = cause(&self), code = error.code().map(|code| code.code()), "{self}")
            }
            Self::Late => tracing::warn!("{self}"),
        }
        let headers = [(header::CACHE_CONTROL, "no-store"), (header::RETRY_AFTER, "1")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// What lies at the bottom of an error.
fn cause(error: &dyn std::error::Error) -> Option<String> {
    let mut deepest = error.source()?;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    Some(deepest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_for_whoever_asks_for_it_by_name() {
        for (accept, wanted) in [
            ("application/json", Format::Json),
            ("Application/JSON; q=0.9, */*", Format::Json),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Html),
            ("text/html, application/json", Format::Html),
            ("application/jsonlines", Format::Html),
            ("*/*", Format::Html),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(Format::wanted(&headers), wanted, "{accept}");
        }
        assert_eq!(Format::wanted(&HeaderMap::new()), Format::Html);
    }
}
