//! Runs of a row as a state machine: the real code of [`Onboarding::run`], stopped at every call.
//!
//! A run is deterministic if the replies to its calls are given. Its state is therefore the list of replies that it
//! has received, and it is restored by running the real code again with the same replies. Random numbers are replaced
//! in everything that leaves a run, so that two runs with the same replies make the same calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use carium::api::async_trait;
use carium::api::uuid::Uuid;
use carium::appointments::{
    Appointment, AppointmentId, AppointmentStatus, AppointmentType, AppointmentUpdate, NewAppointment,
    Practitioner,
};
use carium::documents::{
    ByteRange, CreatedDocument, Document, DocumentClass, DocumentQuery, DocumentReferenceId,
    DownloadResponse, FilePart, NewDocument, UploadForm, UploadState,
};
use carium::onboarding::{
    EntryState, EntryVersion, Ledger, LedgerEntry, NextAction, Onboarding, OnboardingOutcome,
    OnboardingRequest, OnboardingRow, OnboardingServices, RowKey, Step,
};
use carium::patients::{IndividualId, NewPatient};
use carium::{
    Appointments, Documents, Error, ErrorKind, Invitations, Items, ListOptions, NewInvitation, Organizations,
    Patients, Secret, Transfers,
};
use carium_mock::FakeCarium;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// A step of the row of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    Patient,
    Invitation,
    Appointment,
    Document(u8),
}

impl Part {
    fn of(step: &Step) -> Self {
        match step {
            Step::Patient => Self::Patient,
            Step::Invitation(_) => Self::Invitation,
            Step::Appointment => Self::Appointment,
            Step::Document(index) => Self::Document(u8::try_from(*index).unwrap()),
            _ => panic!("the model has no such step"),
        }
    }

    pub(crate) fn step(self) -> Step {
        let text = match self {
            Self::Patient => "patient".to_owned(),
            Self::Invitation => "invite[email]".to_owned(),
            Self::Appointment => "appointment".to_owned(),
            Self::Document(index) => format!("documents[{index}]"),
        };
        text.parse().unwrap()
    }
}

/// A part of a run that makes one call at a time. Strands share no data, so the order of the replies to different
/// strands does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Strand {
    Run,
    Lookup,
    Part(Part),
}

/// The index of an entry in [`Runs`].
pub(crate) type EntryId = u32;
/// The index of the state of a run in [`Runs`].
pub(crate) type RunId = u32;
/// The number of an object of the service.
pub(crate) type Number = u8;

/// A call of a run that has no reply yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    ReadEntries,
    /// Inserts an entry, or replaces the entry with the expected version.
    Write {
        part: Part,
        expected: Option<EntryVersion>,
        entry: EntryId,
    },
    CreatePatient,
    Invite,
    Book {
        patient: Number,
    },
    CreateReference {
        document: u8,
        patient: Number,
    },
    ListDocuments {
        patient: Number,
    },
    Post {
        reference: Number,
    },
    Process {
        reference: Number,
    },
    DownloadUrl {
        reference: Number,
    },
}

/// What a run is told about a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reply {
    Entries(Vec<(Part, EntryId)>),
    /// The existing entry, if there was one.
    Inserted(Option<EntryId>),
    Swapped(bool),
    Created(Number),
    Done,
    /// The references in the record of the patient.
    Documents(Vec<Number>),
    /// The call was not applied, and the error says so.
    Unavailable,
    /// The call was rejected permanently.
    Rejected,
    /// No reply came: the call may have been applied.
    Lost,
    /// The object exists, or is in the wrong state.
    Conflict,
}

/// What a run reports when it has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Report {
    pub(crate) next: Next,
    /// Whether a step was started.
    pub(crate) has_outcome: bool,
    pub(crate) unknown: BTreeSet<Part>,
    pub(crate) failed: BTreeSet<Part>,
    /// References without a file.
    pub(crate) orphans: BTreeSet<Number>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Next {
    #[default]
    Nothing,
    Retry,
    Person,
}

/// An entry as the model stores it.
#[derive(Clone, Debug)]
pub(crate) struct StoredEntry {
    json: String,
    /// The state of an upload with its form, which a ledger stores beside the entry.
    upload: Option<String>,
    pub(crate) version: EntryVersion,
    pub(crate) state: EntryState,
    /// Whether a call follows the entry, in contrast to an intent whose call has ended.
    pub(crate) is_before_call: bool,
    pub(crate) id: Option<Number>,
    /// All references of the document that the entry names.
    pub(crate) references: BTreeSet<Number>,
}

