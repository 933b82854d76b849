//! The ledger: a durable record of the calls that must not be sent twice, written before and after each of them.

pub(super) mod file;
pub(super) mod memory;

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use carium_api::uuid::Uuid;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::outcome::{OnboardingOutcome, StepReport, UnknownReason};
use super::step::{RowKey, Step};
use crate::api;
use crate::documents::{DocumentReferenceId, UploadStage, UploadState};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::random;

/// A durable record of the intent and the result of each step of each row.
///
/// Before a call that must not be sent twice, an entry with the state [`Intent`](EntryState::Intent) is written.
/// After the response, the entry is replaced by one with the result. If a run finds an intent without a result, the
/// call may or may not have been applied, and the run does not send it again. Entries must therefore survive a
/// crash: a method returns only when the entry is on durable storage.
///
/// The trait is designed for a database table that several processes share. The key consists of the row key and the
/// step (in its [`Display`](std::fmt::Display) form). The entry is stored as JSON, with its
/// [version](LedgerEntry::version) in a column of its own. [`insert`](Self::insert) is then `INSERT … ON CONFLICT DO
/// NOTHING`, and [`compare_and_swap`](Self::compare_and_swap) is `UPDATE … WHERE version = …`.
///
/// # Errors
/// A method fails if the underlying store fails. The caller does not rely on whether a failed write was applied.
/// Error messages are logged, so they must not contain health information or secrets.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Returns all entries of a row, in any order.
    async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error>;

    /// Inserts an entry if the step of this row has none. The operation is atomic.
    ///
    /// Returns `None` if the entry was inserted, and otherwise the existing entry.
    async fn insert(
        &self,
        row: &RowKey,
        step: &Step,
        entry: &LedgerEntry,
    ) -> Result<Option<LedgerEntry>, Error>;

    /// Replaces the entry of a step if its current version is `expected`. The operation is atomic (compare-and-swap).
    ///
    /// Returns whether the entry was replaced. `false` means that the step has no entry or one with another version.
    async fn compare_and_swap(
        &self,
        row: &RowKey,
        step: &Step,
        expected: EntryVersion,
        entry: &LedgerEntry,
    ) -> Result<bool, Error>;

    /// Returns a row whose step is completed with this ID. It serves to tell whether an existing patient belongs to another
    /// row.
    ///
    /// The default finds nothing. A ledger that is shared by several rows should implement it.
    #[allow(unused_qualifications, reason = "the mock has no other name for the type")]
    async fn row_with_id(&self, _step: &Step, _id: api::uuid::Uuid) -> Result<Option<RowKey>, Error> {
        Ok(None)
    }
}

/// Converts a failure of the ledger into an error for the caller.
///
/// The ledger write itself may have been applied, but the API call that it belongs to was not: the flag
/// [`may_have_been_applied`](Error::may_have_been_applied) describes the API call and is cleared.
pub(super) fn ledger_error(error: Error) -> Error {
    error.with(|inner| {
        inner.may_have_been_applied = false;
        inner.message = format!("the ledger failed: {}", inner.message).into();
    })
}

/// The version of a ledger entry, which also serves as a fencing token.
///
/// It consists of a random run ID and a counter. Each run that takes over a step and each decision of a person
/// draws a new run ID; each further entry of the same run increments the counter. An entry can only be replaced by
/// a caller that knows its current version. A worker that was suspended while another one continued therefore
/// cannot overwrite anything when it wakes up, and a run cannot take over an entry that changed since it was read.
///
/// The text form is 32 hexadecimal digits, a hyphen and a decimal number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryVersion {
    run: u128,
    count: u32,
}

impl EntryVersion {
    /// Draws the first version of a new run.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io): the operating system provides no random numbers.
    pub(super) fn new_run() -> Result<Self, Error> {
        Ok(Self { run: random::secure_u128()?, count: 0 })
    }

    /// Returns the next version of the same run.
    pub(super) fn next(self) -> Self {
        Self { count: self.count.saturating_add(1), ..self }
    }

    /// Checks whether both versions were created by the same run.
    pub(super) fn is_same_run(self, other: Self) -> bool {
        self.run == other.run
    }
}

