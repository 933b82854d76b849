//! One patient, with everything going wrong that can: at each call of the services and of the ledger, in each way.
//! Whatever happens, nothing is done twice, nothing is lost, and what is not known is said to be.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use carium::documents::DocumentReferenceId;
use carium::onboarding::{
    MemoryLedger, Next, Onboarding, OnboardingOutcome, OnboardingRequest, Resolution, RowKey, Step,
    StepOutcome, resolve,
};
use support::mishaps::{
    FILES, Mishap, OF_SERVICES, OF_THE_LEDGER, Point, Rig, USERNAME, folder, full_row, request,
};

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
                StepOutcome::Done(done) => {
                    let is_made = made.contains(&done.id.map(|id| id.to_string()).unwrap_or_default());
                    assert!(is_made, "{:?} is said to be done, and is not", report.step);
                }
                StepOutcome::Failed(failure) => assert!(made.is_empty(), "{:?}: {failure:?}", report.step),
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
                let name = Path::new(FILES[*index].0).file_name().unwrap().to_str().unwrap();
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
                other => panic!("{other:?} is not a person's to decide"),
            };
            let resolution = resolution.unwrap_or(Resolution::NotDone);
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
            match self.outcome.as_ref().map(OnboardingOutcome::next) {
                Some(Next::Nothing) => return,
                Some(Next::Person) => self.decide().await,
                _ => {}
            }
        }
        panic!("never done: {:?}", self.outcome);
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
                let lost = matches!(mishap, Mishap::AnswerLost | Mishap::RequestLost);
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
