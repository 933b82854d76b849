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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response, StatusCode};
use tokio::time::Instant;

pub use account::FakeAccount;
use answer::{Answer, Refusal};
use asked::Asked;
pub use quirks::Quirk;
use store::Store;
use world::World;

/// A call that reached the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeCall {
    /// The id of the operation, such as `create_patient`.
    pub operation: &'static str,
    /// The HTTP status that was answered.
    pub status: u16,
}

/// The service.
pub(crate) struct Service {
    world: Mutex<World>,
    calls: Mutex<Vec<FakeCall>>,
    store: Arc<dyn Store>,
    /// The wall clock of when it began, in seconds since 1970. From there on time is tokio's.
    began: (u64, Instant),
}

impl Service {
    pub(crate) fn new(world: World, store: Arc<dyn Store>) -> Self {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { world: Mutex::new(world), calls: Mutex::default(), store, began: (began, Instant::now()) }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> Vec<FakeCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What time it is, in seconds since 1970.
    fn now(&self) -> u64 {
        let (began, instant) = self.began;
        began + instant.elapsed().as_secs()
    }

    /// Does what is asked, and answers.
    pub(crate) fn answer(&self, operation: &'static Operation, request: &Request<Bytes>) -> Response<Bytes> {
        let world = &mut *self.world();
        let asked = Asked::new(operation, request);
        let response = match self.carry_out(world, &asked) {
            Ok(answer) => world.quirks.of_answer(&asked, answer).into_response(),
            Err(refusal) => world.quirks.of_refusal(refusal).into_response(),
        };
        let call = FakeCall { operation: operation.id, status: response.status().as_u16() };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        response
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
        Ok(self.answer(operation, &request))
    }
}