impl fmt::Display for EntryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{}", self.run, self.count)
    }
}

impl fmt::Debug for EntryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryVersion({self})")
    }
}

impl FromStr for EntryVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text.split_once('-').and_then(|(run, count)| {
            let (run, count) = (u128::from_str_radix(run, 16).ok()?, count.parse().ok()?);
            // Only the canonical form is accepted, because ledgers compare versions as text.
            Some(Self { run, count }).filter(|version| version.to_string() == text)
        });
        let message = "not an entry version: expected 32 hexadecimal digits, a hyphen and a number";
        parsed.ok_or_else(|| Error::new(ErrorKind::InvalidInput, message))
    }
}

impl Serialize for EntryVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The recorded state of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EntryState {
    /// Not applied: the call was rejected, or the step can be continued. The next run sends it.
    NotApplied,
    /// Intent recorded, outcome unknown: the call was about to be sent, and may or may not have been applied.
    Intent,
    /// Completed.
    Completed,
}

/// The entry of a step in the ledger.
///
/// Serialized as JSON or in any other `serde` format. An entry is small and contains no health information and no
/// secrets: the state of an upload is serialized [without the presigned form](UploadState::without_form). A ledger that can
/// store secrets also stores the [`resumable_upload`](Self::resumable_upload).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LedgerEntry {
    version: EntryVersion,
    state: EntryState,
    /// Fingerprint of the requested values, by which the entry is matched with a request.
    request: Fingerprint,
    /// ID of the created object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// Whether the outcome of an earlier call was unknown. If so, a "username taken" response may be caused by that
    /// call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    after_unknown_outcome: bool,
    /// For a decision of a person: the version of the entry that it resolves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolves: Option<EntryVersion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload: Option<UploadState>,
    /// For an intent whose call has ended: why its outcome is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unknown_reason: Option<UnknownReason>,
    /// The state of an upload whose file is not uploaded yet, with its presigned form.
    #[serde(skip)]
    resumable_upload: Option<UploadState>,
}

impl LedgerEntry {
    fn new(version: EntryVersion, state: EntryState, request: Fingerprint, previous: Option<&Self>) -> Self {
        let after_unknown_outcome = previous.is_some_and(|previous| previous.after_unknown_outcome);
        Self {
            version,
            state,
            request,
            id: None,
            after_unknown_outcome,
            resolves: None,
            upload: None,
            unknown_reason: None,
            resumable_upload: None,
        }
    }

    /// Creates the next entry of the same run, for the same request.
    fn successor(&self, state: EntryState) -> Self {
        Self::new(self.version.next(), state, self.request.clone(), Some(self))
    }

    /// Creates the entry for a person's decision about this entry.
    fn resolution(&self, state: EntryState) -> Result<Self, Error> {
        let resolves = Some(self.version);
        let upload = self.upload.clone();
        Ok(Self {
            resolves,
            upload,
            ..Self::new(EntryVersion::new_run()?, state, self.request.clone(), Some(self))
        })
    }

    /// Creates the entry to write before a call. `previous` is the current entry of the step.
    pub(super) fn intent(version: EntryVersion, request: Fingerprint, previous: Option<&Self>) -> Self {
        Self::new(version, EntryState::Intent, request, previous)
    }

    /// Creates the entry for an intent whose call succeeded. `id` is the ID of the created object.
    pub(super) fn completed(&self, id: Option<Uuid>) -> Self {
        Self { id, ..self.successor(EntryState::Completed) }
    }

    /// Creates the entry for an intent whose call has ended with an unknown outcome, so that later runs report the reason.
    pub(super) fn unknown(&self, reason: UnknownReason) -> Self {
        Self { unknown_reason: Some(reason), ..self.successor(EntryState::Intent) }
    }

    /// Creates the entry for an intent whose call was certainly not applied.
    pub(super) fn not_applied(&self) -> Self {
        self.successor(EntryState::NotApplied)
    }

    /// Creates the entry for an intent whose call was reported as not applied by a source that may be wrong.
    pub(super) fn not_applied_unconfirmed(&self) -> Self {
        Self { after_unknown_outcome: true, ..self.not_applied() }
    }

