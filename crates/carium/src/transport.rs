//! How a request reaches the service: small parts, each a [`Transport`] around the next.
//!
//! From the outside in:
//!
//! | part | what it does |
//! | --- | --- |
//! | `deadline` | one deadline for the whole call; opens its span, and says how it ended |
//! | `retry` | repeats what the operation's class permits, with full jitter and `Retry-After`, from one budget |
//! | `limit` | a limit on calls in flight, for the whole client |
//! | `sign_in` | puts the access token on; on a 401 renews it once and repeats once |
//! | `attempt` | a timeout for one try, and an event that tells how it went |
//! | `wire`, or a transport of one's own | sends, and reads the whole answer under its limit |
//!
//! The token is put on behind the queue, so that it is still good when the request's turn has come. Signing in
//! itself goes through the same parts but the queue and the token.
//!
//! A part that waits does so with tokio's clock and draws from the random source that it was given, so that
//! tests are exact.

mod attempt;
mod call;
mod deadline;
mod failure;
mod limit;
mod retry;
mod retry_after;
mod sign_in;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use carium_api::Transport;

pub(crate) use call::{CallReport, SentTo};
pub(crate) use failure::Cause;
pub use failure::TransportFailure;
pub(crate) use retry::Budget;
pub use retry::RetryPolicy;
pub(crate) use retry_after::retry_after;
pub(crate) use wire::Wire;

use crate::session::Session;

/// What the parts are set to.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) call_timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) in_flight: usize,
    pub(crate) retry: RetryPolicy,
    /// A number from 0 to 1, uniformly.
    pub(crate) random: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Where the service is, for spans.
    pub(crate) server: Arc<str>,
}

/// The parts that signing in goes through.
pub(crate) fn without_session(
    innermost: &Arc<dyn Transport>,
    settings: &Settings,
    budget: &Arc<Budget>,
) -> Arc<dyn Transport> {
    let attempt = attempt::Attempt::new(Arc::clone(innermost), settings.attempt_timeout);
    around(attempt, settings, budget)
}

/// All of the parts.
pub(crate) fn with_session(
    innermost: &Arc<dyn Transport>,
    session: Arc<Session>,
    settings: &Settings,
    budget: &Arc<Budget>,
) -> Arc<dyn Transport> {
    let attempt = attempt::Attempt::new(Arc::clone(innermost), settings.attempt_timeout);
    let signed_in = sign_in::SignedIn::new(attempt, session);
    around(limit::Limited::new(signed_in, settings.in_flight), settings, budget)
}

fn around(inner: impl Transport, settings: &Settings, budget: &Arc<Budget>) -> Arc<dyn Transport> {
    let retried =
        retry::Retried::new(inner, settings.retry.clone(), Arc::clone(budget), Arc::clone(&settings.random));
    Arc::new(deadline::Deadline::new(retried, settings.call_timeout, Arc::clone(&settings.server)))
}
