//! How a request reaches the service: small parts, each a [`Transport`] around the next.
//!
//! From the outside in:
//!
//! | part | what it does |
//! | --- | --- |
//! | `deadline` | one deadline for the whole call; opens its span, and says how it ended |
//! | `sign_in` | puts the access token on; on a 401 renews it once and repeats once |
//! | `retry` | repeats what the operation's class permits, with full jitter and `Retry-After`, from one budget |
//! | `limit` | a limit on calls in flight, for the whole client |
//! | `attempt` | a timeout for one try, and an event that tells how it went |
//! | `wire`, or a transport of one's own | sends, and reads the whole answer under its limit |
//!
//! A part that waits does so with tokio's clock and draws from the random source that it was given, so that
//! tests are exact.

mod attempt;
mod call;
mod deadline;
mod failure;
mod limit;
mod once;
mod retry;
mod retry_after;
mod sign_in;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use carium_api::Transport;

pub(crate) use call::CallReport;
pub(crate) use failure::Cause;
pub use failure::Failure;
pub(crate) use once::OnceTransport;
pub use retry::RetryPolicy;
pub(crate) use retry_after::retry_after;
pub(crate) use wire::Wire;

use crate::session::Session;

/// What the parts are set to.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) call_deadline: Duration,
    pub(crate) try_timeout: Duration,
    pub(crate) in_flight: usize,
    pub(crate) retry: RetryPolicy,
    /// A number from 0 to 1, uniformly.
    pub(crate) random: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Where the service is, for spans.
    pub(crate) server: Arc<str>,
}

/// The parts below sign-in, over the transport that sends: what signing in itself goes through.
pub(crate) fn without_session(innermost: Arc<dyn Transport>, settings: &Settings) -> Arc<dyn Transport> {
    let attempt = attempt::Attempt::new(innermost, settings.try_timeout);
    let limited = limit::Limited::new(attempt, settings.in_flight);
    Arc::new(retry::Retried::new(limited, settings.retry.clone(), Arc::clone(&settings.random)))
}

/// All of the parts.
pub(crate) fn with_session(
    inner: Arc<dyn Transport>,
    session: Arc<Session>,
    settings: &Settings,
) -> Arc<dyn Transport> {
    let signed_in = sign_in::SignedIn::new(inner, session);
    Arc::new(deadline::Deadline::new(signed_in, settings.call_deadline, Arc::clone(&settings.server)))
}
