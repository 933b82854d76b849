//! What a program does, done on one side, and what it sees of it.

use std::num::NonZeroU64;
use std::time::Duration;

use carium::appointments::{AppointmentId, AppointmentUpdate};
use carium::documents::{
    Content, DocumentQuery, DocumentReferenceId, FilePart, NewDocument, Sha256Digest, UploadForm,
    UploadSource,
};
use carium::patients::{Gender, IndividualGroupId, IndividualId};
use carium::{Carium, Error, ErrorKind, ListOptions, NewInvitation, RetryPolicy};
use carium_mock::{FakeCarium, Sandbox};
use futures_util::TryStreamExt as _;
use uuid::Uuid;

use super::reference::{PRACTITIONERS, Step};

/// The fake, or the sandbox with its fake inside.
pub(crate) struct Side {
    pub(crate) fake: FakeCarium,
    client: Carium,
    group: IndividualGroupId,
    patients: Vec<IndividualId>,
    appointments: Vec<AppointmentId>,
    documents: Vec<(DocumentReferenceId, Option<UploadForm>)>,
    sandbox: Option<Sandbox>,
}

/// What is seen of an error.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) kind: ErrorKind,
    status: Option<u16>,
    may_have_been_applied: bool,
    attempts: u32,
    fields: Vec<String>,
}

impl From<&Error> for Seen {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            status: error.status(),
            may_have_been_applied: error.may_have_been_applied(),
            attempts: error.attempts(),
            fields: error
                .problems()
                .iter()
                .filter_map(|problem| problem.field().map(str::to_owned))
                .collect(),
        }
    }
}

impl From<Error> for Seen {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

/// What is there, without the ids.
#[derive(Debug, PartialEq)]
pub(crate) struct Inside {
    pub(crate) patients: Vec<(String, usize)>,
    pub(crate) appointments: usize,
    pub(crate) documents: Vec<(bool, Option<Sha256Digest>)>,
    calls: Vec<(&'static str, Option<u16>, bool)>,
}

impl Side {
    pub(crate) fn fake() -> Self {
        Self::new(FakeCarium::new(), None)
    }

    pub(crate) async fn wire() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        Self::new(sandbox.fake().clone(), Some(sandbox))
    }

    fn new(fake: FakeCarium, sandbox: Option<Sandbox>) -> Self {
        let policy = RetryPolicy::default().max_attempts(3).backoff(Duration::ZERO, Duration::ZERO);
        let client = fake.client_builder().retry_policy(policy).build().unwrap();
        // The sandbox knows one from the beginning.
        for number in 1..PRACTITIONERS {
            fake.practitioner(&format!("Dr. {number}"));
        }
        fake.practitioner("Dr. Quill");
        let group = fake.add_group();
        Self {
            fake,
            client,
            group,
            patients: Vec::new(),
            appointments: Vec::new(),
            documents: Vec::new(),
            sandbox,
        }
    }

