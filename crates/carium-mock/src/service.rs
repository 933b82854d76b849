//! The service as a state machine: its state, and its response to each operation.
//!
//! [`Service`] implements the client's transport interface, so it maps an `http::Request` to an `http::Response`.
//! [`FakeCarium`](crate::FakeCarium) calls it in memory, and the sandbox calls it over HTTP. Both therefore follow
//! the same rules.

mod account;
mod appointments;
mod documents;
#[cfg(feature = "sandbox")]
mod example_data;
pub(crate) mod file_store;
mod identity;
mod lists;
mod patients;
mod quirks;
mod request;
pub(crate) mod response;
pub(crate) mod state;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium::TransportFailure;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response, StatusCode};
use tokio::time::Instant;

pub use account::FakeAccount;
use file_store::FileStore;
pub use quirks::Quirk;
use request::ParsedRequest;
use response::{ErrorResponse, SkipSpecCheck, SuccessResponse};
use state::ServiceState;

use crate::faults::{FaultInjector, FaultKind, FaultTarget, FaultTiming};

/// A call that reached the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeCall {
    /// The ID of the operation, such as `create_patient`.
    pub operation: &'static str,
    /// The HTTP status of the service's response, even if a fault kept the response from the caller. `None` if a
    /// fault was injected before the operation was applied.
    pub status: Option<u16>,
    /// Whether a fault was injected into the call.
    pub fault_injected: bool,
}

/// The number of calls that are kept, which is more than a test makes. It limits the memory of a sandbox that runs
/// for days to about 30 MB.
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

    /// The faults of the service and its file store.
    pub(crate) fn faults(&self) -> &FaultInjector {
        &self.faults
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, ServiceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> Vec<FakeCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Returns the current time in seconds since the Unix epoch.
    fn now(&self) -> u64 {
        let (seconds, instant) = self.started_at;
        seconds + instant.elapsed().as_secs()
    }

    /// Handles a request and injects the fault for it, if any.
    pub(crate) fn handle(&self, operation: &'static Operation, request: &Request<Bytes>) -> CallOutcome {
        let fault = self.faults.next(FaultTarget::of(operation));
        let fault_injected = fault.is_some();
        let (before, after) = match fault {
            Some(fault) if fault.timing == FaultTiming::Before => (Some(fault.kind), None),
            Some(fault) => (None, Some(fault.kind)),
            None => (None, None),
        };
        let record = |status: Option<u16>| {
            let call = FakeCall { operation: operation.id, status, fault_injected };
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
        let response = self.respond(operation, request);
        record(Some(response.status().as_u16()));
        match after {
            Some(kind) => kind.apply_to(response),
            None => CallOutcome::Responded(response),
        }
    }

    fn respond(&self, operation: &'static Operation, request: &Request<Bytes>) -> Response<Bytes> {
        let state = &mut *self.state();
        let request = ParsedRequest::new(operation, request);
        match self.dispatch(state, &request) {
            Ok(success) => state.quirks.apply_to_success(&request, success).into_response(),
            Err(error) => state.quirks.apply_to_error(error).into_response(),
        }
    }

    /// Applies the operation that a request is for.
    fn dispatch(
        &self,
        state: &mut ServiceState,
        request: &ParsedRequest<'_>,
    ) -> Result<SuccessResponse, ErrorResponse> {
        let now = self.now();
        if request.operation.needs_token && !request.token().is_some_and(|token| state.is_valid_token(token))
        {
            let detail = "The access token is missing, invalid or expired.";
            return Err(ErrorResponse::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail));
        }
        request.check_accept()?;
        let store = &*self.store;
        match request.operation.id {
            "login" => identity::login(state, request, now),
            "resend_invitation" => identity::invite(state, request),
            "create_patient" => patients::create(state, request),
            "create_appointment" => appointments::create(state, request),
            "get_appointment" => appointments::get(state, request),
            "update_appointment" => appointments::update(state, request),
            "delete_appointment" => appointments::delete(state, request),
            "list_practitioners" => {
                lists::named_items(state, request, "org-practitioners", &state.practitioners)
            }
            "list_appointment_statuses" => {
                lists::named_items(state, request, "org-appointment-statuses", &state.appointment_statuses)
            }
            "list_appointment_types" => {
                lists::named_items(state, request, "org-appointment-types", &state.appointment_types)
            }
            "list_document_classes" => {
                lists::required_organization(state, request)?;
                lists::named_items(state, request, "org-document-classes", &state.document_classes)
            }
            "create_document_reference" => documents::create(state, store, request),
            "list_document_references" => documents::list(state, request),
            "process_upload" => documents::process(state, store, request),
            "get_download_info" => documents::download_info(state, store, request),
            // An operation that was added to the spec but not to the fake.
            id => {
                let detail = format!("The fake does not implement {id}.");
                Err(ErrorResponse::new(StatusCode::NOT_FOUND, "not-implemented", detail))
            }
        }
    }
}

#[async_trait]
impl Transport for Service {
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        match self.handle(operation, &request) {
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
            Self::Respond(replacement) => {
                let mut response = replacement.to_response();
                response.extensions_mut().insert(SkipSpecCheck);
                CallOutcome::Responded(response)
            }
            Self::Reset { .. } => CallOutcome::Reset,
            // An empty body cannot be cut in the middle.
            Self::Truncate if response.body().is_empty() => CallOutcome::Reset,
            Self::Hang => CallOutcome::Hang,
            Self::Truncate => CallOutcome::Truncated(response),
            Self::Corrupt => {
                // Flipping a bit of the first byte, a brace, makes the body invalid JSON.
                *response.body_mut() = with_bit_flipped(response.body(), 0);
                response.extensions_mut().insert(SkipSpecCheck);
                CallOutcome::Responded(response)
            }
            // `handle` has already revoked the tokens, and only the file store can expire anything.
            Self::RevokeToken | Self::Expire => CallOutcome::Responded(response),
        }
    }
}

/// Returns the bytes with one bit flipped in the byte at `index`, if there is one.
fn with_bit_flipped(bytes: &Bytes, index: usize) -> Bytes {
    let mut bytes = BytesMut::from(bytes.as_ref());
    if let Some(byte) = bytes.get_mut(index) {
        *byte ^= 1;
    }
    bytes.freeze()
}
