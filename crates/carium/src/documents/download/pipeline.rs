//! The download pipeline: writes the bytes of a document to a sink, in order, across as many connections as it takes.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::Secret;
use futures_util::stream::StreamExt as _;
use tracing::Instrument as _;

use super::request::{DownloadReceipt, DownloadRequest};
use crate::documents::digest::{Digest, Hasher};
use crate::documents::transfer::{
    AttemptProgress, Canceled, DocumentServices, ProgressReporter, TransferStage,
};
use crate::documents::{ByteRange, DownloadResponse};
use crate::error::{Error, ErrorKind};
use crate::sha256::Sha256Digest;

/// The target of a download. Receives the bytes in order and computes the digest that the request sets.
#[async_trait]
pub(super) trait DownloadSink: Send {
    /// Sets the file name, if one is known. Called once, before the first bytes. By default, the name is ignored.
    async fn open(&mut self, _name: Option<&str>) -> Result<(), Error> {
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error>;

    /// Passes on all bytes that were written, and returns the digest of those since the first or the last
    /// [`restart`](Self::restart).
    async fn digest(&mut self) -> Result<Option<Sha256Digest>, Error>;

    /// Discards all bytes. Returns `false` if they cannot be discarded, which is the default.
    async fn restart(&mut self) -> Result<bool, Error> {
        Ok(false)
    }
}

/// Converts an error of a file or a writer.
pub(super) fn write_error(error: &io::Error) -> Error {
    Error::from_io("the document could not be written to its target", error)
}

/// Returns the error for a document that changed during the download, after some bytes were passed on.
fn document_changed() -> Error {
    Error::new(ErrorKind::Corrupt, "the document changed during the download; download it again")
}

/// One download.
pub(super) struct DownloadPipeline {
    pub(super) services: DocumentServices,
    pub(super) request: DownloadRequest,
    pub(super) reporter: ProgressReporter,
}

/// A document whose bytes have all been written to a sink.
pub(super) struct CompleteDownload {
    size: u64,
    sha256: Option<Sha256Digest>,
    reporter: ProgressReporter,
}

impl CompleteDownload {
    /// Reports completion and returns the receipt. Called when the sink has been flushed or committed.
    pub(super) fn receipt(self, path: Option<PathBuf>) -> DownloadReceipt {
        self.reporter.set_stage(TransferStage::Completed);
        DownloadReceipt { size: self.size, sha256: self.sha256, path }
    }
}

/// The state of a download between connections.
#[derive(Default)]
struct DownloadState {
    url: Option<Secret>,
    /// URLs that were rejected since the last bytes arrived.
    rejected_urls: u32,
    sink_is_open: bool,
    /// Bytes that were written to the sink.
    offset: u64,
    total: Option<u64>,
    version: Option<String>,
    /// Whether the object store sent a range without its version, or of a file whose length is unknown.
    cannot_verify_ranges: bool,
    /// How often the download was restarted from the first byte.
    restarts: u32,
}

impl DownloadState {
    /// Compares a response with what is known of the document, and adds what was not known. Returns an outcome if the
    /// bytes of the response cannot be used.
    fn accept(
        &mut self,
        response: &DownloadResponse,
        request: &DownloadRequest,
    ) -> Result<Option<ConnectionOutcome>, Error> {
        let DownloadResponse { start, total, version, .. } = response;
        if *start > 0 && *start != self.offset {
            let message = "the object store sent a range that was not requested";
            return Err(Error::new(ErrorKind::Undecodable, message));
        }
        if self.offset == 0 {
            (self.total, self.version) = (*total, version.clone());
            return Ok(None);
        }
        if are_different(self.total.as_ref(), total.as_ref())
            || are_different(self.version.as_ref(), version.as_ref())
        {
            return Ok(Some(ConnectionOutcome::Restart));
        }
        let missing = if version.is_none() && self.version.is_some() {
            // RFC 9110, section 15.3.7, requires the entity tag in a response with a range. An object store that does
            // not send it may have ignored `If-Range`, so the range may be of another version.
            Some("the object store sent a range without an entity tag")
        } else if self.total.or(*total).is_none() {
            // A range may be shorter than requested, according to the same section.
            Some("the object store sent a range without the length of the file")
        } else {
            None
        };
        if let Some(message) = missing
            && *start > 0
            && request.expected_sha256.is_none()
        {
            self.cannot_verify_ranges = true;
            return Ok(Some(ConnectionOutcome::Retry(Error::new(ErrorKind::Unavailable, message))));
        }
        // Without a digest, only the version shows that the bytes that have already been written are the same.
        if *start == 0 && request.digest == Digest::None && (self.version.is_none() || version.is_none()) {
            return Ok(Some(ConnectionOutcome::Restart));
        }
        self.total = self.total.or(*total);
        self.version = self.version.take().or_else(|| version.clone());
        Ok(None)
    }

