//! Fault injection: an in-memory fake of the services and a ledger, which fail at points that a test selects.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests fail by panicking, and each uses only a part of this module"
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
    EntryVersion, FileLedger, Ledger, LedgerEntry, MemoryLedger, Onboarding, OnboardingRequest,
    OnboardingRow, OnboardingServices, RowKey, Step,
};
use carium::patients::{IndividualId, NewPatient, Patients};
use carium::{Error, ErrorKind, Invitations, Items, ListOptions, NewInvitation, Secret};
use carium_mock::FakeCarium;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::yield_now;

/// A fault at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InjectedFault {
    /// The call is not applied, and fails with a transient error that says so.
    NotApplied,
    /// The call is rejected permanently.
    Rejected,
    /// The call is applied, and its response cannot be decoded.
    Undecodable,
    /// The call is rejected as a conflict, without naming a field.
    Conflict,
    /// The call fails because its object does not exist.
    NotFound,
    /// The call is applied, and its response is lost.
    ResponseLost,
    /// The call is not applied, and the caller cannot know that.
    RequestLost,
    /// The program crashes before the call is applied.
    CrashBefore,
    /// The program crashes after the call is applied.
    CrashAfter,
    /// The program is suspended before the call, until the test resumes it.
    Suspend,
    /// The call is not applied, and from then on the ledger is unavailable.
    LedgerDown,
    /// The call is applied, its response is lost, and from then on the ledger is unavailable.
    LedgerDownAfter,
}

pub(crate) const SERVICE_FAULTS: [InjectedFault; 6] = [
    InjectedFault::NotApplied,
    InjectedFault::Rejected,
    InjectedFault::ResponseLost,
    InjectedFault::RequestLost,
    InjectedFault::CrashBefore,
    InjectedFault::CrashAfter,
];
pub(crate) const LEDGER_FAULTS: [InjectedFault; 6] = [
    InjectedFault::NotApplied,
    InjectedFault::ResponseLost,
    InjectedFault::LedgerDown,
    InjectedFault::LedgerDownAfter,
    InjectedFault::CrashBefore,
    InjectedFault::CrashAfter,
];

/// A call that a run makes, with the number of earlier calls of the same name: `"create_patient #0"`.
pub(crate) type FaultPoint = String;

#[derive(Default)]
struct FaultPlan {
    /// Keys are points, or names of calls whose every occurrence has the fault.
    faults: HashMap<FaultPoint, InjectedFault>,
    call_counts: HashMap<String, usize>,
    reached: Vec<FaultPoint>,
}

/// The test harness: services and a ledger with injected faults. Clones share their state.
#[derive(Clone)]
pub(crate) struct FaultHarness {
    pub(crate) fake: FakeCarium,
    /// `None` only while the ledger is reopened.
    ledger: Arc<Mutex<Option<Arc<dyn Ledger>>>>,
    /// The folder of the ledger file, if the ledger is one.
    ledger_folder: Option<Arc<TempDir>>,
    /// Whether the ledger stores uploads with their presigned forms.
    stores_uploads: bool,
    plan: Arc<Mutex<FaultPlan>>,
    is_ledger_down: Arc<AtomicBool>,
    crashed: Arc<Notify>,
    /// Notified when [`InjectedFault::Suspend`] suspends the program.
    pub(crate) suspended: Arc<Notify>,
    /// Resumes a suspended program.
    pub(crate) resume: Arc<Notify>,
}

fn not_applied() -> Error {
    Error::new(ErrorKind::Unavailable, "not applied")
}

fn outcome_unknown() -> Error {
    Error::new(ErrorKind::Unavailable, "response lost").with_unknown_outcome()
}

impl FaultHarness {
    /// Creates a harness with an in-memory ledger that stores entries only as they are serialized.
    pub(crate) fn new() -> Self {
        let fake = FakeCarium::new();
        fake.document_class("Referral");
        fake.practitioner("Dr. Ann Reed");
        fake.appointment_type("First visit");
        fake.appointment_status("Booked");
        Self {
            fake,
            ledger: Arc::new(Mutex::new(Some(Arc::new(MemoryLedger::new())))),
            ledger_folder: None,
            stores_uploads: false,
            plan: Arc::default(),
            is_ledger_down: Arc::default(),
            crashed: Arc::default(),
            suspended: Arc::default(),
            resume: Arc::default(),
        }
    }

    /// Creates a harness with an in-memory ledger that stores uploads with their presigned forms, too.
    pub(crate) fn storing_uploads() -> Self {
        Self { stores_uploads: true, ..Self::new() }
    }

