//! A document of a row: an upload whose state is kept in the ledger.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use carium_api::operations::PROCESS_UPLOAD;

use super::look_up::Found;
use super::once::{Place, Told, report, standing, taken_over};
use crate::documents::{NewDocument, Source, UploadStage, UploadState, UploadStateStore, Uploads};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::onboarding::identity::Identity;
use crate::onboarding::ledger::{EntryState, EntryVersion, Ledger, LedgerEntry, failed};
use crate::onboarding::outcome::{
    CompletedStep, StepFailure, StepOutcome, StepReport, UnknownOutcome, UnknownReason,
};
use crate::onboarding::{RowKey, Step};

/// A document that is ready to be filed.
pub(super) struct Filing<'a> {
    pub(super) uploads: &'a Uploads,
    pub(super) ledger: &'a Arc<dyn Ledger>,
    pub(super) row: &'a RowKey,
    pub(super) step: Step,
    pub(super) identity: Identity,
    pub(super) document: NewDocument,
    /// `None` where the file is in the store already.
    pub(super) file: Option<PathBuf>,
    pub(super) before: Option<LedgerEntry>,
    /// What a look into the record said, where the creation was not answered.
    pub(super) found: Option<Result<Found, StepFailure>>,
}

impl Filing<'_> {
    pub(super) async fn finish(self) -> StepReport {
        let kept = self.before.as_ref().and_then(LedgerEntry::upload).cloned().unwrap_or_default();
        let state = match self.before.as_ref().map(LedgerEntry::state) {
            None | Some(EntryState::NotApplied) => kept,
            Some(EntryState::Completed) => {
                return self.standing();
            }
            Some(EntryState::Intent) => match &self.found {
                Some(Ok(Found::Nothing)) => kept.start_over(None),
                Some(Ok(Found::One(id))) => kept.start_over(Some(*id)),
                Some(Ok(Found::Several)) => return self.in_doubt(UnknownReason::SeveralMatches, None),
                Some(Err(failure)) => {
                    return self.in_doubt(UnknownReason::LookupFailed, Some(failure.clone()));
                }
                None => return self.standing(),
            },
        };
        let store = match self.store() {
            Ok(store) => Arc::new(store),
            Err(error) => {
                let failed = StepOutcome::Failed((&error).into());
                return report(&self.step, failed, self.before.clone(), true);
            }
        };
        // Where nothing is to be sent any more, there is nothing to be read either.
        let source = self.file.clone().map_or_else(|| Source::bytes(""), Source::path);
        let upload = self.uploads.resume(state, self.document.clone(), source);
        let uploaded = upload.state_store(Arc::<KeptInLedger>::clone(&store)).await;
        match uploaded {
            Ok(receipt) => {
                let done = CompletedStep {
                    id: Some(receipt.id.into()),
                    size: Some(receipt.size),
                    sha256: Some(receipt.sha256),
                };
                report(&self.step, StepOutcome::Completed(done), store.now().there.clone(), true)
            }
            Err(failure) => {
                let (error, state) = failure.into_parts();
                self.not_filed(&store, &error, state).await
            }
        }
    }

    fn store(&self) -> Result<KeptInLedger, Error> {
        Ok(KeptInLedger {
            ledger: Arc::clone(self.ledger),
            row: self.row.clone(),
            step: self.step.clone(),
            identity: self.identity.clone(),
            request: self.identity.fingerprint()?,
            now: Mutex::new(Now { there: self.before.clone(), last: EntryVersion::draw()?, missed: false }),
        })
    }

    /// What an upload that ended in an error comes down to.
    async fn not_filed(&self, store: &KeptInLedger, error: &Error, state: UploadState) -> StepReport {
        let stage = state.stage();
        let (there, last, missed) = {
            let now = store.now();
            (now.there.clone(), now.last, now.missed)
        };
        let truth = store.entry(&state, self.before.as_ref());
        if missed {
            let there = store.place().there().await.ok().flatten();
            let told = store.place().standing(there.as_ref());
            let told = match told {
                None if stage == UploadStage::Processed => None,
                told => Some(
                    told.unwrap_or_else(|| report(&self.step, StepOutcome::Failed(taken_over()), None, true)),
                ),
            };
            if let Some(mut told) = told {
                // What was begun here is not gone on with: it is a reference that nobody uses.
                let known =
                    there.iter().flat_map(LedgerEntry::references).any(|id| Some(id) == state.reference());
                told.orphans.extend(state.reference().filter(|_| !known));
                return told;
            }
        }
        if stage == UploadStage::Processed {
            // The document is filed, and the ledger does not know it.
            let (size, sha256) = state.file().unzip();
            let done = CompletedStep { id: state.reference().map(Into::into), size, sha256 };
            return report(&self.step, StepOutcome::Completed(done), Some(truth), false);
        }
        let mut failure = StepFailure::from(error);
        let leaves_no_more = truth.orphans().len() < MOST_ORPHANS;
        // The file was there once, and its reference was given up: the next run sends it under a new one.
        let is_given_up = stage == UploadStage::New && error.operation() == Some(PROCESS_UPLOAD.id);
        let is_worth_it = (passes(error.kind()) || is_given_up) && leaves_no_more;
        if stage == UploadStage::Creating {
            // The next run looks into the record.
            return report(&self.step, lost(failure, is_worth_it), there, true);
        }
        let result = if stage == UploadStage::Uploaded && error.may_have_been_applied() {
            // It is told to be processed again, which changes nothing.
            lost(failure, passes(error.kind()))
        } else {
            // A file that may have been sent is sent again, so nothing is in doubt.
            failure.retryable =
                (failure.retryable || is_worth_it) && (leaves_no_more || stage == UploadStage::Uploaded);
            StepOutcome::Failed(failure)
        };
        if there.as_ref().is_some_and(|there| there.says_the_same(&truth)) {
            return report(&self.step, result, there, true);
        }
        // What is there is what was written last, or what was tried to be written after it.
        let own = there.map(|there| there.mark()).filter(|mark| mark.is_of_run(last));
        match store.place().tell(own.into_iter().chain([last]), &truth).await {
            Told::Kept => report(&self.step, result, Some(truth), true),
            // Nothing was written, and nothing was done.
            Told::TakenOver => report(&self.step, result, self.before.clone(), true),
            Told::NotKept(_) => report(&self.step, result, Some(truth), false),
        }
    }

    fn standing(&self) -> StepReport {
        let standing = self.before.as_ref().and_then(|entry| standing(&self.step, entry));
        standing.unwrap_or_else(|| self.in_doubt(UnknownReason::InterruptedRun, None))
    }

    fn in_doubt(&self, reason: UnknownReason, failure: Option<StepFailure>) -> StepReport {
        let retryable = failure.as_ref().is_some_and(|failure| failure.retryable);
        let doubt = UnknownOutcome { reason, retryable, failure };
        report(&self.step, StepOutcome::Unknown(doubt), self.before.clone(), true)
    }
}