    /// Does it, and says how much was seen: the length of a list or of a file, 0 elsewhere.
    pub(crate) async fn take(&mut self, step: &Step) -> Result<usize, Seen> {
        let time = |text: &str| text.parse().unwrap();
        let carium = &self.client;
        match *step {
            Step::Create { name, by_phone, in_known_group } => {
                let patient =
                    carium.new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
                let patient = if by_phone {
                    patient.mobile_phone(username(name, by_phone))
                } else {
                    patient.email(username(name, by_phone))
                };
                let group = if in_known_group { self.group } else { nothing() };
                let patient = patient.gender(Gender::Male).groups([group]).build().unwrap();
                self.patients.push(carium.patients().create(patient).await?);
            }
            Step::Invite { name, by_phone, by_sms } => {
                let username = username(name, by_phone);
                let invitation = if by_sms {
                    NewInvitation::by_sms(&username)
                } else {
                    NewInvitation::by_email(&username)
                };
                carium.invitations().send(invitation.unwrap()).await?;
            }
            Step::Book { patient } => {
                let appointment = carium
                    .new_appointment()
                    .patient(self.patient(patient))
                    .practitioner(self.fake.practitioner("Dr. Quill"))
                    .status(self.fake.appointment_status("Scheduled"))
                    .appointment_type(self.fake.appointment_type("Video visit"))
                    .between(time("2026-01-01T09:00:00Z"), time("2026-01-01T09:30:00Z"));
                let id = carium.appointments().create(appointment.build().unwrap()).await?;
                self.appointments.push(id);
            }
            Step::Read(place) => drop(carium.appointments().get(self.appointment(place)).await?),
            Step::Move(place) => {
                let update = AppointmentUpdate::default()
                    .between(time("2026-02-01T09:00:00Z"), time("2026-02-01T09:30:00Z"));
                let moved = carium.appointments().update(self.appointment(place), update).await?;
                assert_eq!(moved.start, Some(time("2026-02-01T09:00:00Z")));
            }
            Step::Cancel(place) => carium.appointments().delete(self.appointment(place)).await?,
            Step::Announce { patient } => {
                let reference = carium.documents().create(self.document(patient)).await?;
                self.documents.push((reference.id, reference.form));
            }
            Step::Post { document, length } => {
                if let Some((_, Some(form))) = self.documents.get(document) {
                    let content = Content::Bytes(vec![7; length].into());
                    let file = FilePart::new("letter.pdf", "application/pdf", length as u64, content);
                    carium.transfers().post(form, file).await?;
                }
            }
            Step::Process(document) => carium.documents().process(self.document_id(document)).await?,
            Step::Fetch(document) => {
                let mut written = Vec::new();
                carium.downloads().to_writer(self.document_id(document), &mut written).await?;
                return Ok(written.len());
            }
            Step::File { patient, length } => {
                let source = UploadSource::bytes(vec![7; length]);
                let receipt = carium.uploads().upload(self.document(patient), source).await;
                self.documents.push((receipt.map_err(|error| Seen::from(error.error()))?.id, None));
            }
            Step::List { patient, page_size } => {
                let query = DocumentQuery::default()
                    .patient(self.patient(patient))
                    .options(ListOptions::default().page_size(NonZeroU64::new(page_size).unwrap()));
                return Ok(carium.documents().list(query).try_collect::<Vec<_>>().await?.len());
            }
            Step::Practitioners { page_size } => {
                let options = ListOptions::default().page_size(NonZeroU64::new(page_size).unwrap());
                return Ok(carium.appointments().practitioners(options).try_collect::<Vec<_>>().await?.len());
            }
            Step::RevokeTokens => self.fake.revoke_tokens(),
        }
        Ok(0)
    }

    fn document(&self, patient: usize) -> NewDocument {
        let document = self.client.new_document().patient(self.patient(patient)).name("Letter");
        document.class(self.fake.document_class("Referral letter")).file_name("letter.pdf").build().unwrap()
    }

    fn patient(&self, place: usize) -> IndividualId {
        self.patients.get(place).copied().unwrap_or(nothing())
    }

    fn appointment(&self, place: usize) -> AppointmentId {
        self.appointments.get(place).copied().unwrap_or(nothing())
    }

    fn document_id(&self, place: usize) -> DocumentReferenceId {
        self.documents.get(place).map_or(nothing(), |(id, _)| *id)
    }

    pub(crate) fn inside(&self) -> Inside {
        let patient = |(_, patient): (_, carium::api::types::NewPatient)| {
            let username = patient.username.unwrap().to_string();
            let invitations = self.fake.invitations_to(&username).len();
            (username, invitations)
        };
        let document = |document: carium_mock::FakeDocument| {
            (
                document.is_processed,
                self.fake.document_bytes(document.id).map(|bytes| Sha256Digest::of(&bytes)),
            )
        };
        Inside {
            patients: self.fake.patients().into_iter().map(patient).collect(),
            // One is there from the beginning in the sandbox.
            appointments: self.fake.appointments().len() - usize::from(self.sandbox.is_some()),
            documents: self.fake.documents().into_iter().map(document).collect(),
            calls: self
                .fake
                .calls()
                .iter()
                .map(|call| (call.operation, call.status, call.fault_injected))
                .collect(),
        }
    }
}

fn username(name: u8, by_phone: bool) -> String {
    if by_phone { format!("+1555000000{name}") } else { format!("patient-{name}@example.com") }
}

/// An id of nothing.
fn nothing<I: From<Uuid>>() -> I {
    Uuid::from_u128(7).into()
}