    /// Creates a harness with a ledger file.
    pub(crate) async fn with_file_ledger() -> Self {
        let folder = Some(Arc::new(tempfile::tempdir().unwrap()));
        let harness = Self { ledger_folder: folder, ..Self::new() };
        harness.restart().await;
        harness
    }

    /// Starts the program again after a crash: opens the ledger file again.
    pub(crate) async fn restart(&self) {
        let Some(folder) = &self.ledger_folder else { return };
        self.ledger.lock().unwrap().take();
        let ledger = loop {
            match FileLedger::open(folder.path().join("ledger")).await {
                Ok(ledger) => break ledger,
                // Unlike a killed process, a dropped future does not stop a write that is in progress.
                Err(error) if error.kind() == ErrorKind::Conflict => yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        *self.ledger.lock().unwrap() = Some(Arc::new(ledger));
    }

    /// Injects these faults from now on, in place of earlier ones. Restarts the counts of calls.
    pub(crate) fn inject(&self, faults: impl IntoIterator<Item = (FaultPoint, InjectedFault)>) {
        *self.plan.lock().unwrap() =
            FaultPlan { faults: faults.into_iter().collect(), ..FaultPlan::default() };
        self.is_ledger_down.store(false, Ordering::SeqCst);
    }

    /// Returns the points that were reached since the last call of [`inject`](Self::inject).
    pub(crate) fn reached_points(&self) -> Vec<FaultPoint> {
        self.plan.lock().unwrap().reached.clone()
    }

    /// Creates an onboarding whose services and ledger have injected faults.
    pub(crate) fn onboarding(&self, folder: &Path) -> Onboarding {
        self.onboarding_with(Arc::new(self.clone()), folder)
    }

    /// Creates an onboarding with a ledger of its own.
    pub(crate) fn onboarding_with(&self, ledger: Arc<dyn Ledger>, folder: &Path) -> Onboarding {
        let services = OnboardingServices {
            organizations: Arc::clone(self.fake.client().organizations()),
            patients: Arc::new(self.clone()),
            invitations: Arc::new(self.clone()),
            appointments: Arc::new(self.clone()),
            documents: Arc::new(self.clone()),
            transfers: Arc::new(self.clone()),
        };
        Onboarding::new(services, ledger)
            .lookup_organization(self.fake.organization())
            .documents_folder(folder)
    }

    /// Runs a program until it ends. Returns `None` and restarts if an injected fault crashes it.
    pub(crate) async fn run_until_crash<T>(&self, program: impl Future<Output = T>) -> Option<T> {
        let result = tokio::select! {
            biased;
            () = self.crashed.notified() => None,
            result = program => Some(result),
        };
        if result.is_none() {
            self.restart().await;
        }
        result
    }

    fn next_fault(&self, name: &str) -> Option<InjectedFault> {
        let plan = &mut *self.plan.lock().unwrap();
        let count = plan.call_counts.entry(name.to_owned()).or_default();
        let point = format!("{name} #{count}");
        *count += 1;
        let fault = plan.faults.get(&point).or_else(|| plan.faults.get(name)).copied();
        plan.reached.push(point);
        fault
    }

    /// Makes a call, with the fault that is injected at this point.
    async fn call_with_fault<T>(
        &self,
        name: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        yield_now().await;
        let is_ledger = name.starts_with("ledger");
        if is_ledger && self.is_ledger_down.load(Ordering::SeqCst) {
            return Err(not_applied());
        }
        let result = match self.next_fault(name) {
            None => call.await,
            Some(InjectedFault::NotApplied) => Err(not_applied()),
            Some(InjectedFault::Rejected) => Err(Error::new(ErrorKind::Rejected, "rejected")),
            Some(InjectedFault::Undecodable) => {
                call.await?;
                Err(Error::new(ErrorKind::Undecodable, "undecodable").with_unknown_outcome())
            }
            Some(InjectedFault::NotFound) => {
                let error = Error::new(ErrorKind::NotFound, "not found");
                Err(error.with_operation(&carium::api::operations::PROCESS_UPLOAD))
            }
            Some(InjectedFault::Conflict) => Err(Error::new(ErrorKind::Conflict, "conflict")),
            Some(InjectedFault::ResponseLost) => {
                call.await?;
                Err(outcome_unknown())
            }
            Some(InjectedFault::RequestLost) => Err(outcome_unknown()),
            Some(InjectedFault::CrashBefore) => {
                self.crashed.notify_one();
                pending().await
            }
            Some(InjectedFault::CrashAfter) => {
                call.await?;
                self.crashed.notify_one();
                pending().await
            }
            Some(InjectedFault::Suspend) => {
                self.suspended.notify_one();
                self.resume.notified().await;
                call.await
            }
            Some(InjectedFault::LedgerDown) => {
                self.is_ledger_down.store(true, Ordering::SeqCst);
                Err(not_applied())
            }
            Some(InjectedFault::LedgerDownAfter) => {
                call.await?;
                self.is_ledger_down.store(true, Ordering::SeqCst);
                Err(not_applied())
            }
        };
        yield_now().await;
        result
    }

    /// Returns a list whose first page is a fault point.
    fn list_with_fault<T: Send + 'static>(&self, name: &'static str, items: Items<T>) -> Items<T> {
        let harness = self.clone();
        let first_page = async move { harness.call_with_fault(name, async { Ok(()) }).await };
        let error = stream::once(first_page).filter_map(|result| async { result.err().map(Err) });
        Items::from_items(error.chain(items))
    }

    fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::clone(self.ledger.lock().unwrap().as_ref().unwrap())
    }
}

