//! What a person decides of a step that nobody knows of.

use carium_api::uuid::Uuid;

use super::{EntryState, Ledger, LedgerEntry, failed};
use crate::documents::DocumentReferenceId;
use crate::error::{Error, ErrorKind};
use crate::onboarding::{RowKey, Step};

/// What a person found who looked whether a step was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// What was to be created is there, with this id: the patient, the appointment, or the reference of the document.
    /// A reference found so is without its file and without a way to send it there: it is kept as an orphan, and the
    /// document is filed under a new one.
    Created(Uuid),
    /// The invitation was sent.
    Sent,
    /// It was not done. The next run does it.
    NotApplied,
}

/// Writes down what a person decided of a step that is [unknown](crate::onboarding::StepOutcome::Unknown).
///
/// # Errors
/// - [`Conflict`](ErrorKind::Conflict): the step is not in doubt, or not any more.
/// - [`InvalidInput`](ErrorKind::InvalidInput): an invitation has no id, and everything else has one.
/// - Those of the [ledger](Ledger): whether it was written is not known then. Decide again; one decision counts.
/// - [`Io`](ErrorKind::Io): the system has no random numbers, for the mark of the decision.
pub async fn resolve(
    ledger: &dyn Ledger,
    row: &RowKey,
    step: &Step,
    resolution: Resolution,
) -> Result<(), Error> {
    let entries = ledger.entries(row).await.map_err(failed)?;
    let entry = entries.into_iter().find(|(each, _)| each == step).map(|(_, entry)| entry);
    let entry = entry.ok_or_else(not_in_doubt)?;
    let resolved = resolved(step, &entry, resolution)?;
    let replaced = ledger.replace(row, step, entry.mark(), &resolved).await.map_err(failed)?;
    if replaced { Ok(()) } else { Err(not_in_doubt()) }
}

/// The entry after a person's decision.
pub(crate) fn resolved(
    step: &Step,
    entry: &LedgerEntry,
    resolution: Resolution,
) -> Result<LedgerEntry, Error> {
    if entry.state() != EntryState::Intent {
        return Err(not_in_doubt());
    }
    match (step, resolution) {
        (_, Resolution::NotApplied) => entry.resolved_as_open(None),
        (Step::Invitation(_), Resolution::Sent) => entry.resolved_as_done(None),
        (Step::Document(_), Resolution::Created(id)) => entry.resolved_as_open(Some(DocumentReferenceId(id))),
        (Step::Patient | Step::Appointment, Resolution::Created(id)) => entry.resolved_as_done(Some(id)),
        (Step::Invitation(_), Resolution::Created(_)) => {
            Err(Error::new(ErrorKind::InvalidInput, "an invitation has no id: say that it was sent"))
        }
        (_, Resolution::Sent) => {
            Err(Error::new(ErrorKind::InvalidInput, "the id of what was created is missing"))
        }
    }
}

fn not_in_doubt() -> Error {
    Error::new(ErrorKind::Conflict, "the step is not in doubt, or not any more")
}
