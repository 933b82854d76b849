//! A system under test: runs actions with a client, and returns the observable results.

use std::borrow::Cow;
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

use super::reference::{Action, PRACTITIONER_COUNT};

/// The fake, or the sandbox, which contains a fake.
pub(crate) struct System {
    pub(crate) fake: FakeCarium,
    client: Carium,
    group: IndividualGroupId,
    patients: Vec<IndividualId>,
    appointments: Vec<AppointmentId>,
    documents: Vec<(DocumentReferenceId, Option<UploadForm>)>,
    sandbox: Option<Sandbox>,
}

/// The observable properties of an error.
#[derive(Debug, PartialEq)]
pub(crate) struct ObservedError {
    pub(crate) kind: ErrorKind,
    status: Option<u16>,
    may_have_been_applied: bool,
    attempts: u32,
    fields: Vec<String>,
}

impl From<&Error> for ObservedError {
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

impl From<Error> for ObservedError {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

/// The state of the fake, without IDs.
#[derive(Debug, PartialEq)]
pub(crate) struct SystemState {
    /// The username of each patient, and the number of invitations to it.
    pub(crate) patients: Vec<(String, usize)>,
    pub(crate) appointments: usize,
    /// Whether each document is processed, and the digest of its file.
    pub(crate) documents: Vec<(bool, Option<Sha256Digest>)>,
    /// The operation and status of each call, and whether a fault was injected.
    calls: Vec<(Cow<'static, str>, Option<u16>, bool)>,
}

impl System {
    pub(crate) fn fake() -> Self {
        Self::new(FakeCarium::new(), None)
    }

    pub(crate) async fn sandbox() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        Self::new(sandbox.fake().clone(), Some(sandbox))
    }