#[async_trait]
impl Patients for FaultHarness {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        self.call_with_fault("create_patient", self.fake.client().patients().create(patient)).await
    }
}

#[async_trait]
impl Invitations for FaultHarness {
    async fn send(&self, invitation: NewInvitation) -> Result<(), Error> {
        self.call_with_fault("resend_invitation", self.fake.client().invitations().send(invitation)).await
    }
}

#[async_trait]
impl Appointments for FaultHarness {
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error> {
        self.call_with_fault("create_appointment", self.fake.client().appointments().create(appointment))
            .await
    }

    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error> {
        self.fake.client().appointments().get(id).await
    }

    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error> {
        self.fake.client().appointments().update(id, update).await
    }

    async fn delete(&self, id: AppointmentId) -> Result<(), Error> {
        self.fake.client().appointments().delete(id).await
    }

    fn practitioners(&self, options: ListOptions) -> Items<Practitioner> {
        self.list_with_fault("list_practitioners", self.fake.client().appointments().practitioners(options))
    }

    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus> {
        self.list_with_fault("list_statuses", self.fake.client().appointments().statuses(options))
    }

    fn types(&self, options: ListOptions) -> Items<AppointmentType> {
        self.list_with_fault("list_types", self.fake.client().appointments().types(options))
    }
}

#[async_trait]
impl Documents for FaultHarness {
    fn classes(&self, options: ListOptions) -> Items<DocumentClass> {
        self.list_with_fault("list_classes", self.fake.client().documents().classes(options))
    }

    fn list(&self, query: DocumentQuery) -> Items<Document> {
        self.list_with_fault("list_documents", self.fake.client().documents().list(query))
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        let name = format!("create {}", document.file_name());
        self.call_with_fault(&name, self.fake.client().documents().create(document)).await
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        let documents = self.fake.documents();
        let document = documents.iter().find(|document| document.id == id).unwrap();
        let name = format!("process {}", document.attributes.attachment_filename.as_str());
        self.call_with_fault(&name, self.fake.client().documents().process(id)).await
    }

    async fn download_url(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        self.fake.client().documents().download_url(id).await
    }
}

#[async_trait]
impl Transfers for FaultHarness {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let name = format!("post {}", file.name);
        self.call_with_fault(&name, self.fake.client().transfers().post(form, file)).await
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        self.fake.client().transfers().get(url, range).await
    }
}

#[async_trait]
impl Ledger for FaultHarness {
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        let mut entries = self.call_with_fault("ledger entries", self.ledger().entries(row)).await?;
        if !self.stores_uploads {
            for (_, entry) in &mut entries {
                *entry = serde_json::from_value(json!(entry)).unwrap();
            }
        }
        Ok(entries)
    }

    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        let ledger = self.ledger();
        self.call_with_fault(&format!("ledger insert {step}"), ledger.insert(row, step, entry)).await
    }

    async fn compare_and_swap(
        &self,
        row: &RowKey,
        step: &Step,
        expected: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        let (name, ledger) = (format!("ledger compare_and_swap {step}"), self.ledger());
        self.call_with_fault(&name, ledger.compare_and_swap(row, step, expected, entry)).await
    }
}

pub(crate) const USERNAME: &str = "zoe.ohara@example.com";

/// A row with every step: an invitation, two documents and an appointment. It uses names instead of IDs.
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

/// The path and the content of each document of [`full_row`].
pub(crate) const FILES: [(&str, &str); 2] = [("letter.pdf", "the letter"), ("scans/scan.png", "the scan")];

/// Creates a documents folder with [`FILES`].
pub(crate) fn documents_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scans")).unwrap();
    for (path, content) in FILES {
        std::fs::write(folder.path().join(path), content).unwrap();
    }
    folder
}

pub(crate) fn parse_request(row: &Value) -> OnboardingRequest {
    serde_json::from_str::<OnboardingRow>(&row.to_string()).unwrap().check().unwrap()
}
