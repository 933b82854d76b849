//! A scripted in-memory service, and helpers for the tests. The tests run under tokio's paused clock.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests panic to fail, and each test file uses only some of the helpers"
)]

pub(crate) mod document_fixture;
pub(crate) mod fault_injection;
pub(crate) mod faulty_documents;
pub(crate) mod http_service;
pub(crate) mod log;
pub(crate) mod onboarding_case;
pub(crate) mod paged_service;

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium::api::{Operation, Transport, TransportError};
use carium::appointments::{AppointmentUpdate, NewAppointmentBuilder};
use carium::patients::Gender;
use carium::{
    Carium, CariumBuilder, Credentials, DateTime, Error, ListOptions, NewDocument, NewInvitation, NewPatient,
    TransportFailure,
};
use futures_util::{TryStreamExt as _, future};
use http::{Request, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

pub(crate) const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
pub(crate) const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

/// How the service handles a request.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    /// Responds with a status, headers and a body. `null` stands for an empty body.
    Respond(u16, Vec<(&'static str, String)>, Value),
    /// Fails before the request is sent.
    NotSent,
    /// Receives the request and closes the connection.
    Lost,
    /// Receives the request and never responds.
    Silent,
    /// Waits, then handles the request in another way.
    Later(Duration, Box<Behavior>),
}

impl Behavior {
    pub(crate) fn status(status: u16) -> Self {
        Self::Respond(status, Vec::new(), json!({}))
    }

    pub(crate) fn body(body: Value) -> Self {
        Self::Respond(200, Vec::new(), body)
    }

    /// A successful response to a login.
    pub(crate) fn token(token: impl Into<Value>) -> Self {
        Self::body(json!({"access-token": token.into()}))
    }

    /// A successful response to the operation, as in the spec.
    pub(crate) fn success(operation: &str) -> Self {
        if operation.starts_with("list") {
            Self::body(json!({"data": []}))
        } else {
            Self::body(json!({"data": {"id": ID}}))
        }
    }

    pub(crate) fn with_header(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Self::Respond(status, mut headers, body) => {
                headers.push((name, value.into()));
                Self::Respond(status, headers, body)
            }
            other => other,
        }
    }
}

/// A request that the service received.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) operation: &'static str,
    /// The time of the request, since the start of the service.
    pub(crate) received_at: Duration,
    pub(crate) uri: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Bytes,
}

/// Returns how to handle a request. The second argument is the number of earlier requests for the same
/// operation.
type Handler = dyn Fn(&ReceivedRequest, usize) -> Behavior + Send + Sync;

pub(crate) struct Service {
    start: Instant,
    handler: Box<Handler>,
    requests: Mutex<Vec<ReceivedRequest>>,
    counts: Mutex<HashMap<&'static str, usize>>,
}

impl Service {
    pub(crate) fn new(
        handler: impl Fn(&ReceivedRequest, usize) -> Behavior + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            handler: Box::new(handler),
            requests: Mutex::default(),
            counts: Mutex::default(),
        })
    }

    /// A service that accepts every sign-in and handles the other requests of each operation by these steps, in
    /// order. The last step is used for all further requests.
    pub(crate) fn script(steps: impl IntoIterator<Item = Behavior>) -> Arc<Self> {
        let steps: VecDeque<_> = steps.into_iter().collect();
        Self::new(move |request, earlier| match request.operation {
            "login" => Behavior::token(format!("token-{earlier}")),
            _ => steps.get(earlier.min(steps.len() - 1)).unwrap().clone(),
        })
    }

    /// All requests, in the order in which they were received.
    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// The requests for an operation.
    pub(crate) fn requests_for(&self, operation: &str) -> Vec<ReceivedRequest> {
        self.requests().into_iter().filter(|request| request.operation == operation).collect()
    }

    /// The times at which the requests for an operation were received.
    pub(crate) fn times(&self, operation: &str) -> Vec<Duration> {
        self.requests_for(operation).iter().map(|request| request.received_at).collect()
    }

    /// The number of requests for an operation.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.counts.lock().unwrap().get(operation).copied().unwrap_or_default()
    }

    /// A client for this service. Its jitter is always 1, so each delay is equal to its upper bound.
    pub(crate) fn client(self: &Arc<Self>) -> Carium {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(self: &Arc<Self>) -> CariumBuilder {
        let transport: Arc<dyn Transport> = Arc::<Self>::clone(self);
        Carium::builder()
            .base_url("https://api.example.com")
            .credentials(Credentials::new("username", "password").unwrap())
            .organization(ORGANIZATION.parse().unwrap())
            .random(|| 1.0)
            .clock({
                // The clock for one-time codes follows tokio's clock.
                let start = self.start;
                move || 1_700_000_000 + start.elapsed().as_secs()
            })
            .transport(transport)
    }
}

