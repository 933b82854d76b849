//! The state of a call, which the layers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;
use carium_api::TransportError;
use http::{Request, Response, Uri};
use tokio::time::Instant;

use super::failure::TransportFailure;

/// The state of a call. The layers pass it along in the extensions of the request.
#[derive(Clone, Debug)]
pub(crate) struct CallState(Arc<CallStateInner>);

#[derive(Debug)]
struct CallStateInner {
    deadline: Instant,
    attempts: AtomicU32,
    /// Whether an attempt is in progress, or failed in a way that leaves open whether the service applied it.
    outcome_unknown: AtomicBool,
    /// Whether this call has already replaced a rejected token.
    token_replaced: AtomicBool,
}

impl CallState {
    pub(crate) fn new(deadline: Instant) -> Self {
        Self(Arc::new(CallStateInner {
            deadline,
            attempts: AtomicU32::new(0),
            outcome_unknown: AtomicBool::new(false),
            token_replaced: AtomicBool::new(false),
        }))
    }

    /// Returns the state from the extensions of a request.
    pub(crate) fn of_request(request: &Request<Bytes>) -> Option<&Self> {
        request.extensions().get()
    }

    /// Returns `true` the first time it is called, as a call may replace a rejected token only once.
    pub(crate) fn claim_token_replacement(&self) -> bool {
        !self.0.token_replaced.swap(true, Ordering::Relaxed)
    }

    /// Returns whether the deadline of the call has passed.
    pub(crate) fn is_past_deadline(&self) -> bool {
        Instant::now() >= self.0.deadline
    }

    /// Returns the report of the call so far.
    pub(crate) fn report(&self) -> CallReport {
        CallReport { attempts: self.attempts(), outcome_unknown: self.is_outcome_unknown() }
    }

    /// Attaches the report of the call to its result.
    pub(crate) fn attach_report(
        &self,
        result: Result<Response<Bytes>, TransportFailure>,
    ) -> Result<Response<Bytes>, TransportError> {
        let report = self.report();
        match result {
            Ok(mut response) => {
                response.extensions_mut().insert(report);
                Ok(response)
            }
            Err(mut failure) => {
                failure.report = report;
                Err(failure.into())
            }
        }
    }

    /// Returns the deadline of the call.
    pub(crate) fn deadline(&self) -> Instant {
        self.0.deadline
    }

    /// Counts an attempt and returns its number. The first attempt has number 1.
    pub(crate) fn begin_attempt(&self) -> u32 {
        self.0.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn attempts(&self) -> u32 {
        self.0.attempts.load(Ordering::Relaxed)
    }

    /// Sets whether an attempt is in progress or has an unknown outcome.
    pub(crate) fn set_outcome_unknown(&self, outcome_unknown: bool) {
        self.0.outcome_unknown.store(outcome_unknown, Ordering::Relaxed);
    }

    /// Returns whether an attempt without a conclusive response may have been applied.
    pub(crate) fn is_outcome_unknown(&self) -> bool {
        self.0.outcome_unknown.load(Ordering::Relaxed)
    }
}

/// The URI of a request, in the extensions of its response. Lists use it to detect page links that form a
/// cycle.
///
/// It does not implement `Debug`, because a URI can contain IDs.
#[derive(Clone)]
pub(crate) struct RequestUri(pub(crate) Uri);

/// A summary of a finished call, in the extensions of its response or in its failure.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallReport {
    pub(crate) attempts: u32,
    /// Whether an attempt before the last one may have been applied.
    pub(crate) outcome_unknown: bool,
}
