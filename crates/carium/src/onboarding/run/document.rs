//! The step that files one document: an upload whose state is stored in the ledger, and the lookup of a document whose
//! creation got no response.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use carium_api::operations::PROCESS_UPLOAD;
use futures_util::stream::StreamExt as _;

use super::step_ledger::{StepLedger, WriteResult, taken_over};
use crate::documents::{
    Document, DocumentQuery, DocumentReferenceId, Documents, IndividualId, NewDocument, UploadSource,
    UploadStage, UploadState, UploadStateStore, Uploads,
};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::onboarding::identity::StepIdentity;
use crate::onboarding::ledger::{EntryState, EntryVersion, Ledger, LedgerEntry, ledger_error};
use crate::onboarding::outcome::{
    CompletedStep, StepFailure, StepOutcome, StepReport, UnknownOutcome, UnknownReason,
};
use crate::onboarding::step::{RowKey, Step};

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
            None | Some(EntryState::NotApplied) => self.resumable_upload().unwrap_or(stored),
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
            Err(error) => return self.report(StepOutcome::Failed((&error).into()), self.previous.as_ref()),
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
                    sha256: receipt.sha256,
                };
                self.report(StepOutcome::Completed(completed), store.progress().current.as_ref())
            }
            Err(failure) => {
                let (error, state) = failure.into_parts();
                self.report_failed_upload(&store, &error, state).await
            }
        }
    }

    /// Returns the state of an upload of this document whose form was stored, if there is one.
    fn resumable_upload(&self) -> Option<UploadState> {
        let upload = self.previous.as_ref().and_then(LedgerEntry::resumable_upload);
        upload.filter(|upload| upload.is_usable_for(&self.document)).cloned()
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
                has_failed: false,
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
        let (current, last_version, has_conflict, has_failed) = {
            let progress = store.progress();
            (progress.current.clone(), progress.last_version, progress.has_conflict, progress.has_failed)
        };
        if has_conflict {
            return self.report_conflict(store, &state).await;
        }
        let entry = store.next_entry(&state, self.previous.as_ref());
        let result = outcome_of_failure(error, state.stage(), entry.orphans().len());
        // If the creation is unknown, the intent stays in the ledger, and the next run looks the document up.
        let is_unchanged = state.stage() == UploadStage::Creating
            || !has_failed && current.as_ref().is_some_and(|current| current.has_same_progress(&entry));
        if is_unchanged {
            return self.report(result, current.as_ref());
        }
        if state.stage() == UploadStage::Processed {
            // The document is filed, and its result was not written despite retries.
            return self.report(result, Some(&entry));
        }
        // The ledger has either the entry that was read or written last, or a later one whose write seemed to fail.
        let version = current.as_ref().map(LedgerEntry::version);
        match store.step_ledger().write(version.into_iter().chain([last_version]), &entry).await {
            WriteResult::Written => self.report(result, Some(&entry)),
            // There is no entry, so the upload has sent nothing.
            WriteResult::VersionConflict if version.is_none() => self.report(result, None),
            WriteResult::VersionConflict => self.report_conflict(store, &state).await,
            WriteResult::Failed(_) => {
                // If the ledger has an intent or another entry of this run, something may have been sent.
                let may_be_applied = current.is_some_and(|current| {
                    current.state() == EntryState::Intent || current.version().is_same_run(last_version)
                });
                let result = match result {
                    StepOutcome::Failed(failure) if may_be_applied => {
                        let retryable = failure.retryable;
                        unknown(UnknownReason::LedgerWriteFailed, failure, retryable)
                    }
                    result => result,
                };
                self.report(result, Some(&entry))
            }
        }
    }

    /// Reports on a step whose entry was changed by another run.
    async fn report_conflict(&self, store: &LedgerStateStore, state: &UploadState) -> StepReport {
        let (current, unrecorded) = store.add_to_other_entry(state).await;
        let mut report = match store.step_ledger().report_if_settled(current.as_ref()) {
            Some(report) => report,
            None if state.stage() == UploadStage::Processed => {
                // The document is filed. The next run requests the processing again, and records that.
                let result = unknown(UnknownReason::LedgerWriteFailed, taken_over(), true);
                self.report(result, current.as_ref())
            }
            None => {
                // The other run uploads the file to one of its references, and reports the others itself.
                let mut report = self.report(StepOutcome::Failed(taken_over()), current.as_ref());
                let upload = current.as_ref().and_then(LedgerEntry::resumable_upload);
                let in_use = upload.and_then(UploadState::reference);
                let is_own = |orphan| state.reference() == Some(orphan) || state.orphans().contains(&orphan);
                report.orphans.retain(|orphan| is_own(*orphan) && Some(*orphan) != in_use);
                report
            }
        };
        report.orphans.extend(unrecorded);
        report
    }

    fn report_settled(&self) -> StepReport {
        let settled = self.previous.as_ref().and_then(|entry| StepReport::if_settled(&self.step, entry));
        settled.unwrap_or_else(|| self.report_unknown(UnknownReason::InterruptedRun, None))
    }

    fn report_unknown(&self, reason: UnknownReason, failure: Option<StepFailure>) -> StepReport {
        // A list that cannot be decoded may be readable the next time.
        let is_retryable =
            |failure: &StepFailure| failure.retryable || failure.kind == ErrorKind::Undecodable;
        let retryable = failure.as_ref().is_some_and(is_retryable);
        let unknown = UnknownOutcome { reason, retryable, failure, resolution: None };
        self.report(StepOutcome::Unknown(unknown), self.previous.as_ref())
    }

    fn report(&self, result: StepOutcome, entry: Option<&LedgerEntry>) -> StepReport {
        StepReport::new(&self.step, result, entry)
    }
}

