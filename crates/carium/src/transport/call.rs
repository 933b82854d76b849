//! What the parts tell each other of one call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;
use carium_api::TransportError;
use http::{Request, Response, Uri};
use tokio::time::Instant;

use super::failure::TransportFailure;

/// Travels with a request, in its extensions, and with each repetition of it.
#[derive(Clone, Debug)]
pub(crate) struct CallState(Arc<State>);

#[derive(Debug)]
struct State {
    deadline: Instant,
    attempts: AtomicU32,
    /// Whether a try that has failed may have been carried out.
    in_doubt: AtomicBool,
    /// Whether the token was replaced for this call already.
    renewed: AtomicBool,
}

impl CallState {
    pub(crate) fn new(deadline: Instant) -> Self {
        Self(Arc::new(State {
            deadline,
            attempts: AtomicU32::new(0),
            in_doubt: AtomicBool::new(false),
            renewed: AtomicBool::new(false),
        }))
    }

    /// The state of a request's call.
    pub(crate) fn of(request: &Request<Bytes>) -> Option<&Self> {
        request.extensions().get()
    }

    /// Whether the token may be replaced for this call: true once.
    pub(crate) fn may_renew(&self) -> bool {
        !self.0.renewed.swap(true, Ordering::Relaxed)
    }

    /// Whether the call must be over by now.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.0.deadline
    }

    /// What is known of the call now.
    pub(crate) fn report(&self) -> CallReport {
        CallReport { attempts: self.attempts(), in_doubt: self.is_in_doubt() }
    }

    /// Sends what is known of the call along with what came of it.
    pub(crate) fn reported(
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

    /// When the call must be over.
    pub(crate) fn deadline(&self) -> Instant {
        self.0.deadline
    }

    /// Counts a try, and says which it is, from 1.
    pub(crate) fn begin_attempt(&self) -> u32 {
        self.0.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn attempts(&self) -> u32 {
        self.0.attempts.load(Ordering::Relaxed)
    }

    /// Notes that a try is under way, or was and its outcome is not known.
    pub(crate) fn set_in_doubt(&self, in_doubt: bool) {
        self.0.in_doubt.store(in_doubt, Ordering::Relaxed);
    }

    /// Whether a try may have been carried out that is not the one that was answered last.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.0.in_doubt.load(Ordering::Relaxed)
    }
}

/// Where a call was sent, beside its answer: whom the next page of a list is compared with. Holds ids, so it
/// has no `Debug`.
#[derive(Clone)]
pub(crate) struct SentTo(pub(crate) Uri);

/// What is known of a call when it is over. Travels with its answer, in its extensions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallReport {
    pub(crate) attempts: u32,
    /// Whether an earlier try than the answered one may have been carried out.
    pub(crate) in_doubt: bool,
}
