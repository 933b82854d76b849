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

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium::api::{Operation, Transport, TransportError};
use carium::{Carium, CariumBuilder, Credentials, TransportFailure};
use http::{Request, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

pub(crate) const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
pub(crate) const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

/// How the service handles a request.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    /// Responds with a status, headers and a body.
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
            "login" => Behavior::body(json!({"access-token": format!("token-{earlier}")})),
            _ => steps.get(earlier.min(steps.len() - 1)).unwrap().clone(),
        })
    }

    /// All requests, in the order in which they were received.
    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// The times at which the requests for an operation were received.
    pub(crate) fn times(&self, operation: &str) -> Vec<Duration> {
        let requests = self.requests();
        let of_operation = requests.iter().filter(|request| request.operation == operation);
        of_operation.map(|request| request.received_at).collect()
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
        operation: &'static Operation,
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
                Ok(response.body(body.to_string().into()).unwrap())
            }
            Behavior::NotSent => Err(TransportFailure::not_sent("no route").into()),
            Behavior::Lost => Err(TransportFailure::lost("reset").into()),
            Behavior::Silent | Behavior::Later(..) => {
                sleep(Duration::from_hours(24)).await;
                Err(TransportFailure::lost("no response within a day").into())
            }
        }
    }
}

/// Calls an operation with valid arguments.
pub(crate) async fn call(carium: &Carium, operation: &str) -> Result<(), carium::Error> {
    use carium::appointments::AppointmentUpdate;
    let time = |text: &str| text.parse::<carium::DateTime>().unwrap();
    let (start, end) = (time("2030-01-01T09:00:00Z"), time("2030-01-01T09:30:00Z"));
    match operation {
        "create_patient" => carium.patients().create(patient()).await.map(drop),
        "resend_invitation" => {
            carium.invitations().send(carium::NewInvitation::by_email("example@example.com")?).await
        }
        "create_appointment" => {
            let appointment = carium
                .new_appointment()
                .patient(ID.parse().unwrap())
                .practitioner(ID.parse().unwrap())
                .status(ID.parse().unwrap())
                .appointment_type(ID.parse().unwrap())
                .between(start, end)
                .build()?;
            carium.appointments().create(appointment).await.map(drop)
        }
        "get_appointment" => carium.appointments().get(ID.parse().unwrap()).await.map(drop),
        "update_appointment" => {
            let update = AppointmentUpdate::default().between(start, end);
            carium.appointments().update(ID.parse().unwrap(), update).await.map(drop)
        }
        "delete_appointment" => carium.appointments().delete(ID.parse().unwrap()).await,
        "list_practitioners" => {
            use futures_util::TryStreamExt as _;
            carium
                .appointments()
                .practitioners(carium::ListOptions::default())
                .try_collect::<Vec<_>>()
                .await
                .map(drop)
        }
        other => panic!("`call` does not support {other}"),
    }
}

pub(crate) fn patient() -> carium::NewPatient {
    carium::NewPatient::builder()
        .first_name("James")
        .last_name("Reece")
        .birth_date("1980-07-04")
        .gender(carium::patients::Gender::Male)
        .email("james.reece@example.com")
        .organization(ORGANIZATION.parse().unwrap())
        .build()
        .unwrap()
}

pub(crate) fn document() -> carium::NewDocument {
    document_builder().build().unwrap()
}

pub(crate) fn document_builder() -> carium::documents::NewDocumentBuilder {
    carium::NewDocument::builder()
        .organization(ORGANIZATION.parse().unwrap())
        .patient(ID.parse().unwrap())
        .class(ID.parse().unwrap())
        .name("Referral letter")
        .file_name("letter.pdf")
}
