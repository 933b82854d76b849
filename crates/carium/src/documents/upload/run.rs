//! The pipeline: from one stage to the next.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use carium_api::operations;
use carium_api::types::DocumentReferenceId;
use futures_util::stream::StreamExt as _;
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use super::source::{Opened, Source, gone};
use super::state::{Place, UploadState};
use super::{SharedState, UploadError, UploadReceipt, UploadStage, UploadStateStore};
use crate::documents::progress::{Canceled, Moving, Reporter, Stage};
use crate::documents::sides::DocumentServices;
use crate::documents::{Content, CreatedDocument, FilePart, NewDocument, Sha256Digest, UploadForm};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::problem::Problem;

/// One upload.
pub(super) struct Run {
    pub(super) sides: DocumentServices,
    pub(super) document: NewDocument,
    pub(super) source: Source,
    pub(super) reporter: Reporter,
    pub(super) state: SharedState,
    pub(super) store: Option<Arc<dyn UploadStateStore>>,
}

/// How long an answer is waited for that says what a cancelled upload leaves behind.
const GRACE: Duration = Duration::from_secs(5);
/// How long a form counts as new.
const JUST_GIVEN: Duration = Duration::from_mins(1);
/// The connection is handed a block in slices, between which it is seen to move.
const SLICE: usize = 64 * 1024;

impl Run {
    pub(super) async fn finish(mut self) -> Result<UploadReceipt, UploadError> {
        let span = tracing::info_span!(
            "carium.upload",
            carium.individual_id = %self.document.patient(),
            carium.document_reference_id = tracing::field::Empty,
            error.r#type = tracing::field::Empty,
        );
        let result = self.all_stages().instrument(span.clone()).await;
        if let Some(id) = self.state.get().reference() {
            span.record("carium.document_reference_id", tracing::field::display(id));
        }
        result.map_err(|error| {
            span.record("error.type", tracing::field::debug(error.kind()));
            UploadError::new(error, self.state.get())
        })
    }

    async fn all_stages(&mut self) -> Result<UploadReceipt, Error> {
        self.check()?;
        let mut may_renew = true;
        // When the form was given, where that was in this run.
        let mut given: Option<Instant> = None;
        loop {
            if self.reporter.is_cancelled() {
                return Err(cancelled());
            }
            let state = self.state.get();
            match state.place {
                Place::New => {
                    self.create().await?;
                    given = Some(Instant::now());
                }
                Place::Creating => return Err(unknown()),
                Place::Created { id, form } => match self.transfer(&form).await {
                    Ok((size, sha256)) => self.enter(Place::Uploaded { id, size, sha256 }).await?,
                    Err(error) if may_renew && is_out_of_date(&error, given) => {
                        tracing::debug!(carium.document_reference_id = %id, "the form is no longer valid");
                        may_renew = false;
                        self.give_up(id).await?;
                        if !self.source.is_there() {
                            return Err(gone().with_source(error));
                        }
                    }
                    Err(error) => return Err(error),
                },
                Place::Uploaded { id, size, sha256 } => {
                    self.reporter.stage(Stage::Finishing);
                    match self.reporter.unless_cancelled(self.sides.documents.process(id)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => {
                            if is_without_file(&error) {
                                tracing::debug!(carium.document_reference_id = %id, "the file is not there");
                                // That it could not be kept is the lesser news.
                                let _ = self.give_up(id).await;
                            }
                            return Err(error);
                        }
                        Err(Canceled) => return Err(cancelled()),
                    }
                    self.enter(Place::Processed { id, size, sha256 }).await?;
                }
                Place::Processed { id, size, sha256 } => {
                    self.reporter.stage(Stage::Done);
                    return Ok(UploadReceipt { id, size, sha256, orphans: state.orphans });
                }
            }
        }
    }

    /// A state is of one document. Another file must not end up under its reference, in another's record even.
    fn check(&self) -> Result<(), Error> {
        match self.state.get().document {
            Some(document) if !document.is_of(&said(&self.document)) => {
                let what = "the state to resume from is that of another document";
                Err(Error::new(ErrorKind::InvalidInput, what))
            }
            _ => Ok(()),
        }
    }

    async fn create(&mut self) -> Result<(), Error> {
        self.reporter.stage(Stage::Preparing);
        if let Err(error) = self.enter(Place::Creating).await {
            // Nothing was asked for, and so nothing is in doubt.
            self.forget_creation();
            return Err(error);
        }
        if self.reporter.is_cancelled() {
            self.forget_creation();
            return Err(cancelled());
        }
        let documents = Arc::clone(&self.sides.documents);
        let mut creating = documents.create(self.document.clone());
        // A cancelled creation is heard out for a while: what it made has to be told.
        let answered = match self.reporter.unless_cancelled(&mut creating).await {
            Ok(answered) => answered,
            Err(Canceled) => timeout(GRACE, creating).await.map_err(|_| {
                cancelled().with_operation(&operations::CREATE_DOCUMENT_REFERENCE).with_unknown_outcome()
            })?,
        };
        match answered {
            Ok(CreatedDocument { id, form: Some(form) }) => self.enter(Place::Created { id, form }).await,
            Ok(CreatedDocument { id, form: None }) => {
                // That it could not be kept is the lesser news.
                let _ = self.give_up(id).await;
                let what =
                    "the service gave no form to upload the file with, or one that cannot be understood";
                Err(Error::new(ErrorKind::Undecodable, what)
                    .with_operation(&operations::CREATE_DOCUMENT_REFERENCE))
            }
            Err(error) => {
                if !error.may_have_been_applied() {
                    let _ = self.enter(Place::New).await;
                }
                Err(error)
            }
        }
    }