#[async_trait]
impl Transport for Service {
    async fn send(
        &self,
        operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let authorization = request.headers().get("authorization");
        let received = ReceivedRequest {
            operation: operation.id,
            received_at: self.start.elapsed(),
            uri: request.uri().to_string(),
            token: authorization
                .map(|value| value.to_str().unwrap().trim_start_matches("Bearer ").to_owned()),
            body: request.into_body(),
        };
        let earlier = {
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry(operation.id).or_default();
            *count += 1;
            *count - 1
        };
        let mut step = (self.handler)(&received, earlier);
        self.requests.lock().unwrap().push(received);
        while let Behavior::Later(delay, next) = step {
            sleep(delay).await;
            step = *next;
        }
        match step {
            Behavior::Respond(status, headers, body) => {
                let mut response = Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
                Ok(response.body(bytes).unwrap())
            }
            Behavior::NotSent => Err(TransportFailure::not_sent("no route").into()),
            Behavior::Lost => Err(TransportFailure::lost("reset").into()),
            Behavior::Silent | Behavior::Later(..) => {
                sleep(Duration::from_secs(86_400)).await;
                Err(TransportFailure::lost("no response within a day").into())
            }
        }
    }
}

/// A valid ID of any type.
pub(crate) fn id<T: FromStr<Err: Debug>>() -> T {
    ID.parse().unwrap()
}

/// Calls an operation with valid arguments.
pub(crate) async fn call(carium: &Carium, operation: &str) -> Result<(), Error> {
    let appointments = carium.appointments();
    match operation {
        "create_patient" => carium.patients().create(patient()).await.map(drop),
        "resend_invitation" => {
            carium.invitations().send(NewInvitation::by_email("example@example.com")?).await
        }
        "create_appointment" => {
            appointments.create(appointment(carium.new_appointment()).build()?).await.map(drop)
        }
        "get_appointment" => appointments.get(id()).await.map(drop),
        "update_appointment" => {
            let (start, end) = times();
            let update = AppointmentUpdate::default().between(start, end);
            appointments.update(id(), update).await.map(drop)
        }
        "delete_appointment" => appointments.delete(id()).await,
        "list_practitioners" => {
            appointments.practitioners(ListOptions::default()).try_collect::<Vec<_>>().await.map(drop)
        }
        "process_upload" => carium.documents().process(id()).await,
        other => panic!("`call` does not support {other}"),
    }
}

/// Calls an operation in this many concurrent tasks and returns the results.
pub(crate) async fn call_from_tasks(
    carium: &Carium,
    operation: &'static str,
    tasks: usize,
) -> Vec<Result<(), Error>> {
    let spawn = |_| {
        let carium = carium.clone();
        tokio::spawn(async move { call(&carium, operation).await })
    };
    let tasks: Vec<_> = (0..tasks).map(spawn).collect();
    future::join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

fn times() -> (DateTime, DateTime) {
    ("2030-01-01T09:00:00Z".parse().unwrap(), "2030-01-01T09:30:00Z".parse().unwrap())
}

/// Sets the required fields of an appointment, except for the organization.
pub(crate) fn appointment(builder: NewAppointmentBuilder) -> NewAppointmentBuilder {
    let (start, end) = times();
    builder.patient(id()).practitioner(id()).status(id()).appointment_type(id()).between(start, end)
}

pub(crate) fn patient() -> NewPatient {
    NewPatient::builder()
        .first_name("James")
        .last_name("Reece")
        .birth_date("1980-07-04")
        .gender(Gender::Male)
        .email("james.reece@example.com")
        .organization(ORGANIZATION.parse().unwrap())
        .build()
        .unwrap()
}

pub(crate) fn document() -> NewDocument {
    document_builder().build().unwrap()
}

pub(crate) fn document_builder() -> carium::documents::NewDocumentBuilder {
    NewDocument::builder()
        .organization(ORGANIZATION.parse().unwrap())
        .patient(id())
        .class(id())
        .name("Referral letter")
        .file_name("letter.pdf")
}
