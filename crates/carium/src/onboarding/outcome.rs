//! The outcome of a run, step by step.

mod failure;

use carium_api::types::{AppointmentId, DocumentReferenceId, IndividualId};
use carium_api::uuid::Uuid;
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub use failure::StepFailure;

use super::ledger::{LedgerEntry, Resolution, no_unknown_outcome, resolve_entry};
use super::step::Step;
use crate::documents::Sha256Digest;
use crate::error::Error;
use crate::fingerprint::Fingerprint;

/// The outcome of a row.
///
/// It lists the steps that the row requests, in the order of the row, followed by steps that the row no longer
/// requests and that the ledger has an entry for.
///
/// An outcome can be serialized and passed to [`resume`](super::Onboarding::resume), which continues from it. It
/// contains IDs, error kinds and field names, but no health information and no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct OnboardingOutcome {
    /// Fingerprint of the row key, which identifies the row without revealing the key.
    pub(super) row: Fingerprint,
    pub(super) steps: Vec<StepReport>,
}

/// The report on one step of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// The outcome of the step.
    pub result: StepOutcome,
    /// Document references that were created for the document and have no file, for a person to remove.
    ///
    /// Some of them were found by comparing their attributes, so open each one before removing it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<DocumentReferenceId>,
    /// Whether this result could not be written to the ledger, so that the ledger is behind this outcome.
    ///
    /// Store the outcome and [resume](super::Onboarding::resume) from it. Otherwise, the step may be unknown to the
    /// next run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_in_ledger: bool,
    /// The ledger's entry of the step, or the entry that could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<LedgerEntry>,
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepOutcome {
    /// The step is completed, in this run or an earlier one.
    Completed(CompletedStep),
    /// The step was not attempted in this run.
    Skipped {
        /// The reason why it was not attempted.
        reason: SkipReason,
    },
    /// The step was attempted and was not applied.
    Failed(StepFailure),
    /// The call was sent, and whether it was applied is unknown. It is not sent again until a person
    /// [resolves](super::resolve) it.
    Unknown(UnknownOutcome),
}

/// The result of a completed step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompletedStep {
    /// The ID of the created object. `None` for invitations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The size of the file in bytes, for documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The SHA-256 digest of the file, for documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256Digest>,
}

impl CompletedStep {
    pub(super) fn with_id(id: Option<Uuid>) -> Self {
        Self { id, size: None, sha256: None }
    }
}

/// The reason why a step was not attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The patient was not created, or it is unknown whether the patient was created.
    NoPatient,
    /// The row no longer requests the step. An earlier run attempted it and did not complete it.
    NotRequested,
}

/// Details of a step for which it is unknown whether it was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct UnknownOutcome {
    /// The reason why the outcome is unknown.
    pub reason: UnknownReason,
    /// Whether a later run may be able to determine the outcome without a person.
    pub retryable: bool,
    /// The error that the call ended with, if it ended in this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<StepFailure>,
}

/// The reason why it is unknown whether a step was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UnknownReason {
    /// The call was sent in this run, and no usable response was received.
    ResponseLost,
    /// The ledger has an intent without a result: another run was interrupted, or is still in progress.
    InterruptedRun,
    /// The username is taken, and the outcome of an earlier call to create the patient was unknown. The username may
    /// belong to this patient or to another one.
    UsernameTaken,
    /// Several existing documents match, or one matches in a patient record that a person selected.
    ///
    /// In the second case, the document may have existed before. Open each candidate before removing it and before
    /// resolving the step with its ID.
    AmbiguousMatch,
    /// The patient's documents could not be listed, so it is unknown whether this one exists.
    LookupFailed,
}

/// The next action for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextAction {
    /// Nothing: every step is completed.
    None,
    /// Run the row again, which is likely to make progress. If the service requested a delay, wait at least that
    /// long.
    Retry(Option<Duration>),
    /// A person has to correct the row or its environment, or resolve an unknown step.
    NeedsPerson,
}

impl OnboardingOutcome {
    /// Returns the reports on all steps: first the requested ones in the order of the row, then those that are no
    /// longer requested.
    pub fn steps(&self) -> &[StepReport] {
        &self.steps
    }

    /// Returns the report on a step. `None` if the row does not request the step and the ledger has no entry for it.
    pub fn step(&self, step: &Step) -> Option<&StepReport> {
        self.steps.iter().find(|report| report.step == *step)
    }

    /// Returns the ID of the patient, if the patient was created.
    pub fn patient(&self) -> Option<IndividualId> {
        self.completed_id(&Step::Patient).map(IndividualId)
    }

