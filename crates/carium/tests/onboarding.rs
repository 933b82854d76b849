//! One patient, with everything going wrong that can: at each call of the services and of the ledger, in each way.
//! Whatever happens, nothing is done twice, nothing is lost, and what is not known is said to be.

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
use support::mishaps::{
    FILES, Mishap, OF_SERVICES, OF_THE_LEDGER, Point, Rig, USERNAME, folder, full_row, request,
};
use support::{Service, Step as Reply};

/// What a program has when it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    /// The ledger.
    Ledger,
    /// The ledger, and the outcome as JSON.
    Both,
    /// The outcome as JSON, and an empty ledger.
    Outcome,
}

struct Case {
    rig: Rig,
    onboarding: Onboarding,
    request: OnboardingRequest,
    row: RowKey,
    has: Has,
    /// What was said last.
    outcome: Option<OnboardingOutcome>,
    orphans: BTreeSet<DocumentReferenceId>,
    /// How often a person had to decide.
    decisions: usize,
}

impl Case {
    fn new(folder: &Path, has: Has) -> Self {
        let rig = Rig::new();
        let onboarding = rig.onboarding(folder);
        let request = request(&full_row(&rig.fake));
        let row = RowKey::new("row");
        Self { rig, onboarding, request, row, has, outcome: None, orphans: BTreeSet::new(), decisions: 0 }
    }

    /// One run, to its end or to that of the program.
    async fn run(&mut self) {
        let before = self.outcome.take().filter(|_| self.has != Has::Ledger);
        if self.has == Has::Outcome && before.is_some() {
            *self.rig.ledger.lock().unwrap() = MemoryLedger::new();
        }
        let run = async {
            match &before {
                Some(before) => self.onboarding.resume(&self.row, &self.request, before).await,
                None => self.onboarding.run(&self.row, &self.request).await,
            }
        };
        match self.rig.until_death(run).await {
            None => {}
            Some(Err(_)) => self.outcome = before,
            Some(Ok(outcome)) => {
                self.is_true(&outcome);
                let text = serde_json::to_string(&outcome).unwrap();
                let read: OnboardingOutcome = serde_json::from_str(&text).unwrap();
                assert_eq!(read, outcome, "{text}");
                self.orphans.extend(read.steps().iter().flat_map(|report| report.orphans.iter().copied()));
                self.outcome = Some(read);
            }
        }
    }

