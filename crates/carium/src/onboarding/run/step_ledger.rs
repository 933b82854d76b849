//! The ledger entry of one step, and API calls that are recorded in it so that they are sent at most once.

use std::time::Duration;

use carium_api::uuid::Uuid;
use tokio::time::sleep;

use crate::documents::UploadState;
use crate::error::{Error, ErrorKind};
use crate::onboarding::identity::{StepIdentity, concurrent_request_error};
use crate::onboarding::ledger::{EntryState, EntryVersion, Ledger, LedgerEntry, ledger_error};
use crate::onboarding::outcome::{
    CompletedStep, StepFailure, StepOutcome, StepReport, UnknownOutcome, UnknownReason,
};
use crate::onboarding::{RowKey, Step};

/// Delays between the attempts to write a result to the ledger. Without the result, the step is unknown to the next
/// run, so waiting for about two seconds in total is worthwhile.
const WRITE_RETRY_DELAYS: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1600)];

/// Access to the ledger entry of one step.
pub(super) struct StepLedger<'a> {
    pub(super) ledger: &'a dyn Ledger,
    pub(super) row: &'a RowKey,
    pub(super) step: &'a Step,
    /// The requested values.
    pub(super) identity: &'a StepIdentity,
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
    /// `may_be_duplicate` decides whether a rejection may be caused by an earlier call of the same step that was
    /// applied.
    pub(super) async fn call_once(
        &self,
        previous: Option<&LedgerEntry>,
        call: impl Future<Output = Result<Option<Uuid>, Error>> + Send,
        may_be_duplicate: impl Fn(&Error) -> bool + Send,
    ) -> StepReport {
        if let Some(report) = previous.and_then(|entry| report_if_settled(self.step, entry)) {
            return report;
        }
        let intent =
            match self.identity.fingerprint().and_then(|request| Ok((EntryVersion::new_run()?, request))) {
                Ok((version, request)) => LedgerEntry::intent(version, request, previous),
                Err(error) => {
                    return self.report(StepOutcome::Failed((&error).into()), previous.cloned(), true);
                }
            };
        match self.write_intent(previous, &intent).await {
            Ok(None) => {}
            Ok(Some(current)) => {
                return self
                    .report_if_settled(current.as_ref())
                    .unwrap_or_else(|| self.report(StepOutcome::Failed(taken_over()), current, true));
            }
            Err(error) => {
                // The call is not sent. The intent may have been written, so it is replaced by `NotApplied`:
                // otherwise, the step would be unknown to the next run.
                let not_applied = intent.not_applied();
                let failure = StepOutcome::Failed((&ledger_error(error)).into());
                return match self.write([intent.version()], &not_applied).await {
                    WriteResult::Written => self.report(failure, Some(not_applied), true),
                    WriteResult::VersionConflict => self.report(failure, previous.cloned(), true),
                    WriteResult::Failed(_) => self.report(failure, Some(not_applied), false),
                };
            }
        }
        let error = match call.await {
            Ok(id) => {
                let result = StepOutcome::Completed(CompletedStep::with_id(id));
                return self.write_result(&intent, result, intent.completed(id)).await;
            }
            Err(error) => error,
        };
        let reason = if error.may_have_been_applied() {
            UnknownReason::ResponseLost
        } else if may_be_duplicate(&error) && (intent.is_after_unknown_outcome() || error.attempts() > 1) {
            // An earlier attempt of this call, or an earlier call of this step, may have taken the username.
            UnknownReason::UsernameTaken
        } else {
            let entry =
                if is_unconfirmed(&error) { intent.not_applied_unconfirmed() } else { intent.not_applied() };
            return self.write_result(&intent, StepOutcome::Failed((&error).into()), entry).await;
        };
        let failure = Some(StepFailure::from(&error));
        let unknown = UnknownOutcome { reason, retryable: false, failure };
        self.report(StepOutcome::Unknown(unknown), Some(intent), true)
    }

    /// Returns the report on the step for an entry that another run wrote in the meantime, unless this run can
    /// continue from the entry.
    pub(super) fn report_if_settled(&self, current: Option<&LedgerEntry>) -> Option<StepReport> {
        let current = current?;
        if self.identity.is_compatible_with(current) {
            return report_if_settled(self.step, current);
        }
        Some(self.report(StepOutcome::Failed((&concurrent_request_error()).into()), None, true))
    }

    /// Writes an intent. Returns `Ok(None)` if it was written, and otherwise the current entry of the step.
    async fn write_intent(
        &self,
        previous: Option<&LedgerEntry>,
        intent: &LedgerEntry,
    ) -> Result<Option<Option<LedgerEntry>>, Error> {
        let Self { ledger, row, step, .. } = *self;
        let current = match previous {
            None => ledger.insert(row, step, intent).await?.map(Some),
            Some(previous) if ledger.compare_and_swap(row, step, previous.version(), intent).await? => None,
            Some(_) => Some(self.current_entry().await?),
        };
        // A ledger that retries its writes may report the intent itself as the existing entry.
        Ok(current.filter(|current| current.as_ref() != Some(intent)))
    }

    /// Reads the current entry of the step.
    pub(super) async fn current_entry(&self) -> Result<Option<LedgerEntry>, Error> {
        let entries = self.ledger.entries(self.row).await?;
        Ok(entries.into_iter().find(|(step, _)| step == self.step).map(|(_, entry)| entry))
    }

    /// Writes the result of an intent and returns the report on the step.
    async fn write_result(
        &self,
        intent: &LedgerEntry,
        result: StepOutcome,
        entry: LedgerEntry,
    ) -> StepReport {
        let written = self.write([intent.version()], &entry).await;
        self.report(result, Some(entry), matches!(written, WriteResult::Written))
    }

    /// Replaces the current entry, which is expected to have one of these versions. Retries if the ledger fails.
    pub(super) async fn write(
        &self,
        expected: impl IntoIterator<Item = EntryVersion>,
        entry: &LedgerEntry,
    ) -> WriteResult {
        // The new version is expected too: a failed attempt may have written the entry.
        let expected: Vec<EntryVersion> = expected.into_iter().chain([entry.version()]).collect();
        let mut delays = WRITE_RETRY_DELAYS.iter();
        loop {
            let error = match self.replace_any(&expected, entry).await {
                Ok(true) => return WriteResult::Written,
                Ok(false) => return WriteResult::VersionConflict,
                Err(error) => error,
            };
            tracing::debug!(
                carium.step = %self.step,
                error.r#type = ?error.kind(),
                "could not write to the ledger"
            );
            match delays.next() {
                Some(delay) => sleep(*delay).await,
                None => return WriteResult::Failed(ledger_error(error)),
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

    fn report(&self, result: StepOutcome, entry: Option<LedgerEntry>, is_in_ledger: bool) -> StepReport {
        report(self.step, result, entry, is_in_ledger)
    }
}

/// Checks whether an error reports a call as not applied although it may have been: a response such as 503 can come
/// from a proxy in front of the service, and after several attempts the error describes only the last one.
fn is_unconfirmed(error: &Error) -> bool {
    error.attempts() > 1 || (error.kind() == ErrorKind::Unavailable && !error.was_not_sent())
}

/// Creates the report on a step, with the orphans of its entry.
pub(super) fn report(
    step: &Step,
    result: StepOutcome,
    entry: Option<LedgerEntry>,
    is_in_ledger: bool,
) -> StepReport {
    let orphans = entry.as_ref().map(LedgerEntry::orphans).unwrap_or_default().to_vec();
    StepReport { step: step.clone(), result, orphans, not_in_ledger: !is_in_ledger, entry }
}

/// Returns the report on a step that must not be sent: it is completed, or its outcome is unknown. `None` if the
/// entry allows the step to be sent.
pub(super) fn report_if_settled(step: &Step, entry: &LedgerEntry) -> Option<StepReport> {
    let result = match entry.state() {
        EntryState::NotApplied => return None,
        EntryState::Intent => StepOutcome::Unknown(UnknownOutcome {
            reason: UnknownReason::InterruptedRun,
            retryable: false,
            failure: None,
        }),
        EntryState::Completed => {
            let (size, sha256) = entry.upload().and_then(UploadState::file).unzip();
            StepOutcome::Completed(CompletedStep { id: entry.id(), size, sha256 })
        }
    };
    Some(report(step, result, Some(entry.clone()), true))
}

/// Returns the failure of a step that another run took over. It is retryable, because the next run continues from the
/// entry of the other run.
pub(super) fn taken_over() -> StepFailure {
    let error = Error::new(ErrorKind::Conflict, "another run has taken over the step");
    let mut failure = StepFailure::from(&error);
    failure.retryable = true;
    failure
}
