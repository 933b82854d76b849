//! The step that files one document: an upload whose state is stored in the ledger.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use carium_api::operations::PROCESS_UPLOAD;

use super::document_lookup::DocumentMatch;
use super::step_ledger::{StepLedger, WriteResult, report, report_if_settled, taken_over};
use crate::documents::{NewDocument, UploadSource, UploadStage, UploadState, UploadStateStore, Uploads};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::onboarding::identity::StepIdentity;
use crate::onboarding::ledger::{EntryState, EntryVersion, Ledger, LedgerEntry, ledger_error};
use crate::onboarding::outcome::{
    CompletedStep, StepFailure, StepOutcome, StepReport, UnknownOutcome, UnknownReason,
};
use crate::onboarding::{RowKey, Step};

/// A document that is ready to be filed.
pub(super) struct DocumentStep<'a> {
    pub(super) uploads: &'a Uploads,
    pub(super) ledger: &'a Arc<dyn Ledger>,
    pub(super) row: &'a RowKey,
    pub(super) step: Step,
    pub(super) identity: StepIdentity,
    pub(super) document: NewDocument,
    /// `None` if the file is already in the object store.
    pub(super) file: Option<PathBuf>,
    /// The entry of the step at the start of the run.
    pub(super) previous: Option<LedgerEntry>,
    /// The result of looking up the document, if the outcome of its creation is unknown.
    pub(super) lookup: Option<Result<DocumentMatch, StepFailure>>,
}