    /// What an outcome says of a step is so.
    fn is_true(&self, outcome: &OnboardingOutcome) {
        for report in outcome.steps() {
            let made = self.made(&report.step);
            match &report.result {
                StepOutcome::Completed(done) => {
                    let is_made = made.contains(&done.id.map(|id| id.to_string()).unwrap_or_default());
                    assert!(is_made, "{:?} is said to be done, and is not", report.step);
                }
                StepOutcome::Failed(failure) => {
                    // Of what another run is at, that run can tell.
                    let is_anothers = failure.message.contains("another run");
                    assert!(is_anothers || made.is_empty(), "{:?}: {failure:?}", report.step);
                }
                StepOutcome::Skipped { .. } => assert!(made.is_empty(), "{:?}", report.step),
                StepOutcome::Unknown(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// What the service has of a step.
    fn made(&self, step: &Step) -> Vec<String> {
        let fake = &self.rig.fake;
        match step {
            Step::Patient => fake.patients().iter().map(|(id, _)| id.to_string()).collect(),
            Step::Invitation(_) => fake.invitations_to(USERNAME).iter().map(|_| String::new()).collect(),
            Step::Appointment => fake.appointments().iter().map(|(id, _)| id.to_string()).collect(),
            Step::Document(index) => {
                let path = &self.request.attributes().documents[*index].path;
                let name = Path::new(path.as_str()).file_name().unwrap().to_str().unwrap();
                let documents = fake.documents().into_iter().filter(|document| document.is_processed);
                let own =
                    documents.filter(|document| document.attributes.attachment_filename.as_str() == name);
                own.map(|document| document.id.to_string()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// A person looks at what is unknown, and says what they see.
    async fn decide(&mut self) {
        let Some(outcome) = &mut self.outcome else { return };
        let unknown: Vec<Step> = outcome.unknown().map(|report| report.step.clone()).collect();
        for step in unknown {
            self.decisions += 1;
            let fake = &self.rig.fake;
            let resolution = match &step {
                Step::Patient => fake.patients().first().map(|(id, _)| Resolution::Created((*id).into())),
                Step::Invitation(_) => fake.invitations_to(USERNAME).first().map(|_| Resolution::Sent),
                Step::Appointment => {
                    fake.appointments().first().map(|(id, _)| Resolution::Created((*id).into()))
                }
                // Of a record that a person pointed to.
                Step::Document(index) => {
                    let path = &self.request.attributes().documents[*index].path;
                    let name = Path::new(path.as_str()).file_name().unwrap().to_str().unwrap();
                    let is_it = |document: &&carium_mock::FakeDocument| {
                        document.attributes.attachment_filename.as_str() == name
                            && !self.orphans.contains(&document.id)
                    };
                    fake.documents()
                        .iter()
                        .find(is_it)
                        .map(|document| Resolution::Created(document.id.into()))
                }
                other => panic!("{other:?} is not a person's to decide"),
            };
            let resolution = resolution.unwrap_or(Resolution::NotApplied);
            if self.has == Has::Outcome {
                outcome.resolve(&step, resolution).unwrap();
            } else {
                resolve(&self.rig.clone(), &self.row, &step, resolution).await.unwrap();
            }
        }
    }

    /// Goes on, without anything going wrong any more, until there is nothing left to do.
    async fn finish(&mut self) {
        self.rig.plan([]);
        for _ in 0..6 {
            self.run().await;
            match self.outcome.as_ref().map(OnboardingOutcome::next_action) {
                Some(NextAction::None) => return,
                Some(NextAction::NeedsPerson) => self.decide().await,
                _ => {}
            }
        }
        panic!("never done: {:?}", self.outcome);
    }

    /// One more run, of a person who mended what was in the way.
    async fn finish_as_it_is(&mut self) {
        self.rig.plan([]);
        self.run().await;
        assert!(self.outcome.as_ref().unwrap().is_complete(), "{:?}", self.outcome);
    }

    /// Everything is there, once, and what is left over is known.
    fn is_done_once(&self) {
        let fake = &self.rig.fake;
        let outcome = self.outcome.as_ref().unwrap();
        let [(patient, _)] = &fake.patients()[..] else { panic!("{} patients", fake.patients().len()) };
        assert_eq!(outcome.patient(), Some(*patient));
        assert_eq!(fake.invitations_to(USERNAME).len(), 1);
        let [(appointment, booked)] = &fake.appointments()[..] else { panic!("appointments") };
        assert_eq!((outcome.appointment(), booked.individual_id), (Some(*appointment), *patient));
        let mut filed = BTreeSet::new();
        for (index, (_, content)) in FILES.iter().enumerate() {
            let made = self.made(&Step::Document(index));
            let [id] = &made[..] else { panic!("document {index} is there {} times", made.len()) };
            assert_eq!(outcome.document(index).unwrap().to_string(), *id);
            let id: DocumentReferenceId = id.parse().unwrap();
            assert_eq!(fake.document_bytes(id).unwrap(), content.as_bytes());
            filed.insert(id);
        }
        let left: BTreeSet<_> =
            fake.documents().iter().map(|document| document.id).filter(|id| !filed.contains(id)).collect();
        assert_eq!(left, self.orphans, "what is left without a file is told");
    }
}

/// The points that a run passes in which nothing goes wrong.
async fn points(folder: &Path) -> Vec<Point> {
    let mut case = Case::new(folder, Has::Ledger);
    case.run().await;
    assert!(case.outcome.as_ref().unwrap().is_complete(), "{:?}", case.outcome);
    case.is_done_once();
    case.rig.passed()
}

fn mishaps(point: &str) -> [Mishap; 6] {
    if point.starts_with("ledger") { OF_THE_LEDGER } else { OF_SERVICES }
}

/// Calls of the services that are not repeated by themselves, and that nobody can look up.
fn is_blind(point: &str) -> bool {
    ["create_patient", "resend_invitation", "create_appointment"].iter().any(|name| point.starts_with(name))
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_once_everything_is_done_once() {
    let folder = folder();
    let points = points(folder.path()).await;
    for expected in [
        "create_patient #0",
        "ledger entries #0",
        "ledger insert patient #0",
        "ledger replace patient #0",
        "ledger replace invite[email] #0",
        "ledger insert appointment #0",
        "ledger insert documents[1] #0",
        "ledger replace documents[1] #2",
        "create scan.png #0",
        "post letter.pdf #0",
        "process scan.png #0",
        "list_types #0",
    ] {
        assert!(points.iter().any(|point| point == expected), "{expected} is not among {points:?}");
    }
    for point in &points {
        for mishap in mishaps(point) {
            for has in [Has::Ledger, Has::Both, Has::Outcome] {
                let mut case = Case::new(folder.path(), has);
                case.rig.plan([(point.clone(), mishap)]);
                case.run().await;
                let what = format!("{point}, {mishap:?}, {has:?}: {:?}", case.outcome);
                let died = matches!(mishap, Mishap::DiesBefore | Mishap::DiesAfter);
                assert!(!died || case.outcome.is_none(), "{what}");
                if died && has == Has::Outcome {
                    // There is no outcome to go on from; what a ledger in memory knew is gone too.
                    continue;
                }
                let lost = matches!(mishap, Mishap::ResponseLost | Mishap::RequestLost);
                let unknown = case.outcome.iter().flat_map(OnboardingOutcome::unknown).count();
                let changes = is_blind(point) || point.starts_with("create ") || point.starts_with("process");
                assert_eq!(unknown, usize::from(lost && changes), "{what}");
                case.finish().await;
                case.is_done_once();
                // A person is asked about what was under way, and about nothing that an outcome knows. The invitation
                // and the appointment may be under way at once.
                let asked = case.decisions;
                if died {
                    assert!(asked <= 2 && (asked > 0 || !is_blind(point)), "{asked} decisions: {what}");
                } else if point.starts_with("ledger") {
                    assert!(asked <= if has == Has::Ledger { 2 } else { 0 }, "{asked} decisions: {what}");
                } else {
                    assert_eq!(asked, usize::from(lost && is_blind(point)), "{what}");
                }
            }
        }
    }
}

/// Polls a future so often, and drops it.
async fn for_a_while<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let (mut future, mut left) = (Box::pin(future), polls);
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn dropped_wherever_it_waits_it_is_done_once() {
    let folder = folder();
    for polls in 0.. {
        let mut case = Case::new(folder.path(), Has::Ledger);
        let run = case.onboarding.run(&case.row, &case.request);
        let is_over = for_a_while(run, polls).await.is_some();
        case.finish().await;
        case.is_done_once();
        assert!(case.decisions <= 2);
        if is_over {
            assert!(polls > 20, "{polls}");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_creation_whatever_goes_wrong_next_everything_is_done_once() {
    let folder = folder();
    // What went wrong first, and a person's decision on it where there has to be one.
    let begun = async |point: &Point, mishap| {
        let mut case = Case::new(folder.path(), Has::Ledger);
        case.rig.plan([(point.clone(), mishap)]);
        case.run().await;
        if is_blind(point) {
            case.rig.plan([]);
            case.run().await;
            case.decide().await;
        }
        case
    };
    let mut cases = 0;
    let points = points(folder.path()).await;
    for first in points.iter().filter(|point| is_blind(point) || point.starts_with("create ")) {
        for mishap in [Mishap::ResponseLost, Mishap::DiesAfter] {
            let mut case = begun(first, mishap).await;
            case.rig.plan([]);
            case.run().await;
            for second in case.rig.passed() {
                for then in [Mishap::NotApplied, Mishap::ResponseLost, Mishap::DiesBefore, Mishap::DiesAfter]
                {
                    let mut case = begun(first, mishap).await;
                    case.rig.plan([(second.clone(), then)]);
                    case.run().await;
                    case.finish().await;
                    case.is_done_once();
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 100, "{cases}");
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_do_everything_once() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    let run = || case.onboarding.run(&case.row, &case.request);
    let (one, other) = tokio::join!(run(), run());
    for outcome in [one.unwrap(), other.unwrap()] {
        case.orphans.extend(outcome.steps().iter().flat_map(|report| report.orphans.iter().copied()));
    }
    case.finish().await;
    case.is_done_once();
    assert_eq!(case.decisions, 0);
}

#[tokio::test(start_paused = true)]
async fn who_wakes_after_others_went_on_files_nothing() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    case.rig.plan([("post letter.pdf #0".to_owned(), Mishap::Sleeps)]);
    let (onboarding, row, request) = (case.onboarding.clone(), case.row.clone(), case.request.clone());
    let sleeper = tokio::spawn(async move { onboarding.run(&row, &request).await });
    case.rig.asleep.notified().await;
    case.rig.plan([]);
    case.finish().await;
    case.rig.wake.notify_one();
    let woken = sleeper.await.unwrap().unwrap();
    let report = woken.step(&Step::Document(0)).unwrap();
    let StepOutcome::Completed(done) = &report.result else { panic!("{report:?}") };
    assert_eq!(done.id.map(DocumentReferenceId), case.outcome.as_ref().unwrap().document(0));
    assert_eq!(report.orphans.len(), 1);
    case.orphans.extend(woken.steps().iter().flat_map(|report| report.orphans.iter().copied()));
    case.is_done_once();
}

fn doubt(outcome: &OnboardingOutcome, step: &Step) -> Option<(UnknownReason, bool)> {
    match &outcome.step(step)?.result {
        StepOutcome::Unknown(doubt) => Some((doubt.reason, doubt.retryable)),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_taken_username_is_a_failure_and_after_a_doubt_it_is_unknown() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    case.rig.fake.add_user(USERNAME);
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

    let mut case = Case::new(folder.path(), Has::Ledger);
    case.rig.plan([("create_patient #0".to_owned(), Mishap::ResponseLost)]);
    case.run().await;
    assert_eq!(
        doubt(case.outcome.as_ref().unwrap(), &Step::Patient),
        Some((UnknownReason::ResponseLost, false))
    );
    case.run().await;
    assert_eq!(
        doubt(case.outcome.as_ref().unwrap(), &Step::Patient),
        Some((UnknownReason::InterruptedRun, false))
    );
    // Someone did not look well.
    resolve(&case.rig.clone(), &case.row, &Step::Patient, Resolution::NotApplied).await.unwrap();
    let again =
        resolve(&case.rig.clone(), &case.row, &Step::Patient, Resolution::NotApplied).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    case.run().await;
    assert_eq!(
        doubt(case.outcome.as_ref().unwrap(), &Step::Patient),
        Some((UnknownReason::UsernameTaken, false))
    );
    assert_eq!(case.outcome.as_ref().unwrap().next_action(), NextAction::NeedsPerson);
    case.finish().await;
    case.is_done_once();
    let calls = case.rig.fake.calls().into_iter().filter(|call| call.operation == "create_patient").count();
    assert_eq!(calls, 2);
}

#[tokio::test(start_paused = true)]
async fn a_resolution_has_to_fit_its_step() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    let lost = ["resend_invitation #0", "create_appointment #0"];
    case.rig.plan(lost.map(|point| (point.to_owned(), Mishap::RequestLost)));
    case.run().await;
    let outcome = case.outcome.clone().unwrap();
    let steps: Vec<_> = outcome.unknown().map(|report| report.step.clone()).collect();
    let [invitation, appointment] = &steps[..] else { panic!("{steps:?}") };
    let id = outcome.patient().unwrap().into();
    for (step, resolution) in [
        (invitation, Resolution::Created(id)),
        (appointment, Resolution::Sent),
        (&Step::Patient, Resolution::NotApplied),
        (&Step::Document(7), Resolution::NotApplied),
    ] {
        let error = resolve(&case.rig.clone(), &case.row, step, resolution).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Conflict), "{error}");
    }
    case.finish().await;
    case.is_done_once();
}

#[tokio::test(start_paused = true)]
async fn a_document_that_may_be_any_of_several_is_a_persons_to_find() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    let mut row = full_row(&case.rig.fake);
    row["documents"][1] = row["documents"][0].clone();
    case.request = request(&row);
    let lost = ["create letter.pdf #0", "create letter.pdf #1"];
    case.rig.plan(lost.map(|point| (point.to_owned(), Mishap::ResponseLost)));
    case.run().await;
    assert_eq!(case.outcome.as_ref().unwrap().next_action(), NextAction::Retry(None));

    // Where it cannot be looked, nothing is created either.
    case.rig.plan([("list_documents #0".to_owned(), Mishap::NotApplied)]);
    case.run().await;
    for index in [0, 1] {
        let doubt = doubt(case.outcome.as_ref().unwrap(), &Step::Document(index));
        assert_eq!(doubt, Some((UnknownReason::LookupFailed, true)));
    }
    case.rig.plan([]);
    case.run().await;
    assert_eq!(case.outcome.as_ref().unwrap().next_action(), NextAction::NeedsPerson);
    let references: Vec<_> = case.rig.fake.documents().iter().map(|document| document.id).collect();
    assert_eq!(references.len(), 2);
    for (index, id) in references.iter().enumerate() {
        let step = Step::Document(index);
        let doubt = doubt(case.outcome.as_ref().unwrap(), &step);
        assert_eq!(doubt, Some((UnknownReason::SeveralMatches, false)));
        resolve(&case.rig.clone(), &case.row, &step, Resolution::Created((*id).into())).await.unwrap();
    }
    case.run().await;
    let outcome = case.outcome.unwrap();
    assert!(outcome.is_complete());
    assert_eq!(case.orphans.iter().collect::<Vec<_>>().len(), 2);
    let filed = case.rig.fake.documents().into_iter().filter(|document| document.is_processed).count();
    assert_eq!((filed, case.rig.fake.documents().len()), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_document_of_the_same_row_is_not_taken_for_a_lost_one() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    let mut row = full_row(&case.rig.fake);
    row["documents"][1] = row["documents"][0].clone();
    case.request = request(&row);
    case.rig.plan([("create letter.pdf #1".to_owned(), Mishap::ResponseLost)]);
    case.run().await;
    let before = case.outcome.clone().unwrap();
    let filed = usize::from(before.document(0).is_none());
    case.run().await;
    let outcome = case.outcome.unwrap();
    assert!(outcome.is_complete() && outcome.document(filed) == before.document(filed));
    assert_eq!(outcome.step(&Step::Document(1 - filed)).unwrap().orphans.len(), 1);
    assert!(!case.orphans.contains(&outcome.document(filed).unwrap()));
    assert_eq!(case.rig.fake.documents().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_document_whose_creation_is_answered_unreadably_is_a_persons() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    case.rig.plan([("create letter.pdf #0".to_owned(), Mishap::Unreadable)]);
    case.run().await;
    assert_eq!(
        doubt(case.outcome.as_ref().unwrap(), &Step::Document(0)),
        Some((UnknownReason::ResponseLost, false))
    );
    assert_eq!(case.outcome.as_ref().unwrap().next_action(), NextAction::NeedsPerson);
    // Once it is readable again, who was asked has the row run again.
    case.finish_as_it_is().await;
    case.is_done_once();
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_down_no_more_than_three_references_are_left_without_a_file() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    let posts = (0..100).map(|count| (format!("post letter.pdf #{count}"), Mishap::NotApplied));
    case.rig.plan(posts);
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
    // Who mended it has the row run again.
    case.finish_as_it_is().await;
    case.is_done_once();
}

#[tokio::test(start_paused = true)]
async fn a_document_whose_file_is_gone_from_the_store_is_sent_again() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    case.rig.plan([("process letter.pdf #0".to_owned(), Mishap::Gone)]);
    case.run().await;
    let outcome = case.outcome.as_ref().unwrap();
    assert_eq!(outcome.next_action(), NextAction::Retry(None));
    assert_eq!(outcome.step(&Step::Document(0)).unwrap().orphans.len(), 1);
    case.finish_as_it_is().await;
    case.is_done_once();

    // A contradiction that does not say why may be that it is done: there is nothing to start over.
    let mut case = Case::new(folder.path(), Has::Ledger);
    case.rig.plan([("process letter.pdf #0".to_owned(), Mishap::Contradicts)]);
    case.run().await;
    let outcome = case.outcome.as_ref().unwrap();
    assert_eq!(outcome.next_action(), NextAction::NeedsPerson);
    assert!(outcome.step(&Step::Document(0)).unwrap().orphans.is_empty());
    case.finish_as_it_is().await;
    case.is_done_once();
}

#[tokio::test(start_paused = true)]
async fn a_patient_that_may_be_there_after_a_doubt_is_unknown_whatever_the_service_names() {
    let folder = folder();
    let begun = async || {
        let mut case = Case::new(folder.path(), Has::Ledger);
        case.rig.plan([("create_patient #0".to_owned(), Mishap::RequestLost)]);
        case.run().await;
        resolve(&case.rig.clone(), &case.row, &Step::Patient, Resolution::NotApplied).await.unwrap();
        case
    };
    for mishap in [Mishap::Refused, Mishap::Contradicts] {
        let mut case = begun().await;
        case.rig.plan([("create_patient #0".to_owned(), mishap)]);
        case.run().await;
        let doubt = doubt(case.outcome.as_ref().unwrap(), &Step::Patient);
        assert_eq!(doubt, Some((UnknownReason::UsernameTaken, false)), "{mishap:?}");
        case.finish().await;
        case.is_done_once();
    }
    // One that passes is said to have done nothing by who may not know: the next run remembers it.
    let mut case = Case::new(folder.path(), Has::Both);
    for mishap in [Mishap::NotApplied, Mishap::Contradicts] {
        case.rig.plan([("create_patient #0".to_owned(), mishap)]);
        case.run().await;
    }
    let doubt = doubt(case.outcome.as_ref().unwrap(), &Step::Patient);
    assert_eq!(doubt, Some((UnknownReason::UsernameTaken, false)));
    case.finish().await;
    case.is_done_once();
}

#[tokio::test(start_paused = true)]
async fn a_document_in_a_record_that_a_person_pointed_to_is_not_taken_for_a_lost_one() {
    let folder = folder();
    let mut case = Case::new(folder.path(), Has::Ledger);
    case.rig.plan([("create_patient #0".to_owned(), Mishap::ResponseLost)]);
    case.run().await;
    case.decide().await;
    case.rig.plan([("create letter.pdf #0".to_owned(), Mishap::ResponseLost)]);
    case.run().await;
    case.rig.plan([]);
    case.run().await;
    let outcome = case.outcome.as_ref().unwrap();
    assert_eq!(doubt(outcome, &Step::Document(0)), Some((UnknownReason::SeveralMatches, false)));
    assert!(outcome.step(&Step::Document(0)).unwrap().orphans.is_empty());
    case.finish().await;
    case.is_done_once();
}

/// What comes of a patient whose creation is answered so, over the real client.
async fn over_the_client(steps: impl IntoIterator<Item = Reply>) -> OnboardingOutcome {
    let service = Service::script(steps);
    let rig = Rig::new();
    let mut row = full_row(&rig.fake);
    for field in ["documents", "appointment", "invite"] {
        row.as_object_mut().unwrap().remove(field);
    }
    let carium = service.builder().call_timeout(Duration::from_secs(5)).build().unwrap();
    let onboarding = carium.onboarding(Arc::new(MemoryLedger::new()));
    onboarding.run(&RowKey::new("row"), &request(&row)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_the_client_says_of_a_creation_is_kept() {
    let taken = |status| {
        let pointer = json!({"errors": [{"source": {"pointer": "/data/attributes/username"}}]});
        Reply::Answer(status, Vec::new(), pointer)
    };
    let failed = async |steps: Vec<Reply>| {
        let outcome = over_the_client(steps).await;
        match outcome.steps() {
            [report] => report.result.clone(),
            steps => panic!("{steps:?}"),
        }
    };
    for status in [409, 422] {
        let StepOutcome::Failed(failure) = failed(vec![taken(status)]).await else { panic!("{status}") };
        assert_eq!((failure.retryable, failure.status), (false, Some(status)));
        assert_eq!(failure.fields, ["username"]);
        // The first try is said to have done nothing, by whoever stands in front of the service.
        let StepOutcome::Unknown(doubt) = failed(vec![Reply::status(503), taken(status)]).await else {
            panic!("{status}")
        };
        assert_eq!((doubt.reason, doubt.retryable), (UnknownReason::UsernameTaken, false));
    }
    for fields in [&["email"][..], &["mobile-phone", "first-name"], &[]] {
        let at = |field: &&str| json!({"source": {"pointer": format!("/data/attributes/{field}")}});
        let errors = json!({"errors": fields.iter().map(at).collect::<Vec<_>>()});
        let refused = Reply::Answer(422, Vec::new(), errors);
        assert!(matches!(failed(vec![refused.clone()]).await, StepOutcome::Failed(_)), "{fields:?}");
        let StepOutcome::Unknown(doubt) = failed(vec![Reply::status(503), refused]).await else {
            panic!("{fields:?}")
        };
        assert_eq!(doubt.reason, UnknownReason::UsernameTaken);
    }
    let named = json!({"errors": [{"source": {"pointer": "/data/attributes/birth-date"}}]});
    let other = failed(vec![Reply::status(503), Reply::Answer(422, Vec::new(), named)]).await;
    assert!(matches!(other, StepOutcome::Failed(_)), "{other:?}");
    for step in [Reply::Lost, Reply::Silent, Reply::status(500), Reply::body(json!({"data": {}}))] {
        let StepOutcome::Unknown(doubt) = failed(vec![step.clone()]).await else { panic!("{step:?}") };
        assert_eq!((doubt.reason, doubt.retryable), (UnknownReason::ResponseLost, false));
        assert_eq!(doubt.failure.unwrap().operation.as_deref(), Some("create_patient"));
    }
    for step in [Reply::NotSent, Reply::status(429).with_header("retry-after", "30")] {
        let outcome = over_the_client([step.clone()]).await;
        let wait = matches!(step, Reply::Answer(..)).then_some(Duration::from_secs(30));
        assert_eq!(outcome.next_action(), NextAction::Retry(wait), "{outcome:?}");
    }
    let outcome = over_the_client([Reply::success("create_patient")]).await;
    assert_eq!((outcome.is_complete(), outcome.patient()), (true, Some(support::ID.parse().unwrap())));
}
