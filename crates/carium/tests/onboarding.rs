//! Onboarding of one patient under fault injection: each call of the services and of the ledger fails in each way.
//! No step is applied twice, no step is forgotten, and steps with an unknown outcome are reported as unknown.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use carium::ErrorKind;
use carium::documents::DocumentReferenceId;
use carium::onboarding::{
    MemoryLedger, NextAction, Onboarding, OnboardingOutcome, OnboardingRequest, Resolution, RowKey, Step,
    StepOutcome, UnknownReason, resolve,
};
use serde_json::json;
use support::fault_injection::{
    FILES, FaultHarness, FaultPoint, InjectedFault, LEDGER_FAULTS, SERVICE_FAULTS, USERNAME,
    documents_folder, full_row, parse_request,
};
use support::{Behavior as Reply, Service};

/// The state that a program has when it runs a row again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoredState {
    /// The ledger.
    Ledger,
    /// The ledger, and the last outcome as JSON.
    LedgerAndOutcome,
    /// The last outcome as JSON, and an empty ledger.
    Outcome,
}

/// A row that is run several times.
struct Case {
    harness: FaultHarness,
    onboarding: Onboarding,
    request: OnboardingRequest,
    row: RowKey,
    stored: StoredState,
    /// The last outcome.
    outcome: Option<OnboardingOutcome>,
    /// All orphans that were reported.
    orphans: BTreeSet<DocumentReferenceId>,
    /// Number of steps that a person had to resolve.
    resolutions: usize,
}

impl Case {
    fn new(folder: &Path, stored: StoredState) -> Self {
        let harness = FaultHarness::new();
        let onboarding = harness.onboarding(folder);
        let request = parse_request(&full_row(&harness.fake));
        Self {
            harness,
            onboarding,
            request,
            row: RowKey::new("row"),
            stored,
            outcome: None,
            orphans: BTreeSet::new(),
            resolutions: 0,
        }
    }

    /// Runs the row once, until the run ends or an injected fault crashes the program.
    async fn run(&mut self) {
        let previous = self.outcome.take().filter(|_| self.stored != StoredState::Ledger);
        if self.stored == StoredState::Outcome && previous.is_some() {
            *self.harness.ledger.lock().unwrap() = MemoryLedger::new();
        }
        let run = async {
            match &previous {
                Some(previous) => self.onboarding.resume(&self.row, &self.request, previous).await,
                None => self.onboarding.run(&self.row, &self.request).await,
            }
        };
        match self.harness.run_until_crash(run).await {
            None => {}
            Some(Err(_)) => self.outcome = previous,
            Some(Ok(outcome)) => {
                self.assert_matches_service(&outcome);
                let text = serde_json::to_string(&outcome).unwrap();
                let read: OnboardingOutcome = serde_json::from_str(&text).unwrap();
                assert_eq!(read, outcome, "{text}");
                self.orphans.extend(read.steps().iter().flat_map(|report| report.orphans.iter().copied()));
                self.outcome = Some(read);
            }
        }
    }