    /// Creates the entry for the progress of an upload.
    pub(super) fn from_upload(
        version: EntryVersion,
        state: EntryState,
        upload: UploadState,
        request: Fingerprint,
        previous: Option<&Self>,
    ) -> Self {
        let id = if state == EntryState::Completed { upload.reference().map(Uuid::from) } else { None };
        Self {
            id,
            resumable_upload: Some(upload.clone()).filter(|upload| upload.stage() == UploadStage::Created),
            upload: Some(upload.without_form()),
            ..Self::new(version, state, request, previous)
        }
    }

    /// Creates the same entry with a further orphan: a reference that a run created after this entry had replaced its
    /// own.
    pub(super) fn with_orphan(self, version: EntryVersion, orphan: DocumentReferenceId) -> Self {
        let upload = Some(self.upload.unwrap_or_default().with_orphan(orphan));
        let resumable_upload = self.resumable_upload.map(|upload| upload.with_orphan(orphan));
        Self { version, upload, resumable_upload, ..self }
    }

    /// Creates the entry for a person's decision that the call was applied and created `id`.
    pub(super) fn resolved_as_completed(&self, id: Option<Uuid>) -> Result<Self, Error> {
        Ok(Self { id, ..self.resolution(EntryState::Completed)? })
    }

    /// Creates the entry for a person's decision that the step can be sent again. `orphan` is a reference that the
    /// earlier call created and that has no file.
    pub(super) fn resolved_as_not_applied(&self, orphan: Option<DocumentReferenceId>) -> Result<Self, Error> {
        let resolution = self.resolution(EntryState::NotApplied)?;
        let upload = resolution.upload.clone().map(|upload| upload.start_over(orphan));
        Ok(Self { after_unknown_outcome: true, upload, ..resolution })
    }

    /// Returns the version of the entry.
    pub fn version(&self) -> EntryVersion {
        self.version
    }

    /// Returns the state of the step.
    pub fn state(&self) -> EntryState {
        self.state
    }

    /// Returns the state of an upload whose file is not uploaded yet, with its presigned form. `None` in all other cases.
    ///
    /// It is not serialized with the entry. A ledger that can store a secret stores it as well, until the entry is
    /// replaced, and returns it [with the entry](Self::with_resumable_upload). Otherwise, the next run creates a second
    /// document reference, and the first one becomes an orphan.
    pub fn resumable_upload(&self) -> Option<&UploadState> {
        self.resumable_upload.as_ref()
    }

    /// Sets the [state of an upload](Self::resumable_upload) that was stored with this entry.
    #[must_use]
    pub fn with_resumable_upload(mut self, upload: UploadState) -> Self {
        self.resumable_upload = Some(upload);
        self
    }

    /// Checks whether the step certainly had no effect: its call was rejected, and no earlier call has an unknown
    /// outcome. Such an entry can be deleted, and the key can be used for another request.
    pub fn is_not_applied(&self) -> bool {
        self.state == EntryState::NotApplied
            && !self.after_unknown_outcome
            && self.id.is_none()
            && self.upload.is_none()
    }

    /// Returns the ID of the patient, document reference or appointment that the step created. `None` if the step
    /// is not completed, and for invitations.
    pub fn id(&self) -> Option<Uuid> {
        self.id
    }

    /// Returns the fingerprint of the requested values.
    pub(super) fn request(&self) -> &Fingerprint {
        &self.request
    }

    /// Checks whether the step is completed, or may have been applied, with the requested values. If so, the key
    /// cannot be used with other values for this step.
    pub(super) fn is_bound_to_request(&self) -> bool {
        let is_uploaded = self.upload.as_ref().is_some_and(|upload| upload.stage() == UploadStage::Uploaded);
        self.state != EntryState::NotApplied || is_uploaded
    }

    /// Checks whether the entry records a person's decision.
    pub(super) fn is_manual_resolution(&self) -> bool {
        self.resolves.is_some()
    }

    /// Checks whether the outcome of an earlier call for this step was unknown.
    pub(super) fn is_after_unknown_outcome(&self) -> bool {
        self.after_unknown_outcome
    }