    /// Discards what was written and starts from the first byte. Returns `false` if the sink cannot discard it, or if
    /// the download was restarted too often.
    async fn restart(&mut self, sink: &mut dyn DownloadSink) -> Result<bool, Error> {
        if self.restarts >= MAX_RESTARTS || !sink.restart().await? {
            return Ok(false);
        }
        *self = Self {
            restarts: self.restarts + 1,
            url: self.url.take(),
            rejected_urls: self.rejected_urls,
            sink_is_open: true,
            cannot_verify_ranges: self.cannot_verify_ranges,
            ..Self::default()
        };
        Ok(true)
    }

    /// Writes new bytes to the sink.
    async fn write(
        &mut self,
        bytes: Bytes,
        sink: &mut dyn DownloadSink,
        progress: &AttemptProgress,
    ) -> Result<(), Error> {
        let length = bytes.len() as u64;
        if self.total.is_some_and(|total| self.offset + length > total) {
            let message = "the document is longer than the object store announced";
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        sink.write(bytes).await?;
        self.offset += length;
        progress.add(length);
        Ok(())
    }
}

/// Maximum number of restarts, for a document that keeps changing or connections that cannot be continued.
const MAX_RESTARTS: u32 = 3;

/// How often a 403 without a reason is taken as an expired URL. If a fresh URL is rejected too, the URL's age is not
/// the reason.
const MAX_REJECTED_URLS: u32 = 1;

/// The outcome of one connection. Errors that end the download are not part of it.
enum ConnectionOutcome {
    Complete,
    Retry(Error),
    /// The document has changed: the download must restart from the first byte.
    Restart,
}

impl DownloadPipeline {
    /// Writes the whole document to a sink and verifies it.
    pub(super) async fn run(mut self, sink: &mut dyn DownloadSink) -> Result<CompleteDownload, Error> {
        let span = tracing::info_span!(
            "carium.download",
            carium.document_reference_id = %self.request.id,
            error.r#type = tracing::field::Empty,
        );
        let reporter = self.reporter.clone();
        let run = async {
            if self.request.expected_sha256.is_some() && self.request.digest == Digest::None {
                let message = "the download expects a SHA-256 digest and is set to compute none";
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            let size = self.write_all(sink).await?;
            self.reporter.set_stage(TransferStage::Finishing);
            let sha256 = sink.digest().await?;
            match self.request.expected_sha256 {
                Some(expected) if sha256 != Some(expected) => Err(Error::new(
                    ErrorKind::Corrupt,
                    "the SHA-256 digest of the document is not the expected digest",
                )),
                _ => Ok(CompleteDownload { size, sha256, reporter: self.reporter.clone() }),
            }
        };
        let result = reporter.unless_canceled(run.instrument(span.clone())).await;
        let result = result
            .unwrap_or_else(|Canceled| Err(Error::new(ErrorKind::Canceled, "the download was canceled")));
        if let Err(error) = &result {
            span.record("error.type", tracing::field::debug(error.kind()));
        }
        result
    }

    /// Writes the whole document to a sink, and reconnects as often as the retry policy permits.
    async fn write_all(&mut self, sink: &mut dyn DownloadSink) -> Result<u64, Error> {
        let mut state = DownloadState::default();
        let mut retries = self.services.retries.clone();
        loop {
            let offset_before = state.offset;
            let result = self.run_connection(&mut state, sink).await;
            if state.offset > offset_before {
                retries.reset();
                state.rejected_urls = 0;
            }
            match result? {
                ConnectionOutcome::Complete => return Ok(state.offset),
                ConnectionOutcome::Restart => {
                    if !state.restart(sink).await? {
                        return Err(document_changed());
                    }
                }
                ConnectionOutcome::Retry(error) => {
                    tracing::debug!(
                        error.r#type = ?error.kind(),
                        http.response.status_code = error.status(),
                        "download attempt failed"
                    );
                    let may_need_new_url = match error.kind() {
                        ErrorKind::Expired => true,
                        // Some object stores respond with a plain 403 if a URL has expired.
                        ErrorKind::Forbidden => state.rejected_urls < MAX_REJECTED_URLS,
                        _ => false,
                    };
                    if may_need_new_url && retries.record_failure() {
                        state.rejected_urls += 1;
                        state.url = None;
                    } else if !retries.wait_before_retry(&error).await {
                        return Err(error);
                    }
                    // Without a digest, bytes that have already been written cannot be compared.
                    let cannot_continue = state.offset > 0
                        && self.request.digest == Digest::None
                        && !self.would_notice_change(&state);
                    if cannot_continue && !state.restart(sink).await? {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Checks whether a change of the document would be noticed if only the rest of it is requested: by the version, or
    /// at the end by the expected digest.
    fn would_notice_change(&self, state: &DownloadState) -> bool {
        self.request.expected_sha256.is_some() || (state.version.is_some() && !state.cannot_verify_ranges)
    }

    /// Opens one connection and writes its bytes to the sink. An error ends the download.
    async fn run_connection(
        &self,
        state: &mut DownloadState,
        sink: &mut dyn DownloadSink,
    ) -> Result<ConnectionOutcome, Error> {
        let url = if let Some(url) = &state.url {
            url.clone()
        } else {
            let url = self.services.documents.download_url(self.request.id).await?;
            state.url.insert(url).clone()
        };
        // Otherwise, the whole document is requested, and the bytes that have already been written are compared.
        let range = (state.offset > 0 && self.would_notice_change(state)).then(|| ByteRange {
            from: state.offset,
            until: None,
            if_version: state.version.clone(),
        });
        let response = match self.services.transfers.get(&url, range).await {
            Ok(response) => response,
            Err(error) => return Ok(ConnectionOutcome::Retry(error)),
        };
        self.read_response(response, state, sink).await
    }

    async fn read_response(
        &self,
        response: DownloadResponse,
        state: &mut DownloadState,
        sink: &mut dyn DownloadSink,
    ) -> Result<ConnectionOutcome, Error> {
        if let Some(outcome) = state.accept(&response, &self.request)? {
            return Ok(outcome);
        }
        let DownloadResponse { start, file_name, mut body, .. } = response;
        if !state.sink_is_open {
            sink.open(self.request.file_name.as_deref().or(file_name.as_deref())).await?;
            state.sink_is_open = true;
        }
        // If the response has the whole document although some of it has already been written, those bytes are hashed
        // and compared instead of written again.
        let mut written_prefix = (start == 0 && state.offset > 0)
            .then(|| WrittenPrefix { remaining: state.offset, hasher: Hasher::new(self.request.digest) });
        let progress = self.reporter.start_attempt(state.offset, state.total);
        loop {
            let mut bytes = match body.next().await {
                Some(Ok(bytes)) => bytes,
                // An error after the last byte does not matter.
                Some(Err(_)) if written_prefix.is_none() && state.total == Some(state.offset) => break,
                Some(Err(error)) => return Ok(ConnectionOutcome::Retry(error)),
                None => break,
            };
            if let Some(prefix) = &mut written_prefix {
                prefix.consume(&mut bytes);
                if prefix.remaining > 0 {
                    continue;
                }
                if prefix.hasher.digest() != sink.digest().await? {
                    return Ok(ConnectionOutcome::Restart);
                }
                written_prefix = None;
            }
            if !bytes.is_empty() {
                state.write(bytes, sink, &progress).await?;
            }
        }
        if written_prefix.is_some() || state.total.is_some_and(|total| total != state.offset) {
            let message = "the connection to the object store was lost";
            return Ok(ConnectionOutcome::Retry(Error::new(ErrorKind::Unavailable, message)));
        }
        Ok(ConnectionOutcome::Complete)
    }
}

/// The part of a response with bytes that have already been written.
struct WrittenPrefix {
    remaining: u64,
    hasher: Hasher,
}

impl WrittenPrefix {
    /// Removes the bytes that belong to the prefix and hashes them.
    fn consume(&mut self, bytes: &mut Bytes) {
        let length = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(bytes.len());
        let prefix = bytes.split_to(length);
        self.hasher.update(&prefix);
        self.remaining -= prefix.len() as u64;
    }
}

/// Checks whether two values are both known and not equal.
fn are_different<T: PartialEq>(left: Option<&T>, right: Option<&T>) -> bool {
    left.zip(right).is_some_and(|(left, right)| left != right)
}
