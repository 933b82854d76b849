//! The transport of the client: a stack of layers that sends the requests of the low-level client.
//!
//! From the outermost to the innermost layer:
//!
//! | layer | purpose |
//! | --- | --- |
//! | `Deadline` | limits the duration of the whole call; opens the tracing span of the call |
//! | `Retry` | retries failed attempts; see [`RetryPolicy`] for the rules |
//! | `ConcurrencyLimit` | limits the number of concurrent requests of the client |
//! | `Authenticate` | adds the access token; after a 401, replaces the token once and sends the request once more |
//! | `Attempt` | limits the duration of one attempt, counts it and logs its result |
//! | `HttpLayer`, or a custom transport | sends the request and reads the response, up to a maximum size |
//!
//! `Authenticate` is inside `ConcurrencyLimit`, so that a token cannot expire while a request waits for its turn.
//!
//! Sign-in requests use the same layers, except for `ConcurrencyLimit` and `Authenticate`. They skip the limit,
//! because the requests that wait for the token hold permits of it: if they held all permits, the sign-in could
//! never start.
//!
//! `Deadline` implements the low-level client's [`Transport`]. It creates the `CallContext` that the other layers,
//! which implement `Layer`, get with each request.
//!
//! All delays use tokio's clock, and jitter comes from an injected function. Tests pause the clock and check
//! exact times.

mod attempt;
mod deadline;
mod failure;
mod http;
mod interceptor;
mod layer;
mod retry;

use std::sync::Arc;
use std::time::Duration;

use carium_api::Transport;

use self::attempt::ConcurrencyLimit;
use self::deadline::Deadline;
use self::retry::{Retry, RetryBudget};

pub(crate) use self::http::{CustomTransport, HttpLayer, LayerTransport};
pub(crate) use attempt::Attempt;
pub(crate) use deadline::RequestUri;
pub use failure::TransportFailure;
pub(crate) use failure::{CallReport, FailureCause};
pub(crate) use interceptor::Interceptors;
pub use interceptor::{AttemptInfo, Interceptor};
pub(crate) use layer::{CallContext, CallSettings, Layer};
pub use retry::RetryPolicy;

/// The settings of the layers.
pub(crate) struct TransportSettings {
    pub(crate) call_timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) max_concurrency: usize,
    pub(crate) retry_policy: RetryPolicy,
    /// Returns uniformly distributed numbers from 0 to 1, for jitter.
    pub(crate) random: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(crate) interceptors: Interceptors,
    /// The host of the service, for tracing spans.
    pub(crate) server: Arc<str>,
}

/// Builds the layers of a client, all of which share a retry budget.
pub(crate) struct TransportBuilder {
    innermost: Arc<dyn Layer>,
    settings: TransportSettings,
    budget: Arc<RetryBudget>,
}

impl TransportBuilder {
    pub(crate) fn new(innermost: Arc<dyn Layer>, settings: TransportSettings) -> Self {
        Self { innermost, settings, budget: Arc::new(RetryBudget::new()) }
    }

    /// Returns the layers for sign-in requests.
    pub(crate) fn unauthenticated(&self) -> Arc<dyn Transport> {
        self.with_retries_and_deadline(self.attempt())
    }

    /// Returns the layers for all other requests. `authenticate` adds the `Authenticate` layer of the session.
    pub(crate) fn authenticated<L: Layer>(
        &self,
        authenticate: impl FnOnce(Attempt) -> L,
    ) -> Arc<dyn Transport> {
        let limited = ConcurrencyLimit::new(authenticate(self.attempt()), self.settings.max_concurrency);
        self.with_retries_and_deadline(limited)
    }

    fn attempt(&self) -> Attempt {
        let TransportSettings { attempt_timeout, interceptors, .. } = &self.settings;
        Attempt::new(Arc::clone(&self.innermost), *attempt_timeout, interceptors.clone())
    }

    fn with_retries_and_deadline(&self, inner: impl Layer) -> Arc<dyn Transport> {
        let TransportSettings { call_timeout, retry_policy, random, server, interceptors, .. } =
            &self.settings;
        let retry = Retry::new(inner, retry_policy.clone(), Arc::clone(&self.budget), Arc::clone(random));
        Arc::new(Deadline::new(retry, *call_timeout, Arc::clone(server), interceptors.clone()))
    }
}