/// Number of orphans of a document after which a person has to look at it, because every further run may leave
/// another.
///
/// A form remains valid for all attempts of one run, so a short outage leaves one orphan at most. An outage that
/// outlasts three runs is not temporary.
const MAX_ORPHANS: usize = 3;

/// The maximum number of attempts to add to the entry of another run.
const MAX_CONFLICTS: usize = 8;

/// Checks whether errors of this kind are temporary. An undecodable response is not: the next one will not be
/// readable either.
fn is_transient(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Canceled
    )
}

/// Returns the outcome of an upload that ended with an error, provided that its state can be written to the ledger.
fn outcome_of_failure(error: &Error, stage: UploadStage, orphans: usize) -> StepOutcome {
    let mut failure = StepFailure::from(error);
    let may_leave_orphan = orphans < MAX_ORPHANS;
    match stage {
        UploadStage::Creating => {
            // The next run looks the document up, whatever the response was.
            unknown(UnknownReason::ResponseLost, failure, may_leave_orphan)
        }
        UploadStage::Uploaded if error.may_have_been_applied() => {
            // The next run requests the processing again, which is idempotent.
            unknown(UnknownReason::ResponseLost, failure, true)
        }
        // Only writing the result to the ledger failed. The next run requests the processing again.
        UploadStage::Processed => {
            unknown(UnknownReason::LedgerWriteFailed, failure, is_transient(error.kind()))
        }
        UploadStage::New | UploadStage::Created | UploadStage::Uploaded => {
            // The object store had the file and lost it, so the upload gave up its reference. The next run uploads
            // the file under a new one.
            let is_given_up = stage == UploadStage::New && error.operation() == Some(PROCESS_UPLOAD.id);
            let is_worth_retrying = failure.retryable || is_transient(error.kind()) || is_given_up;
            // A file that may have been uploaded is uploaded again, so the outcome is not unknown.
            failure.retryable = is_worth_retrying && (may_leave_orphan || stage == UploadStage::Uploaded);
            StepOutcome::Failed(failure)
        }
    }
}

fn unknown(reason: UnknownReason, failure: StepFailure, retryable: bool) -> StepOutcome {
    StepOutcome::Unknown(UnknownOutcome { reason, retryable, failure: Some(failure), resolution: None })
}

