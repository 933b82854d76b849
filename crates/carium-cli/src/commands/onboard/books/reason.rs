//! Why a row is parked, in words.

use carium::onboarding::{Step, StepFailure, StepOutcome, UnknownReason};
use carium_bulk::{RowFailure, RowRecord};

/// Why a row is parked: a step of it, or what kept it from being begun.
#[derive(Clone, Debug)]
pub(in super::super) struct Reason {
    /// `failed` or `unknown`.
    pub(in super::super) state: &'static str,
    /// `None` where nothing of the row was begun.
    pub(in super::super) step: Option<Step>,
    pub(in super::super) what: String,
    pub(in super::super) request_id: Option<String>,
}

impl Reason {
    pub(in super::super) fn in_words(&self) -> String {
        match &self.step {
            Some(step) => format!("{step}: {}", self.what),
            None => self.what.clone(),
        }
    }
}

/// All that keeps a row parked.
pub(in super::super) fn reasons(row: &RowRecord) -> Vec<Reason> {
    let mut reasons = Vec::new();
    match &row.failure {
        Some(RowFailure::Unreadable) => {
            let what = "its file has changed or is not there: submit it again";
            reasons.push(Reason { state: "failed", step: None, what: what.to_owned(), request_id: None });
        }
        Some(RowFailure::NotStarted(failure)) => reasons.push(of_failure(None, failure)),
        _ => {}
    }
    for report in row.outcome.iter().flat_map(carium::onboarding::OnboardingOutcome::steps) {
        match &report.result {
            StepOutcome::Failed(failure) => reasons.push(of_failure(Some(&report.step), failure)),
            StepOutcome::Unknown(doubt) => reasons.push(Reason {
                state: "unknown",
                step: Some(report.step.clone()),
                what: in_doubt(doubt.reason).to_owned(),
                request_id: doubt.failure.as_ref().and_then(|failure| failure.request_id.clone()),
            }),
            _ => {}
        }
    }
    reasons
}

fn of_failure(step: Option<&Step>, failure: &StepFailure) -> Reason {
    let what = match failure.fields.as_slice() {
        [] => failure.message.clone(),
        // An error may name them itself.
        fields if fields.iter().all(|field| failure.message.contains(field.as_str())) => {
            failure.message.clone()
        }
        fields => format!("{} ({})", failure.message, fields.join(", ")),
    };
    Reason { state: "failed", step: step.cloned(), what, request_id: failure.request_id.clone() }
}

fn in_doubt(reason: UnknownReason) -> &'static str {
    match reason {
        UnknownReason::ResponseLost => "it was sent, and the answer was lost",
        UnknownReason::InterruptedRun => "it was about to be sent when a worker was ended",
        UnknownReason::UsernameTaken => {
            "the username is taken, by this patient or by another: its first creation was not answered"
        }
        UnknownReason::AmbiguousMatch => "several documents in the record may be it",
        UnknownReason::LookupFailed => "the documents of the record could not be listed, to look for it",
        _ => "it is not known whether it was done",
    }
}