impl DocumentStep<'_> {
    /// Starts or continues the upload.
    pub(super) async fn run(self) -> StepReport {
        let stored = self.previous.as_ref().and_then(LedgerEntry::upload).cloned().unwrap_or_default();
        let state = match self.previous.as_ref().map(LedgerEntry::state) {
            None | Some(EntryState::NotApplied) => stored,
            Some(EntryState::Completed) => return self.report_settled(),
            Some(EntryState::Intent) => match &self.lookup {
                Some(Ok(DocumentMatch::None)) => stored.start_over(None),
                Some(Ok(DocumentMatch::One(id))) => stored.start_over(Some(*id)),
                Some(Ok(DocumentMatch::Ambiguous)) => {
                    return self.report_unknown(UnknownReason::AmbiguousMatch, None);
                }
                Some(Err(failure)) => {
                    return self.report_unknown(UnknownReason::LookupFailed, Some(failure.clone()));
                }
                None => return self.report_settled(),
            },
        };
        let store = match self.state_store() {
            Ok(store) => Arc::new(store),
            Err(error) => {
                let failed = StepOutcome::Failed((&error).into());
                return report(&self.step, failed, self.previous.clone(), true);
            }
        };
        // If the file is already in the object store, the source is not read.
        let source = self.file.clone().map_or_else(|| UploadSource::bytes(""), UploadSource::path);
        let upload = self.uploads.resume(state, self.document.clone(), source);
        let uploaded = upload.state_store(Arc::<LedgerStateStore>::clone(&store)).await;
        match uploaded {
            Ok(receipt) => {
                let completed = CompletedStep {
                    id: Some(receipt.id.into()),
                    size: Some(receipt.size),
                    sha256: Some(receipt.sha256),
                };
                let entry = store.progress().current.clone();
                report(&self.step, StepOutcome::Completed(completed), entry, true)
            }
            Err(failure) => {
                let (error, state) = failure.into_parts();
                self.report_failed_upload(&store, &error, state).await
            }
        }
    }

    fn state_store(&self) -> Result<LedgerStateStore, Error> {
        Ok(LedgerStateStore {
            ledger: Arc::clone(self.ledger),
            row: self.row.clone(),
            step: self.step.clone(),
            identity: self.identity.clone(),
            request: self.identity.fingerprint()?,
            progress: Mutex::new(StoreProgress {
                current: self.previous.clone(),
                last_version: EntryVersion::new_run()?,
                has_conflict: false,
            }),
        })
    }

    /// Reports on an upload that ended with an error, and writes its final state to the ledger.
    async fn report_failed_upload(
        &self,
        store: &LedgerStateStore,
        error: &Error,
        state: UploadState,
    ) -> StepReport {
        let stage = state.stage();
        let (current, last_version, has_conflict) = {
            let progress = store.progress();
            (progress.current.clone(), progress.last_version, progress.has_conflict)
        };
        let entry = store.next_entry(&state, self.previous.as_ref());
        if has_conflict && let Some(report) = self.report_conflict(store, &state).await {
            return report;
        }
        if stage == UploadStage::Processed {
            // The document is filed, and only writing that to the ledger failed.
            let (size, sha256) = state.file().unzip();
            let completed = CompletedStep { id: state.reference().map(Into::into), size, sha256 };
            return report(&self.step, StepOutcome::Completed(completed), Some(entry), false);
        }
        let mut failure = StepFailure::from(error);
        let may_leave_orphan = entry.orphans().len() < MAX_ORPHANS;
        // The object store had the file and lost it, so the upload gave up its reference. The next run uploads the
        // file under a new one.
        let is_given_up = stage == UploadStage::New && error.operation() == Some(PROCESS_UPLOAD.id);
        let is_worth_retrying = (is_transient(error.kind()) || is_given_up) && may_leave_orphan;
        if stage == UploadStage::Creating {
            // The next run looks the document up.
            return report(&self.step, response_lost(failure, is_worth_retrying), current, true);
        }
        let result = if stage == UploadStage::Uploaded && error.may_have_been_applied() {
            // The next run requests the processing again, which is idempotent.
            response_lost(failure, is_transient(error.kind()))
        } else {
            // A file that may have been uploaded is uploaded again, so the outcome is not unknown.
            failure.retryable = (failure.retryable || is_worth_retrying)
                && (may_leave_orphan || stage == UploadStage::Uploaded);
            StepOutcome::Failed(failure)
        };
        if current.as_ref().is_some_and(|current| current.has_same_progress(&entry)) {
            return report(&self.step, result, current, true);
        }
        // The ledger has either the entry that was written last, or a later one whose write seemed to fail.
        let written =
            current.map(|current| current.version()).filter(|version| version.is_same_run(last_version));
        match store.step_ledger().write(written.into_iter().chain([last_version]), &entry).await {
            WriteResult::Written => report(&self.step, result, Some(entry), true),
            // No entry of this run is in the ledger, so the upload has sent nothing.
            WriteResult::VersionConflict => report(&self.step, result, self.previous.clone(), true),
            WriteResult::Failed(_) => report(&self.step, result, Some(entry), false),
        }
    }

    /// Reports on a step whose entry was changed by another run. `None` if this run filed the document all the same.
    async fn report_conflict(&self, store: &LedgerStateStore, state: &UploadState) -> Option<StepReport> {
        let current = store.step_ledger().current_entry().await.ok().flatten();
        let settled = store.step_ledger().report_if_settled(current.as_ref());
        let mut report = match settled {
            None if state.stage() == UploadStage::Processed => return None,
            settled => {
                settled.unwrap_or_else(|| report(&self.step, StepOutcome::Failed(taken_over()), None, true))
            }
        };
        // This upload is not continued. If the other run does not use its reference, the reference is an orphan.
        let is_known =
            current.iter().flat_map(LedgerEntry::document_references).any(|id| Some(id) == state.reference());
        report.orphans.extend(state.reference().filter(|_| !is_known));
        Some(report)
    }

    fn report_settled(&self) -> StepReport {
        let settled = self.previous.as_ref().and_then(|entry| report_if_settled(&self.step, entry));
        settled.unwrap_or_else(|| self.report_unknown(UnknownReason::InterruptedRun, None))
    }

    fn report_unknown(&self, reason: UnknownReason, failure: Option<StepFailure>) -> StepReport {
        let retryable = failure.as_ref().is_some_and(|failure| failure.retryable);
        let unknown = UnknownOutcome { reason, retryable, failure };
        report(&self.step, StepOutcome::Unknown(unknown), self.previous.clone(), true)
    }
}

