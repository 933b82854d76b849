//! The upload pipeline: runs the stages of one upload.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use carium_api::operations;
use carium_api::types::DocumentReferenceId;
use futures_util::stream::StreamExt as _;
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use super::source::{OpenSource, UploadSource, already_read};
use super::state::{
    SharedState, UploadError, UploadPhase, UploadReceipt, UploadStage, UploadState, UploadStateStore,
};
use crate::documents::conflict::{contradicts_processing, reports_missing_file};
use crate::documents::transfer::{
    AttemptProgress, Canceled, DocumentServices, ProgressReporter, TransferStage,
};
use crate::documents::{Content, CreatedDocument, Digest, FilePart, NewDocument, UploadForm};
use crate::error::{Error, ErrorKind};
use crate::sha256::Sha256Digest;

/// One upload.
pub(super) struct UploadPipeline {
    pub(super) services: DocumentServices,
    pub(super) document: NewDocument,
    pub(super) source: UploadSource,
    pub(super) digest: Digest,
    pub(super) reporter: ProgressReporter,
    pub(super) state: SharedState,
    pub(super) store: Option<Arc<dyn UploadStateStore>>,
}

/// How long a canceled upload waits for the response to a create request in flight, because the response contains the
/// ID of the new reference.
const CREATE_GRACE_PERIOD: Duration = Duration::from_secs(5);
/// If a form was issued less than this time ago, a 403 does not mean that the form has expired.
const FRESH_FORM_PERIOD: Duration = Duration::from_secs(60);
/// Blocks are passed to the connection in slices of this size, to report progress between them.
const SLICE: usize = 64 * 1024;

impl UploadPipeline {
    pub(super) async fn run(mut self) -> Result<UploadReceipt, UploadError> {
        let span = tracing::info_span!(
            "carium.upload",
            carium.individual_id = %self.document.patient(),
            carium.document_reference_id = tracing::field::Empty,
            error.r#type = tracing::field::Empty,
        );
        let result = self.run_stages().instrument(span.clone()).await;
        if let Some(id) = self.state.get().reference() {
            span.record("carium.document_reference_id", tracing::field::display(id));
        }
        result.map_err(|error| {
            span.record("error.type", tracing::field::debug(error.kind()));
            UploadError::new(error, self.state.get())
        })
    }

    async fn run_stages(&mut self) -> Result<UploadReceipt, Error> {
        self.check_state()?;
        let mut may_renew_form = true;
        // When the current form was issued, if that was in this run.
        let mut form_issued_at: Option<Instant> = None;
        loop {
            if self.reporter.is_canceled() {
                return Err(canceled());
            }
            let state = self.state.get();
            match state.phase {
                UploadPhase::New => {
                    self.create_reference().await?;
                    form_issued_at = Some(Instant::now());
                }
                UploadPhase::Creating => return Err(creation_outcome_unknown()),
                UploadPhase::Created { id, form } => match self.post_with_retries(&form).await {
                    Ok((size, sha256)) => self.enter(UploadPhase::Uploaded { id, size, sha256 }).await?,
                    Err(error) if may_renew_form && may_be_expired(&error, form_issued_at) => {
                        tracing::debug!(carium.document_reference_id = %id, "upload form expired");
                        may_renew_form = false;
                        self.abandon_reference(id).await?;
                        if !self.source.is_available() {
                            return Err(already_read().with_source(error));
                        }
                    }
                    Err(error) => return Err(error),
                },
                UploadPhase::Uploaded { id, size, sha256 } => {
                    self.process(id).await?;
                    self.enter(UploadPhase::Processed { id, size, sha256 }).await?;
                }
                UploadPhase::Processed { id, size, sha256 } => {
                    self.reporter.set_stage(TransferStage::Completed);
                    return Ok(UploadReceipt { id, size, sha256, orphans: state.orphans });
                }
            }
        }
    }

