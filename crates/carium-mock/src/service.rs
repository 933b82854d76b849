//! The service as a state machine: its state, and its response to each operation.
//!
//! [`Service`] implements the client's transport interface, so it maps an `http::Request` to an `http::Response`.
//! [`FakeCarium`](crate::FakeCarium) calls it in memory, and the sandbox calls it over HTTP. Both therefore follow
//! the same rules.

pub(crate) mod message;
mod operations;
mod quirks;
pub(crate) mod resources;
pub(crate) mod routing;
pub(crate) mod state;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use carium::TransportFailure;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};
use tokio::time::Instant;

use self::message::{ParsedRequest, SkipSpecCheck};
use self::operations::Applied;
pub(crate) use self::operations::documents::{FileStore, PRESIGN_VALIDITY, PresignedForm};
pub use self::quirks::{Quirk, UnknownQuirk};
use self::routing::{Route, route};
use self::state::ServiceState;
pub use self::state::{FakeAccount, FakeDocument};
use crate::faults::{FaultInjector, FaultKind, FaultTarget, with_bit_flipped};
use crate::spec_check::{Violation, check_request};

/// A call that reached the service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeCall {
    /// The ID of the operation, such as `create_patient`. For a [resource](crate::FakeResource), it is the method and the
    /// template of the path, such as `GET /caredb/v1/org-care-teams/{id}/`.
    pub operation: Cow<'static, str>,
    /// The HTTP status of the service's response, even if a fault kept the response from the caller. `None` if a
    /// fault was injected before the operation was applied.
    pub status: Option<u16>,
    /// Whether a fault was injected into the call.
    pub fault_injected: bool,
}

/// The number of calls that are kept, which is more than a test makes. It limits the memory of a sandbox that runs
/// for days to about 30 MB, or about 100 MB if all calls are for resources that a test registered.
const MAX_CALLS: usize = 1_000_000;

/// The outcome of a request.
#[derive(Debug)]
pub(crate) enum CallOutcome {
    /// The caller receives this response.
    Responded(Response<Bytes>),
    /// The connection is closed in the middle of the body of this response.
    #[cfg_attr(not(feature = "sandbox"), allow(dead_code, reason = "the in-memory fake drops the response"))]
    Truncated(Response<Bytes>),
    /// The connection is closed without a response.
    Reset,
    /// No response is sent, and the connection stays open.
    Hang,
}

/// The service.
pub(crate) struct Service {
    state: Mutex<ServiceState>,
    calls: Mutex<VecDeque<FakeCall>>,
    store: Arc<dyn FileStore>,
    faults: Arc<FaultInjector>,
    /// The wall-clock time at startup, in seconds since the Unix epoch. From then on, tokio's clock is used.
    started_at: (u64, Instant),
}

impl Service {
    pub(crate) fn new(state: ServiceState, store: Arc<dyn FileStore>, faults: Arc<FaultInjector>) -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let started_at = (seconds, Instant::now());
        Self { state: Mutex::new(state), calls: Mutex::default(), store, faults, started_at }
    }

    /// Checks whether a resource is registered for a path.
    pub(crate) fn has_resource(&self, path: &str) -> bool {
        self.state().resources.find(path).is_some()
    }

    /// The faults of the service and its file store.
    pub(crate) fn faults(&self) -> &FaultInjector {
        &self.faults
    }

    pub(crate) fn store(&self) -> &dyn FileStore {
        &*self.store
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, ServiceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> Vec<FakeCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Returns the current time in seconds since the Unix epoch.
    fn now(&self) -> u64 {
        let (seconds, instant) = self.started_at;
        seconds + instant.elapsed().as_secs()
    }

    /// Handles a request and injects the fault for it, if any. `violations` are those of the request.
    pub(crate) fn handle(
        &self,
        operation: &Operation,
        request: &Request<Bytes>,
        violations: &[Violation],
    ) -> CallOutcome {
        let name = self.call_name(operation, request);
        let (before, after) = self.faults.next(&FaultTarget::Api(name.clone()));
        let fault_injected = before.is_some() || after.is_some();
        let record = |status: Option<u16>| {
            let call = FakeCall { operation: name.clone(), status, fault_injected };
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            if calls.len() == MAX_CALLS {
                calls.pop_front();
            }
            calls.push_back(call);
        };
        match before {
            Some(FaultKind::RevokeToken) => self.state().tokens.clear(),
            Some(kind) => {
                record(None);
                return kind.apply_to(Response::default());
            }
            None => {}
        }
        let response = self.respond(operation, request, violations);
        record(Some(response.status().as_u16()));
        match after {
            Some(kind) => kind.apply_to(response),
            None => CallOutcome::Responded(response),
        }
    }

    fn call_name(&self, operation: &Operation, request: &Request<Bytes>) -> Cow<'static, str> {
        if operation.id != Operation::RUN_TIME_ID {
            return operation.id.into();
        }
        let name = self.state().resources.call_name(request.method(), request.uri().path());
        name.unwrap_or_else(|| operation.to_string()).into()
    }

    fn respond(
        &self,
        operation: &Operation,
        request: &Request<Bytes>,
        violations: &[Violation],
    ) -> Response<Bytes> {
        let request = ParsedRequest::new(operation, request);
        let applied = operations::apply(&mut self.state(), self.store(), &request, violations, self.now());
        let result = applied.map(|applied| match applied {
            Applied::Response(response) => response,
            Applied::Action(call) => call.run(),
        });
        let state = self.state();
        match result {
            Ok(success) => state.quirks.apply_to_success(&request, success).into_response(),
            Err(error) => state.quirks.apply_to_error(error).into_response(),
        }
    }
}

#[async_trait]
impl Transport for Service {
    async fn send(
        &self,
        operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        // A request to a path that the caller chose can be a request for an operation of the spec.
        let operation = match route(request.method(), request.uri().path()) {
            Route::Operation(known) if operation.id == Operation::RUN_TIME_ID => known,
            _ => operation,
        };
        match self.handle(operation, &request, &check_request(operation, &request)) {
            CallOutcome::Responded(response) => Ok(response),
            CallOutcome::Truncated(_) => {
                Err(TransportFailure::lost("the connection was closed in the middle of the response").into())
            }
            CallOutcome::Reset => {
                Err(TransportFailure::lost("the connection was closed without a response").into())
            }
            CallOutcome::Hang => std::future::pending().await,
        }
    }
}

impl FaultKind {
    /// Returns the outcome of a call that would have received this response without the fault.
    fn apply_to(self, mut response: Response<Bytes>) -> CallOutcome {
        match self {
            Self::Respond(replacement) | Self::RespondEarly(replacement) => {
                let mut response = replacement.to_response();
                response.extensions_mut().insert(SkipSpecCheck);
                CallOutcome::Responded(response)
            }
            Self::Reset { .. } => CallOutcome::Reset,
            // An empty body cannot be cut in the middle.
            Self::Truncate if response.body().is_empty() => CallOutcome::Reset,
            Self::Hang { .. } => CallOutcome::Hang,
            Self::Truncate => CallOutcome::Truncated(response),
            Self::Corrupt => {
                // Flipping a bit of the first byte, a brace, makes the body invalid JSON.
                *response.body_mut() = with_bit_flipped(response.body(), 0);
                response.extensions_mut().insert(SkipSpecCheck);
                CallOutcome::Responded(response)
            }
            // `handle` has already revoked the tokens, and the others are faults of transfers.
            Self::RevokeToken | Self::Expire | Self::IgnoreRange | Self::ReplaceFile(_) => {
                CallOutcome::Responded(response)
            }
        }
    }
}
