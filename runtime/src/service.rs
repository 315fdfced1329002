//! A page that says whether a service may take traffic, ready to be mounted: a `tower` service over [`Health`].
//!
//! ```
//! use graven::service::HealthService;
//!
//! static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
//!
//! let ready = HealthService::of_url(MIGRATIONS.migrator(), "postgres://app@localhost/app");
//! # let _ = ready;
//! ```
//!
//! With axum it is a route, `Router::new().route_service("/health/migrations", ready)`; with hyper and tonic a service like
//! any other. Its answer to GET and HEAD is
//!
//! | status | when | body |
//! |---|---|---|
//! | 200 | the service may take traffic: [`Health::is_ready`] | the [`Health`], as JSON |
//! | 503 | it may not | the same |
//! | 503 | the database cannot be asked, or does not answer in time | `{"state":"unknown","error":"…"}` |
//!
//! always with `Cache-Control: no-store`. Other methods get 405.
//!
//! # For readiness, not for liveness
//!
//! Kubernetes takes a pod that is not ready out of its services, and puts it back by itself. One that is not alive it
//! restarts, which brings neither the database back nor a migration about:
//!
//! ```yaml
//! readinessProbe:
//!   httpGet: { path: /health/migrations, port: 8080 }
//!   periodSeconds: 5
//!   timeoutSeconds: 3      # longer than the service's own timeout, so that its answer arrives
//! livenessProbe:
//!   httpGet: { path: /health/live, port: 8080 }   # a route of yours that asks nobody
//! ```
//!
//! # What it costs
//!
//! An answer is handed out for a second ([`fresh_for`](HealthService::fresh_for)), those that say no as well, and however
//! many ask at once, one of them asks the database while the others wait for what it hears: a probe a second from many
//! makes one message a second.
//!
//! # Who may ask
//!
//! The body names migrations, application names and, where no connection can be made, the server's address. It never
//! holds a password, and no text of SQL. Mount it where probes come from, not on the public side.

mod answer;
#[cfg(feature = "tokio-postgres")]
mod kept;

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Method, Request, Response};
use tower_service::Service;

use self::answer::Answer;
use crate::connection::Connection;
use crate::migrator::Migrator;
use crate::verb::health::Health;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Asked = Pin<Box<dyn Future<Output = Result<Health, BoxError>> + Send>>;

/// Answers HTTP requests with whether a service may take traffic. See the [module](self).
///
/// Clones share what they know: mount one in several places, and they ask the database once.
#[derive(Clone)]
pub struct HealthService {
    ask: Arc<dyn Fn() -> Asked + Send + Sync>,
    shared: Arc<Shared>,
    fresh_for: Duration,
    timeout: Duration,
}

/// What clones have in common.
#[derive(Default)]
struct Shared {
    last: Mutex<Option<Last>>,
    /// Who holds it asks the database.
    turn: tokio::sync::Mutex<()>,
}

/// The latest answer.
struct Last {
    answer: Answer,
    since: Instant,
}

