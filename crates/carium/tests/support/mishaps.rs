//! A Carium in memory and a ledger, either of which fails at a point that a test names, in a way that it names.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and uses what it needs"
)]

use std::collections::HashMap;
use std::future::{Future, pending};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use carium::appointments::{
    Appointment, AppointmentId, AppointmentStatus, AppointmentType, AppointmentUpdate, Appointments,
    NewAppointment, Practitioner,
};
use carium::documents::{
    ByteRange, CreatedDocument, Document, DocumentClass, DocumentQuery, DocumentReferenceId, Documents,
    DownloadResponse, FilePart, NewDocument, Transfers, UploadForm,
};
use carium::onboarding::{
    EntryVersion, Ledger, LedgerEntry, MemoryLedger, Onboarding, OnboardingRequest, OnboardingRow, RowKey,
    Services, Step,
};
use carium::patients::{IndividualId, NewPatient, Patients};
use carium::{Error, ErrorKind, Invitations, Items, ListOptions, NewInvitation, Secret};
use carium_mock::FakeCarium;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::yield_now;

/// What goes wrong at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It is not done, which is known, and passes.
    NotApplied,
    /// It is refused for good.
    Refused,
    /// It is done, and its answer cannot be read.
    Unreadable,
    /// It is refused as what contradicts what is there, and not said by what.
    Contradicts,
    /// What it is asked of is gone.
    Gone,
    /// It is done, and nobody hears of it.
    ResponseLost,
    /// It is not done, and nobody knows.
    RequestLost,
    /// The program ends before it is done.
    DiesBefore,
    /// The program ends when it is done.
    DiesAfter,
    /// The program sleeps before it is done, until it is woken.
    Sleeps,
    /// It is not done, and from there on the ledger does nothing.
    Down,
    /// It is done, nobody hears of it, and from there on the ledger does nothing.
    DownAfter,
}

pub(crate) const OF_SERVICES: [Mishap; 6] = [
    Mishap::NotApplied,
    Mishap::Refused,
    Mishap::ResponseLost,
    Mishap::RequestLost,
    Mishap::DiesBefore,
    Mishap::DiesAfter,
];
pub(crate) const OF_THE_LEDGER: [Mishap; 6] = [
    Mishap::NotApplied,
    Mishap::ResponseLost,
    Mishap::Down,
    Mishap::DownAfter,
    Mishap::DiesBefore,
    Mishap::DiesAfter,
];

/// A point that was passed: what was called, and how often the same was before.
pub(crate) type Point = String;

#[derive(Default)]
struct Plan {
    mishaps: HashMap<Point, Mishap>,
    counts: HashMap<String, usize>,
    passed: Vec<Point>,
}

/// The services and the ledger, with what goes wrong with them. The clones are one.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) fake: FakeCarium,
    pub(crate) ledger: Arc<Mutex<MemoryLedger>>,
    plan: Arc<Mutex<Plan>>,
    is_down: Arc<AtomicBool>,
    died: Arc<Notify>,
    /// Told when a program falls asleep, and what wakes it.
    pub(crate) asleep: Arc<Notify>,
    pub(crate) wake: Arc<Notify>,
}

fn not_done() -> Error {
    Error::new(ErrorKind::Unavailable, "not done")
}

fn lost() -> Error {
    Error::new(ErrorKind::Unavailable, "lost").with_unknown_outcome()
}

impl Rig {
    pub(crate) fn new() -> Self {
        let fake = FakeCarium::new();
        fake.document_class("Referral");
        fake.practitioner("Dr. Ann Reed");
        fake.appointment_type("First visit");
        fake.appointment_status("Booked");
        Self {
            fake,
            ledger: Arc::default(),
            plan: Arc::default(),
            is_down: Arc::default(),
            died: Arc::default(),
            asleep: Arc::default(),
            wake: Arc::default(),
        }
    }

    /// The points from here on, counted anew, with this going wrong.
    pub(crate) fn plan(&self, mishaps: impl IntoIterator<Item = (Point, Mishap)>) {
        *self.plan.lock().unwrap() = Plan { mishaps: mishaps.into_iter().collect(), ..Plan::default() };
        self.is_down.store(false, Ordering::SeqCst);
    }

    /// The points that were passed since.
    pub(crate) fn passed(&self) -> Vec<Point> {
        self.plan.lock().unwrap().passed.clone()
    }

    pub(crate) fn onboarding(&self, folder: &Path) -> Onboarding {
        let services = Services {
            patients: Arc::new(self.clone()),
            invitations: Arc::new(self.clone()),
            appointments: Arc::new(self.clone()),
            documents: Arc::new(self.clone()),
            transfers: Arc::new(self.clone()),
        };
        Onboarding::new(services, Arc::new(self.clone()))
            .lookup_organization(self.fake.organization())
            .documents_folder(folder)
    }

