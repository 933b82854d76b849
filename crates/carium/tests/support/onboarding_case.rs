//! A row that is run several times under fault injection, and compared with the state of the service after each run.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests fail by panicking, and each uses only a part of this module"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use carium::documents::DocumentReferenceId;
use carium::onboarding::{
    NextAction, Onboarding, OnboardingOutcome, OnboardingRequest, Resolution, RowKey, SkipReason, Step,
    StepOutcome, StepReport, resolve,
};
use carium_mock::FakeDocument;

use super::fault_injection::{FILES, FaultHarness, InjectedFault, USERNAME, full_row, parse_request};

/// A row with its service and its ledger.
pub(crate) struct Case {
    pub(crate) harness: FaultHarness,
    pub(crate) onboarding: Onboarding,
    pub(crate) request: OnboardingRequest,
    pub(crate) row: RowKey,
    /// The outcome of the last run, unless it crashed or failed.
    pub(crate) outcome: Option<OnboardingOutcome>,
    /// The orphans that were reported last for each step.
    orphans: BTreeMap<Step, Vec<DocumentReferenceId>>,
    /// Number of steps that a person had to resolve.
    pub(crate) resolutions: usize,
}

impl Case {
    /// Creates a case with an in-memory ledger.
    pub(crate) fn new(folder: &Path) -> Self {
        Self::with_harness(FaultHarness::new(), folder)
    }

    pub(crate) fn with_harness(harness: FaultHarness, folder: &Path) -> Self {
        let onboarding = harness.onboarding(folder);
        let request = parse_request(&full_row(&harness.fake));
        Self {
            harness,
            onboarding,
            request,
            row: RowKey::new("row"),
            outcome: None,
            orphans: BTreeMap::new(),
            resolutions: 0,
        }
    }

    /// Runs the row once with these faults, until the run ends or a fault crashes the program.
    pub(crate) async fn run_with(&mut self, faults: &[(&str, InjectedFault)]) {
        self.harness.inject(faults.iter().map(|(point, fault)| ((*point).to_owned(), *fault)));
        self.run().await;
    }