impl StoredEntry {
    fn new(json: String, upload: Option<String>) -> Self {
        let entry: LedgerEntry = serde_json::from_str(&json).unwrap();
        let value: Value = serde_json::from_str(&json).unwrap();
        let phase = &value["upload"]["phase"]["id"];
        let references = entry.orphans().iter().map(|id| number(Uuid::from(*id)));
        let used = phase.as_str().map(|id| number(id.parse().unwrap()));
        Self {
            version: entry.version(),
            state: entry.state(),
            is_before_call: entry.state() == EntryState::Intent && value["unknown-reason"].is_null(),
            id: entry.id().map(number),
            references: references.chain(used).chain(entry.id().map(number)).collect(),
            json,
            upload,
        }
    }

    /// Returns the entry without its fingerprints, for the trace of a counterexample.
    pub(crate) fn json(&self) -> String {
        let mut value: Value = serde_json::from_str(&self.json).unwrap();
        value["request"] = Value::Null;
        if let Some(upload) = value.get_mut("upload") {
            upload["document"] = Value::Null;
        }
        value.to_string()
    }

    pub(crate) fn entry(&self) -> LedgerEntry {
        let entry: LedgerEntry = serde_json::from_str(&self.json).unwrap();
        match &self.upload {
            Some(upload) => entry.with_resumable_upload(serde_json::from_str(upload).unwrap()),
            None => entry,
        }
    }
}

/// The state of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunState {
    /// The number of the run among all runs of the row.
    pub(crate) number: u8,
    replies: BTreeMap<Strand, Vec<Reply>>,
    /// The calls without a reply.
    pub(crate) calls: BTreeMap<Strand, Call>,
    pub(crate) report: Option<Report>,
}

/// All states of runs that were reached.
pub(crate) struct Runs {
    request: OnboardingRequest,
    folder: TempDir,
    runtime: Runtime,
    /// The row has IDs only, so no list is read.
    organizations: Arc<dyn Organizations>,
    entries: Vec<StoredEntry>,
    entry_ids: HashMap<(String, Option<String>), EntryId>,
    /// The first fingerprint of each value. Fingerprints are salted, so there are many of the same value.
    fingerprints: HashMap<(Part, String, Option<Number>), Value>,
    states: Vec<Arc<RunState>>,
    state_ids: HashMap<(u8, BTreeMap<Strand, Vec<Reply>>), RunId>,
}

fn uuid(number: Number) -> Uuid {
    Uuid::from_u64_pair(0xca41, number.into())
}

fn number(id: Uuid) -> Number {
    Number::try_from(id.as_u64_pair().1).unwrap()
}

/// Returns the number of a document reference.
pub(crate) fn reference(document: u8, count: usize) -> Number {
    document * 16 + Number::try_from(count).unwrap()
}

/// Returns the position in the row of the document that a reference is for.
fn document_of(reference: Number) -> u8 {
    reference / 16
}

/// The content of each document.
const LETTER: &str = "letter";
/// Longer than all delays of a run together.
const LONG: Duration = Duration::from_hours(24);

