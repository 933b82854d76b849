//! The ledger entry of one step, and API calls that are recorded in it so that they are sent at most once.

use std::time::Duration;

use carium_api::uuid::Uuid;
use tokio::time::sleep;

use crate::error::{Error, ErrorKind};
use crate::onboarding::identity::{StepIdentity, concurrent_request_error};
use crate::onboarding::ledger::{EntryVersion, Ledger, LedgerEntry, Resolution, ledger_error};
use crate::onboarding::outcome::{CompletedStep, StepFailure, StepOutcome, StepReport, UnknownReason};
use crate::onboarding::step::{RowKey, Step};

/// Delays between the attempts to write a result to the ledger. Without the result, a person has to resolve the step,
/// so waiting for half a minute is worthwhile.
const RETRY_DELAYS: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1_600),
    Duration::from_millis(6_400),
    Duration::from_millis(25_600),
];

/// Access to the ledger entry of one step.
pub(super) struct StepLedger<'a> {
    pub(super) ledger: &'a dyn Ledger,
    pub(super) row: &'a RowKey,
    pub(super) step: &'a Step,
    /// The requested values.
    pub(super) identity: &'a StepIdentity,
}

/// Whether a rejection means that the object to create exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duplicate {
    No,
    Possible,
    /// The service names the existing object.
    Of(Uuid),
}

/// The result of writing an entry, after all attempts.
pub(super) enum WriteResult {
    Written,
    /// The ledger has an entry with another version: another run or a person changed it.
    VersionConflict,
    /// The ledger failed.
    Failed(Error),
}