    /// Runs the row once, with the faults that are injected.
    pub(crate) async fn run(&mut self) {
        self.outcome = None;
        let run = self.onboarding.run(&self.row, &self.request);
        if let Some(Ok(outcome)) = self.harness.run_until_crash(run).await {
            self.assert_matches_service(&outcome);
            let text = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<OnboardingOutcome>(&text).unwrap(), outcome, "{text}");
            self.record_orphans(&outcome);
            self.outcome = Some(outcome);
        }
    }

    pub(crate) fn record_orphans(&mut self, outcome: &OnboardingOutcome) {
        let orphans = outcome.steps().iter().map(|report| (report.step.clone(), report.orphans.clone()));
        self.orphans.extend(orphans);
    }

    pub(crate) fn orphans(&self) -> BTreeSet<DocumentReferenceId> {
        self.orphans.values().flatten().copied().collect()
    }

    /// Returns the outcome of the last run.
    pub(crate) fn outcome(&self) -> &OnboardingOutcome {
        self.outcome.as_ref().unwrap()
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
        let is_skipped = |report: &StepReport| {
            matches!(report.result, StepOutcome::Skipped { reason: SkipReason::NoPatient })
        };
        let others = &outcome.steps()[1..];
        assert!(
            others.len() == 4
                && others.iter().all(|report| outcome.patient().is_none() == is_skipped(report))
        );
    }

    /// Returns the documents of the service for a document of the row, including references without a file.
    fn documents(&self, index: usize) -> Vec<FakeDocument> {
        let path = &self.request.attributes().documents[index].path;
        let name = Path::new(path.as_str()).file_name().unwrap().to_str().unwrap();
        let mut documents = self.harness.fake.documents();
        documents.retain(|document| document.attributes.attachment_filename.as_str() == name);
        documents
    }

    /// Returns the IDs of the objects that the service has for a step (empty texts for invitations).
    fn created(&self, step: &Step) -> Vec<String> {
        let fake = &self.harness.fake;
        match step {
            Step::Patient => fake.patients().iter().map(|(id, _)| id.to_string()).collect(),
            Step::Invitation(_) => fake.invitations_to(USERNAME).iter().map(|_| String::new()).collect(),
            Step::Appointment => fake.appointments().iter().map(|(id, _)| id.to_string()).collect(),
            Step::Document(index) => {
                let filed = self.documents(*index).into_iter().filter(|document| document.is_processed);
                filed.map(|document| document.id.to_string()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Resolves all unknown steps as a person does who checks the state of the service.
    pub(crate) async fn resolve_unknown(&mut self) {
        let Some(outcome) = &self.outcome else { return };
        let unknown: Vec<Step> = outcome.unknown_steps().map(|report| report.step.clone()).collect();
        for step in unknown {
            let found = match &step {
                // A document is unknown only if a person selected the patient record.
                Step::Document(index) => {
                    let mut references = self.documents(*index).into_iter().map(|document| document.id);
                    references.find(|id| !self.orphans().contains(id)).map(|id| id.to_string())
                }
                step => self.created(step).into_iter().next(),
            };
            let resolution = match found {
                None => Resolution::NotApplied,
                Some(id) if id.is_empty() => Resolution::Sent,
                Some(id) => Resolution::Created(id.parse().unwrap()),
            };
            self.resolve(&step, resolution).await;
        }
    }

    pub(crate) async fn resolve(&mut self, step: &Step, resolution: Resolution) {
        self.resolutions += 1;
        self.harness.inject([]);
        resolve(&self.harness, &self.row, step, resolution).await.unwrap();
    }

    /// Runs the row without faults until it is complete, and resolves unknown steps.
    pub(crate) async fn finish(&mut self) {
        for _ in 0..6 {
            self.run_with(&[]).await;
            match self.outcome.as_ref().map(OnboardingOutcome::next_action) {
                Some(NextAction::None) => return,
                Some(NextAction::NeedsPerson) => self.resolve_unknown().await,
                _ => {}
            }
        }
        panic!("the row is never complete: {:?}", self.outcome);
    }

    /// Asserts that every step was applied exactly once, and that every other document reference was reported as an
    /// orphan.
    pub(crate) fn assert_applied_once(&self) {
        let (fake, outcome) = (&self.harness.fake, self.outcome());
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
        assert_eq!(unfiled, self.orphans(), "every reference without a file is reported as an orphan");
    }
}

/// Returns a line for each step that is not completed or has orphans, such as
/// `documents[0]: failed (Unavailable, retryable), 1 orphan`. Steps that were skipped are omitted.
pub(crate) fn describe(outcome: &OnboardingOutcome) -> Vec<String> {
    let details = |reason: String, retryable: bool| {
        if retryable { format!("({reason}, retryable)") } else { format!("({reason})") }
    };
    let describe_step = |report: &StepReport| {
        let result = match &report.result {
            StepOutcome::Skipped { .. } => return None,
            StepOutcome::Completed(_) if report.orphans.is_empty() => return None,
            StepOutcome::Completed(_) => "completed".to_owned(),
            StepOutcome::Failed(failure) => {
                format!("failed {}", details(format!("{:?}", failure.kind), failure.retryable))
            }
            StepOutcome::Unknown(unknown) => {
                format!("unknown {}", details(format!("{:?}", unknown.reason), unknown.retryable))
            }
            other => panic!("{other:?}"),
        };
        let orphans = match report.orphans.len() {
            0 => String::new(),
            1 => ", 1 orphan".to_owned(),
            orphans => format!(", {orphans} orphans"),
        };
        Some(format!("{}: {result}{orphans}", report.step))
    };
    outcome.steps().iter().filter_map(describe_step).collect()
}