impl Runs {
    /// Creates the runs of a row with these steps.
    pub(crate) fn new(parts: &[Part]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let documents = parts.iter().filter_map(|part| match part {
            Part::Document(index) => {
                std::fs::write(folder.path().join(format!("letter-{index}.txt")), LETTER).unwrap();
                Some(json!({"class": uuid(9), "name": "Letter", "path": format!("letter-{index}.txt")}))
            }
            _ => None,
        });
        let mut row = json!({
            "first-name": "Zoë", "last-name": "O'Hara", "birth-date": "1984-02-29", "gender": "female",
            "email": "zoe.ohara@example.com", "organization-id": uuid(8),
            "documents": documents.collect::<Vec<_>>(),
        });
        if parts.contains(&Part::Invitation) {
            row["invite"] = json!(["email"]);
        }
        if parts.contains(&Part::Appointment) {
            row["appointment"] = json!({
                "practitioner": uuid(1), "type": uuid(2), "status": uuid(3), "add-video-channel": false,
                "start-time": "2031-01-04T09:00:00Z", "end-time": "2031-01-04T09:30:00Z",
            });
        }
        let request = serde_json::from_value::<OnboardingRow>(row).unwrap().check().unwrap();
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        Self {
            request,
            folder,
            runtime,
            organizations: Arc::clone(FakeCarium::new().client().organizations()),
            entries: Vec::new(),
            entry_ids: HashMap::new(),
            fingerprints: HashMap::new(),
            states: Vec::new(),
            state_ids: HashMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    pub(crate) fn state(&self, run: RunId) -> Arc<RunState> {
        Arc::clone(&self.states[run as usize])
    }

    pub(crate) fn entry(&self, entry: EntryId) -> &StoredEntry {
        &self.entries[entry as usize]
    }

    /// Starts a run.
    pub(crate) fn start(&mut self, number: u8) -> RunId {
        self.with_replies(number, BTreeMap::new())
    }

    /// Continues a run with the reply to one of its calls.
    pub(crate) fn reply(&mut self, run: RunId, strand: Strand, reply: Reply) -> RunId {
        let state = self.state(run);
        let mut replies = state.replies.clone();
        replies.entry(strand).or_default().push(reply);
        self.with_replies(state.number, replies)
    }

    fn with_replies(&mut self, number: u8, replies: BTreeMap<Strand, Vec<Reply>>) -> RunId {
        if let Some(id) = self.state_ids.get(&(number, replies.clone())) {
            return *id;
        }
        let (calls, report) = self.replay(number, &replies);
        let id = RunId::try_from(self.states.len()).unwrap();
        self.state_ids.insert((number, replies.clone()), id);
        self.states.push(Arc::new(RunState { number, replies, calls, report }));
        id
    }

    /// Runs the real code with these replies. Returns its calls that have none, or its report.
    fn replay(
        &mut self,
        run: u8,
        replies: &BTreeMap<Strand, Vec<Reply>>,
    ) -> (BTreeMap<Strand, Call>, Option<Report>) {
        let port = Arc::new(Port::default());
        let onboarding = port.onboarding(Arc::clone(&self.organizations), self.folder.path());
        let request = self.request.clone();
        let mut names = Names::default();
        let mut given: BTreeMap<Strand, usize> = BTreeMap::new();
        let key = RowKey::new("row");
        let mut future = pin!(onboarding.run(&key, &request));
        loop {
            // The run gets as far as it can: the paused clock jumps over its delays before this one ends.
            let advance = async {
                tokio::select! {
                    biased;
                    outcome = &mut future => Some(outcome),
                    () = tokio::time::sleep(LONG) => None,
                }
            };
            if let Some(outcome) = self.runtime.block_on(advance) {
                assert!(
                    replies.iter().all(|(strand, replies)| given.get(strand) == Some(&replies.len())),
                    "the run is not deterministic"
                );
                return (BTreeMap::new(), Some(report(outcome)));
            }
            let waiting: Vec<Strand> = port.calls().waiting.keys().copied().collect();
            let calls: BTreeMap<Strand, Call> = waiting
                .into_iter()
                .map(|strand| {
                    let call = port.calls().waiting[&strand].0.clone();
                    (strand, self.call(run, strand, &call, &mut names))
                })
                .collect();
            let next = calls.keys().find_map(|strand| {
                let position = given.entry(*strand).or_default();
                let reply = replies.get(strand)?.get(*position)?;
                *position += 1;
                Some((*strand, reply))
            });
            let Some((strand, reply)) = next else {
                assert!(!calls.is_empty(), "the run waits for nothing");
                return (calls, None);
            };
            let reply = self.real_reply(reply, strand, &mut names);
            let mut calls = port.calls();
            calls.last = strand;
            let (_, sender) = calls.waiting.remove(&strand).unwrap();
            drop(calls);
            assert!(sender.send(reply).is_ok(), "a call was dropped");
        }
    }

    /// Returns a call with the values of the model in place of random ones.
    fn call(&mut self, run: u8, strand: Strand, call: &RealCall, names: &mut Names) -> Call {
        match call {
            RealCall::Model(call) => *call,
            RealCall::Write { step, expected, entry } => {
                let part = Part::of(step);
                assert_eq!(strand, Strand::Part(part));
                let version = names.version(run, part, entry.version());
                let id = self.store(part, entry, version, names.patient);
                names.written.insert(id, (**entry).clone());
                let expected = expected.map(|expected| names.version(run, part, expected));
                Call::Write { part, expected, entry: id }
            }
        }
    }

    /// Stores an entry under this version, and returns its ID.
    pub(crate) fn store(
        &mut self,
        part: Part,
        entry: &LedgerEntry,
        version: EntryVersion,
        patient: Option<Number>,
    ) -> EntryId {
        let mut value = json!(entry);
        value["version"] = json!(version);
        self.replace_fingerprints(part, "", &mut value, patient);
        let upload = entry.resumable_upload().map(|upload: &UploadState| {
            let mut value = json!(upload);
            self.replace_fingerprints(part, "/upload", &mut value, patient);
            value.to_string()
        });
        let key = (value.to_string(), upload);
        if let Some(id) = self.entry_ids.get(&key) {
            return *id;
        }
        let id = EntryId::try_from(self.entries.len()).unwrap();
        self.entries.push(StoredEntry::new(key.0.clone(), key.1.clone()));
        self.entry_ids.insert(key, id);
        id
    }

    fn replace_fingerprints(&mut self, part: Part, path: &str, value: &mut Value, patient: Option<Number>) {
        let Some(object) = value.as_object_mut() else { return };
        if object.contains_key("salt") {
            let first = self.fingerprints.entry((part, path.to_owned(), patient));
            *value = first.or_insert_with(|| value.clone()).clone();
            return;
        }
        for (name, value) in object {
            self.replace_fingerprints(part, &format!("{path}/{name}"), value, patient);
        }
    }

    fn real_reply(&self, reply: &Reply, strand: Strand, names: &mut Names) -> Result<RealReply, Error> {
        let mut entry = |part: Part, id: EntryId| {
            let stored = self.entry(id);
            if part == Part::Patient && stored.state == EntryState::Completed {
                names.patient = stored.id;
            }
            names.written.get(&id).cloned().unwrap_or_else(|| stored.entry())
        };
        Ok(match reply {
            Reply::Entries(entries) => RealReply::Entries(
                entries.iter().map(|(part, id)| (part.step(), entry(*part, *id))).collect(),
            ),
            Reply::Inserted(existing) => {
                let Strand::Part(part) = strand else { panic!("not a step") };
                RealReply::Inserted(existing.map(|id| Box::new(entry(part, id))))
            }
            Reply::Swapped(is_replaced) => RealReply::Swapped(*is_replaced),
            Reply::Created(number) => {
                if strand == Strand::Part(Part::Patient) {
                    names.patient = Some(*number);
                }
                RealReply::Created(*number)
            }
            Reply::Done => RealReply::Done,
            Reply::Documents(documents) => RealReply::Documents(documents.clone()),
            Reply::Unavailable => return Err(Error::new(ErrorKind::Unavailable, "not applied")),
            Reply::Rejected => return Err(Error::new(ErrorKind::Rejected, "rejected")),
            Reply::Lost => return Err(Error::new(ErrorKind::Unavailable, "lost").with_unknown_outcome()),
            Reply::Conflict => return Err(Error::new(ErrorKind::Conflict, "conflict")),
        })
    }
}

/// What the random values of one replay are in the model.
#[derive(Default)]
struct Names {
    /// The random part of the versions of each step.
    runs: BTreeMap<Part, String>,
    /// The entries of this run, as it knows them.
    written: HashMap<EntryId, LedgerEntry>,
    /// The patient of the run.
    patient: Option<Number>,
}

/// The first digits of a version of the model.
const MODEL_VERSION: &str = "ca41ca41ca41ca41";

/// Returns the version of the model that is not random.
pub(crate) fn model_version(run: u8, part: Part, count: &str) -> EntryVersion {
    let part = match part {
        Part::Patient => 0,
        Part::Invitation => 1,
        Part::Appointment => 2,
        Part::Document(index) => 16 + index,
    };
    format!("{MODEL_VERSION}{run:08x}{part:08x}-{count}").parse().unwrap()
}

/// Returns the number of the run that created a version of the model.
pub(crate) fn run_of(version: EntryVersion) -> u8 {
    let text = version.to_string();
    u8::from_str_radix(&text[MODEL_VERSION.len()..MODEL_VERSION.len() + 8], 16).unwrap()
}

impl Names {
    fn version(&mut self, run: u8, part: Part, version: EntryVersion) -> EntryVersion {
        let text = version.to_string();
        if text.starts_with(MODEL_VERSION) {
            return version;
        }
        let (random, count) = text.split_once('-').unwrap();
        let known = self.runs.entry(part).or_insert_with(|| random.to_owned());
        assert_eq!(known, random, "a run draws one version for each step");
        model_version(run, part, count)
    }
}

fn report(outcome: Result<OnboardingOutcome, Error>) -> Report {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            let next = if error.is_transient() { Next::Retry } else { Next::Person };
            return Report { next, ..Report::default() };
        }
    };
    let steps = outcome.steps();
    let failed = steps.iter().filter(|report| {
        use carium::onboarding::StepOutcome::{Failed, Skipped};
        matches!(report.result, Failed(_) | Skipped { .. })
    });
    Report {
        next: match outcome.next_action() {
            NextAction::None => Next::Nothing,
            NextAction::Retry(_) => Next::Retry,
            _ => Next::Person,
        },
        has_outcome: true,
        unknown: outcome.unknown_steps().map(|report| Part::of(&report.step)).collect(),
        failed: failed.map(|report| Part::of(&report.step)).collect(),
        orphans: steps
            .iter()
            .flat_map(|report| report.orphans.iter().map(|id| number(Uuid::from(*id))))
            .collect(),
    }
}

