//! A service that does as it is told, in memory, under tokio's paused clock.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and uses what it needs"
)]

pub(crate) mod clinic;
pub(crate) mod fault_injection;
pub(crate) mod http_service;
pub(crate) mod log;
pub(crate) mod record;

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

/// What the service does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Answers.
    Answer(u16, Vec<(&'static str, String)>, Value),
    /// Cannot be reached.
    NotSent,
    /// Takes the request and cuts the connection.
    Lost,
    /// Takes the request and says nothing.
    Silent,
    /// Does something else, after a while.
    Later(Duration, Box<Step>),
}

impl Step {
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), json!({}))
    }

    pub(crate) fn body(body: Value) -> Self {
        Self::Answer(200, Vec::new(), body)
    }

    /// What the spec has as the answer of success.
    pub(crate) fn success(operation: &str) -> Self {
        if operation.starts_with("list") {
            Self::body(json!({"data": []}))
        } else {
            Self::body(json!({"data": {"id": ID}}))
        }
    }

    pub(crate) fn with_header(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Self::Answer(status, mut headers, body) => {
                headers.push((name, value.into()));
                Self::Answer(status, headers, body)
            }
            other => other,
        }
    }
}

/// A request that reached the service.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) operation: &'static str,
    pub(crate) after: Duration,
    pub(crate) uri: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Bytes,
}

/// Decides on a request, given how many of its operation came before it.
type Decide = dyn Fn(&Seen, usize) -> Step + Send + Sync;

pub(crate) struct Service {
    start: Instant,
    decide: Box<Decide>,
    seen: Mutex<Vec<Seen>>,
    counts: Mutex<HashMap<&'static str, usize>>,
}

impl Service {
    pub(crate) fn new(decide: impl Fn(&Seen, usize) -> Step + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            decide: Box::new(decide),
            seen: Mutex::default(),
            counts: Mutex::default(),
        })
    }

    /// Signs everyone in, and does these things with what is asked after that, the last of them for ever.
    pub(crate) fn script(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        let steps: VecDeque<_> = steps.into_iter().collect();
        Self::new(move |seen, before| match seen.operation {
            "login" => Step::body(json!({"access-token": format!("token-{before}")})),
            _ => steps.get(before.min(steps.len() - 1)).unwrap().clone(),
        })
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests of an operation, by when they came.
    pub(crate) fn times(&self, operation: &str) -> Vec<Duration> {
        self.seen().iter().filter(|seen| seen.operation == operation).map(|seen| seen.after).collect()
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        self.counts.lock().unwrap().get(operation).copied().unwrap_or_default()
    }

    /// A client of this service, whose jitter draws nothing but ones.
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
                // The wall clock of these tests goes with tokio's.
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
        let seen = Seen {
            operation: operation.id,
            after: self.start.elapsed(),
            uri: request.uri().to_string(),
            token: authorization
                .map(|value| value.to_str().unwrap().trim_start_matches("Bearer ").to_owned()),
            body: request.into_body(),
        };
        let before = {
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry(operation.id).or_default();
            *count += 1;
            *count - 1
        };
        let mut step = (self.decide)(&seen, before);
        self.seen.lock().unwrap().push(seen);
        while let Step::Later(while_, then) = step {
            sleep(while_).await;
            step = *then;
        }
        match step {
            Step::Answer(status, headers, body) => {
                let mut response = Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                Ok(response.body(body.to_string().into()).unwrap())
            }
            Step::NotSent => Err(TransportFailure::not_sent("no route").into()),
            Step::Lost => Err(TransportFailure::lost("reset").into()),
            Step::Silent | Step::Later(..) => {
                sleep(Duration::from_hours(24)).await;
                Err(TransportFailure::lost("silent for a day").into())
            }
        }
    }
}

/// Calls an operation by the low-level client, whose errors are read as the domain's.
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
        other => panic!("{other} is not called here"),
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
    carium::NewDocument::builder()
        .organization(ORGANIZATION.parse().unwrap())
        .patient(ID.parse().unwrap())
        .class(ID.parse().unwrap())
        .name("Referral letter")
        .file_name("letter.pdf")
        .build()
        .unwrap()
}