/// Stores the state of an upload in the ledger.
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
    /// Whether the last write failed, so that the ledger may have a later entry than the current one.
    has_failed: bool,
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
            UploadStage::New | UploadStage::Created | UploadStage::Uploaded => EntryState::NotApplied,
        };
        let version = self.next_version();
        LedgerEntry::from_upload(version, state, upload.clone(), self.request.clone(), previous)
    }

    /// Adds what this run has done to the entry of another run: that the document is filed, or otherwise the
    /// reference, which the other run does not use. The report of this run is not enough, because a queue does not
    /// store it if the other run completes the row.
    ///
    /// Returns the entry, and the reference if it could not be added.
    async fn add_to_other_entry(
        &self,
        state: &UploadState,
    ) -> (Option<LedgerEntry>, Option<DocumentReferenceId>) {
        // The other run writes a few entries at most.
        for _ in 0..MAX_CONFLICTS {
            let current = self.step_ledger().current_entry_with_retries().await.ok().flatten();
            let Some(entry) = &current else { break };
            let is_open = self.step_ledger().report_if_settled(Some(entry)).is_none();
            let is_known = entry.document_references().any(|reference| Some(reference) == state.reference());
            let next = match state.reference() {
                Some(_) if is_open && state.stage() == UploadStage::Processed => {
                    let filed = entry.orphans().iter().copied().fold(state.clone(), UploadState::with_orphan);
                    self.next_entry(&filed, Some(entry))
                }
                Some(reference) if !is_known => entry.clone().with_orphan(self.next_version(), reference),
                _ => return (current, None),
            };
            match self.step_ledger().write([entry.version()], &next).await {
                WriteResult::Written => return (Some(next), None),
                WriteResult::VersionConflict => {}
                WriteResult::Failed(_) => return (current, state.reference().filter(|_| !is_known)),
            }
        }
        (None, state.reference())
    }

    /// Draws the version of the next entry of this run.
    fn next_version(&self) -> EntryVersion {
        let mut progress = self.progress();
        progress.last_version = progress.last_version.next();
        progress.last_version
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
        let result = match &current {
            Some(current) if state.stage() != UploadStage::Creating => {
                self.step_ledger().write([current.version()], &entry).await
            }
            // The intent is written without retries: if that fails, the reference is not created.
            previous => match self.step_ledger().replace(previous.as_ref(), &entry).await {
                Ok(None) => WriteResult::Written,
                Ok(Some(_)) => WriteResult::VersionConflict,
                Err(error) => WriteResult::Failed(ledger_error(error)),
            },
        };
        self.progress().has_failed = matches!(result, WriteResult::Failed(_));
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

/// The result of looking up one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentMatch {
    /// No document matches, so the reference was not created.
    None,
    /// One document matches. It has no file, because files are uploaded only after the reference is in the ledger.
    One(DocumentReferenceId),
    /// The result is ambiguous: several documents match, or a match is uncertain.
    Ambiguous,
}

/// Looks up documents among those of a patient. `known` are the references that are known to belong to other steps
/// or to earlier attempts; they are ignored.
pub(super) async fn look_up(
    documents: &dyn Documents,
    patient: IndividualId,
    requested: &BTreeMap<usize, NewDocument>,
    known: &BTreeSet<DocumentReferenceId>,
) -> Result<BTreeMap<usize, DocumentMatch>, Error> {
    let mut results: BTreeMap<usize, DocumentMatch> =
        requested.keys().map(|index| (*index, DocumentMatch::None)).collect();
    let Some(organization) = requested.values().next().map(|document| document.attributes().organization_id)
    else {
        return Ok(results);
    };
    let mut listed = documents.list(DocumentQuery::default().patient(patient).organization(organization));
    while let Some(document) = listed.next().await {
        let document = document?;
        if known.contains(&document.id) {
            continue;
        }
        let similar: Vec<_> = requested
            .iter()
            .map(|(index, requested)| (*index, compare(requested, &document)))
            .filter(|(_, similarity)| *similarity != Similarity::Different)
            .collect();
        // A listed document that is similar to two requested ones makes both results ambiguous.
        let is_match = matches!(similar.as_slice(), [(_, Similarity::Equal)]);
        for (index, _) in &similar {
            let previous = results.insert(*index, DocumentMatch::Ambiguous);
            if is_match && previous == Some(DocumentMatch::None) {
                results.insert(*index, DocumentMatch::One(document.id));
            }
        }
    }
    Ok(results)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Similarity {
    /// At least one attribute differs.
    Different,
    /// No attribute differs, but the name, the file name or the class is missing in the response.
    Uncertain,
    /// The name, the file name and the class are equal, and no other attribute differs.
    Equal,
}

/// Compares a listed document with a requested one. Attributes that are missing in the response are not compared.
fn compare(requested: &NewDocument, listed: &Document) -> Similarity {
    let attributes = requested.attributes();
    let required = [
        listed.name.as_deref().map(|name| name == attributes.name.as_str()),
        listed.file_name.as_deref().map(|name| name == attributes.attachment_filename.as_str()),
        listed.class.map(|class| class == attributes.class_id),
    ];
    let optional = [
        listed.patient.map(|patient| patient == attributes.individual_id),
        listed.organization.map(|organization| organization == attributes.organization_id),
        listed
            .media_type
            .as_deref()
            .map(|media_type| media_type.eq_ignore_ascii_case(&attributes.attachment_content_type)),
        listed
            .description
            .as_deref()
            .map(|text| text == attributes.description.as_deref().unwrap_or_default()),
    ];
    if required.iter().chain(&optional).any(|is_equal| *is_equal == Some(false)) {
        Similarity::Different
    } else if required.contains(&None) {
        Similarity::Uncertain
    } else {
        Similarity::Equal
    }
}