/// A call with the values of one replay.
#[derive(Clone)]
enum RealCall {
    Model(Call),
    Write { step: Step, expected: Option<EntryVersion>, entry: Box<LedgerEntry> },
}

enum RealReply {
    Entries(Vec<(Step, LedgerEntry)>),
    Inserted(Option<Box<LedgerEntry>>),
    Swapped(bool),
    Created(Number),
    Done,
    Documents(Vec<Number>),
}

type WaitingCall = (RealCall, oneshot::Sender<Result<RealReply, Error>>);

struct Calls {
    waiting: BTreeMap<Strand, WaitingCall>,
    /// The strand that received a reply last. Calls that do not name a step belong to it.
    last: Strand,
}

/// The services and the ledger of a run: each call waits for a reply.
struct Port(Mutex<Calls>);

impl Default for Port {
    fn default() -> Self {
        Self(Mutex::new(Calls { waiting: BTreeMap::new(), last: Strand::Run }))
    }
}

impl Port {
    fn onboarding(self: &Arc<Self>, organizations: Arc<dyn Organizations>, folder: &Path) -> Onboarding {
        let services = OnboardingServices {
            organizations,
            patients: Arc::<Self>::clone(self),
            invitations: Arc::<Self>::clone(self),
            appointments: Arc::<Self>::clone(self),
            documents: Arc::<Self>::clone(self),
            transfers: Arc::<Self>::clone(self),
        };
        Onboarding::new(services, Arc::<Self>::clone(self)).documents_folder(folder)
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap()
    }

