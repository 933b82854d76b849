//! Onboarding of one patient under fault injection: each call of the services and of the ledger fails in each way.
//! No step is applied twice, no step is forgotten, and steps with an unknown outcome are reported as unknown.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use carium::ErrorKind;
use carium::documents::{DocumentReferenceId, Sha256Digest};
use carium::onboarding::{
    MemoryLedger, NextAction, OnboardingOutcome, Resolution, RowKey, Step, StepOutcome, resolve,
};
use serde_json::{Value, json};
use support::fault_injection::{
    FaultHarness, FaultPoint, InjectedFault, InjectedFault::*, LEDGER_FAULTS, SERVICE_FAULTS, USERNAME,
    documents_folder, full_row, parse_request,
};
use support::onboarding_case::{Case, describe};
use support::{Behavior as Reply, Service};

/// Calls that can neither be retried nor looked up after their response was lost.
const UNCHECKABLE: &[&str] = &["create_patient", "resend_invitation", "create_appointment"];

/// What a fault leads to.
struct Effect {
    /// The calls at which the fault is injected: the beginnings of their names.
    calls: &'static [&'static str],
    faults: &'static [InjectedFault],
    /// The number of steps that are unknown after the run.
    unknown: RangeInclusive<usize>,
    /// The number of steps that a person has to resolve until the row is complete.
    resolved: RangeInclusive<usize>,
}

/// The effect of each fault at each call. The first match applies.
///
/// After a crash or an outage of the ledger, the calls that were in flight need a person: that of the patient, or those
/// of the invitation and the appointment.
#[rustfmt::skip]
const EFFECTS: &[Effect] = &[
    Effect { calls: UNCHECKABLE,                faults: &[ResponseLost, RequestLost],     unknown: 1..=1, resolved: 1..=1 },
    Effect { calls: UNCHECKABLE,                faults: &[CrashBefore, CrashAfter],       unknown: 0..=0, resolved: 1..=2 },
    Effect { calls: &["create "],               faults: &[ResponseLost, RequestLost],     unknown: 1..=1, resolved: 0..=0 },
    Effect { calls: &["process "],              faults: &[RequestLost],                   unknown: 1..=1, resolved: 0..=0 },
    Effect { calls: &["ledger insert patient"], faults: &[LedgerDown],                    unknown: 0..=0, resolved: 0..=0 },
    Effect { calls: &["ledger insert patient"], faults: &[LedgerDownAfter],               unknown: 0..=0, resolved: 1..=1 },
    Effect { calls: &["ledger"],                faults: &[NotApplied, ResponseLost],      unknown: 0..=0, resolved: 0..=0 },
    Effect { calls: &["ledger"],                faults: &[LedgerDown, LedgerDownAfter],   unknown: 0..=4, resolved: 0..=2 },
    Effect { calls: &[""],                      faults: &[CrashBefore, CrashAfter],       unknown: 0..=0, resolved: 0..=2 },
    Effect { calls: &[""],                      faults: &SERVICE_FAULTS,                  unknown: 0..=0, resolved: 0..=0 },
];

fn effect_of(point: &str, fault: InjectedFault) -> &'static Effect {
    let is_match = |effect: &&Effect| {
        effect.calls.iter().any(|call| point.starts_with(call)) && effect.faults.contains(&fault)
    };
    EFFECTS.iter().find(is_match).unwrap()
}

fn faults_at(point: &str) -> [InjectedFault; 6] {
    if point.starts_with("ledger") { LEDGER_FAULTS } else { SERVICE_FAULTS }
}

fn is_crash(fault: InjectedFault) -> bool {
    matches!(fault, CrashBefore | CrashAfter)
}

/// Returns the points that a run without faults reaches.
async fn all_points(folder: &Path) -> Vec<FaultPoint> {
    let mut case = Case::new(folder);
    case.run().await;
    assert!(case.outcome().is_complete(), "{:?}", case.outcome);
    case.assert_applied_once();
    case.harness.reached_points()
}

