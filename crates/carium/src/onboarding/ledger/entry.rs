//! What a ledger holds of a step.

use std::fmt;
use std::str::FromStr;

use carium_api::uuid::Uuid;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::documents::{DocumentReferenceId, UploadStage, UploadState};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::random;

/// Which entry it is, and whose: drawn anew by each run that takes a step up, and by each decision of a person, and
/// counted on with each entry that the same run writes. An entry is replaced by who knows its mark, so a worker that
/// slept while others went on changes nothing when it wakes, and nobody takes over what has moved since they looked.
///
/// Written as 32 hexadecimal digits, a hyphen and a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryVersion {
    run: u128,
    count: u32,
}

impl EntryVersion {
    /// The first of a new run.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn draw() -> Result<Self, Error> {
        Ok(Self { run: random::bits()?, count: 0 })
    }

    /// The next of the same run.
    pub(crate) fn next(self) -> Self {
        Self { count: self.count.saturating_add(1), ..self }
    }

    /// Whether both are of the same run.
    pub(crate) fn is_of_run(self, other: Self) -> bool {
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
            // It has one form.
            Some(Self { run, count }).filter(|mark| mark.to_string() == text)
        });
        let what = "a mark is 32 hexadecimal digits, a hyphen and a number";
        parsed.ok_or_else(|| Error::new(ErrorKind::InvalidInput, what))
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

/// What is known of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EntryState {
    /// Nothing stands in its way: it was refused, or it may be gone on with.
    NotApplied,
    /// The call was about to be made. Whether it was, and what came of it, nobody knows who finds this.
    Intent,
    /// It is done.
    Completed,
}

/// What a ledger holds of a step: kept as JSON, or in any other form of `serde`. Small, with no health information
/// and no secret in it: of an upload it holds the [state without the form](UploadState::without_form).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LedgerEntry {
    mark: EntryVersion,
    state: EntryState,
    /// What was asked for, so that nothing else is taken for it.
    request: Fingerprint,
    /// What the step made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// Whether the answer to an earlier call was never known, so that what is found taken may be our own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    after_doubt: bool,
    /// The entry that a person decided on with this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolves: Option<EntryVersion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload: Option<UploadState>,
}

impl LedgerEntry {
    fn new(mark: EntryVersion, state: EntryState, request: Fingerprint, before: Option<&Self>) -> Self {
        let after_doubt = before.is_some_and(|before| before.after_doubt);
        Self { mark, state, request, id: None, after_doubt, resolves: None, upload: None }
    }

    /// The next of the same run, for the same request.
    fn then(&self, state: EntryState) -> Self {
        Self::new(self.mark.next(), state, self.request.clone(), Some(self))
    }

    /// What a person makes of it.
    fn decided(&self, state: EntryState) -> Result<Self, Error> {
        let resolves = Some(self.mark);
        let upload = self.upload.clone();
        Ok(Self {
            resolves,
            upload,
            ..Self::new(EntryVersion::draw()?, state, self.request.clone(), Some(self))
        })
    }

    /// A call is about to be made for this request, after what was there before.
    pub(crate) fn intent(mark: EntryVersion, request: Fingerprint, before: Option<&Self>) -> Self {
        Self::new(mark, EntryState::Intent, request, before)
    }

    /// The call of this intent was made, and made this.
    pub(crate) fn done(&self, id: Option<Uuid>) -> Self {
        Self { id, ..self.then(EntryState::Completed) }
    }

    /// The call of this intent was certainly not made, or not carried out.
    pub(crate) fn open(&self) -> Self {
        self.then(EntryState::NotApplied)
    }

    /// The call of this intent is said not to have been carried out, by who may not have known.
    pub(crate) fn open_in_doubt(&self) -> Self {
        Self { after_doubt: true, ..self.open() }
    }

    /// How far an upload has come.
    pub(crate) fn of_upload(
        mark: EntryVersion,
        state: EntryState,
        upload: UploadState,
        request: Fingerprint,
        before: Option<&Self>,
    ) -> Self {
        let id = if state == EntryState::Completed { upload.reference().map(Uuid::from) } else { None };
        Self { id, upload: Some(upload.without_form()), ..Self::new(mark, state, request, before) }
    }

    /// A person has looked, and says that it was done and what it made.
    pub(super) fn resolved_as_done(&self, id: Option<Uuid>) -> Result<Self, Error> {
        Ok(Self { id, ..self.decided(EntryState::Completed)? })
    }