    /// Takes back, here, that the service was to be asked.
    fn forget_creation(&self) {
        let mut state = self.state.get();
        state.leave(None);
        self.state.set(state);
    }

    /// Leaves a reference without a file.
    async fn give_up(&mut self, id: DocumentReferenceId) -> Result<(), Error> {
        let mut state = self.state.get();
        state.leave(Some(id));
        self.keep(state).await
    }

    async fn enter(&mut self, place: Place) -> Result<(), Error> {
        let mut state = self.state.get();
        state.place = place;
        if state.stage() == UploadStage::New {
            state.document = None;
        } else if state.document.is_none() {
            state.document = Some(Fingerprint::of(&said(&self.document))?);
        }
        self.keep(state).await
    }

    /// What was done is in the state whether or not it can be kept elsewhere.
    async fn keep(&mut self, state: UploadState) -> Result<(), Error> {
        self.state.set(state.clone());
        let Some(store) = &self.store else { return Ok(()) };
        self.reporter.unless_cancelled(store.save(&state)).await.unwrap_or_else(|Canceled| Err(cancelled()))
    }

    /// Posts the file, as often as it takes and is worth it.
    async fn transfer(&mut self, form: &UploadForm) -> Result<(u64, Sha256Digest), Error> {
        let mut tries = self.sides.tries.clone();
        tries.progressed();
        loop {
            if !self.source.is_there() {
                return Err(gone());
            }
            let once = self.transfer_once(form);
            let error = match self.reporter.unless_cancelled(once).await {
                Ok(Ok(sent)) => return Ok(sent),
                Ok(Err(error)) => error,
                Err(Canceled) => return Err(cancelled()),
            };
            tracing::debug!(error.r#type = ?error.kind(), http.response.status_code = error.status(), "not uploaded");
            if error.is_transient() && !self.source.is_there() {
                return Err(gone().with_source(error));
            }
            match self.reporter.unless_cancelled(tries.again_after(&error)).await {
                Ok(true) => {}
                Ok(false) => return Err(error),
                Err(Canceled) => return Err(cancelled()),
            }
        }
    }

    async fn transfer_once(&self, form: &UploadForm) -> Result<(u64, Sha256Digest), Error> {
        let Opened { length, content, digest } = self.source.open().await?;
        let this_try = self.reporter.transferring(0, Some(length));
        let is_whole = matches!(content, Content::Bytes(_));
        let content = if is_whole { content } else { watched(content, this_try.clone()) };
        let file = FilePart::new(self.document.file_name(), self.document.media_type(), length, content);
        self.sides.transfers.post(form, file).await?;
        if is_whole {
            this_try.moved(length);
        }
        let sha256 = digest.get().await.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "the upload is said to be done, but not all of the file was read")
        })?;
        Ok((length, sha256))
    }
}

/// The content in slices, each of which is reported as it is handed on.
fn watched(content: Content, this_try: Moving) -> Content {
    let slices = content.into_stream().flat_map(move |block| {
        let this_try = this_try.clone();
        let slices = Slices(Some(block)).inspect(move |slice| {
            if let Ok(slice) = slice {
                this_try.moved(slice.len() as u64);
            }
        });
        futures_util::stream::iter(slices)
    });
    Content::Stream(slices.boxed())
}

/// A block, a slice at a time.
struct Slices(Option<io::Result<Bytes>>);

impl Iterator for Slices {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        let mut block = match self.0.take()? {
            Ok(block) => block,
            Err(error) => return Some(Err(error)),
        };
        let slice = block.split_to(block.len().min(SLICE));
        self.0 = (!block.is_empty()).then_some(Ok(block));
        Some(Ok(slice))
    }
}

/// Whether a refusal may mean that the form is no longer valid. Not every store says so, but one that was given a
/// moment ago has not expired without a word: a refusal of that is one.
fn is_out_of_date(error: &Error, given: Option<Instant>) -> bool {
    let is_new = given.is_some_and(|given| given.elapsed() < JUST_GIVEN);
    error.kind() == ErrorKind::Expired || (error.kind() == ErrorKind::Forbidden && !is_new)
}

/// Whether the service says that a reference is gone or has no file. What else contradicts the processing may be
/// that it is done, and then starting over would file the document twice.
fn is_without_file(error: &Error) -> bool {
    let says_so = |problem: &Problem| {
        let said: Vec<_> = [problem.code(), problem.detail()].into_iter().flatten().collect();
        let said = said.join(" ").to_lowercase().replace(|letter: char| !letter.is_alphanumeric(), " ");
        let has = |words: &[&str]| said.split(' ').any(|word| words.contains(&word));
        has(&["no", "not", "missing", "without"]) && has(&["file", "uploaded", "upload", "object"])
    };
    match error.kind() {
        ErrorKind::NotFound => true,
        ErrorKind::Conflict => !error.may_have_been_applied() && error.problems().iter().any(says_so),
        _ => false,
    }
}

/// All that is said of a document, by which it is recognised.
fn said(document: &NewDocument) -> [String; 7] {
    let said = document.attributes();
    [
        said.organization_id.to_string(),
        said.individual_id.to_string(),
        said.class_id.to_string(),
        said.name.as_str().to_owned(),
        said.attachment_filename.as_str().to_owned(),
        said.attachment_content_type.as_str().to_owned(),
        said.description.clone().unwrap_or_default(),
    ]
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Canceled, "the upload was cancelled")
}

fn unknown() -> Error {
    let what = "an earlier creation of the reference was not answered; look for it, and start the state over";
    Error::new(ErrorKind::Conflict, what)
        .with_operation(&operations::CREATE_DOCUMENT_REFERENCE)
        .with_unknown_outcome()
}
