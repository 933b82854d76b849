//! The service as a state machine: what it knows, and what it answers to each operation.
//!
//! It stands at the seam of the client, where a request is a request and an answer an answer. What is built on
//! it differs only in how requests get there: [`FakeCarium`](crate::FakeCarium) hands them over in memory, the
//! sandbox over HTTP. So there is one set of rules, and whatever a test learns from one of them holds for the
//! other.

mod account;
pub(crate) mod answer;
mod appointments;
mod asked;
mod documents;
mod identity;
mod lists;
#[cfg(feature = "sandbox")]
mod page;
mod quirks;
mod showboat;
pub(crate) mod store;
pub(crate) mod world;

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
use answer::{Answer, BeyondTheSpec, Refusal};
use asked::Asked;
pub use quirks::Quirk;
use store::Store;
use world::World;

use crate::faults::{Faults, Moment, Target, What};

/// A call that reached the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeCall {
    /// The id of the operation, such as `create_patient`.
    pub operation: &'static str,
    /// The HTTP status with which the service answered, whether or not a fault kept the answer from the caller.
    /// `None` where a fault came before anything was done.
    pub status: Option<u16>,
    /// Whether it met a fault.
    pub fault_injected: bool,
}

/// A sandbox may run for days. More than any test counts, and some 30 MB.
const CALLS_KEPT: usize = 1_000_000;

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is answered.
    Answered(Response<Bytes>),
    /// It is answered, and the connection ends in the middle of the body.
    #[cfg_attr(not(feature = "sandbox"), allow(dead_code, reason = "in memory, nothing of it gets through"))]
    Truncated(Response<Bytes>),
    /// The connection ends.
    Reset,
    /// Nothing more is heard.
    Silence,
}

/// The service.
pub(crate) struct Service {
    world: Mutex<World>,
    calls: Mutex<VecDeque<FakeCall>>,
    store: Arc<dyn Store>,
    faults: Arc<Faults>,
    /// The wall clock of when it began, in seconds since 1970. From there on time is tokio's.
    began: (u64, Instant),
}

impl Service {
    pub(crate) fn new(world: World, store: Arc<dyn Store>, faults: Arc<Faults>) -> Self {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let began = (began, Instant::now());
        Self { world: Mutex::new(world), calls: Mutex::default(), store, faults, began }
    }

    /// What goes wrong here and in its store.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> Vec<FakeCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// What time it is, in seconds since 1970.
    fn now(&self) -> u64 {
        let (began, instant) = self.began;
        began + instant.elapsed().as_secs()
    }

    /// Does what is asked and answers, or has the fault that is meant for it.
    pub(crate) fn take(&self, operation: &'static Operation, request: &Request<Bytes>) -> Outcome {
        let fault = self.faults.next(Target::of(operation));
        let fault_injected = fault.is_some();
        let (before, after) = match fault {
            Some(fault) if fault.moment == Moment::Before => (Some(fault.what), None),
            Some(fault) => (None, Some(fault.what)),
            None => (None, None),
        };
        let note = |status: Option<u16>| {
            let call = FakeCall { operation: operation.id, status, fault_injected };
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            if calls.len() == CALLS_KEPT {
                calls.pop_front();
            }
            calls.push_back(call);
        };
        match before {
            Some(What::RevokeToken) => self.world().tokens.clear(),
            Some(what) => {
                note(None);
                return what.instead_of(Response::default());
            }
            None => {}
        }
        let response = self.answer(operation, request);
        note(Some(response.status().as_u16()));
        match after {
            Some(what) => what.instead_of(response),
            None => Outcome::Answered(response),
        }
    }

    fn answer(&self, operation: &'static Operation, request: &Request<Bytes>) -> Response<Bytes> {
        let world = &mut *self.world();
        let asked = Asked::new(operation, request);
        match self.carry_out(world, &asked) {
            Ok(answer) => world.quirks.of_answer(&asked, answer).into_response(),
            Err(refusal) => world.quirks.of_refusal(refusal).into_response(),
        }
    }

    fn carry_out(&self, world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
        let now = self.now();
        if asked.operation.needs_token && !asked.token().is_some_and(|token| world.is_good(token)) {
            let detail = "The access token is missing, or no longer good.";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail));
        }
        asked.check_accept()?;
        let store = &*self.store;
        match asked.operation.id {
            "login" => identity::login(world, asked, now),
            "resend_invitation" => identity::invite(world, asked),
            "create_patient" => showboat::create_patient(world, asked),
            "create_appointment" => appointments::create(world, asked),
            "get_appointment" => appointments::get(world, asked),
            "update_appointment" => appointments::update(world, asked),
            "delete_appointment" => appointments::delete(world, asked),
            "list_practitioners" => lists::named(world, asked, "org-practitioners", &world.practitioners),
            "list_appointment_statuses" => {
                lists::named(world, asked, "org-appointment-statuses", &world.statuses)
            }
            "list_appointment_types" => lists::named(world, asked, "org-appointment-types", &world.kinds),
            "list_document_classes" => {
                lists::required_organization(world, asked)?;
                lists::named(world, asked, "org-document-classes", &world.classes)
            }
            "create_document_reference" => documents::create(world, store, asked),
            "list_document_references" => documents::list(world, asked),
            "process_upload" => documents::process(world, store, asked),
            "get_download_info" => documents::download_info(world, store, asked),
            // The spec has grown, and this has not.
            other => {
                let detail = format!("The stand-in does not know {other} yet.");
                Err(Refusal::new(StatusCode::NOT_FOUND, "not-implemented", detail))
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
        match self.take(operation, &request) {
            Outcome::Answered(response) => Ok(response),
            Outcome::Truncated(_) => {
                Err(TransportFailure::lost("the connection ended in the middle of the answer").into())
            }
            Outcome::Reset => Err(TransportFailure::lost("the connection ended without an answer").into()),
            Outcome::Silence => std::future::pending().await,
        }
    }
}

impl What {
    /// What becomes of a request that would have been answered so.
    fn instead_of(self, mut response: Response<Bytes>) -> Outcome {
        match self {
            Self::Answer(reply) => {
                let mut response = reply.response();
                response.extensions_mut().insert(BeyondTheSpec);
                Outcome::Answered(response)
            }
            Self::Reset { .. } => Outcome::Reset,
            // Nothing has no middle.
            Self::Truncate if response.body().is_empty() => Outcome::Reset,
            Self::Silence => Outcome::Silence,
            Self::Truncate => Outcome::Truncated(response),
            Self::Corrupt => {
                // No JSON begins with what this makes of a brace.
                *response.body_mut() = with_a_bit_flipped(response.body(), 0);
                response.extensions_mut().insert(BeyondTheSpec);
                Outcome::Answered(response)
            }
            // The first was seen to before; the second is the store's.
            Self::RevokeToken | Self::Expire => Outcome::Answered(response),
        }
    }
}

/// The bytes with one bit changed of the byte at this place, where there is one.
fn with_a_bit_flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = BytesMut::from(bytes.as_ref());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
    bytes.freeze()
}
