//! Matches ledger entries with the request of a row, by the requested values of each step.

use std::collections::BTreeMap;

use carium_api::types::NotificationChannel;
use serde::Serialize;

use super::ledger::LedgerEntry;
use super::request::OnboardingRequest;
use super::step::Step;
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::problem::Problem;

/// The requested values that identify a step. Two requests for the same step are the same if these values are equal.
#[derive(Clone)]
pub(super) struct StepIdentity(Vec<String>);

impl StepIdentity {
    /// Returns the identity of a step of a request. `None` if the request does not contain the step.
    pub(super) fn of(step: &Step, request: &OnboardingRequest) -> Option<Self> {
        let row = &request.row;
        let values = match step {
            // Contact details and groups are not included: correcting them does not make it another patient.
            Step::Patient => vec![
                row.first_name.as_str().to_owned(),
                row.last_name.as_str().to_owned(),
                row.birth_date.to_iso(),
                request.username().to_owned(),
                request.organization().to_string(),
            ],
            Step::Invitation(channels) => {
                if channels.is_empty() || *channels != row.invite.iter().copied().collect() {
                    return None;
                }
                let channels = channels.iter().map(|channel| channel.as_str().to_owned());
                channels.chain([request.username().to_owned()]).collect()
            }
            Step::Document(index) => fields_of(row.documents.get(*index)?),
            Step::Appointment => fields_of(row.appointment.as_ref()?),
        };
        Some(Self(values))
    }

    /// Returns a salted fingerprint of the values, to be stored in the ledger.
    ///
    /// # Errors
    /// `Io`: the operating system provides no random numbers.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint, Error> {
        Fingerprint::new(&self.0)
    }

    /// Checks whether a step with this identity can continue from an entry: the entry has the same requested
    /// values, or its step was certainly not applied.
    pub(super) fn is_compatible_with(&self, entry: &LedgerEntry) -> bool {
        !entry.is_bound_to_request() || entry.request().matches_texts(&self.0)
    }
}

/// Returns the names and values of all fields of a document or an appointment. A field that is omitted has no part in it,
/// so that a field that is added to the schema does not change the identity of earlier rows.
fn fields_of(object: &impl Serialize) -> Vec<String> {
    let object = serde_json::to_value(object).expect("all map keys of a row are strings");
    let fields = object.as_object().into_iter().flatten();
    // The order of a JSON object depends on a feature of `serde_json` that any crate can enable.
    let sorted: BTreeMap<_, _> = fields.collect();
    sorted.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// Checks that the entries of a row belong to this request.
///
/// # Errors
/// `InvalidInput`, with a problem for each step that is completed, or may have been applied, for another request.
pub(super) fn check(request: &OnboardingRequest, entries: &BTreeMap<Step, LedgerEntry>) -> Result<(), Error> {
    let problem = |(step, entry): (&Step, &LedgerEntry)| {
        let message = match (StepIdentity::of(step, request), step) {
            (Some(identity), _) if identity.is_compatible_with(entry) => return None,
            (Some(_), _) => {
                "was (or may have been) applied for another row or for an earlier version of this row"
            }
            (None, Step::Invitation(invited))
                if entry.is_bound_to_request() && has_common_channel(invited, &request.row.invite) =>
            {
                "was (or may have been) sent, and a channel in `invite` would be used again"
            }
            // Steps that the request no longer contains are listed in the outcome.
            (None, _) => return None,
        };
        Some(Problem::new(step.to_string(), message))
    };
    let problems: Vec<Problem> = entries.iter().filter_map(problem).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(
        "the row key belongs to another request: submit the row unchanged, or use another key",
        problems,
    ))
}

fn has_common_channel<'a>(
    invited: impl IntoIterator<Item = &'a NotificationChannel>,
    requested: &[NotificationChannel],
) -> bool {
    invited.into_iter().any(|channel| requested.contains(channel))
}

/// Returns the error for a step that another run started with another request under the same key.
pub(super) fn concurrent_request_error() -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "the row key belongs to another request, which is running at the same time",
    )
}
