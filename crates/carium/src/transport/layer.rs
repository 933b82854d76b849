//! What the layers share: the interface between them and the state of a call.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::Operation;
use http::{Request, Response};
use tokio::time::Instant;

use super::failure::{CallReport, FailureCause, TransportFailure};
use super::interceptor::{AttemptReporter, Interceptors};

/// A layer of the transport. It sends the requests of a call, usually through the next layer.
///
/// The request is passed by reference, because an attempt that fails may be followed by another. A layer that changes the
/// request changes it in the same way for each attempt.
#[async_trait]
pub(crate) trait Layer: Send + Sync + 'static {
    async fn send(
        &self,
        call: &CallContext,
        operation: &Operation,
        request: &mut Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure>;
}

/// The settings of a call that differ from those of the client, in the extensions of its request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallSettings {
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) max_attempts: Option<u32>,
}

impl CallSettings {
    pub(crate) fn is_default(self) -> bool {
        self.call_timeout.is_none() && self.attempt_timeout.is_none() && self.max_attempts.is_none()
    }
}

/// The state of a call. The `deadline` layer creates it and the layers inside of it update it.
#[derive(Debug)]
pub(crate) struct CallContext {
    pub(crate) deadline: Instant,
    pub(crate) settings: CallSettings,
    pub(super) reporter: AttemptReporter,
    attempts: AtomicU32,
    outcome_unknown: AtomicBool,
    token_replaced: AtomicBool,
}

impl CallContext {
    pub(super) fn new(deadline: Instant, settings: CallSettings, interceptors: Interceptors) -> Self {
        Self {
            deadline,
            settings,
            reporter: AttemptReporter::new(interceptors),
            attempts: AtomicU32::new(0),
            outcome_unknown: AtomicBool::new(false),
            token_replaced: AtomicBool::new(false),
        }
    }

    /// Returns a context for a request outside of a call.
    pub(super) fn detached() -> Self {
        Self::new(Instant::now(), CallSettings::default(), Interceptors::default())
    }

    /// Returns a failure if the deadline of the call has passed.
    pub(crate) fn check_deadline(&self) -> Result<(), TransportFailure> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        Err(TransportFailure::new(FailureCause::CallTimeout))
    }

    /// Counts an attempt and returns its number. The first attempt has number 1.
    pub(crate) fn begin_attempt(&self) -> u32 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Sets whether the call may have been applied: an attempt is in progress, or ended without a conclusive
    /// response. Returns the previous value.
    pub(crate) fn set_outcome_unknown(&self, outcome_unknown: bool) -> bool {
        self.outcome_unknown.swap(outcome_unknown, Ordering::Relaxed)
    }

    /// Returns `true` the first time it is called, because a call may replace a rejected token only once.
    pub(crate) fn claim_token_replacement(&self) -> bool {
        !self.token_replaced.swap(true, Ordering::Relaxed)
    }

    /// Returns the report of the call so far.
    pub(crate) fn report(&self) -> CallReport {
        CallReport {
            attempts: self.attempts.load(Ordering::Relaxed),
            outcome_unknown: self.outcome_unknown.load(Ordering::Relaxed),
        }
    }
}