    /// A person has looked, and says that it may be done. `found` is a reference that is there without a file.
    pub(super) fn resolved_as_open(&self, found: Option<DocumentReferenceId>) -> Result<Self, Error> {
        let decided = self.decided(EntryState::NotApplied)?;
        let upload = decided.upload.clone().map(|upload| upload.start_over(found));
        Ok(Self { after_doubt: true, upload, ..decided })
    }

    /// Whose it is.
    pub fn mark(&self) -> EntryVersion {
        self.mark
    }

    /// What is known of the step.
    pub fn state(&self) -> EntryState {
        self.state
    }

    /// Whether it is certain that nothing came of the step: it was refused, and no earlier call for it is in doubt. Then
    /// the entry can be forgotten, and something else be asked for under the same key.
    pub fn is_not_applied(&self) -> bool {
        self.state == EntryState::NotApplied
            && !self.after_doubt
            && self.id.is_none()
            && self.upload.is_none()
    }

    /// The id of what the step made: of the patient, the document reference, the appointment. `None` where it is
    /// not done, and for an invitation.
    pub fn id(&self) -> Option<Uuid> {
        self.id
    }

    /// What was asked for.
    pub(crate) fn request(&self) -> &Fingerprint {
        &self.request
    }

    /// Whether the step is done, or may be, for the request that was made: another one must not be taken for it. What
    /// was certainly not done can be asked for in another way.
    pub(crate) fn binds(&self) -> bool {
        let is_sent = self.upload.as_ref().is_some_and(|upload| upload.stage() == UploadStage::Uploaded);
        self.state != EntryState::NotApplied || is_sent
    }

    /// Whether a person decided that this is so.
    pub(crate) fn is_decided(&self) -> bool {
        self.resolves.is_some()
    }

    /// Whether the answer to an earlier call for this step was never known.
    pub(crate) fn is_after_doubt(&self) -> bool {
        self.after_doubt
    }

    /// Whether this one takes the place of the other: what became of it in the same run, or what a person made of it.
    pub(crate) fn follows(&self, other: &Self) -> bool {
        let is_later = self.mark.is_of_run(other.mark) && self.mark > other.mark;
        is_later || self.resolves == Some(other.mark)
    }

    /// Whether both say the same of an upload.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        (self.state, &self.upload) == (other.state, &other.upload)
    }

    /// How far the upload has come, for a document.
    pub(crate) fn upload(&self) -> Option<&UploadState> {
        self.upload.as_ref()
    }

    /// References that were created for this document and stay without a file.
    pub fn orphans(&self) -> &[DocumentReferenceId] {
        self.upload.as_ref().map(UploadState::orphans).unwrap_or_default()
    }

    /// Every reference that is known to be this step's.
    pub(crate) fn references(&self) -> impl Iterator<Item = DocumentReferenceId> {
        let own = self.upload.as_ref().and_then(UploadState::reference);
        let made = self.id.map(DocumentReferenceId);
        own.into_iter().chain(made).chain(self.orphans().iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_has_one_text() {
        let mark = EntryVersion::draw().unwrap().next();
        assert_eq!(mark.to_string().parse::<EntryVersion>().unwrap(), mark);
        for text in ["", "-", "1-1", "0123456789abcdef0123456789ABCDEF-1", "0123456789abcdef0123456789abcdef"]
        {
            assert!(text.parse::<EntryVersion>().is_err(), "{text}");
        }
    }

    /// Ledgers are kept for longer than a version of this crate.
    #[test]
    fn reads_what_was_kept_before() {
        let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let kept = format!(
            r#"{{"mark": "0123456789abcdef0123456789abcdef-3", "state": "intent",
                "request": {{"salt": "00", "digest": "{digest}"}}}}"#
        );
        let entry: LedgerEntry = serde_json::from_str(&kept).unwrap();
        assert_eq!((entry.state(), entry.id(), entry.orphans()), (EntryState::Intent, None, &[][..]));
        let done = entry.done(Some(Uuid::nil()));
        assert!(done.follows(&entry) && !entry.follows(&done));
        let text = serde_json::to_string(&done).unwrap();
        assert_eq!(serde_json::from_str::<LedgerEntry>(&text).unwrap(), done);
        assert!(text.contains(r#""mark":"0123456789abcdef0123456789abcdef-4""#), "{text}");
    }
}