    async fn call(&self, strand: Option<Strand>, call: RealCall) -> Result<RealReply, Error> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut calls = self.calls();
            let strand = strand.unwrap_or(calls.last);
            let earlier = calls.waiting.insert(strand, (call, sender));
            assert!(earlier.is_none(), "{strand:?} makes one call at a time");
        }
        receiver.await.unwrap()
    }

    async fn write(
        &self,
        step: &Step,
        expected: Option<EntryVersion>,
        entry: &LedgerEntry,
    ) -> Result<RealReply, Error> {
        let call = RealCall::Write { step: step.clone(), expected, entry: Box::new(entry.clone()) };
        self.call(Some(Strand::Part(Part::of(step))), call).await
    }

    async fn create(&self, part: Part, call: Call) -> Result<Uuid, Error> {
        match self.call(Some(Strand::Part(part)), RealCall::Model(call)).await? {
            RealReply::Created(number) => Ok(uuid(number)),
            _ => panic!("not a reply to a creation"),
        }
    }
}

#[async_trait]
impl Ledger for Port {
    async fn entries(&self, _: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error> {
        match self.call(None, RealCall::Model(Call::ReadEntries)).await? {
            RealReply::Entries(entries) => Ok(entries),
            _ => panic!("not a reply to `entries`"),
        }
    }

    async fn insert(
        &self,
        _: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error> {
        match self.write(step, None, entry).await? {
            RealReply::Inserted(existing) => Ok(existing.map(|entry| *entry)),
            _ => panic!("not a reply to `insert`"),
        }
    }

    async fn compare_and_swap(
        &self,
        _: &RowKey,
        step: &Step,
        expected: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error> {
        match self.write(step, Some(expected), entry).await? {
            RealReply::Swapped(is_replaced) => Ok(is_replaced),
            _ => panic!("not a reply to `compare_and_swap`"),
        }
    }
}

#[async_trait]
impl Patients for Port {
    async fn create(&self, _: NewPatient) -> Result<IndividualId, Error> {
        Port::create(self, Part::Patient, Call::CreatePatient).await.map(IndividualId)
    }
}

#[async_trait]
impl Invitations for Port {
    async fn send(&self, _: NewInvitation) -> Result<(), Error> {
        self.call(Some(Strand::Part(Part::Invitation)), RealCall::Model(Call::Invite)).await.map(drop)
    }
}

#[async_trait]
impl Appointments for Port {
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error> {
        let patient = number(appointment.attributes().individual_id.into());
        Port::create(self, Part::Appointment, Call::Book { patient }).await.map(AppointmentId)
    }

    async fn get(&self, _: AppointmentId) -> Result<Appointment, Error> {
        panic!("a run does not read appointments")
    }

    async fn update(&self, _: AppointmentId, _: AppointmentUpdate) -> Result<Appointment, Error> {
        panic!("a run does not change appointments")
    }

    async fn delete(&self, _: AppointmentId) -> Result<(), Error> {
        panic!("a run does not delete appointments")
    }

    fn practitioners(&self, _: ListOptions) -> Items<Practitioner> {
        panic!("the row has IDs")
    }

    fn statuses(&self, _: ListOptions) -> Items<AppointmentStatus> {
        panic!("the row has IDs")
    }

    fn types(&self, _: ListOptions) -> Items<AppointmentType> {
        panic!("the row has IDs")
    }
}

/// Returns the position in the row of a document with this file name.
fn position(file_name: &str) -> u8 {
    file_name.trim_start_matches("letter-").trim_end_matches(".txt").parse().unwrap()
}

/// The services of the documents, whose lists outlive a borrow.
#[async_trait]
impl Documents for Port {
    fn classes(&self, _: ListOptions) -> Items<DocumentClass> {
        panic!("the row has IDs")
    }

    fn list(&self, query: DocumentQuery) -> Items<Document> {
        let patient = query.patient_filter().unwrap();
        let call = Call::ListDocuments { patient: number(patient.into()) };
        let (sender, receiver) = oneshot::channel();
        self.calls().waiting.insert(Strand::Lookup, (RealCall::Model(call), sender));
        let listed = async move {
            let documents = match receiver.await.unwrap() {
                Ok(RealReply::Documents(documents)) => documents,
                Ok(_) => panic!("not a reply to a list"),
                Err(error) => return vec![Err(error)],
            };
            let document = |id: Number| {
                let index = document_of(id);
                let mut document = Document::from_id(DocumentReferenceId(uuid(id)));
                document.name = Some("Letter".to_owned());
                document.file_name = Some(format!("letter-{index}.txt"));
                document.class = Some(carium::documents::DocumentClassId(uuid(9)));
                document.patient = Some(patient);
                Ok(document)
            };
            documents.into_iter().map(document).collect()
        };
        Items::from_items(stream::once(listed).flat_map(stream::iter))
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        let index = position(document.file_name());
        let call = Call::CreateReference { document: index, patient: number(document.patient().into()) };
        let id = Port::create(self, Part::Document(index), call).await?;
        // The form names the reference and the document.
        let url = Secret::from(format!("https://store.example.com/{}", number(id)));
        let form = UploadForm::new(url, [("key", index.to_string())].into_iter().collect());
        Ok(CreatedDocument::new(DocumentReferenceId(id), Some(form)))
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        let reference = number(id.into());
        let strand = Strand::Part(Part::Document(document_of(reference)));
        self.call(Some(strand), RealCall::Model(Call::Process { reference })).await.map(drop)
    }

    async fn download_url(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        let reference = number(id.into());
        let strand = Strand::Part(Part::Document(document_of(reference)));
        let call = RealCall::Model(Call::DownloadUrl { reference });
        self.call(Some(strand), call).await.map(|_| "https://store.example.com/".into())
    }
}

#[async_trait]
impl Transfers for Port {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        let reference = form.url().expose().rsplit('/').next().unwrap().parse().unwrap();
        let mut content = file.content.into_stream();
        while let Some(chunk) = content.next().await {
            chunk.unwrap();
        }
        let strand = Strand::Part(Part::Document(document_of(reference)));
        self.call(Some(strand), RealCall::Model(Call::Post { reference })).await.map(drop)
    }

    async fn get(&self, _: &Secret, _: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        panic!("a run does not read files")
    }
}
