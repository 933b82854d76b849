//! What came of a row, step by step.

mod failure;

use carium_api::types::{AppointmentId, DocumentReferenceId, IndividualId};
use carium_api::uuid::Uuid;
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub use failure::StepFailure;

use super::ledger::{LedgerEntry, Resolution, resolved};
use super::step::Step;
use crate::documents::Sha256Digest;
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;

/// What came of a row: of each step that it asks for, in their order, and then of those that it asked for once and
/// that the ledger knows of.
///
/// It can be serialized, and be handed to [`resume`](super::Onboarding::resume), which goes on where it stopped. It
/// holds ids, kinds of errors and names of fields, and no health information and no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct OnboardingOutcome {
    /// Whose it is, without saying whose.
    pub(super) row: Fingerprint,
    pub(super) steps: Vec<StepReport>,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// What came of it.
    pub result: StepOutcome,
    /// References that were created for the document and stay without a file, for a person to remove.
    /// Some of them were found in the record by what they are called: open each before it is removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<DocumentReferenceId>,
    /// Whether the ledger could not be told: what it says of the step is then behind this outcome. Keep the outcome,
    /// and [resume](super::Onboarding::resume) with it; without it, the step is unknown to the next run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_in_ledger: bool,
    /// What the ledger holds of it, or would if it could have been told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<LedgerEntry>,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepOutcome {
    /// It is done, in this run or before it.
    Completed(CompletedStep),
    /// It was not tried in this run.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
    /// It was tried, and is not done.
    Failed(StepFailure),
    /// It was sent, and what came of it is not known. It is not sent again by itself:
    /// [`resolve`](super::resolve) it.
    Unknown(UnknownOutcome),
}

/// A step that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompletedStep {
    /// The id of what it made. An invitation has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Of a document, how many bytes its file has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Of a document, the digest of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256Digest>,
}

impl CompletedStep {
    pub(super) fn with(id: Option<Uuid>) -> Self {
        Self { id, size: None, sha256: None }
    }
}

/// Why a step was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The patient is not created, or it is not known whether they are.
    NoPatient,
    /// The row does not ask for it any more. It was taken up before, and is not done.
    NotRequested,
}

/// A step of which it is not known whether it was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct UnknownOutcome {
    /// Why it is not known.
    pub reason: UnknownReason,
    /// Whether a later run may find out by itself.
    pub retryable: bool,
    /// What was answered instead, where something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<StepFailure>,
}

/// Why it is not known whether a step was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UnknownReason {
    /// It was sent in this run, and there is no answer that says what came of it.
    ResponseLost,
    /// The ledger has an intent without a result: another run was ended in the middle, or is not at its end yet.
    InterruptedRun,
    /// The username is taken, after a creation whose answer was never known: by this patient, or by another.
    UsernameTaken,
    /// There are documents in the record any of which may be this one, or one in a record that a person pointed to: it
    /// may have been there before. Open it before it is removed, and before saying that it is this one.
    SeveralMatches,
    /// Documents could not be listed, to look for this one.
    LookupFailed,
}

/// What is to be done about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextAction {
    /// Nothing: every step is done.
    None,
    /// Run it again, which may well get further: not before this time has passed, where the service asked for that.
    Retry(Option<Duration>),
    /// A person has to mend something, or to look.
    NeedsPerson,
}

impl OnboardingOutcome {
    /// What came of each step, in the order of the row; last, of steps that it asks for no more.
    pub fn steps(&self) -> &[StepReport] {
        &self.steps
    }

    /// What came of a step. `None` where the row does not ask for it, and never did.
    pub fn step(&self, step: &Step) -> Option<&StepReport> {
        self.steps.iter().find(|report| report.step == *step)
    }

    /// The patient, where they are created.
    pub fn patient(&self) -> Option<IndividualId> {
        self.id(&Step::Patient).map(IndividualId)
    }

    /// The reference of a document of the row, counted from 0, where it is filed.
    pub fn document(&self, index: usize) -> Option<DocumentReferenceId> {
        self.id(&Step::Document(index)).map(DocumentReferenceId)
    }

    /// The appointment, where it is booked.
    pub fn appointment(&self) -> Option<AppointmentId> {
        self.id(&Step::Appointment).map(AppointmentId)
    }

    fn id(&self, step: &Step) -> Option<Uuid> {
        match &self.step(step)?.result {
            StepOutcome::Completed(done) => done.id,
            _ => None,
        }
    }

    /// Whether every step is done that the row asks for, and none is in doubt that it asked for once.
    pub fn is_complete(&self) -> bool {
        let is_over = |result: &_| {
            matches!(
                result,
                StepOutcome::Completed(_) | StepOutcome::Skipped { reason: SkipReason::NotRequested }
            )
        };
        self.steps.iter().all(|report| is_over(&report.result))
    }

    /// The steps that are unknown.
    pub fn unknown(&self) -> impl Iterator<Item = &StepReport> {
        self.steps.iter().filter(|report| matches!(report.result, StepOutcome::Unknown(_)))
    }

    /// What is to be done about the row. While one step is worth another try, the row is.
    pub fn next_action(&self) -> NextAction {
        let mut next = if self.is_complete() { NextAction::None } else { NextAction::NeedsPerson };
        for report in &self.steps {
            let (retryable, failure) = match &report.result {
                StepOutcome::Failed(failure) => (failure.retryable, Some(failure)),
                StepOutcome::Unknown(doubt) => (doubt.retryable, doubt.failure.as_ref()),
                StepOutcome::Completed(_) | StepOutcome::Skipped { .. } => (false, None),
            };
            if retryable {
                let wait = failure.and_then(StepFailure::retry_after);
                let before = if let NextAction::Retry(wait) = next { wait } else { None };
                next = NextAction::Retry(wait.max(before));
            }
        }
        next
    }

    /// Puts what a person decided of an unknown step into this outcome, for those who keep outcomes and no ledger:
    /// [`resume`](super::Onboarding::resume) with it. Where there is a ledger, [`resolve`](super::resolve) it there.
    ///
    /// # Errors
    /// As for [`resolve`](super::resolve).
    pub fn resolve(&mut self, step: &Step, resolution: Resolution) -> Result<(), Error> {
        let not_in_doubt = || Error::new(ErrorKind::Conflict, "the step is not in doubt");
        let report = self.steps.iter_mut().find(|report| report.step == *step).ok_or_else(not_in_doubt)?;
        let entry = report.entry.as_ref().ok_or_else(not_in_doubt)?;
        report.entry = Some(resolved(step, entry, resolution)?);
        Ok(())
    }
}