    /// Asserts that the outcome of each step agrees with the state of the service.
    fn assert_matches_service(&self, outcome: &OnboardingOutcome) {
        for report in outcome.steps() {
            let created = self.created(&report.step);
            match &report.result {
                StepOutcome::Completed(completed) => {
                    let id = completed.id.map(|id| id.to_string()).unwrap_or_default();
                    assert!(created.contains(&id), "{:?} is reported as completed, but is not", report.step);
                }
                StepOutcome::Failed(failure) => {
                    // A step that another run took over may have been completed by that run.
                    let is_taken_over = failure.message.contains("another run");
                    assert!(is_taken_over || created.is_empty(), "{:?}: {failure:?}", report.step);
                }
                StepOutcome::Skipped { .. } => assert!(created.is_empty(), "{:?}", report.step),
                StepOutcome::Unknown(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Returns the IDs of the objects that the service has for a step (empty texts for invitations).
    fn created(&self, step: &Step) -> Vec<String> {
        let fake = &self.harness.fake;
        match step {
            Step::Patient => fake.patients().iter().map(|(id, _)| id.to_string()).collect(),
            Step::Invitation(_) => fake.invitations_to(USERNAME).iter().map(|_| String::new()).collect(),
            Step::Appointment => fake.appointments().iter().map(|(id, _)| id.to_string()).collect(),
            Step::Document(index) => {
                let path = &self.request.attributes().documents[*index].path;
                let name = Path::new(path.as_str()).file_name().unwrap().to_str().unwrap();
                let documents = fake.documents().into_iter().filter(|document| document.is_processed);
                documents
                    .filter(|document| document.attributes.attachment_filename.as_str() == name)
                    .map(|document| document.id.to_string())
                    .collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Resolves all unknown steps as a person would, after checking the state of the service.
    async fn resolve_unknown(&mut self) {
        let Some(outcome) = &mut self.outcome else { return };
        let unknown: Vec<Step> = outcome.unknown_steps().map(|report| report.step.clone()).collect();
        for step in unknown {
            self.resolutions += 1;
            let fake = &self.harness.fake;
            let resolution = match &step {
                Step::Patient => fake.patients().first().map(|(id, _)| Resolution::Created((*id).into())),
                Step::Invitation(_) => fake.invitations_to(USERNAME).first().map(|_| Resolution::Sent),
                Step::Appointment => {
                    fake.appointments().first().map(|(id, _)| Resolution::Created((*id).into()))
                }
                // Documents are unknown only if a person selected the patient record.
                Step::Document(index) => {
                    let path = &self.request.attributes().documents[*index].path;
                    let name = Path::new(path.as_str()).file_name().unwrap().to_str().unwrap();
                    let is_candidate = |document: &&carium_mock::FakeDocument| {
                        document.attributes.attachment_filename.as_str() == name
                            && !self.orphans.contains(&document.id)
                    };
                    fake.documents()
                        .iter()
                        .find(is_candidate)
                        .map(|document| Resolution::Created(document.id.into()))
                }
                other => panic!("{other:?} must not need a person"),
            };
            let resolution = resolution.unwrap_or(Resolution::NotApplied);
            if self.stored == StoredState::Outcome {
                outcome.resolve(&step, resolution).unwrap();
            } else {
                resolve(&self.harness.clone(), &self.row, &step, resolution).await.unwrap();
            }
        }
    }

    /// Runs the row without faults until it is complete, and resolves unknown steps.
    async fn finish(&mut self) {
        self.harness.inject([]);
        for _ in 0..6 {
            self.run().await;
            match self.outcome.as_ref().map(OnboardingOutcome::next_action) {
                Some(NextAction::None) => return,
                Some(NextAction::NeedsPerson) => self.resolve_unknown().await,
                _ => {}
            }
        }
        panic!("the row is never complete: {:?}", self.outcome);
    }

    /// Runs the row once without faults, as after a person has fixed their cause. The row must be complete.
    async fn finish_in_one_run(&mut self) {
        self.harness.inject([]);
        self.run().await;
        assert!(self.outcome.as_ref().unwrap().is_complete(), "{:?}", self.outcome);
    }

    /// Asserts that every step was applied exactly once, and that every other document reference was reported as an
    /// orphan.
    fn assert_applied_once(&self) {
        let fake = &self.harness.fake;
        let outcome = self.outcome.as_ref().unwrap();
        let [(patient, _)] = &fake.patients()[..] else { panic!("{} patients", fake.patients().len()) };
        assert_eq!(outcome.patient(), Some(*patient));
        assert_eq!(fake.invitations_to(USERNAME).len(), 1);
        let [(appointment, booked)] = &fake.appointments()[..] else {
            panic!("{} appointments", fake.appointments().len())
        };
        assert_eq!((outcome.appointment(), booked.individual_id), (Some(*appointment), *patient));
        let mut filed = BTreeSet::new();
        for (index, (_, content)) in FILES.iter().enumerate() {
            let created = self.created(&Step::Document(index));
            let [id] = &created[..] else { panic!("document {index} was filed {} times", created.len()) };
            assert_eq!(outcome.document(index).unwrap().to_string(), *id);
            let id: DocumentReferenceId = id.parse().unwrap();
            assert_eq!(fake.document_bytes(id).unwrap(), content.as_bytes());
            filed.insert(id);
        }
        let unfiled: BTreeSet<_> =
            fake.documents().iter().map(|document| document.id).filter(|id| !filed.contains(id)).collect();
        assert_eq!(unfiled, self.orphans, "every reference without a file is reported as an orphan");
    }
}

/// Returns the points that a run without faults reaches.
async fn all_points(folder: &Path) -> Vec<FaultPoint> {
    let mut case = Case::new(folder, StoredState::Ledger);
    case.run().await;
    assert!(case.outcome.as_ref().unwrap().is_complete(), "{:?}", case.outcome);
    case.assert_applied_once();
    case.harness.reached_points()
}

fn faults_at(point: &str) -> [InjectedFault; 6] {
    if point.starts_with("ledger") { LEDGER_FAULTS } else { SERVICE_FAULTS }
}

/// Checks whether a point is a call that can neither be retried nor looked up after its response was lost.
fn needs_person_if_lost(point: &str) -> bool {
    ["create_patient", "resend_invitation", "create_appointment"].iter().any(|name| point.starts_with(name))
}

#[tokio::test(start_paused = true)]
async fn applies_every_step_once_after_any_single_fault() {
    let folder = documents_folder();
    let points = all_points(folder.path()).await;
    for expected in [
        "create_patient #0",
        "ledger entries #0",
        "ledger insert patient #0",
        "ledger compare_and_swap patient #0",
        "ledger compare_and_swap invite[email] #0",
        "ledger insert appointment #0",
        "ledger insert documents[1] #0",
        "ledger compare_and_swap documents[1] #2",
        "create scan.png #0",
        "post letter.pdf #0",
        "process scan.png #0",
        "list_types #0",
    ] {
        assert!(points.iter().any(|point| point == expected), "{expected} is not among {points:?}");
    }
    for point in &points {
        for fault in faults_at(point) {
            for stored in [StoredState::Ledger, StoredState::LedgerAndOutcome, StoredState::Outcome] {
                let mut case = Case::new(folder.path(), stored);
                case.harness.inject([(point.clone(), fault)]);
                case.run().await;
                let context = format!("{point}, {fault:?}, {stored:?}: {:?}", case.outcome);
                let crashed = matches!(fault, InjectedFault::CrashBefore | InjectedFault::CrashAfter);
                assert!(!crashed || case.outcome.is_none(), "{context}");
                if crashed && stored == StoredState::Outcome {
                    // The crashed run returned no outcome to resume from, and its in-memory ledger is lost.
                    continue;
                }
                let is_lost = matches!(fault, InjectedFault::ResponseLost | InjectedFault::RequestLost);
                let unknown = case.outcome.iter().flat_map(OnboardingOutcome::unknown_steps).count();
                let has_effect = needs_person_if_lost(point)
                    || point.starts_with("create ")
                    || point.starts_with("process");
                assert_eq!(unknown, usize::from(is_lost && has_effect), "{context}");
                case.finish().await;
                case.assert_applied_once();
                // A person is needed only for calls in flight whose result is not in the outcome. The invitation
                // and the appointment may be in flight at the same time, hence at most two.
                let resolutions = case.resolutions;
                if crashed {
                    let is_expected = resolutions <= 2 && (resolutions > 0 || !needs_person_if_lost(point));
                    assert!(is_expected, "{resolutions} resolutions: {context}");
                } else if point.starts_with("ledger") {
                    let limit = if stored == StoredState::Ledger { 2 } else { 0 };
                    assert!(resolutions <= limit, "{resolutions} resolutions: {context}");
                } else {
                    let expected = usize::from(is_lost && needs_person_if_lost(point));
                    assert_eq!(resolutions, expected, "{context}");
                }
            }
        }
    }
}

/// Polls a future at most `polls` times, and drops it.
async fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let (mut future, mut remaining) = (Box::pin(future), polls);
    poll_fn(move |context| {
        if remaining == 0 {
            return Poll::Ready(None);
        }
        remaining -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn applies_every_step_once_after_a_drop_at_any_await() {
    let folder = documents_folder();
    for polls in 0.. {
        let mut case = Case::new(folder.path(), StoredState::Ledger);
        let run = case.onboarding.run(&case.row, &case.request);
        let is_finished = poll_and_drop(run, polls).await.is_some();
        case.finish().await;
        case.assert_applied_once();
        assert!(case.resolutions <= 2);
        if is_finished {
            assert!(polls > 20, "{polls}");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn applies_every_step_once_after_a_lost_creation_and_any_second_fault() {
    let folder = documents_folder();
    // Runs the row with the first fault, and resolves the unknown step if a person has to.
    let start = async |point: &FaultPoint, fault| {
        let mut case = Case::new(folder.path(), StoredState::Ledger);
        case.harness.inject([(point.clone(), fault)]);
        case.run().await;
        if needs_person_if_lost(point) {
            case.harness.inject([]);
            case.run().await;
            case.resolve_unknown().await;
        }
        case
    };
    let mut cases = 0;
    let points = all_points(folder.path()).await;
    for first in points.iter().filter(|point| needs_person_if_lost(point) || point.starts_with("create ")) {
        for first_fault in [InjectedFault::ResponseLost, InjectedFault::CrashAfter] {
            let mut case = start(first, first_fault).await;
            case.harness.inject([]);
            case.run().await;
            for second in case.harness.reached_points() {
                for second_fault in [
                    InjectedFault::NotApplied,
                    InjectedFault::ResponseLost,
                    InjectedFault::CrashBefore,
                    InjectedFault::CrashAfter,
                ] {
                    let mut case = start(first, first_fault).await;
                    case.harness.inject([(second.clone(), second_fault)]);
                    case.run().await;
                    case.finish().await;
                    case.assert_applied_once();
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 100, "{cases}");
}

#[tokio::test(start_paused = true)]
async fn concurrent_runs_apply_every_step_once() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    let run = || case.onboarding.run(&case.row, &case.request);
    let (first, second) = tokio::join!(run(), run());
    for outcome in [first.unwrap(), second.unwrap()] {
        case.orphans.extend(outcome.steps().iter().flat_map(|report| report.orphans.iter().copied()));
    }
    case.finish().await;
    case.assert_applied_once();
    assert_eq!(case.resolutions, 0);
}

#[tokio::test(start_paused = true)]
async fn suspended_run_files_nothing_after_another_run_took_over() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    case.harness.inject([("post letter.pdf #0".to_owned(), InjectedFault::Suspend)]);
    let (onboarding, row, request) = (case.onboarding.clone(), case.row.clone(), case.request.clone());
    let suspended = tokio::spawn(async move { onboarding.run(&row, &request).await });
    case.harness.suspended.notified().await;
    case.harness.inject([]);
    case.finish().await;
    case.harness.resume.notify_one();
    let outcome = suspended.await.unwrap().unwrap();
    let report = outcome.step(&Step::Document(0)).unwrap();
    let StepOutcome::Completed(completed) = &report.result else { panic!("{report:?}") };
    assert_eq!(completed.id.map(DocumentReferenceId), case.outcome.as_ref().unwrap().document(0));
    assert_eq!(report.orphans.len(), 1);
    case.orphans.extend(outcome.steps().iter().flat_map(|report| report.orphans.iter().copied()));
    case.assert_applied_once();
}

/// Returns the reason why a step is unknown, and whether it is retryable.
fn unknown_reason(outcome: &OnboardingOutcome, step: &Step) -> Option<(UnknownReason, bool)> {
    match &outcome.step(step)?.result {
        StepOutcome::Unknown(unknown) => Some((unknown.reason, unknown.retryable)),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn taken_username_is_unknown_only_after_an_unknown_outcome() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    case.harness.fake.add_user(USERNAME);
    case.run().await;
    let outcome = case.outcome.take().unwrap();
    let StepOutcome::Failed(failure) = &outcome.step(&Step::Patient).unwrap().result else {
        panic!("{outcome:?}")
    };
    assert_eq!((failure.kind, failure.retryable), (ErrorKind::Conflict, false));
    assert_eq!((failure.fields.as_slice(), failure.status), (&["username".to_owned()][..], Some(409)));
    assert_eq!(outcome.next_action(), NextAction::NeedsPerson);
    assert!(outcome.steps()[1..].iter().all(|report| matches!(report.result, StepOutcome::Skipped { .. })));
    assert_eq!(outcome.steps().len(), 5);

    let mut case = Case::new(folder.path(), StoredState::Ledger);
    case.harness.inject([("create_patient #0".to_owned(), InjectedFault::ResponseLost)]);
    case.run().await;
    assert_eq!(
        unknown_reason(case.outcome.as_ref().unwrap(), &Step::Patient),
        Some((UnknownReason::ResponseLost, false))
    );
    case.run().await;
    assert_eq!(
        unknown_reason(case.outcome.as_ref().unwrap(), &Step::Patient),
        Some((UnknownReason::InterruptedRun, false))
    );
    // A person resolves the step wrongly: the patient exists.
    resolve(&case.harness.clone(), &case.row, &Step::Patient, Resolution::NotApplied).await.unwrap();
    let error =
        resolve(&case.harness.clone(), &case.row, &Step::Patient, Resolution::NotApplied).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    case.run().await;
    assert_eq!(
        unknown_reason(case.outcome.as_ref().unwrap(), &Step::Patient),
        Some((UnknownReason::UsernameTaken, false))
    );
    assert_eq!(case.outcome.as_ref().unwrap().next_action(), NextAction::NeedsPerson);
    case.finish().await;
    case.assert_applied_once();
    let calls =
        case.harness.fake.calls().into_iter().filter(|call| call.operation == "create_patient").count();
    assert_eq!(calls, 2);
}

#[tokio::test(start_paused = true)]
async fn rejects_resolutions_that_do_not_fit_the_step() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    let points = ["resend_invitation #0", "create_appointment #0"];
    case.harness.inject(points.map(|point| (point.to_owned(), InjectedFault::RequestLost)));
    case.run().await;
    let outcome = case.outcome.clone().unwrap();
    let steps: Vec<_> = outcome.unknown_steps().map(|report| report.step.clone()).collect();
    let [invitation, appointment] = &steps[..] else { panic!("{steps:?}") };
    let id = outcome.patient().unwrap().into();
    for (step, resolution) in [
        (invitation, Resolution::Created(id)),
        (appointment, Resolution::Sent),
        (&Step::Patient, Resolution::NotApplied),
        (&Step::Document(7), Resolution::NotApplied),
    ] {
        let error = resolve(&case.harness.clone(), &case.row, step, resolution).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Conflict), "{error}");
    }
    case.finish().await;
    case.assert_applied_once();
}

#[tokio::test(start_paused = true)]
async fn ambiguous_document_needs_a_person() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    let mut row = full_row(&case.harness.fake);
    row["documents"][1] = row["documents"][0].clone();
    case.request = parse_request(&row);
    let points = ["create letter.pdf #0", "create letter.pdf #1"];
    case.harness.inject(points.map(|point| (point.to_owned(), InjectedFault::ResponseLost)));
    case.run().await;
    assert_eq!(case.outcome.as_ref().unwrap().next_action(), NextAction::Retry(None));

    // If the documents cannot be listed, no document is created.
    case.harness.inject([("list_documents #0".to_owned(), InjectedFault::NotApplied)]);
    case.run().await;
    for index in [0, 1] {
        let reason = unknown_reason(case.outcome.as_ref().unwrap(), &Step::Document(index));
        assert_eq!(reason, Some((UnknownReason::LookupFailed, true)));
    }
    case.harness.inject([]);
    case.run().await;
    assert_eq!(case.outcome.as_ref().unwrap().next_action(), NextAction::NeedsPerson);
    let references: Vec<_> = case.harness.fake.documents().iter().map(|document| document.id).collect();
    assert_eq!(references.len(), 2);
    for (index, id) in references.iter().enumerate() {
        let step = Step::Document(index);
        let reason = unknown_reason(case.outcome.as_ref().unwrap(), &step);
        assert_eq!(reason, Some((UnknownReason::AmbiguousMatch, false)));
        resolve(&case.harness.clone(), &case.row, &step, Resolution::Created((*id).into())).await.unwrap();
    }
    case.run().await;
    let outcome = case.outcome.unwrap();
    assert!(outcome.is_complete());
    assert_eq!(case.orphans.iter().collect::<Vec<_>>().len(), 2);
    let filed = case.harness.fake.documents().into_iter().filter(|document| document.is_processed).count();
    assert_eq!((filed, case.harness.fake.documents().len()), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn lookup_ignores_other_documents_of_the_same_row() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    let mut row = full_row(&case.harness.fake);
    row["documents"][1] = row["documents"][0].clone();
    case.request = parse_request(&row);
    case.harness.inject([("create letter.pdf #1".to_owned(), InjectedFault::ResponseLost)]);
    case.run().await;
    let before = case.outcome.clone().unwrap();
    let filed = usize::from(before.document(0).is_none());
    case.run().await;
    let outcome = case.outcome.unwrap();
    assert!(outcome.is_complete() && outcome.document(filed) == before.document(filed));
    assert_eq!(outcome.step(&Step::Document(1 - filed)).unwrap().orphans.len(), 1);
    assert!(!case.orphans.contains(&outcome.document(filed).unwrap()));
    assert_eq!(case.harness.fake.documents().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn undecodable_creation_response_needs_a_person() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    case.harness.inject([("create letter.pdf #0".to_owned(), InjectedFault::Undecodable)]);
    case.run().await;
    assert_eq!(
        unknown_reason(case.outcome.as_ref().unwrap(), &Step::Document(0)),
        Some((UnknownReason::ResponseLost, false))
    );
    assert_eq!(case.outcome.as_ref().unwrap().next_action(), NextAction::NeedsPerson);
    // After the cause is fixed, a person runs the row again.
    case.finish_in_one_run().await;
    case.assert_applied_once();
}

#[tokio::test(start_paused = true)]
async fn leaves_at_most_three_orphans_while_the_object_store_is_down() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    let posts = (0..100).map(|count| (format!("post letter.pdf #{count}"), InjectedFault::NotApplied));
    case.harness.inject(posts);
    let mut runs = 0;
    loop {
        case.run().await;
        runs += 1;
        let outcome = case.outcome.as_ref().unwrap();
        assert_eq!(outcome.step(&Step::Document(0)).unwrap().orphans.len(), runs);
        if outcome.next_action() == NextAction::NeedsPerson {
            break;
        }
        assert_eq!(outcome.next_action(), NextAction::Retry(None));
    }
    assert_eq!(runs, 3);
    // After the cause is fixed, a person runs the row again.
    case.finish_in_one_run().await;
    case.assert_applied_once();
}

#[tokio::test(start_paused = true)]
async fn uploads_a_file_again_if_the_object_store_lost_it() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    case.harness.inject([("process letter.pdf #0".to_owned(), InjectedFault::NotFound)]);
    case.run().await;
    let outcome = case.outcome.as_ref().unwrap();
    assert_eq!(outcome.next_action(), NextAction::Retry(None));
    assert_eq!(outcome.step(&Step::Document(0)).unwrap().orphans.len(), 1);
    case.finish_in_one_run().await;
    case.assert_applied_once();

    // A conflict without a field may mean that the document is already processed, so the upload does not start over.
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    case.harness.inject([("process letter.pdf #0".to_owned(), InjectedFault::Conflict)]);
    case.run().await;
    let outcome = case.outcome.as_ref().unwrap();
    assert_eq!(outcome.next_action(), NextAction::NeedsPerson);
    assert!(outcome.step(&Step::Document(0)).unwrap().orphans.is_empty());
    case.finish_in_one_run().await;
    case.assert_applied_once();
}

#[tokio::test(start_paused = true)]
async fn any_rejection_of_a_patient_after_an_unknown_outcome_is_unknown() {
    let folder = documents_folder();
    let start = async || {
        let mut case = Case::new(folder.path(), StoredState::Ledger);
        case.harness.inject([("create_patient #0".to_owned(), InjectedFault::RequestLost)]);
        case.run().await;
        resolve(&case.harness.clone(), &case.row, &Step::Patient, Resolution::NotApplied).await.unwrap();
        case
    };
    for fault in [InjectedFault::Rejected, InjectedFault::Conflict] {
        let mut case = start().await;
        case.harness.inject([("create_patient #0".to_owned(), fault)]);
        case.run().await;
        let reason = unknown_reason(case.outcome.as_ref().unwrap(), &Step::Patient);
        assert_eq!(reason, Some((UnknownReason::UsernameTaken, false)), "{fault:?}");
        case.finish().await;
        case.assert_applied_once();
    }
    // A transient error may come from a proxy that does not know whether the call was applied. The ledger records
    // that, so a conflict in the next run is unknown too.
    let mut case = Case::new(folder.path(), StoredState::LedgerAndOutcome);
    for fault in [InjectedFault::NotApplied, InjectedFault::Conflict] {
        case.harness.inject([("create_patient #0".to_owned(), fault)]);
        case.run().await;
    }
    let reason = unknown_reason(case.outcome.as_ref().unwrap(), &Step::Patient);
    assert_eq!(reason, Some((UnknownReason::UsernameTaken, false)));
    case.finish().await;
    case.assert_applied_once();
}

#[tokio::test(start_paused = true)]
async fn document_match_in_a_manually_resolved_patient_is_ambiguous() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path(), StoredState::Ledger);
    case.harness.inject([("create_patient #0".to_owned(), InjectedFault::ResponseLost)]);
    case.run().await;
    case.resolve_unknown().await;
    case.harness.inject([("create letter.pdf #0".to_owned(), InjectedFault::ResponseLost)]);
    case.run().await;
    case.harness.inject([]);
    case.run().await;
    let outcome = case.outcome.as_ref().unwrap();
    assert_eq!(unknown_reason(outcome, &Step::Document(0)), Some((UnknownReason::AmbiguousMatch, false)));
    assert!(outcome.step(&Step::Document(0)).unwrap().orphans.is_empty());
    case.finish().await;
    case.assert_applied_once();
}

/// Onboards a patient with the real client, against a service with these responses.
async fn run_with_client(responses: impl IntoIterator<Item = Reply>) -> OnboardingOutcome {
    let service = Service::script(responses);
    let harness = FaultHarness::new();
    let mut row = full_row(&harness.fake);
    for field in ["documents", "appointment", "invite"] {
        row.as_object_mut().unwrap().remove(field);
    }
    let carium = service.builder().call_timeout(Duration::from_secs(5)).build().unwrap();
    let onboarding = carium.onboarding(Arc::new(MemoryLedger::new()));
    onboarding.run(&RowKey::new("row"), &parse_request(&row)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn classifies_the_errors_of_the_real_client() {
    let taken = |status| {
        let pointer = json!({"errors": [{"source": {"pointer": "/data/attributes/username"}}]});
        Reply::Respond(status, Vec::new(), pointer)
    };
    let run = async |responses: Vec<Reply>| {
        let outcome = run_with_client(responses).await;
        match outcome.steps() {
            [report] => report.result.clone(),
            steps => panic!("{steps:?}"),
        }
    };
    for status in [409, 422] {
        let StepOutcome::Failed(failure) = run(vec![taken(status)]).await else { panic!("{status}") };
        assert_eq!((failure.retryable, failure.status), (false, Some(status)));
        assert_eq!(failure.fields, ["username"]);
        // The first attempt may have been applied: its 503 may come from a proxy in front of the service.
        let StepOutcome::Unknown(unknown) = run(vec![Reply::status(503), taken(status)]).await else {
            panic!("{status}")
        };
        assert_eq!((unknown.reason, unknown.retryable), (UnknownReason::UsernameTaken, false));
    }
    for fields in [&["email"][..], &["mobile-phone", "first-name"], &[]] {
        let at = |field: &&str| json!({"source": {"pointer": format!("/data/attributes/{field}")}});
        let errors = json!({"errors": fields.iter().map(at).collect::<Vec<_>>()});
        let refused = Reply::Respond(422, Vec::new(), errors);
        assert!(matches!(run(vec![refused.clone()]).await, StepOutcome::Failed(_)), "{fields:?}");
        let StepOutcome::Unknown(unknown) = run(vec![Reply::status(503), refused]).await else {
            panic!("{fields:?}")
        };
        assert_eq!(unknown.reason, UnknownReason::UsernameTaken);
    }
    let named = json!({"errors": [{"source": {"pointer": "/data/attributes/birth-date"}}]});
    let other = run(vec![Reply::status(503), Reply::Respond(422, Vec::new(), named)]).await;
    assert!(matches!(other, StepOutcome::Failed(_)), "{other:?}");
    for response in [Reply::Lost, Reply::Silent, Reply::status(500), Reply::body(json!({"data": {}}))] {
        let StepOutcome::Unknown(unknown) = run(vec![response.clone()]).await else { panic!("{response:?}") };
        assert_eq!((unknown.reason, unknown.retryable), (UnknownReason::ResponseLost, false));
        assert_eq!(unknown.failure.unwrap().operation.as_deref(), Some("create_patient"));
    }
    for response in [Reply::NotSent, Reply::status(429).with_header("retry-after", "30")] {
        let outcome = run_with_client([response.clone()]).await;
        let delay = matches!(response, Reply::Respond(..)).then_some(Duration::from_secs(30));
        assert_eq!(outcome.next_action(), NextAction::Retry(delay), "{outcome:?}");
    }
    let outcome = run_with_client([Reply::success("create_patient")]).await;
    assert_eq!((outcome.is_complete(), outcome.patient()), (true, Some(support::ID.parse().unwrap())));
}