    /// Returns why the outcome of an intent is unknown: [`InterruptedRun`](UnknownReason::InterruptedRun) unless a reason was
    /// recorded.
    pub(super) fn unknown_reason(&self) -> UnknownReason {
        self.unknown_reason.unwrap_or(UnknownReason::InterruptedRun)
    }

    /// Checks whether both entries record the same progress of an upload.
    pub(super) fn has_same_progress(&self, other: &Self) -> bool {
        (self.state, &self.upload) == (other.state, &other.upload)
    }

    /// Returns the progress of the upload. `None` for steps that are not documents.
    pub(super) fn upload(&self) -> Option<&UploadState> {
        self.upload.as_ref()
    }

    /// Returns the references that were created for this document and have no file.
    pub fn orphans(&self) -> &[DocumentReferenceId] {
        self.upload.as_ref().map(UploadState::orphans).unwrap_or_default()
    }

    /// Returns all references that are known to be created by this step, including orphans.
    pub(super) fn document_references(&self) -> impl Iterator<Item = DocumentReferenceId> {
        let uploading = self.upload.as_ref().and_then(UploadState::reference);
        let completed = self.id.map(DocumentReferenceId);
        uploading.into_iter().chain(completed).chain(self.orphans().iter().copied())
    }
}

/// The decision of a person who checked in Carium whether a step was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// Returns what a ledger has recorded of a row: the steps that are completed, and those whose outcome is unknown. Sends
/// nothing.
///
/// It is for a row that cannot be run again, for example because its request can no longer be read.
///
/// # Errors
/// Errors of the [ledger](Ledger).
pub async fn recorded_outcome(ledger: &dyn Ledger, row: &RowKey) -> Result<OnboardingOutcome, Error> {
    let entries = ledger.entries(row).await.map_err(ledger_error)?;
    let steps = entries.iter().filter_map(|(step, entry)| StepReport::if_settled(step, entry)).collect();
    Ok(OnboardingOutcome { steps })
}

/// Returns the entry that records a person's decision about `entry`.
fn resolve_entry(step: &Step, entry: &LedgerEntry, resolution: Resolution) -> Result<LedgerEntry, Error> {
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
fn no_unknown_outcome() -> Error {
    let message = "the outcome of the step is not unknown; it may have been resolved already";
    Error::new(ErrorKind::Conflict, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_has_one_text_form() {
        let version = EntryVersion::new_run().unwrap().next();
        assert_eq!(version.to_string().parse::<EntryVersion>().unwrap(), version);
        for text in ["", "-", "1-1", "0123456789abcdef0123456789ABCDEF-1", "0123456789abcdef0123456789abcdef"]
        {
            assert!(text.parse::<EntryVersion>().is_err(), "{text}");
        }
    }

    /// Stored ledgers outlive a version of this crate, so the serialized form must stay readable.
    #[test]
    fn reads_the_stored_json_format() {
        let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let stored = format!(
            r#"{{"version": "0123456789abcdef0123456789abcdef-3", "state": "intent",
                "request": {{"salt": "00", "digest": "{digest}"}}, "after-unknown-outcome": true,
                "resolves": "0123456789abcdef0123456789abcdef-1"}}"#
        );
        let entry: LedgerEntry = serde_json::from_str(&stored).unwrap();
        assert_eq!((entry.state(), entry.id(), entry.orphans()), (EntryState::Intent, None, &[][..]));
        assert!(entry.is_after_unknown_outcome() && entry.is_manual_resolution());
        let completed = entry.completed(Some(Uuid::nil()));
        assert!(completed.version().is_same_run(entry.version()) && completed.version() > entry.version());
        let text = serde_json::to_string(&completed).unwrap();
        assert_eq!(serde_json::from_str::<LedgerEntry>(&text).unwrap(), completed);
        let expected = format!(
            r#"{{"version":"0123456789abcdef0123456789abcdef-4","state":"completed",{request},{result}}}"#,
            request = format_args!(r#""request":{{"salt":"00","digest":"{digest}"}}"#),
            result = r#""id":"00000000-0000-0000-0000-000000000000","after-unknown-outcome":true"#,
        );
        assert_eq!(text, expected);
    }
}