/// Number of orphans of a document after which a person has to look at it, because every further run may leave
/// another.
///
/// A form remains valid for all attempts of one run, so a short outage leaves one orphan at most. An outage that
/// outlasts three runs is not temporary.
const MAX_ORPHANS: usize = 3;

/// Checks whether errors of this kind are temporary. An undecodable response is not: the next one will not be
/// readable either.
fn is_transient(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Canceled
    )
}

fn response_lost(failure: StepFailure, retryable: bool) -> StepOutcome {
    StepOutcome::Unknown(UnknownOutcome {
        reason: UnknownReason::ResponseLost,
        retryable,
        failure: Some(failure),
    })
}

/// Stores the state of an upload in the ledger, without its presigned form.
struct LedgerStateStore {
    ledger: Arc<dyn Ledger>,
    row: RowKey,
    step: Step,
    identity: StepIdentity,
    request: Fingerprint,
    progress: Mutex<StoreProgress>,
}

struct StoreProgress {
    /// The entry that was read or written last.
    current: Option<LedgerEntry>,
    /// The version of the entry that was created last, even if writing it failed.
    last_version: EntryVersion,
    /// Whether a write found an entry of another run.
    has_conflict: bool,
}

impl LedgerStateStore {
    fn progress(&self) -> MutexGuard<'_, StoreProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step_ledger(&self) -> StepLedger<'_> {
        StepLedger { ledger: &*self.ledger, row: &self.row, step: &self.step, identity: &self.identity }
    }

    /// Creates the next entry of this run.
    fn next_entry(&self, upload: &UploadState, previous: Option<&LedgerEntry>) -> LedgerEntry {
        let state = match upload.stage() {
            UploadStage::Creating => EntryState::Intent,
            UploadStage::Processed => EntryState::Completed,
            // The presigned form is a secret and is not stored. A later run therefore creates its own reference, and
            // the one of this upload becomes an orphan.
            UploadStage::New | UploadStage::Created | UploadStage::Uploaded => EntryState::NotApplied,
        };
        let mut progress = self.progress();
        progress.last_version = progress.last_version.next();
        LedgerEntry::from_upload(progress.last_version, state, upload.clone(), self.request.clone(), previous)
    }

    fn conflict(&self) -> Error {
        self.progress().has_conflict = true;
        Error::new(ErrorKind::Conflict, "another run has taken over the document")
    }
}

#[async_trait]
impl UploadStateStore for LedgerStateStore {
    async fn save(&self, state: &UploadState) -> Result<(), Error> {
        let current = self.progress().current.clone();
        let entry = self.next_entry(state, current.as_ref());
        let result = match current {
            None => {
                let existing =
                    self.ledger.insert(&self.row, &self.step, &entry).await.map_err(ledger_error)?;
                // A ledger that retries its writes may report the new entry itself as the existing one.
                if existing.is_some_and(|existing| existing != entry) {
                    WriteResult::VersionConflict
                } else {
                    WriteResult::Written
                }
            }
            // The intent is written without retries: if that fails, the reference is not created.
            Some(current) if state.stage() == UploadStage::Creating => {
                let replaced =
                    self.ledger.compare_and_swap(&self.row, &self.step, current.version(), &entry).await;
                if replaced.map_err(ledger_error)? {
                    WriteResult::Written
                } else {
                    WriteResult::VersionConflict
                }
            }
            Some(current) => self.step_ledger().write([current.version()], &entry).await,
        };
        match result {
            WriteResult::Written => {
                self.progress().current = Some(entry);
                Ok(())
            }
            WriteResult::VersionConflict => Err(self.conflict()),
            WriteResult::Failed(error) => Err(error),
        }
    }
}
