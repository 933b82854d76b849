//! The outcome of a run, step by step.

use std::time::Duration;

use carium_api::types::{AppointmentId, DocumentReferenceId, IndividualId};
use carium_api::uuid::Uuid;
use serde::{Deserialize, Serialize};

use super::ledger::{EntryState, LedgerEntry, Resolution};
use super::step::Step;
use crate::documents::{Sha256Digest, UploadState};
use crate::error::{Error, ErrorKind};

/// The outcome of a row.
///
/// It lists the steps that the row requests, in the order of the row, followed by steps that the row no longer
/// requests and that the ledger has an entry for.
///
/// An outcome is a report: the row continues from the ledger, not from an outcome. It can be stored as JSON and
/// logged, because it contains IDs, error kinds and field names, but no health information and no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct OnboardingOutcome {
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
}

impl StepReport {
    /// Creates a report, with the orphans of the step's ledger entry.
    pub(super) fn new(step: &Step, result: StepOutcome, entry: Option<&LedgerEntry>) -> Self {
        let orphans = entry.map(LedgerEntry::orphans).unwrap_or_default().to_vec();
        Self { step: step.clone(), result, orphans }
    }

    /// Creates the report on a step that must not be sent: it is completed, or its outcome is unknown. `None` if the
    /// entry allows the step to be sent.
    pub(super) fn if_settled(step: &Step, entry: &LedgerEntry) -> Option<Self> {
        let result = match entry.state() {
            EntryState::NotApplied => return None,
            EntryState::Intent => StepOutcome::unknown(entry.unknown_reason(), None, None),
            EntryState::Completed => {
                let (size, sha256) = entry.upload().and_then(UploadState::file).unzip();
                StepOutcome::Completed(CompletedStep { id: entry.id(), size, sha256: sha256.flatten() })
            }
        };
        Some(Self::new(step, result, Some(entry)))
    }

    /// Checks whether the step is completed.
    pub(super) fn is_completed(&self) -> bool {
        matches!(self.result, StepOutcome::Completed(_))
    }
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

impl StepOutcome {
    /// Creates an unknown outcome that needs a person.
    pub(super) fn unknown(
        reason: UnknownReason,
        failure: Option<StepFailure>,
        resolution: Option<Resolution>,
    ) -> Self {
        Self::Unknown(UnknownOutcome { reason, retryable: false, failure, resolution })
    }
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
    /// The decision that matches the response to the call, if only its result could not be written to the ledger, or the
    /// patient that has the username, if the service names it: check first that it is this patient.
    ///
    /// `None` for documents, because the next run finds out how far the upload came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// The reason why it is unknown whether a step was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UnknownReason {
    /// The call was sent, in this run or an earlier one, and no usable response was received.
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
    /// The response to the call was received, but its result could not be written to the ledger: the ledger failed,
    /// or a person resolved the step while the call was in progress.
    ///
    /// When the ledger is available again, pass [`UnknownOutcome::resolution`] to [`resolve`](super::resolve). If
    /// that fails with [`Conflict`](ErrorKind::Conflict), the ledger has a result after all, which the next run
    /// reports. For a document, run the row again.
    LedgerWriteFailed,
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
}

/// The failure of a step: the parts of an [`Error`] that can be stored and logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct StepFailure {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// The message for a person. It contains no values from the request or the response.
    pub message: String,
    /// Whether a later attempt with the same request is likely to succeed.
    pub retryable: bool,
    /// The ID of the operation that failed, such as `create_patient`. `None` if no operation was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The HTTP status of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The service's ID of the request, for support requests to the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The names of the invalid fields, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The delay that the service requested, in seconds, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
}

impl StepFailure {
    /// Returns the delay that the service requested before the next attempt, in whole seconds, if it requested one.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_seconds.map(Duration::from_secs)
    }
}

impl From<&Error> for StepFailure {
    fn from(error: &Error) -> Self {
        // The next run requests a new form in place of an expired one, and a canceled call was not rejected.
        let is_retryable_kind = matches!(error.kind(), ErrorKind::Expired | ErrorKind::Canceled);
        let fields = error.problems().iter().filter_map(|problem| problem.field().map(str::to_owned));
        Self {
            kind: error.kind(),
            message: error.to_string(),
            retryable: error.is_transient() || (is_retryable_kind && !error.may_have_been_applied()),
            operation: error.operation().map(str::to_owned),
            status: error.status(),
            request_id: error.request_id().map(str::to_owned),
            fields: fields.collect(),
            retry_after_seconds: error
                .retry_after()
                .map(|delay| delay.as_secs() + u64::from(delay.subsec_nanos() > 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Stored outcomes outlive a version of this crate, so the serialized form must stay readable.
    #[test]
    fn reads_and_writes_the_stored_json_format() {
        let stored = json!({
            "steps": [
                {
                    "step": "patient",
                    "result": {"outcome": "completed", "id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"},
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
                    "step": "documents[1]",
                    "result": {"outcome": "failed", "kind": "invalid-input", "message": "m", "retryable": false},
                },
                {
                    "step": "appointment",
                    "result": {
                        "outcome": "unknown",
                        "reason": "ledger-write-failed",
                        "retryable": false,
                        "resolution": {"created": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"},
                    },
                },
            ],
        });
        let outcome: OnboardingOutcome = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(&outcome).unwrap(), stored);
    }
}