    fn new(fake: FakeCarium, sandbox: Option<Sandbox>) -> Self {
        let policy = RetryPolicy::default().max_attempts(3).backoff(Duration::ZERO, Duration::ZERO);
        let client = fake.client_builder().retry_policy(policy).build().unwrap();
        // The sandbox already has the practitioner "Dr. Quill".
        for number in 1..PRACTITIONER_COUNT {
            fake.practitioner(&format!("Dr. {number}"));
        }
        fake.practitioner("Dr. Quill");
        let group = fake.add_group("Diabetes program");
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

    /// Runs an action. Returns the length of a list or of a file, and 0 for other actions.
    pub(crate) async fn run(&mut self, action: &Action) -> Result<usize, ObservedError> {
        let time = |text: &str| text.parse().unwrap();
        let carium = &self.client;
        match *action {
            Action::CreatePatient { name, by_phone, in_known_group } => {
                let patient =
                    carium.new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
                let patient = if by_phone {
                    patient.mobile_phone(username(name, by_phone))
                } else {
                    patient.email(username(name, by_phone))
                };
                let group = if in_known_group { self.group } else { unknown_id() };
                let patient = patient.gender(Gender::Male).groups([group]).build().unwrap();
                self.patients.push(carium.patients().create(patient).await?);
            }
            Action::Invite { name, by_phone, by_sms } => {
                let username = username(name, by_phone);
                let invitation = if by_sms {
                    NewInvitation::by_sms(&username)
                } else {
                    NewInvitation::by_email(&username)
                };
                carium.invitations().send(invitation.unwrap()).await?;
            }
            Action::CreateAppointment { patient } => {
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
            Action::GetAppointment(appointment) => {
                drop(carium.appointments().get(self.appointment(appointment)).await?);
            }
            Action::MoveAppointment(appointment) => {
                let update = AppointmentUpdate::default()
                    .between(time("2026-02-01T09:00:00Z"), time("2026-02-01T09:30:00Z"));
                let moved = carium.appointments().update(self.appointment(appointment), update).await?;
                assert_eq!(moved.start, Some(time("2026-02-01T09:00:00Z")));
            }
            Action::DeleteAppointment(appointment) => {
                carium.appointments().delete(self.appointment(appointment)).await?;
            }
            Action::ListPractitioners { page_size } => {
                let options = ListOptions::default().page_size(NonZeroU64::new(page_size).unwrap());
                return Ok(carium.appointments().practitioners(options).try_collect::<Vec<_>>().await?.len());
            }
            Action::RevokeTokens => self.fake.revoke_tokens(),
            _ => return self.run_on_documents(action).await,
        }
        Ok(0)
    }

    async fn run_on_documents(&mut self, action: &Action) -> Result<usize, ObservedError> {
        let carium = &self.client;
        match *action {
            Action::CreateDocument { patient } => {
                let reference = carium.documents().create(self.document(patient)).await?;
                self.documents.push((reference.id, reference.form));
            }
            Action::PostFile { document, length } => {
                if let Some((_, Some(form))) = self.documents.get(document) {
                    let content = Content::Bytes(vec![7; length].into());
                    let file = FilePart::new("letter.pdf", "application/pdf", length as u64, content);
                    carium.transfers().post(form, file).await?;
                }
            }
            Action::ProcessDocument(document) => {
                carium.documents().process(self.document_id(document)).await?;
            }
            Action::DownloadDocument(document) => {
                let mut content = Vec::new();
                carium.downloads().to_writer(self.document_id(document), &mut content).await?;
                return Ok(content.len());
            }
            Action::UploadDocument { patient, length } => {
                let source = UploadSource::bytes(vec![7; length]);
                let receipt = carium.uploads().upload(self.document(patient), source).await;
                self.documents.push((receipt.map_err(|error| ObservedError::from(error.error()))?.id, None));
            }
            Action::ListDocuments { patient, page_size } => {
                let query = DocumentQuery::default()
                    .patient(self.patient(patient))
                    .options(ListOptions::default().page_size(NonZeroU64::new(page_size).unwrap()));
                return Ok(carium.documents().list(query).try_collect::<Vec<_>>().await?.len());
            }
            _ => unreachable!("{action:?} is not an action on documents"),
        }
        Ok(0)
    }

    fn document(&self, patient: usize) -> NewDocument {
        let document = self.client.new_document().patient(self.patient(patient)).name("Letter");
        document.class(self.fake.document_class("Referral letter")).file_name("letter.pdf").build().unwrap()
    }

    fn patient(&self, index: usize) -> IndividualId {
        self.patients.get(index).copied().unwrap_or(unknown_id())
    }

    fn appointment(&self, index: usize) -> AppointmentId {
        self.appointments.get(index).copied().unwrap_or(unknown_id())
    }

    fn document_id(&self, index: usize) -> DocumentReferenceId {
        self.documents.get(index).map_or(unknown_id(), |(id, _)| *id)
    }

    pub(crate) fn state(&self) -> SystemState {
        let patient_state = |(_, patient): (_, carium::api::types::NewPatient)| {
            let username = patient.username.unwrap().to_string();
            let invitations = self.fake.invitations_to(&username).len();
            (username, invitations)
        };
        let document_state = |document: carium_mock::FakeDocument| {
            (
                document.is_processed,
                self.fake.document_bytes(document.id).map(|bytes| Sha256Digest::of(&bytes)),
            )
        };
        SystemState {
            patients: self.fake.patients().into_iter().map(patient_state).collect(),
            // The sandbox starts with one appointment.
            appointments: self.fake.appointments().len() - usize::from(self.sandbox.is_some()),
            documents: self.fake.documents().into_iter().map(document_state).collect(),
            calls: self
                .fake
                .calls()
                .into_iter()
                .map(|call| (call.operation, call.status, call.fault_injected))
                .collect(),
        }
    }
}

fn username(name: u8, by_phone: bool) -> String {
    if by_phone { format!("+1555000000{name}") } else { format!("patient-{name}@example.com") }
}

fn unknown_id<I: From<Uuid>>() -> I {
    Uuid::from_u128(7).into()
}
