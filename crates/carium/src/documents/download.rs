//! Downloads: from a document in a patient's record to a file, a writer or a stream.

mod file;
mod pipeline;
mod request;
mod sink;
mod stream;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use carium_api::Redacted;
use futures_util::future::BoxFuture;
use tokio::io::AsyncWrite;

pub use request::DownloadRequest;
pub use stream::DownloadStream;

use super::progress::{ProgressReporter, TransferHandle};
use super::{DocumentServices, Documents, Sha256Digest, Transfers};
use crate::error::Error;
use crate::transport::RetryPolicy;
use file::FileSink;
use pipeline::DownloadPipeline;
use sink::WriterSink;

/// Downloads documents. A download requests a presigned URL from the service, reads the file from the object store,
/// and verifies it.
///
/// If a connection is lost, the download continues where it stopped, provided that the file has not changed. If the
/// URL has expired, a new one is requested. The downloaded file has the length that the object store announced and,
/// if the caller sets one, the expected digest.
///
/// ```no_run
/// use carium::documents::{Document, DownloadRequest, Downloads};
///
/// # async fn run(downloads: &Downloads, document: &Document) -> Result<(), carium::Error> {
/// // Into a directory: the file name is that of the document, sanitized.
/// let receipt = downloads.to_path(document, "letters/").await?;
/// println!("{} bytes, SHA-256 {}", receipt.size, receipt.sha256);
///
/// // An existing file is kept unless `overwrite` is set.
/// let request = DownloadRequest::from(document).overwrite().expected_sha256(receipt.sha256);
/// downloads.to_path(request, "letters/").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Downloads(DocumentServices);

impl Downloads {
    /// Combines a service and an object store: a client's, fakes, or one of each.
    pub fn new(documents: Arc<dyn Documents>, transfers: Arc<dyn Transfers>) -> Self {
        Self::from_services(DocumentServices::new(documents, transfers))
    }

    pub(crate) fn from_services(services: DocumentServices) -> Self {
        Self(services)
    }

    /// Sets the policy for retries of requests to the object store. Defaults to the client's policy, or to
    /// [`RetryPolicy::default`] if these downloads were created with [`Downloads::new`].
    #[must_use]
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.0.retries = self.0.retries.with_policy(policy);
        self
    }

    /// Downloads a document to a file.
    ///
    /// If the target is an existing directory, the file is created in it. Its name is that of the request, else the
    /// one that the object store sends, else the document's ID.
    ///
    /// The document is written to a temporary file in the target's directory. When it is complete and verified, the
    /// file is synced and renamed, so that the target is never incomplete. Only its owner can read the file. An
    /// existing target is kept, and the download fails, unless [`overwrite`](DownloadRequest::overwrite) is set.
    ///
    /// If the program is killed during the download, the temporary file `.carium-….part` remains with part of the
    /// document. It is not removed automatically, because another program may be writing it.
    ///
    /// # Errors
    /// - [`AlreadyExists`](crate::ErrorKind::AlreadyExists): the target exists and must not be overwritten.
    /// - [`Io`](crate::ErrorKind::Io): the file could not be written.
    /// - [`Corrupt`](crate::ErrorKind::Corrupt): the document does not have the expected digest, is longer than the
    ///   object store announced, or keeps changing.
    /// - Those of [`Documents::download_url`] and [`Transfers::get`].
    pub fn to_path(
        &self,
        request: impl Into<DownloadRequest>,
        target: impl Into<PathBuf>,
    ) -> Download<'static> {
        let (request, target) = (request.into(), target.into());
        let (reporter, handle) = ProgressReporter::new();
        let mut sink = FileSink::new(target, request.overwrite, request.id);
        let pipeline = self.pipeline(request, reporter);
        let run = async move {
            sink.check_target().await?;
            let result = match pipeline.run(&mut sink).await {
                Ok(download) => sink.commit().await.map(|path| download.receipt(Some(path))),
                Err(error) => Err(error),
            };
            // After a failure, the temporary file must be removed before this returns.
            sink.close().await;
            result
        };
        Download { run: Box::pin(run), handle }
    }

    /// Downloads a document to a writer, which is flushed at the end and not shut down. After an error, the writer
    /// may have received part of the document.
    ///
    /// # Errors
    /// - [`Io`](crate::ErrorKind::Io): the writer failed.
    /// - [`Corrupt`](crate::ErrorKind::Corrupt): the document does not have the expected digest, is longer than the
    ///   object store announced, or changed during the download. In the last case, the bytes that the writer has
    ///   received cannot be discarded.
    /// - Those of [`Documents::download_url`] and [`Transfers::get`].
    pub fn to_writer<'a>(
        &self,
        request: impl Into<DownloadRequest>,
        writer: impl AsyncWrite + Send + Unpin + 'a,
    ) -> Download<'a> {
        let (reporter, handle) = ProgressReporter::new();
        let pipeline = self.pipeline(request.into(), reporter);
        let mut sink = WriterSink::new(writer);
        let run = async move {
            let download = pipeline.run(&mut sink).await?;
            sink.flush().await?;
            Ok(download.receipt(None))
        };
        Download { run: Box::pin(run), handle }
    }

    /// Downloads a document as a stream, which reads only as fast as it is polled.
    ///
    /// If the document is incomplete or cannot be verified, the last item is an error. The document is complete only
    /// if the stream ends without one.
    pub fn stream(&self, request: impl Into<DownloadRequest>) -> DownloadStream {
        let (reporter, handle) = ProgressReporter::new();
        DownloadStream::new(self.pipeline(request.into(), reporter), handle)
    }

    fn pipeline(&self, request: DownloadRequest, reporter: ProgressReporter) -> DownloadPipeline {
        DownloadPipeline { services: self.0.clone(), request, reporter }
    }
}

impl fmt::Debug for Downloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downloads").finish_non_exhaustive()
    }
}

/// A future that downloads a document, with a [handle](Self::handle) to watch and to cancel it.
///
/// If it is dropped, the download stops, and its temporary file is removed.
#[must_use = "a download does nothing unless it is awaited"]
pub struct Download<'a> {
    run: BoxFuture<'a, Result<DownloadReceipt, Error>>,
    handle: TransferHandle,
}

impl Download<'_> {
    /// Returns a handle to watch the download and to cancel it.
    pub fn handle(&self) -> TransferHandle {
        self.handle.clone()
    }
}

impl Future for Download<'_> {
    type Output = Result<DownloadReceipt, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.run.as_mut().poll(context)
    }
}

impl fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// The result of a completed download. `Debug` does not show the path.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadReceipt {
    /// The size of the document in bytes.
    pub size: u64,
    /// The digest of the document, computed during the download.
    pub sha256: Sha256Digest,
    path: Option<PathBuf>,
}

impl DownloadReceipt {
    /// Creates a receipt without a path. For tests of code that handles receipts.
    pub fn new(size: u64, sha256: Sha256Digest) -> Self {
        Self { size, sha256, path: None }
    }

    /// Returns the path of the file, if the document was downloaded with [`Downloads::to_path`].
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl fmt::Debug for DownloadReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadReceipt")
            .field("size", &self.size)
            .field("sha256", &self.sha256)
            .field("path", &self.path.as_ref().map(|_| Redacted::Phi))
            .finish()
    }
}
