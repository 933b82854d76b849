//! Decisions of a person about steps whose outcome is unknown.

use carium_api::uuid::Uuid;

use super::{EntryState, Ledger, LedgerEntry, ledger_error};
use crate::documents::DocumentReferenceId;
use crate::error::{Error, ErrorKind};
use crate::onboarding::{RowKey, Step};

/// The decision of a person who checked in Carium whether a step was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// The patient, appointment or document reference exists, with this ID.
    ///
    /// A document reference that is found this way has no file, and its presigned form is lost. It is recorded as an
    /// orphan, and the next run files the document under a new reference.
    Created(Uuid),
    /// The invitation was sent.
    Sent,
    /// The step was not applied. The next run sends it.
    NotApplied,
}

/// Records a person's decision about a step whose outcome is [unknown](crate::onboarding::StepOutcome::Unknown).
///
/// # Errors
/// - [`Conflict`](ErrorKind::Conflict): the outcome of the step is not unknown, or no longer.
/// - [`InvalidInput`](ErrorKind::InvalidInput): an ID was given for an invitation, or none for another step.
/// - [`Io`](ErrorKind::Io): the operating system provides no random numbers, which the version of the new entry
///   needs.
/// - Errors of the [ledger](Ledger): the decision may or may not be recorded. It is safe to call this function
///   again, as only one decision takes effect.
pub async fn resolve(
    ledger: &dyn Ledger,
    row: &RowKey,
    step: &Step,
    resolution: Resolution,
) -> Result<(), Error> {
    let entries = ledger.entries(row).await.map_err(ledger_error)?;
    let entry = entries.into_iter().find(|(each, _)| each == step).map(|(_, entry)| entry);
    let entry = entry.ok_or_else(no_unknown_outcome)?;
    let resolved = resolve_entry(step, &entry, resolution)?;
    let is_replaced =
        ledger.compare_and_swap(row, step, entry.version(), &resolved).await.map_err(ledger_error)?;
    if is_replaced { Ok(()) } else { Err(no_unknown_outcome()) }
}

/// Returns the entry that records a person's decision about `entry`.
pub(in crate::onboarding) fn resolve_entry(
    step: &Step,
    entry: &LedgerEntry,
    resolution: Resolution,
) -> Result<LedgerEntry, Error> {
    if entry.state() != EntryState::Intent {
        return Err(no_unknown_outcome());
    }
    match (step, resolution) {
        (_, Resolution::NotApplied) => entry.resolved_as_not_applied(None),
        (Step::Invitation(_), Resolution::Sent) => entry.resolved_as_completed(None),
        (Step::Document(_), Resolution::Created(id)) => {
            entry.resolved_as_not_applied(Some(DocumentReferenceId(id)))
        }
        (Step::Patient | Step::Appointment, Resolution::Created(id)) => entry.resolved_as_completed(Some(id)),
        (Step::Invitation(_), Resolution::Created(_)) => {
            Err(Error::new(ErrorKind::InvalidInput, "an invitation has no ID: resolve it as sent"))
        }
        (_, Resolution::Sent) => Err(Error::new(
            ErrorKind::InvalidInput,
            "only an invitation can be resolved as sent: give the ID of the created object",
        )),
    }
}

/// Returns the error for a decision about a step that does not have (or no longer has) an unknown outcome.
pub(in crate::onboarding) fn no_unknown_outcome() -> Error {
    let message = "the outcome of the step is not unknown; it may have been resolved already";
    Error::new(ErrorKind::Conflict, message)
}