    /// Checks that the state belongs to this document. Otherwise, the file could be uploaded to the reference of
    /// another document, even of another patient.
    fn check_state(&self) -> Result<(), Error> {
        if self.state.get().is_usable_for(&self.document) {
            return Ok(());
        }
        let message = "the upload state belongs to another document";
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    async fn create_reference(&mut self) -> Result<(), Error> {
        self.reporter.set_stage(TransferStage::Preparing);
        let entered = self.enter(UploadPhase::Creating).await;
        let is_canceled = self.reporter.is_canceled();
        if let Err(error) = entered.and_then(|()| if is_canceled { Err(canceled()) } else { Ok(()) }) {
            // The request has not been sent, so its outcome is known. The state store is not called: it may just
            // have failed.
            let mut state = self.state.get();
            state.reset(None);
            self.state.set(state);
            return Err(error);
        }
        let documents = Arc::clone(&self.services.documents);
        let mut create = documents.create(self.document.clone());
        let result = match self.reporter.unless_canceled(&mut create).await {
            Ok(result) => result,
            Err(Canceled) => timeout(CREATE_GRACE_PERIOD, create).await.map_err(|_| {
                canceled().with_operation(&operations::CREATE_DOCUMENT_REFERENCE).with_unknown_outcome()
            })?,
        };
        match result {
            Ok(CreatedDocument { id, form: Some(form) }) => {
                self.enter(UploadPhase::Created { id, form }).await
            }
            Ok(CreatedDocument { id, form: None }) => {
                // If the state store fails too, the missing form is the error to return.
                let _ = self.abandon_reference(id).await;
                let message = "the service returned no upload form, or one that cannot be decoded";
                Err(Error::new(ErrorKind::Undecodable, message)
                    .with_operation(&operations::CREATE_DOCUMENT_REFERENCE))
            }
            Err(error) => {
                if !error.may_have_been_applied() {
                    let _ = self.enter(UploadPhase::New).await;
                }
                Err(error)
            }
        }
    }

    async fn process(&mut self, id: DocumentReferenceId) -> Result<(), Error> {
        self.reporter.set_stage(TransferStage::Finishing);
        let result = self.unless_canceled(self.services.documents.process(id)).await;
        let Err(error) = &result else { return result };
        let is_missing = reports_missing_file(error);
        if is_missing || may_be_processed(error) {
            // A processed document can be downloaded. Another attempt may have processed it, so that nothing is left to do.
            match self.unless_canceled(self.services.documents.download_url(id)).await {
                Ok(_) => return Ok(()),
                Err(lookup) if is_missing && is_conclusive(&lookup) => {
                    tracing::debug!(carium.document_reference_id = %id, "uploaded file not found");
                    // If the state store fails too, the service's error is the one to return.
                    let _ = self.abandon_reference(id).await;
                }
                // The upload can be resumed.
                Err(_) => {}
            }
        }
        result
    }

    /// Marks a reference as an orphan and returns to the first phase.
    async fn abandon_reference(&mut self, id: DocumentReferenceId) -> Result<(), Error> {
        let mut state = self.state.get();
        state.reset(Some(id));
        self.save(state).await
    }

    async fn enter(&mut self, phase: UploadPhase) -> Result<(), Error> {
        let mut state = self.state.get();
        state.phase = phase;
        if state.stage() == UploadStage::New {
            state.document = None;
        } else if state.document.is_none() {
            state.document = Some(super::state::fingerprint(&self.document)?);
        }
        self.save(state).await
    }

    /// Saves the state. The handle and the error show the new state even if the state store fails.
    async fn save(&mut self, state: UploadState) -> Result<(), Error> {
        self.state.set(state.clone());
        let Some(store) = &self.store else { return Ok(()) };
        self.unless_canceled(store.save(&state)).await
    }

    async fn unless_canceled<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.reporter.unless_canceled(future).await.unwrap_or_else(|Canceled| Err(canceled()))
    }

    /// Posts the file and retries transient failures.
    async fn post_with_retries(&mut self, form: &UploadForm) -> Result<(u64, Option<Sha256Digest>), Error> {
        let mut retries = self.services.retries.clone();
        retries.reset();
        loop {
            if !self.source.is_available() {
                return Err(already_read());
            }
            let error = match self.unless_canceled(self.post_once(form)).await {
                Ok(sent) => return Ok(sent),
                Err(error) => error,
            };
            tracing::debug!(
                error.r#type = ?error.kind(),
                http.response.status_code = error.status(),
                "upload attempt failed"
            );
            if error.is_transient() && !self.source.is_available() {
                return Err(already_read().with_source(error));
            }
            if !self.unless_canceled(async { Ok(retries.wait_before_retry(&error).await) }).await? {
                return Err(error);
            }
        }
    }

    async fn post_once(&self, form: &UploadForm) -> Result<(u64, Option<Sha256Digest>), Error> {
        let OpenSource { length, content, digest } = self.source.open(self.digest).await?;
        let progress = self.reporter.start_attempt(0, Some(length));
        let is_one_buffer = matches!(content, Content::Bytes(_));
        let content = if is_one_buffer { content } else { with_progress(content, progress.clone()) };
        let file = FilePart::new(self.document.file_name(), self.document.media_type(), length, content);
        self.services.transfers.post(form, file).await?;
        if is_one_buffer {
            progress.add(length);
        }
        let sha256 = digest.get().await.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "the object store reported success before the whole file was read")
        })?;
        Ok((length, sha256))
    }
}

/// Splits the content into slices and reports each one when it is passed to the connection.
fn with_progress(content: Content, progress: AttemptProgress) -> Content {
    let slices = content.into_stream().flat_map(move |block| {
        let progress = progress.clone();
        let slices = Slices(Some(block)).inspect(move |slice| {
            if let Ok(slice) = slice {
                progress.add(slice.len() as u64);
            }
        });
        futures_util::stream::iter(slices)
    });
    Content::Stream(slices.boxed())
}

/// An iterator over the slices of a block.
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

/// Checks whether a document may be processed although the service reported an error: the response was lost or odd, or it
/// is a conflict whose words do not say otherwise.
fn may_be_processed(error: &Error) -> bool {
    error.may_have_been_applied() || (error.kind() == ErrorKind::Conflict && !contradicts_processing(error))
}

/// Checks whether a lookup shows that a document cannot be downloaded.
fn is_conclusive(lookup: &Error) -> bool {
    matches!(lookup.kind(), ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Rejected)
}

/// Checks whether an error may mean that the form has expired. Some object stores respond to an expired form with a
/// plain 403. A form that was issued within [`FRESH_FORM_PERIOD`] cannot have expired, so a 403 has another reason.
fn may_be_expired(error: &Error, form_issued_at: Option<Instant>) -> bool {
    let is_fresh = form_issued_at.is_some_and(|issued_at| issued_at.elapsed() < FRESH_FORM_PERIOD);
    error.kind() == ErrorKind::Expired || (error.kind() == ErrorKind::Forbidden && !is_fresh)
}

fn canceled() -> Error {
    Error::new(ErrorKind::Canceled, "the upload was canceled")
}

fn creation_outcome_unknown() -> Error {
    let message = "the outcome of an earlier creation of the document reference is unknown; \
                   check whether the reference exists before you start over";
    Error::new(ErrorKind::Conflict, message)
        .with_operation(&operations::CREATE_DOCUMENT_REFERENCE)
        .with_unknown_outcome()
}