impl StepLedger<'_> {
    /// Writes an intent, sends the call, and writes its result. Sends nothing if the step is completed or its
    /// outcome is unknown.
    ///
    /// `duplicate` decides whether a rejection may be caused by an earlier call of the same step that was applied.
    pub(super) async fn call_once(
        &self,
        previous: Option<&LedgerEntry>,
        call: impl Future<Output = Result<Option<Uuid>, Error>> + Send,
        duplicate: impl Fn(&Error) -> Duplicate + Send,
    ) -> StepReport {
        if let Some(report) = previous.and_then(|entry| StepReport::if_settled(self.step, entry)) {
            return report;
        }
        let intent = match self.write_intent(previous).await {
            Ok(intent) => intent,
            Err(report) => return report,
        };
        let error = match call.await {
            Ok(id) => {
                let result = StepOutcome::Completed(CompletedStep::with_id(id));
                return self.write_result(&intent, result, intent.completed(id)).await;
            }
            Err(error) => error,
        };
        let duplicate = duplicate(&error);
        // An earlier attempt of this call, or an earlier call of this step, may have created the duplicate.
        let is_repeated = intent.is_after_unknown_outcome() || error.attempts() > 1;
        let reason = if error.may_have_been_applied() {
            UnknownReason::ResponseLost
        } else if duplicate != Duplicate::No && is_repeated {
            UnknownReason::UsernameTaken
        } else {
            let entry =
                if is_unconfirmed(&error) { intent.not_applied_unconfirmed() } else { intent.not_applied() };
            return self.write_result(&intent, StepOutcome::Failed((&error).into()), entry).await;
        };
        // If this cannot be written, the intent remains, and later runs know less about the reason.
        let _ = self.replace_any(&[intent.version()], &intent.unknown(reason)).await;
        // The existing object may be that of another person, so the ID is only a proposal.
        let resolution = match duplicate {
            Duplicate::Of(id) if self.may_own(id).await => Some(Resolution::Created(id)),
            _ => None,
        };
        self.report(StepOutcome::unknown(reason, Some((&error).into()), resolution))
    }

    /// Checks that an existing object with this ID does not belong to another row.
    async fn may_own(&self, id: Uuid) -> bool {
        let owner = self.ledger.row_with_id(self.step, id).await;
        owner.is_ok_and(|owner| owner.is_none_or(|owner| owner == *self.row))
    }

    /// Writes an intent. If that is not possible, the call must not be sent, and the report on the step is returned
    /// as the error.
    async fn write_intent(&self, previous: Option<&LedgerEntry>) -> Result<LedgerEntry, StepReport> {
        let failed = |error: &Error| self.report(StepOutcome::Failed(error.into()));
        let version = EntryVersion::new_run().map_err(|error| failed(&error))?;
        let request = self.identity.fingerprint().map_err(|error| failed(&error))?;
        let intent = LedgerEntry::intent(version, request, previous);
        match self.replace(previous, &intent).await {
            Ok(None) => Ok(intent),
            Ok(Some(current)) => Err(self
                .report_if_settled(current.as_ref())
                .unwrap_or_else(|| self.report(StepOutcome::Failed(taken_over())))),
            Err(error) => {
                // The intent may have been written although the ledger failed. If it cannot be replaced either, the
                // step is unknown to the next run.
                self.write([intent.version()], &intent.not_applied()).await;
                Err(failed(&ledger_error(error)))
            }
        }
    }

    /// Returns the report on the step for an entry that another run wrote in the meantime, unless this run can
    /// continue from the entry.
    pub(super) fn report_if_settled(&self, current: Option<&LedgerEntry>) -> Option<StepReport> {
        let current = current?;
        if self.identity.is_compatible_with(current) {
            return StepReport::if_settled(self.step, current);
        }
        Some(self.report(StepOutcome::Failed((&concurrent_request_error()).into())))
    }

    /// Replaces the previous entry without retries. Returns `None` if that succeeded, and otherwise the current entry
    /// of the step.
    pub(super) async fn replace(
        &self,
        previous: Option<&LedgerEntry>,
        entry: &LedgerEntry,
    ) -> Result<Option<Option<LedgerEntry>>, Error> {
        let Self { ledger, row, step, .. } = *self;
        let current = match previous {
            None => ledger.insert(row, step, entry).await?.map(Some),
            Some(previous) if ledger.compare_and_swap(row, step, previous.version(), entry).await? => None,
            Some(_) => Some(self.current_entry().await?),
        };
        // A ledger that retries its writes may report the new entry itself as the existing one.
        Ok(current.filter(|current| current.as_ref() != Some(entry)))
    }

    /// Reads the current entry of the step.
    pub(super) async fn current_entry(&self) -> Result<Option<LedgerEntry>, Error> {
        let entries = self.ledger.entries(self.row).await?;
        Ok(entries.into_iter().find(|(step, _)| step == self.step).map(|(_, entry)| entry))
    }

    /// Writes the result of a call and returns the report on the step. If the result cannot be written, the intent
    /// remains, so the step is unknown.
    async fn write_result(
        &self,
        intent: &LedgerEntry,
        result: StepOutcome,
        entry: LedgerEntry,
    ) -> StepReport {
        let error = match self.write([intent.version()], &entry).await {
            WriteResult::Written => return self.report(result),
            WriteResult::VersionConflict => {
                Error::new(ErrorKind::Conflict, "the step was resolved while its call was in progress")
            }
            WriteResult::Failed(error) => error,
        };
        let (resolution, failure) = match (result, entry.id()) {
            (StepOutcome::Failed(failure), _) => (Resolution::NotApplied, failure),
            (_, Some(id)) => (Resolution::Created(id), StepFailure::from(&error)),
            (_, None) => (Resolution::Sent, StepFailure::from(&error)),
        };
        self.report(StepOutcome::unknown(UnknownReason::LedgerWriteFailed, Some(failure), Some(resolution)))
    }

    /// Replaces the current entry, which is expected to have one of these versions. Retries if the ledger fails.
    pub(super) async fn write(
        &self,
        expected: impl IntoIterator<Item = EntryVersion>,
        entry: &LedgerEntry,
    ) -> WriteResult {
        // The new version is expected too: a failed attempt may have written the entry.
        let expected: Vec<EntryVersion> = expected.into_iter().chain([entry.version()]).collect();
        match self.retry(|| self.replace_any(&expected, entry)).await {
            Ok(true) => WriteResult::Written,
            Ok(false) => WriteResult::VersionConflict,
            Err(error) => WriteResult::Failed(ledger_error(error)),
        }
    }

    /// Reads the current entry of the step. Retries if the ledger fails.
    pub(super) async fn current_entry_with_retries(&self) -> Result<Option<LedgerEntry>, Error> {
        self.retry(|| self.current_entry()).await
    }

    /// Calls the ledger until it responds, for half a minute.
    async fn retry<T, F: Future<Output = Result<T, Error>>>(&self, call: impl Fn() -> F) -> Result<T, Error> {
        let mut delays = RETRY_DELAYS.iter();
        loop {
            let error = match call().await {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            tracing::debug!(carium.step = %self.step, error.r#type = ?error.kind(), "the ledger failed");
            match delays.next() {
                Some(delay) => sleep(*delay).await,
                None => return Err(error),
            }
        }
    }

    /// Replaces the current entry if it has one of these versions. Returns whether it was replaced.
    async fn replace_any(&self, expected: &[EntryVersion], entry: &LedgerEntry) -> Result<bool, Error> {
        for version in expected {
            if self.ledger.compare_and_swap(self.row, self.step, *version, entry).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Creates a report on a step that is not a document, and therefore has no orphans.
    fn report(&self, result: StepOutcome) -> StepReport {
        StepReport::new(self.step, result, None)
    }
}

/// Checks whether an error reports a call as not applied although it may have been: a response such as 503 can come
/// from a proxy in front of the service, and after several attempts the error describes only the last one.
fn is_unconfirmed(error: &Error) -> bool {
    error.attempts() > 1 || (error.kind() == ErrorKind::Unavailable && !error.was_not_sent())
}

/// Returns the failure of a step that another run took over. It is retryable, because the next run continues from the
/// entry of the other run.
pub(super) fn taken_over() -> StepFailure {
    let error = Error::new(ErrorKind::Conflict, "another run has taken over the step");
    let mut failure = StepFailure::from(&error);
    failure.retryable = true;
    failure
}