impl HealthService {
    /// One that asks by itself, and so serves for every pool and every option.
    ///
    /// ```
    /// # use graven::service::HealthService;
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # #[derive(Clone)] struct Pool;
    /// # impl Pool { async fn get(&self) -> Result<Box<tokio_postgres::Client>, graven::Error> { unimplemented!() } }
    /// # fn mount(pool: Pool) -> HealthService {
    /// HealthService::new(move || {
    ///     let pool = pool.clone();
    ///     async move {
    ///         let mut pooled = pool.get().await?;
    ///         // With deadpool it is `&mut **pooled`, with bb8 `&mut *pooled`.
    ///         MIGRATIONS.health(&mut *pooled).await
    ///     }
    /// })
    /// # }
    /// ```
    ///
    /// Its future is dropped when it takes longer than the [`timeout`](Self::timeout).
    pub fn new<F, W, E>(ask: F) -> Self
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<Health, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let ask = move || -> Asked {
            let asked = ask();
            Box::pin(async move { asked.await.map_err(Into::into) })
        };
        Self {
            ask: Arc::new(ask),
            shared: Arc::default(),
            fresh_for: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
        }
    }

    /// One that is given a connection whenever it asks, and drops it afterwards.
    ///
    /// ```
    /// # use graven::service::HealthService;
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// let ready = HealthService::with_connections(MIGRATIONS.migrator().namespace("billing"), || {
    ///     graven::connect("postgres://app@localhost/app")
    /// });
    /// # let _ = ready;
    /// ```
    pub fn with_connections<F, W, C, E>(migrator: Migrator, connect: F) -> Self
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<C, E>> + Send + 'static,
        C: Connection + 'static,
        E: Into<BoxError>,
    {
        let migrator = Arc::new(tokio::sync::Mutex::new(migrator));
        Self::new(move || {
            let (migrator, connecting) = (Arc::clone(&migrator), connect());
            async move {
                let mut connection = connecting.await.map_err(Into::into)?;
                migrator.lock().await.health(&mut connection).await.map_err(BoxError::from)
            }
        })
    }

    /// One with a connection of its own, made from a connection URL as for [`connect`](crate::connect) when it is first
    /// asked, kept, and made anew when it was lost.
    #[cfg(feature = "tokio-postgres")]
    #[must_use]
    pub fn of_url(migrator: Migrator, url: impl Into<String>) -> Self {
        let kept = Arc::new(kept::Kept::new(migrator, url.into()));
        Self::new(move || {
            let kept = Arc::clone(&kept);
            async move { kept.health().await }
        })
    }

    /// For how long an answer is handed out again. Default: 1 s. Zero asks for each request, one after another.
    #[must_use]
    pub fn fresh_for(mut self, duration: Duration) -> Self {
        self.fresh_for = duration;
        self
    }

    /// How long a request waits for the database at most, waiting for others that ask included. Default: 2 s. Stay below
    /// what the probe allows, or it hears nothing where it could have heard why.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn answer(&self) -> Answer {
        let began = Instant::now();
        let left = || self.timeout.saturating_sub(began.elapsed());
        if let Some(answer) = self.fresh() {
            return answer;
        }
        // Where whoever asks is dropped, the next one in line takes its turn.
        let Ok(_turn) = tokio::time::timeout(left(), self.shared.turn.lock()).await else {
            return Answer::late(self.timeout);
        };
        if let Some(answer) = self.fresh() {
            return answer;
        }
        let given = left();
        let answer = match tokio::time::timeout(given, (self.ask)()).await {
            Ok(Ok(health)) => Answer::of(&health),
            Ok(Err(error)) => Answer::unknown(&*error),
            // A caller that had waited for its turn has hardly asked: that is no answer for others.
            Err(_) if given < self.timeout / 2 => return Answer::late(self.timeout),
            Err(_) => Answer::late(self.timeout),
        };
        self.keep(&answer);
        answer
    }

    fn fresh(&self) -> Option<Answer> {
        let last = self.shared.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|last| last.since.elapsed() < self.fresh_for).map(|last| last.answer.clone())
    }

    fn keep(&self, answer: &Answer) {
        let mut last = self.shared.last.lock().unwrap_or_else(PoisonError::into_inner);
        answer.tell_after(last.as_ref().map(|last| &last.answer));
        *last = Some(Last { answer: answer.clone(), since: Instant::now() });
    }
}

impl<B> Service<Request<B>> for HealthService {
    /// The body is a `String`, which is a body to whoever knows the crate `http-body`: axum, hyper, tower-http.
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = request.method().clone();
        if method != Method::GET && method != Method::HEAD {
            return Box::pin(ready(Ok(answer::not_allowed())));
        }
        let service = self.clone();
        Box::pin(async move { Ok(service.answer().await.response(&method)) })
    }
}

impl std::fmt::Debug for HealthService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HealthService")
            .field("fresh_for", &self.fresh_for)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
