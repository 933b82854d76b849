//! The transport of the client: a stack of layers that sends the requests of the low-level client.
//!
//! Each layer is a [`Transport`] that wraps the next one. From the outermost to the innermost:
//!
//! | layer | purpose |
//! | --- | --- |
//! | `deadline` | limits the duration of the whole call; opens the tracing span of the call |
//! | `retry` | retries failed attempts; see [`RetryPolicy`] for the rules |
//! | `limit` | limits the number of concurrent requests of the client |
//! | `authenticate` | adds the access token; after a 401, replaces the token once and sends the request once more |
//! | `attempt` | limits the duration of one attempt, counts it and logs its result |
//! | `http`, or a custom transport | sends the request and reads the response, up to a maximum size |
//!
//! `authenticate` is inside `limit`, so that a token cannot expire while a request waits for its turn.
//!
//! Sign-in requests use the same layers, except for `limit` and `authenticate`. They skip `limit` because the
//! requests that wait for the token already hold its permits, which would be a deadlock.
//!
//! All delays use tokio's clock, and jitter comes from an injected function. Tests pause the clock and check
//! exact times.

mod attempt;
mod authenticate;
mod call_state;
mod deadline;
mod failure;
mod http;
mod limit;
mod retry;
mod retry_after;

use std::sync::Arc;
use std::time::Duration;

use carium_api::Transport;

pub(crate) use self::http::ReqwestTransport;
pub(crate) use call_state::{CallReport, RequestUri};
pub(crate) use failure::FailureCause;
pub use failure::TransportFailure;
pub(crate) use retry::RetryBudget;
pub use retry::RetryPolicy;
pub(crate) use retry_after::retry_after;

use crate::session::Session;

/// The settings of the layers.
#[derive(Clone)]
pub(crate) struct TransportSettings {
    pub(crate) call_timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) max_concurrency: usize,
    pub(crate) retry_policy: RetryPolicy,
    /// Returns uniformly distributed numbers from 0 to 1, for jitter.
    pub(crate) random: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// The host of the service, for tracing spans.
    pub(crate) server: Arc<str>,
}

/// Returns the layers for sign-in requests, around the innermost transport.
pub(crate) fn unauthenticated(
    innermost: &Arc<dyn Transport>,
    settings: &TransportSettings,
    budget: &Arc<RetryBudget>,
) -> Arc<dyn Transport> {
    let attempt = attempt::Attempt::new(Arc::clone(innermost), settings.attempt_timeout);
    with_retries_and_deadline(attempt, settings, budget)
}

/// Returns all layers, around the innermost transport.
pub(crate) fn authenticated(
    innermost: &Arc<dyn Transport>,
    session: Arc<Session>,
    settings: &TransportSettings,
    budget: &Arc<RetryBudget>,
) -> Arc<dyn Transport> {
    let attempt = attempt::Attempt::new(Arc::clone(innermost), settings.attempt_timeout);
    let authenticated = authenticate::Authenticate::new(attempt, session);
    let limited = limit::ConcurrencyLimit::new(authenticated, settings.max_concurrency);
    with_retries_and_deadline(limited, settings, budget)
}

fn with_retries_and_deadline(
    inner: impl Transport,
    settings: &TransportSettings,
    budget: &Arc<RetryBudget>,
) -> Arc<dyn Transport> {
    let retry = retry::Retry::new(
        inner,
        settings.retry_policy.clone(),
        Arc::clone(budget),
        Arc::clone(&settings.random),
    );
    Arc::new(deadline::Deadline::new(retry, settings.call_timeout, Arc::clone(&settings.server)))
}