    /// Returns the reference of a document, if it was filed. `index` is the position in the row, counted from 0.
    pub fn document(&self, index: usize) -> Option<DocumentReferenceId> {
        self.completed_id(&Step::Document(index)).map(DocumentReferenceId)
    }

    /// Returns the ID of the appointment, if it was booked.
    pub fn appointment(&self) -> Option<AppointmentId> {
        self.completed_id(&Step::Appointment).map(AppointmentId)
    }

    fn completed_id(&self, step: &Step) -> Option<Uuid> {
        match &self.step(step)?.result {
            StepOutcome::Completed(completed) => completed.id,
            _ => None,
        }
    }

    /// Checks whether every requested step is completed and no step that is no longer requested is unknown.
    pub fn is_complete(&self) -> bool {
        let is_settled = |result: &_| {
            matches!(
                result,
                StepOutcome::Completed(_) | StepOutcome::Skipped { reason: SkipReason::NotRequested }
            )
        };
        self.steps.iter().all(|report| is_settled(&report.result))
    }

    /// Returns the reports on the steps whose outcome is unknown.
    pub fn unknown_steps(&self) -> impl Iterator<Item = &StepReport> {
        self.steps.iter().filter(|report| matches!(report.result, StepOutcome::Unknown(_)))
    }

    /// Returns the next action for the row: [`NextAction::Retry`] as long as at least one step is retryable, even if
    /// other steps need a person.
    pub fn next_action(&self) -> NextAction {
        let mut action = if self.is_complete() { NextAction::None } else { NextAction::NeedsPerson };
        for report in &self.steps {
            let (retryable, failure) = match &report.result {
                StepOutcome::Failed(failure) => (failure.retryable, Some(failure)),
                StepOutcome::Unknown(unknown) => (unknown.retryable, unknown.failure.as_ref()),
                StepOutcome::Completed(_) | StepOutcome::Skipped { .. } => (false, None),
            };
            if retryable {
                let delay = failure.and_then(StepFailure::retry_after);
                let longest = if let NextAction::Retry(delay) = action { delay } else { None };
                action = NextAction::Retry(delay.max(longest));
            }
        }
        action
    }

    /// Records a person's decision about an unknown step in this outcome.
    ///
    /// For programs that store outcomes instead of a durable ledger: pass the outcome to
    /// [`resume`](super::Onboarding::resume) afterwards. With a durable ledger, use [`resolve`](super::resolve)
    /// instead.
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict): the outcome of the step is not unknown, or no longer.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput): an ID was given for an invitation, or none for another
    ///   step.
    /// - [`Io`](crate::ErrorKind::Io): the operating system provides no random numbers.
    pub fn resolve(&mut self, step: &Step, resolution: Resolution) -> Result<(), Error> {
        let report =
            self.steps.iter_mut().find(|report| report.step == *step).ok_or_else(no_unknown_outcome)?;
        let entry = report.entry.as_ref().ok_or_else(no_unknown_outcome)?;
        report.entry = Some(resolve_entry(step, entry, resolution)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Stored outcomes outlive a version of this crate, so the serialized form must stay readable.
    #[test]
    fn reads_and_writes_the_stored_json_format() {
        let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let fingerprint = json!({"salt": "00", "digest": digest});
        let stored = json!({
            "row": fingerprint,
            "steps": [
                {
                    "step": "patient",
                    "result": {"outcome": "completed", "id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"},
                    "not-in-ledger": true,
                    "entry": {
                        "version": "0123456789abcdef0123456789abcdef-1",
                        "state": "completed",
                        "request": fingerprint,
                        "id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
                    },
                },
                {
                    "step": "invite[email]",
                    "result": {
                        "outcome": "unknown",
                        "reason": "response-lost",
                        "retryable": false,
                        "failure": {
                            "kind": "unavailable",
                            "message": "lost",
                            "retryable": true,
                            "operation": "resend_invitation",
                            "status": 503,
                            "request-id": "4711",
                            "fields": ["username"],
                            "retry-after-seconds": 30,
                        },
                    },
                },
                {
                    "step": "documents[0]",
                    "result": {"outcome": "skipped", "reason": "no-patient"},
                    "orphans": ["8d25a2a6-8219-40d1-a34f-c24ec69f4f72"],
                },
                {
                    "step": "appointment",
                    "result": {"outcome": "failed", "kind": "invalid-input", "message": "m", "retryable": false},
                },
            ],
        });
        let outcome: OnboardingOutcome = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(&outcome).unwrap(), stored);
    }
}