/// Runs a row with a fault, and then without faults until it is complete.
async fn assert_effect(mut case: Case, point: &str, fault: InjectedFault) {
    let effect = effect_of(point, fault);
    case.run_with(&[(point, fault)]).await;
    let context = format!("{point}, {fault:?}: {:?}", case.outcome);
    assert!(!is_crash(fault) || case.outcome.is_none(), "{context}");
    let unknown = case.outcome.iter().flat_map(OnboardingOutcome::unknown_steps).count();
    assert!(effect.unknown.contains(&unknown), "{unknown} unknown steps: {context}");
    case.finish().await;
    case.assert_applied_once();
    assert!(effect.resolved.contains(&case.resolutions), "{} resolutions: {context}", case.resolutions);
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
            for harness in [FaultHarness::new(), FaultHarness::storing_uploads()] {
                assert_effect(Case::with_harness(harness, folder.path()), point, fault).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn continues_from_a_ledger_file_after_any_crash() {
    let folder = documents_folder();
    for point in all_points(folder.path()).await {
        for fault in faults_at(&point).into_iter().filter(|fault| is_crash(*fault)) {
            let harness = FaultHarness::with_file_ledger().await;
            assert_effect(Case::with_harness(harness, folder.path()), &point, fault).await;
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
    for is_file in [false, true] {
        for polls in 0.. {
            let harness = if is_file { FaultHarness::with_file_ledger().await } else { FaultHarness::new() };
            let mut case = Case::with_harness(harness, folder.path());
            let run = case.onboarding.run(&case.row, &case.request);
            let is_finished = poll_and_drop(run, polls).await.is_some();
            case.harness.restart().await;
            case.finish().await;
            case.assert_applied_once();
            assert!(case.resolutions <= 2);
            if is_finished {
                assert!(polls > 20, "{polls}");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn applies_every_step_once_after_a_lost_creation_and_any_second_fault() {
    let folder = documents_folder();
    let is_uncheckable = |point: &str| UNCHECKABLE.iter().any(|call| point.starts_with(call));
    // Runs the row with the first fault, and resolves the unknown step if a person has to.
    let start = async |point: &str, fault| {
        let mut case = Case::new(folder.path());
        case.run_with(&[(point, fault)]).await;
        if is_uncheckable(point) {
            case.run_with(&[]).await;
            case.resolve_unknown().await;
        }
        case
    };
    let mut cases = 0;
    let points = all_points(folder.path()).await;
    for first in points.iter().filter(|point| is_uncheckable(point) || point.starts_with("create ")) {
        for first_fault in [ResponseLost, CrashAfter] {
            let mut case = start(first, first_fault).await;
            case.run_with(&[]).await;
            for second in case.harness.reached_points() {
                for second_fault in [NotApplied, ResponseLost, CrashBefore, CrashAfter] {
                    let mut case = start(first, first_fault).await;
                    case.run_with(&[(&second, second_fault)]).await;
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
    let mut case = Case::new(folder.path());
    let run = || case.onboarding.run(&case.row, &case.request);
    let (first, second) = tokio::join!(run(), run());
    for outcome in [first.unwrap(), second.unwrap()] {
        case.record_orphans(&outcome);
    }
    case.finish().await;
    case.assert_applied_once();
    assert_eq!(case.resolutions, 0);
}

#[tokio::test(start_paused = true)]
async fn suspended_run_files_nothing_after_another_run_took_over() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path());
    case.harness.inject([("post letter.pdf #0".to_owned(), Suspend)]);
    let (onboarding, row, request) = (case.onboarding.clone(), case.row.clone(), case.request.clone());
    let suspended = tokio::spawn(async move { onboarding.run(&row, &request).await });
    case.harness.suspended.notified().await;
    case.finish().await;
    case.harness.resume.notify_one();
    let outcome = suspended.await.unwrap().unwrap();
    let report = outcome.step(&Step::Document(0)).unwrap();
    let StepOutcome::Completed(completed) = &report.result else { panic!("{report:?}") };
    let id = case.outcome().document(0).unwrap();
    assert_eq!(completed.id.map(DocumentReferenceId), Some(id));
    let file = case.harness.fake.document_bytes(id).unwrap();
    let expected = (Some(file.len() as u64), Some(Sha256Digest::of(&file)));
    assert_eq!((completed.size, completed.sha256), expected);
    assert_eq!(report.orphans.len(), 1);
    case.record_orphans(&outcome);
    case.assert_applied_once();
}

/// An event in the history of a row.
enum Event {
    /// The row is run with these faults. After it, these steps are not completed or have orphans (see [`describe`]),
    /// and the outcome has this next action.
    Run(&'static [(&'static str, InjectedFault)], &'static [&'static str], Next),
    /// A person decides that the patient was not created, which may be wrong.
    PatientNotCreated,
    /// A person checks the unknown steps and resolves them.
    ResolveUnknown,
}
use Event::{PatientNotCreated, ResolveUnknown, Run};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    Nothing,
    Retry,
    Person,
}

impl From<NextAction> for Next {
    fn from(action: NextAction) -> Self {
        match action {
            NextAction::None => Self::Nothing,
            NextAction::Retry(None) => Self::Retry,
            NextAction::NeedsPerson => Self::Person,
            other => panic!("{other:?}"),
        }
    }
}

/// All attempts to write the result of a document fail.
const RESULT_WRITES_FAIL: [(&str, InjectedFault); 6] = [
    ("ledger compare_and_swap documents[0] #2", NotApplied),
    ("ledger compare_and_swap documents[0] #3", NotApplied),
    ("ledger compare_and_swap documents[0] #4", NotApplied),
    ("ledger compare_and_swap documents[0] #5", NotApplied),
    ("ledger compare_and_swap documents[0] #6", NotApplied),
    ("ledger compare_and_swap documents[0] #7", NotApplied),
];

/// Histories of a row, each of which ends with every step applied once.
#[rustfmt::skip]
const HISTORIES: &[(&str, &[Event])] = &[
    ("a username that is taken after an unknown outcome may be this patient's", &[
        Run(&[("create_patient #0", ResponseLost)], &["patient: unknown (ResponseLost)"], Next::Person),
        Run(&[], &["patient: unknown (ResponseLost)"], Next::Person),
        PatientNotCreated,
        Run(&[], &["patient: unknown (UsernameTaken)"], Next::Person),
        Run(&[], &["patient: unknown (UsernameTaken)"], Next::Person),
        ResolveUnknown,
        Run(&[], &[], Next::Nothing),
    ]),
    ("any rejection of a patient after an unknown outcome is unknown", &[
        Run(&[("create_patient #0", RequestLost)], &["patient: unknown (ResponseLost)"], Next::Person),
        PatientNotCreated,
        Run(&[("create_patient #0", Rejected)], &["patient: unknown (UsernameTaken)"], Next::Person),
        ResolveUnknown,
        Run(&[], &[], Next::Nothing),
    ]),
    ("any conflict of a patient after an unknown outcome is unknown", &[
        Run(&[("create_patient #0", RequestLost)], &["patient: unknown (ResponseLost)"], Next::Person),
        PatientNotCreated,
        Run(&[("create_patient #0", Conflict)], &["patient: unknown (UsernameTaken)"], Next::Person),
        ResolveUnknown,
        Run(&[], &[], Next::Nothing),
    ]),
    // The first error may come from a proxy that does not know whether the call was applied.
    ("a conflict of a patient after a transient error is unknown", &[
        Run(&[("create_patient #0", NotApplied)], &["patient: failed (Unavailable, retryable)"], Next::Retry),
        Run(&[("create_patient #0", Conflict)], &["patient: unknown (UsernameTaken)"], Next::Person),
        ResolveUnknown,
        Run(&[], &[], Next::Nothing),
    ]),
    ("a document is looked up after an undecodable response to its creation", &[
        Run(&[("create letter.pdf #0", Undecodable)], &["documents[0]: unknown (ResponseLost, retryable)"], Next::Retry),
        Run(&[], &["documents[0]: completed, 1 orphan"], Next::Nothing),
    ]),
    ("at most three orphans are left while the object store is down", &[
        Run(&[("post letter.pdf", NotApplied)], &["documents[0]: failed (Unavailable, retryable), 1 orphan"], Next::Retry),
        Run(&[("post letter.pdf", NotApplied)], &["documents[0]: failed (Unavailable, retryable), 2 orphans"], Next::Retry),
        Run(&[("post letter.pdf", NotApplied)], &["documents[0]: failed (Unavailable), 3 orphans"], Next::Person),
        Run(&[], &["documents[0]: completed, 3 orphans"], Next::Nothing),
    ]),
    ("a file that the object store lost is uploaded again", &[
        Run(&[("process letter.pdf #0", NotFound)], &["documents[0]: failed (NotFound, retryable), 1 orphan"], Next::Retry),
        Run(&[], &["documents[0]: completed, 1 orphan"], Next::Nothing),
    ]),
    // The document may be processed already, so the upload does not start over.
    ("a file is not uploaded again after a conflict", &[
        Run(&[("process letter.pdf #0", Conflict)], &["documents[0]: failed (Conflict)"], Next::Person),
        Run(&[], &[], Next::Nothing),
    ]),
    ("a document in a patient record that a person selected is ambiguous", &[
        Run(&[("create_patient #0", ResponseLost)], &["patient: unknown (ResponseLost)"], Next::Person),
        ResolveUnknown,
        Run(&[("create letter.pdf #0", ResponseLost)], &["documents[0]: unknown (ResponseLost, retryable)"], Next::Retry),
        Run(&[], &["documents[0]: unknown (AmbiguousMatch)"], Next::Person),
        ResolveUnknown,
        Run(&[], &["documents[0]: completed, 1 orphan"], Next::Nothing),
    ]),
    ("a document whose intent could not be written is not sent", &[
        Run(&[
            ("ledger insert documents[0]", NotApplied),
            ("ledger compare_and_swap documents[0]", NotApplied),
        ], &["documents[0]: failed (Unavailable, retryable)"], Next::Retry),
        Run(&[], &[], Next::Nothing),
    ]),
    ("a processed document whose result could not be written is processed again", &[
        Run(&RESULT_WRITES_FAIL, &["documents[0]: unknown (LedgerWriteFailed, retryable)"], Next::Retry),
        Run(&[], &[], Next::Nothing),
    ]),
];

/// Histories of a row whose ledger stores uploads with their presigned forms.
#[rustfmt::skip]
const HISTORIES_WITH_STORED_UPLOADS: &[(&str, &[Event])] = &[
    ("a document keeps its reference while the object store is down", &[
        Run(&[("post letter.pdf", NotApplied)], &["documents[0]: failed (Unavailable, retryable), 1 orphan"], Next::Retry),
        Run(&[("post letter.pdf", NotApplied)], &["documents[0]: failed (Unavailable, retryable), 1 orphan"], Next::Retry),
        Run(&[("post letter.pdf", NotApplied)], &["documents[0]: failed (Unavailable, retryable), 1 orphan"], Next::Retry),
        Run(&[], &[], Next::Nothing),
    ]),
    ("a form whose response was lost cannot be stored", &[
        Run(&[("create letter.pdf #0", Undecodable)], &["documents[0]: unknown (ResponseLost, retryable)"], Next::Retry),
        Run(&[], &["documents[0]: completed, 1 orphan"], Next::Nothing),
    ]),
];

#[tokio::test(start_paused = true)]
async fn a_crash_during_an_upload_leaves_no_orphan_if_the_form_was_stored() {
    let folder = documents_folder();
    for fault in [CrashBefore, CrashAfter] {
        for (harness, orphans) in [(FaultHarness::storing_uploads(), 0), (FaultHarness::new(), 1)] {
            let mut case = Case::with_harness(harness, folder.path());
            case.run_with(&[("post letter.pdf #0", fault)]).await;
            assert!(case.outcome.is_none());
            case.run_with(&[]).await;
            assert_eq!(case.outcome().step(&Step::Document(0)).unwrap().orphans.len(), orphans, "{fault:?}");
            case.assert_applied_once();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reports_each_step_of_its_history() {
    let folder = documents_folder();
    let without = HISTORIES.iter().map(|history| (FaultHarness::new(), history));
    let with = HISTORIES_WITH_STORED_UPLOADS.iter().map(|history| (FaultHarness::storing_uploads(), history));
    for (harness, (name, events)) in without.chain(with) {
        let mut case = Case::with_harness(harness, folder.path());
        for event in *events {
            match event {
                Run(faults, expected, next) => {
                    case.run_with(faults).await;
                    assert_eq!(describe(case.outcome()), *expected, "{name}");
                    assert_eq!(Next::from(case.outcome().next_action()), *next, "{name}");
                }
                PatientNotCreated => {
                    case.resolve(&Step::Patient, Resolution::NotApplied).await;
                    let again =
                        resolve(&case.harness, &case.row, &Step::Patient, Resolution::NotApplied).await;
                    assert_eq!(again.unwrap_err().kind(), ErrorKind::Conflict, "{name}");
                }
                ResolveUnknown => case.resolve_unknown().await,
            }
        }
        case.assert_applied_once();
    }
}

#[tokio::test(start_paused = true)]
async fn reports_a_result_that_could_not_be_written_to_the_ledger() {
    let folder = documents_folder();
    // The fault of the call, the step, and the decision that matches the response.
    for (fault, step, decision) in [
        (None, "patient", "created"),
        (Some(("create_patient #0", Rejected)), "patient", "not-applied"),
        (None, "invite[email]", "sent"),
        (None, "appointment", "created"),
        (Some(("create_appointment #0", NotApplied)), "appointment", "not-applied"),
    ] {
        let mut case = Case::new(folder.path());
        let write = format!("ledger compare_and_swap {step}");
        let faults = [(write.as_str(), NotApplied)].into_iter().chain(fault);
        case.run_with(&faults.collect::<Vec<_>>()).await;
        assert_eq!(describe(case.outcome()), [format!("{step}: unknown (LedgerWriteFailed)")]);
        assert_eq!(case.outcome().next_action(), NextAction::NeedsPerson);
        let report = case.outcome().unknown_steps().next().unwrap().clone();
        let StepOutcome::Unknown(unknown) = report.result else { panic!("{report:?}") };
        let kind = if fault.is_some_and(|(_, fault)| fault == Rejected) {
            ErrorKind::Rejected
        } else {
            ErrorKind::Unavailable
        };
        assert_eq!(unknown.failure.unwrap().kind, kind);
        let resolution = unknown.resolution.unwrap();
        assert!(serde_json::to_string(&resolution).unwrap().contains(decision), "{resolution:?}");
        case.resolve(&report.step, resolution).await;
        case.run_with(&[]).await;
        assert!(case.outcome().is_complete(), "{:?}", case.outcome);
        case.assert_applied_once();
    }
}

#[tokio::test(start_paused = true)]
async fn taken_username_is_a_failure_if_nothing_was_sent_before() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path());
    case.harness.fake.add_user(USERNAME);
    case.run().await;
    assert_eq!(describe(case.outcome()), ["patient: failed (Conflict)"]);
    assert_eq!(case.outcome().next_action(), NextAction::NeedsPerson);
    let StepOutcome::Failed(failure) = &case.outcome().step(&Step::Patient).unwrap().result else { panic!() };
    assert_eq!((failure.fields.as_slice(), failure.status), (&["username".to_owned()][..], Some(409)));
}

#[tokio::test(start_paused = true)]
async fn rejects_resolutions_that_do_not_fit_the_step() {
    let folder = documents_folder();
    let mut case = Case::new(folder.path());
    case.run_with(&[("resend_invitation #0", RequestLost), ("create_appointment #0", RequestLost)]).await;
    let steps: Vec<_> = case.outcome().unknown_steps().map(|report| report.step.clone()).collect();
    let [invitation, appointment] = &steps[..] else { panic!("{steps:?}") };
    let id = case.outcome().patient().unwrap().into();
    for (step, resolution, kind) in [
        (invitation, Resolution::Created(id), ErrorKind::InvalidInput),
        (appointment, Resolution::Sent, ErrorKind::InvalidInput),
        (&Step::Patient, Resolution::NotApplied, ErrorKind::Conflict),
        (&Step::Document(7), Resolution::NotApplied, ErrorKind::Conflict),
    ] {
        let error = resolve(&case.harness, &case.row, step, resolution).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{step}: {error}");
    }
    case.finish().await;
    case.assert_applied_once();
}

/// A case whose two documents are the same.
fn case_with_equal_documents(folder: &Path) -> Case {
    let mut case = Case::new(folder);
    let mut row = full_row(&case.harness.fake);
    row["documents"][1] = row["documents"][0].clone();
    case.request = parse_request(&row);
    case
}

#[tokio::test(start_paused = true)]
async fn ambiguous_document_needs_a_person() {
    let folder = documents_folder();
    let mut case = case_with_equal_documents(folder.path());
    case.run_with(&[("create letter.pdf", ResponseLost)]).await;
    assert_eq!(case.outcome().next_action(), NextAction::Retry(None));
    let both = |result: &str| [0, 1].map(|index| format!("documents[{index}]: {result}"));
    // If the documents cannot be listed, no document is created.
    case.run_with(&[("list_documents #0", NotApplied)]).await;
    assert_eq!(describe(case.outcome()), both("unknown (LookupFailed, retryable)"));
    case.run_with(&[]).await;
    assert_eq!(describe(case.outcome()), both("unknown (AmbiguousMatch)"));
    assert_eq!(case.outcome().next_action(), NextAction::NeedsPerson);
    let references: Vec<_> = case.harness.fake.documents().iter().map(|document| document.id).collect();
    assert_eq!(references.len(), 2);
    for (index, id) in references.iter().enumerate() {
        case.resolve(&Step::Document(index), Resolution::Created((*id).into())).await;
    }
    case.run_with(&[]).await;
    assert_eq!(describe(case.outcome()), both("completed, 1 orphan"));
    assert_eq!(case.orphans().len(), 2);
    let filed = case.harness.fake.documents().into_iter().filter(|document| document.is_processed).count();
    assert_eq!((filed, case.harness.fake.documents().len()), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn lookup_ignores_other_documents_of_the_same_row() {
    let folder = documents_folder();
    let mut case = case_with_equal_documents(folder.path());
    case.run_with(&[("create letter.pdf #1", ResponseLost)]).await;
    let before = case.outcome().clone();
    let filed = usize::from(before.document(0).is_none());
    case.run_with(&[]).await;
    let outcome = case.outcome();
    assert!(outcome.is_complete() && outcome.document(filed) == before.document(filed));
    assert_eq!(outcome.step(&Step::Document(1 - filed)).unwrap().orphans.len(), 1);
    assert!(!case.orphans().contains(&outcome.document(filed).unwrap()));
    assert_eq!(case.harness.fake.documents().len(), 3);
}

/// Onboards a patient with the real client, against a service with these responses.
async fn run_with_client(responses: impl IntoIterator<Item = Reply>) -> OnboardingOutcome {
    run_row_with_client("row", MemoryLedger::new(), responses).await
}

async fn run_row_with_client(
    row_key: &str,
    ledger: MemoryLedger,
    responses: impl IntoIterator<Item = Reply>,
) -> OnboardingOutcome {
    let service = Service::script(responses);
    let harness = FaultHarness::new();
    let mut row = full_row(&harness.fake);
    for field in ["documents", "appointment", "invite"] {
        row.as_object_mut().unwrap().remove(field);
    }
    let carium = service.builder().call_timeout(Duration::from_secs(5)).build().unwrap();
    let onboarding = carium.onboarding(Arc::new(ledger));
    onboarding.run(&RowKey::new(row_key), &parse_request(&row)).await.unwrap()
}

fn duplicate_of(id: &str) -> Reply {
    Reply::Respond(409, Vec::new(), json!({"errors": [{"code": "DuplicateUsername", "meta": {"id": id}}]}))
}

#[tokio::test(start_paused = true)]
async fn existing_patient_is_proposed_unless_it_is_that_of_another_row() {
    let id = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
    let ledger = MemoryLedger::new();
    let created =
        run_row_with_client("first", ledger.clone(), [Reply::body(json!({"data": {"id": id}}))]).await;
    assert!(created.is_complete());
    let replies = || [Reply::status(503), duplicate_of(id)];
    let outcome = run_row_with_client("second", ledger, replies()).await;
    assert_eq!(describe(&outcome), ["patient: unknown (UsernameTaken)"]);
    assert_eq!(proposal(&outcome), None);
    // The patient may be another person with the same email address.
    let outcome = run_row_with_client("second", MemoryLedger::new(), replies()).await;
    assert_eq!(describe(&outcome), ["patient: unknown (UsernameTaken)"]);
    assert_eq!(proposal(&outcome), Some(Resolution::Created(id.parse().unwrap())));
}

/// Returns the decision that is proposed for the patient.
fn proposal(outcome: &OnboardingOutcome) -> Option<Resolution> {
    let StepOutcome::Unknown(unknown) = &outcome.steps()[0].result else { panic!("{outcome:?}") };
    unknown.resolution
}

#[tokio::test(start_paused = true)]
async fn classifies_the_errors_of_the_real_client() {
    const EXISTING: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
    const TAKEN: &str = "patient: unknown (UsernameTaken)";
    const LOST: &str = "patient: unknown (ResponseLost)";
    const REJECTED: &str = "patient: failed (Rejected)";
    let rejection = |status, fields: &[&str]| {
        let at = |field: &&str| json!({"source": {"pointer": format!("/data/attributes/{field}")}});
        let errors: Vec<Value> = fields.iter().map(at).collect();
        Reply::Respond(status, Vec::new(), json!({"errors": errors}))
    };
    let duplicate_of = |id| {
        Reply::Respond(
            409,
            Vec::new(),
            json!({"errors": [{"code": "DuplicateUsername", "meta": {"id": id}}]}),
        )
    };
    // The first attempt may have been applied: its 503 may come from a proxy in front of the service.
    let after_503 = |reply| vec![Reply::status(503), reply];
    let too_many = Reply::status(429).with_header("retry-after", "30");
    for (replies, expected) in [
        (vec![rejection(409, &["username"])], "patient: failed (Conflict)"),
        (vec![rejection(422, &["username"])], REJECTED),
        (vec![rejection(422, &["email"])], REJECTED),
        (vec![rejection(422, &["mobile-phone", "first-name"])], REJECTED),
        (vec![rejection(422, &[])], REJECTED),
        (after_503(rejection(409, &["username"])), TAKEN),
        (after_503(rejection(422, &["username"])), TAKEN),
        (after_503(rejection(422, &["email"])), TAKEN),
        (after_503(rejection(422, &["mobile-phone", "first-name"])), TAKEN),
        (after_503(rejection(422, &[])), TAKEN),
        (after_503(rejection(422, &["birth-date"])), REJECTED),
        // The service may name the patient that the first attempt created, or another person.
        (after_503(duplicate_of(EXISTING)), TAKEN),
        (vec![duplicate_of(EXISTING)], "patient: failed (Conflict)"),
        (vec![Reply::Lost], LOST),
        (vec![Reply::Silent], LOST),
        (vec![Reply::status(500)], LOST),
        (vec![Reply::body(json!({"data": {}}))], LOST),
        (vec![Reply::NotSent], "patient: failed (Unavailable, retryable)"),
        (vec![too_many.clone()], "patient: failed (RateLimited, retryable)"),
    ] {
        let context = format!("{replies:?}");
        let outcome = run_with_client(replies).await;
        assert_eq!(describe(&outcome).join(", "), expected, "{context}");
        if let StepOutcome::Unknown(unknown) = &outcome.steps()[0].result {
            let operation = unknown.failure.as_ref().unwrap().operation.as_deref();
            assert_eq!(operation, Some("create_patient"), "{context}");
        }
    }
    for status in [409, 422] {
        let outcome = run_with_client([rejection(status, &["username"])]).await;
        let StepOutcome::Failed(failure) = &outcome.steps()[0].result else { panic!("{outcome:?}") };
        assert_eq!((failure.status, failure.fields.as_slice()), (Some(status), &["username".to_owned()][..]));
    }
    for (reply, delay) in [(Reply::NotSent, None), (too_many, Some(Duration::from_secs(30)))] {
        assert_eq!(run_with_client([reply]).await.next_action(), NextAction::Retry(delay));
    }
    let outcome = run_with_client([Reply::success("create_patient")]).await;
    assert_eq!((outcome.is_complete(), outcome.patient()), (true, Some(support::ID.parse().unwrap())));
}
