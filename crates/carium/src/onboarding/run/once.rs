//! A call that is made once.

use std::time::Duration;

use carium_api::uuid::Uuid;
use tokio::time::sleep;

use crate::documents::UploadState;
use crate::error::{Error, ErrorKind};
use crate::onboarding::identity::{Identity, of_another};
use crate::onboarding::ledger::{EntryState, EntryVersion, Ledger, LedgerEntry, failed};
use crate::onboarding::outcome::{
    CompletedStep, StepFailure, StepOutcome, StepReport, UnknownOutcome, UnknownReason,
};
use crate::onboarding::{RowKey, Step};

/// The waits between tries to tell the ledger what came of a call: it is worth more than a moment, as what it does not
/// hear is unknown to the next run.
const WAITS: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1600)];

/// Where a step stands in the ledger.
pub(super) struct Place<'a> {
    pub(super) ledger: &'a dyn Ledger,
    pub(super) row: &'a RowKey,
    pub(super) step: &'a Step,
    /// What is asked for.
    pub(super) identity: &'a Identity,
}

/// What came of telling the ledger.
pub(super) enum Told {
    Kept,
    /// The entry is another's by now.
    TakenOver,
    /// The ledger fails.
    NotKept(Error),
}

impl Place<'_> {
    /// Makes the call, unless it was made or may have been: intent, call, result.
    ///
    /// `may_be_ours` says whether a refusal may come of an earlier call that was carried out.
    pub(super) async fn once(
        &self,
        before: Option<&LedgerEntry>,
        call: impl Future<Output = Result<Option<Uuid>, Error>> + Send,
        may_be_ours: impl Fn(&Error) -> bool + Send,
    ) -> StepReport {
        if let Some(report) = before.and_then(|entry| standing(self.step, entry)) {
            return report;
        }
        let intent =
            match self.identity.fingerprint().and_then(|request| Ok((EntryVersion::draw()?, request))) {
                Ok((mark, request)) => LedgerEntry::intent(mark, request, before),
                Err(error) => {
                    return self.report(StepOutcome::Failed((&error).into()), before.cloned(), true);
                }
            };
        match self.intend(before, &intent).await {
            Ok(None) => {}
            Ok(Some(there)) => {
                return self
                    .standing(there.as_ref())
                    .unwrap_or_else(|| self.report(StepOutcome::Failed(taken_over()), there, true));
            }
            Err(error) => {
                // The call is not made. Whether the intent is there is not known; it must not stay.
                let open = intent.open();
                let failure = StepOutcome::Failed((&failed(error)).into());
                return match self.tell(Some(intent.mark()), &open).await {
                    Told::Kept => self.report(failure, Some(open), true),
                    Told::TakenOver => self.report(failure, before.cloned(), true),
                    Told::NotKept(_) => self.report(failure, Some(open), false),
                };
            }
        }
        let error = match call.await {
            Ok(id) => {
                return self
                    .settle(&intent, StepOutcome::Completed(CompletedStep::with(id)), intent.done(id))
                    .await;
            }
            Err(error) => error,
        };
        let reason = if error.may_have_been_applied() {
            UnknownReason::ResponseLost
        } else if may_be_ours(&error) && (intent.is_after_doubt() || error.attempts() > 1) {
            // An earlier try, of this call or of one that a person decided on, may have been the one that took it.
            UnknownReason::UsernameTaken
        } else {
            let open = if is_hearsay(&error) { intent.open_in_doubt() } else { intent.open() };
            return self.settle(&intent, StepOutcome::Failed((&error).into()), open).await;
        };
        let failure = Some(StepFailure::from(&error));
        let doubt = UnknownOutcome { reason, retryable: false, failure };
        self.report(StepOutcome::Unknown(doubt), Some(intent), true)
    }

    /// What is said of the step by an entry that another run wrote meanwhile.
    pub(super) fn standing(&self, there: Option<&LedgerEntry>) -> Option<StepReport> {
        let there = there?;
        if self.identity.fits(there) {
            return standing(self.step, there);
        }
        Some(self.report(StepOutcome::Failed((&of_another()).into()), None, true))
    }

    /// Writes an intent. `Ok(None)` where it is there; else what is there instead.
    async fn intend(
        &self,
        before: Option<&LedgerEntry>,
        intent: &LedgerEntry,
    ) -> Result<Option<Option<LedgerEntry>>, Error> {
        let Self { ledger, row, step, .. } = *self;
        let there = match before {
            None => ledger.insert(row, step, intent).await?.map(Some),
            Some(before) if ledger.replace(row, step, before.mark(), intent).await? => None,
            Some(_) => Some(self.there().await?),
        };
        // A ledger that asks its store twice may find what it wrote itself.
        Ok(there.filter(|there| there.as_ref() != Some(intent)))
    }

    /// What is there now.
    pub(super) async fn there(&self) -> Result<Option<LedgerEntry>, Error> {
        let entries = self.ledger.entries(self.row).await?;
        Ok(entries.into_iter().find(|(step, _)| step == self.step).map(|(_, entry)| entry))
    }

    /// Tells the ledger what came of an intent, and reports it.
    async fn settle(&self, intent: &LedgerEntry, result: StepOutcome, entry: LedgerEntry) -> StepReport {
        let told = self.tell(Some(intent.mark()), &entry).await;
        self.report(result, Some(entry), matches!(told, Told::Kept))
    }

    /// Writes an entry in the place of any of these, of which one is there as far as is known, as often as it takes
    /// and is worth it.
    pub(super) async fn tell(
        &self,
        marks: impl IntoIterator<Item = EntryVersion>,
        entry: &LedgerEntry,
    ) -> Told {
        // An earlier try may have written it, and not have said so.
        let marks: Vec<EntryVersion> = marks.into_iter().chain([entry.mark()]).collect();
        let mut waits = WAITS.iter();
        loop {
            let error = match self.replace_any(&marks, entry).await {
                Ok(true) => return Told::Kept,
                Ok(false) => return Told::TakenOver,
                Err(error) => error,
            };
            tracing::debug!(carium.step = %self.step, error.r#type = ?error.kind(), "the ledger cannot be told");
            match waits.next() {
                Some(wait) => sleep(*wait).await,
                None => return Told::NotKept(failed(error)),
            }
        }
    }

    async fn replace_any(&self, marks: &[EntryVersion], entry: &LedgerEntry) -> Result<bool, Error> {
        for mark in marks {
            if self.ledger.replace(self.row, self.step, *mark, entry).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn report(
        &self,
        result: StepOutcome,
        entry: Option<LedgerEntry>,
        in_ledger: bool,
    ) -> StepReport {
        report(self.step, result, entry, in_ledger)
    }
}

/// Whether it is said that nothing was done by who may not know it: by what stands before the service, or of the last
/// of several tries only.
fn is_hearsay(error: &Error) -> bool {
    error.attempts() > 1 || (error.kind() == ErrorKind::Unavailable && !error.was_not_sent())
}

pub(super) fn report(
    step: &Step,
    result: StepOutcome,
    entry: Option<LedgerEntry>,
    in_ledger: bool,
) -> StepReport {
    let orphans = entry.as_ref().map(LedgerEntry::orphans).unwrap_or_default().to_vec();
    StepReport { step: step.clone(), result, orphans, not_in_ledger: !in_ledger, entry }
}

/// What an entry says of its step, where nothing is to be done about it by itself.
pub(super) fn standing(step: &Step, entry: &LedgerEntry) -> Option<StepReport> {
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

/// Another run has taken the step up.
pub(super) fn taken_over() -> StepFailure {
    let mut failure =
        StepFailure::from(&Error::new(ErrorKind::Conflict, "another run has taken the step up"));
    failure.retryable = true;
    failure
}
