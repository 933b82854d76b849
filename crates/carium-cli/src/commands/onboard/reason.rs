//! The reasons why a row is parked.

use carium::onboarding::{Step, StepFailure, StepOutcome, UnknownReason};
use carium_bulk::{RowFailure, RowRecord};

/// A reason why a row is parked: a step without success, or a problem that kept the row from being started.
#[derive(Clone, Debug)]
pub(super) struct ParkedReason {
    /// `failed` or `unknown`.
    pub(super) state: &'static str,
    /// `None` if the row was not started.
    pub(super) step: Option<Step>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
}

impl ParkedReason {
    /// Returns the step and the message as one text.
    pub(super) fn description(&self) -> String {
        match &self.step {
            Some(step) => format!("{step}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

/// Returns all reasons why a row is parked.
pub(super) fn parked_reasons(row: &RowRecord) -> Vec<ParkedReason> {
    let mut reasons = Vec::new();
    match &row.failure {
        Some(RowFailure::Unreadable) => {
            reasons.push(ParkedReason {
                state: "failed",
                step: None,
                message: "the file has changed or does not exist: submit it again".to_owned(),
                request_id: None,
            });
        }
        Some(RowFailure::NotStarted(failure)) => reasons.push(failed(None, failure)),
        _ => {}
    }
    for report in row.outcome.iter().flat_map(carium::onboarding::OnboardingOutcome::steps) {
        match &report.result {
            StepOutcome::Failed(failure) => reasons.push(failed(Some(&report.step), failure)),
            StepOutcome::Unknown(unknown) => reasons.push(ParkedReason {
                state: "unknown",
                step: Some(report.step.clone()),
                message: unknown_message(unknown.reason).to_owned(),
                request_id: unknown.failure.as_ref().and_then(|failure| failure.request_id.clone()),
            }),
            _ => {}
        }
    }
    reasons
}

fn failed(step: Option<&Step>, failure: &StepFailure) -> ParkedReason {
    let message = match failure.fields.as_slice() {
        [] => failure.message.clone(),
        // The message may name the fields already.
        fields if fields.iter().all(|field| failure.message.contains(field.as_str())) => {
            failure.message.clone()
        }
        fields => format!("{} ({})", failure.message, fields.join(", ")),
    };
    ParkedReason { state: "failed", step: step.cloned(), message, request_id: failure.request_id.clone() }
}

fn unknown_message(reason: UnknownReason) -> &'static str {
    match reason {
        UnknownReason::ResponseLost => "the request was sent, but the response was lost",
        UnknownReason::InterruptedRun => "the worker stopped when the request was about to be sent",
        UnknownReason::UsernameTaken => {
            "the username is taken, by this patient or by another one: the response to the first attempt was lost"
        }
        UnknownReason::AmbiguousMatch => "several documents in the record match",
        UnknownReason::LookupFailed => "the documents in the record could not be listed to find this one",
        _ => "it is unknown whether the operation was applied",
    }
}