/// A document that left so many references without a file is for a person: each further try may leave another, and by
/// then what stands in its way is not a moment's. A form outlives the tries of one run, so the first is spent on an
/// outage that passes, and two more on one that does not.
const MOST_ORPHANS: usize = 3;

/// Whether another time may well be another story. An answer that could not be read will not be readable then either.
fn passes(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Canceled
    )
}

/// A call was not answered, and the next run can tell, or may repeat it.
fn lost(failure: StepFailure, retryable: bool) -> StepOutcome {
    StepOutcome::Unknown(UnknownOutcome {
        reason: UnknownReason::ResponseLost,
        retryable,
        failure: Some(failure),
    })
}

/// Keeps the state of an upload in the ledger, without its form.
struct KeptInLedger {
    ledger: Arc<dyn Ledger>,
    row: RowKey,
    step: Step,
    identity: Identity,
    request: Fingerprint,
    now: Mutex<Now>,
}

struct Now {
    /// What was read or written last.
    there: Option<LedgerEntry>,
    /// The mark of the entry that was made last.
    last: EntryVersion,
    /// Whether the entry turned out to be another's.
    missed: bool,
}

impl KeptInLedger {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> Place<'_> {
        Place { ledger: &*self.ledger, row: &self.row, step: &self.step, identity: &self.identity }
    }

    fn entry(&self, upload: &UploadState, before: Option<&LedgerEntry>) -> LedgerEntry {
        let state = match upload.stage() {
            UploadStage::Creating => EntryState::Intent,
            UploadStage::Processed => EntryState::Completed,
            // A form is not kept: whoever goes on has a reference of their own, and this one is an orphan then.
            UploadStage::New | UploadStage::Created | UploadStage::Uploaded => EntryState::NotApplied,
        };
        let mut now = self.now();
        now.last = now.last.next();
        LedgerEntry::of_upload(now.last, state, upload.clone(), self.request.clone(), before)
    }

    fn missed(&self) -> Error {
        self.now().missed = true;
        Error::new(ErrorKind::Conflict, "another run has taken the document up")
    }
}

#[async_trait]
impl UploadStateStore for KeptInLedger {
    async fn save(&self, state: &UploadState) -> Result<(), Error> {
        let there = self.now().there.clone();
        let entry = self.entry(state, there.as_ref());
        let told = match there {
            None => {
                let there = self.ledger.insert(&self.row, &self.step, &entry).await.map_err(failed)?;
                // A ledger that asks its store twice may find what it wrote itself.
                if there.is_some_and(|there| there != entry) { Told::TakenOver } else { Told::Kept }
            }
            // Before the call: what is not written leaves it unmade.
            Some(there) if state.stage() == UploadStage::Creating => {
                let written = self.ledger.replace(&self.row, &self.step, there.mark(), &entry).await;
                if written.map_err(failed)? { Told::Kept } else { Told::TakenOver }
            }
            Some(there) => self.place().tell(Some(there.mark()), &entry).await,
        };
        match told {
            Told::Kept => {
                self.now().there = Some(entry);
                Ok(())
            }
            Told::TakenOver => Err(self.missed()),
            Told::NotKept(error) => Err(error),
        }
    }
}