    /// What a program does until it ends, by itself or in the middle of something.
    pub(crate) async fn until_death<T>(&self, program: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            result = program => Some(result),
        }
    }

    fn reach(&self, name: &str) -> Option<Mishap> {
        let plan = &mut *self.plan.lock().unwrap();
        let count = plan.counts.entry(name.to_owned()).or_default();
        let point = format!("{name} #{count}");
        *count += 1;
        let mishap = plan.mishaps.get(&point).copied();
        plan.passed.push(point);
        mishap
    }

    async fn pass<T>(&self, name: &str, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        yield_now().await;
        let of_ledger = name.starts_with("ledger");
        if of_ledger && self.is_down.load(Ordering::SeqCst) {
            return Err(not_done());
        }
        let result = match self.reach(name) {
            None => call.await,
            Some(Mishap::NotApplied) => Err(not_done()),
            Some(Mishap::Refused) => Err(Error::new(ErrorKind::Rejected, "refused")),
            Some(Mishap::Unreadable) => {
                call.await?;
                Err(Error::new(ErrorKind::Undecodable, "unreadable").with_unknown_outcome())
            }
            Some(Mishap::Gone) => {
                let gone = Error::new(ErrorKind::NotFound, "gone");
                Err(gone.with_operation(&carium::api::operations::PROCESS_UPLOAD))
            }
            Some(Mishap::Contradicts) => Err(Error::new(ErrorKind::Conflict, "contradicts")),
            Some(Mishap::ResponseLost) => {
                call.await?;
                Err(lost())
            }
            Some(Mishap::RequestLost) => Err(lost()),
            Some(Mishap::DiesBefore) => {
                self.died.notify_one();
                pending().await
            }
            Some(Mishap::DiesAfter) => {
                call.await?;
                self.died.notify_one();
                pending().await
            }
            Some(Mishap::Sleeps) => {
                self.asleep.notify_one();
                self.wake.notified().await;
                call.await
            }
            Some(Mishap::Down) => {
                self.is_down.store(true, Ordering::SeqCst);
                Err(not_done())
            }
            Some(Mishap::DownAfter) => {
                call.await?;
                self.is_down.store(true, Ordering::SeqCst);
                Err(not_done())
            }
        };
        yield_now().await;
        result
    }

    /// A list, of which the first page is a point.
    fn listed<T: Send + 'static>(&self, name: &'static str, items: Items<T>) -> Items<T> {
        let rig = self.clone();
        let first = async move { rig.pass(name, async { Ok(()) }).await };
        stream::once(first)
            .flat_map(move |passed| match passed {
                Ok(()) => stream::empty().boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            })
            .chain(items)
            .boxed()
    }

    fn kept(&self) -> MemoryLedger {
        self.ledger.lock().unwrap().clone()
    }
}

#[async_trait]
impl Patients for Rig {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        self.pass("create_patient", Patients::create(&self.fake, patient)).await
    }
}

#[async_trait]
impl Invitations for Rig {
    async fn send(&self, invitation: NewInvitation) -> Result<(), Error> {
        self.pass("resend_invitation", self.fake.send(invitation)).await
    }
}

#[async_trait]
impl Appointments for Rig {
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error> {
        self.pass("create_appointment", Appointments::create(&self.fake, appointment)).await
    }

    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error> {
        Appointments::get(&self.fake, id).await
    }

    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error> {
        self.fake.update(id, update).await
    }

    async fn delete(&self, id: AppointmentId) -> Result<(), Error> {
        self.fake.delete(id).await
    }

    fn practitioners(&self, options: ListOptions) -> Items<Practitioner> {
        self.listed("list_practitioners", self.fake.practitioners(options))
    }

    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus> {
        self.listed("list_statuses", self.fake.statuses(options))
    }

    fn types(&self, options: ListOptions) -> Items<AppointmentType> {
        self.listed("list_types", self.fake.types(options))
    }
}

#[async_trait]
impl Documents for Rig {
    fn classes(&self, options: ListOptions) -> Items<DocumentClass> {
        self.listed("list_classes", self.fake.classes(options))
    }

    fn list(&self, query: DocumentQuery) -> Items<Document> {
        self.listed("list_documents", self.fake.list(query))
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        let name = format!("create {}", document.file_name());
        self.pass(&name, Documents::create(&self.fake, document)).await
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        let documents = self.fake.documents();
        let document = documents.iter().find(|document| document.id == id).unwrap();
        let name = format!("process {}", document.attributes.attachment_filename.as_str());
        self.pass(&name, self.fake.process(id)).await
    }

    async fn download_info(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        self.fake.download_info(id).await
    }
}

#[async_trait]
impl Transfers for Rig {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let name = format!("post {}", file.name);
        self.pass(&name, self.fake.post(form, file)).await
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        Transfers::get(&self.fake, url, range).await
    }
}

#[async_trait]
impl Ledger for Rig {
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        self.pass("ledger entries", self.kept().entries(row)).await
    }

    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        self.pass(&format!("ledger insert {step}"), self.kept().insert(row, step, entry)).await
    }

    async fn replace(
        &self,
        row: &RowKey,
        step: &Step,
        mark: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        self.pass(&format!("ledger replace {step}"), self.kept().replace(row, step, mark, entry)).await
    }
}

pub(crate) const USERNAME: &str = "zoe.ohara@example.com";

/// A row that asks for everything, with names in the place of ids, and two documents.
pub(crate) fn full_row(fake: &FakeCarium) -> Value {
    json!({
        "first-name": "Zoë",
        "last-name": "O'Hara",
        "birth-date": "1984-02-29",
        "gender": "female",
        "email": USERNAME,
        "organization-id": fake.organization().to_string(),
        "invite": ["email"],
        "documents": [
            {"class": "Referral", "name": "Referral letter", "path": "letter.pdf"},
            {"class": "Referral", "name": "Scan", "description": "of the knee", "path": "scans/scan.png"},
        ],
        "appointment": {
            "practitioner": "Dr. Ann Reed",
            "type": "First visit",
            "status": "Booked",
            "start-time": "2027-01-04T09:00:00Z",
            "end-time": "2027-01-04T09:30:00Z",
            "add-video-channel": true,
        },
    })
}

pub(crate) const FILES: [(&str, &str); 2] = [("letter.pdf", "the letter"), ("scans/scan.png", "the scan")];

pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scans")).unwrap();
    for (path, content) in FILES {
        std::fs::write(folder.path().join(path), content).unwrap();
    }
    folder
}

pub(crate) fn request(row: &Value) -> OnboardingRequest {
    serde_json::from_str::<OnboardingRow>(&row.to_string()).unwrap().check().unwrap()
}
