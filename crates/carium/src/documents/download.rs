//! Downloads: from a document in a patient's record to a file, a writer or a stream.

mod batch;
mod file;
mod pipeline;
mod request;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::Stream;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

pub use batch::DownloadBatch;
pub use request::{DownloadReceipt, DownloadRequest};

use super::digest::Hasher;
use super::transfer::{DocumentServices, ProgressReporter, TransferHandle};
use super::{Documents, Transfers};
use crate::error::Error;
use crate::local_io::shutting_down;
use crate::sha256::Sha256Digest;
use crate::transport::RetryPolicy;
use file::FileSink;
use pipeline::{DownloadPipeline, DownloadSink, write_error};

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
/// // Into a directory: the file gets the name of the document, sanitized.
/// let receipt = downloads.to_path(document, "letters/").await?;
/// println!("{} bytes, SHA-256 {:?}", receipt.size, receipt.sha256);
///
/// // An existing file is kept unless `overwrite` is set.
/// let mut request = DownloadRequest::from(document).overwrite();
/// if let Some(digest) = receipt.sha256 {
///     request = request.expected_sha256(digest);
/// }
/// downloads.to_path(request, "letters/").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Downloads(DocumentServices);

impl Downloads {
    /// Creates downloads that use this service and this object store. Each of them can be that of a client or a fake.
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
        self.0.retries.set_policy(policy);
        self
    }

    /// Downloads a document to a file.
    ///
    /// If the target is an existing directory, the file is created in it. The file name is the one in the request, or
    /// the one that the object store sends if the request has none, or the document's ID if there is neither.
    ///
    /// The document is written to a temporary file in the target's directory. When it is complete and verified, the
    /// file is synced (unless [`skip_sync`](DownloadRequest::skip_sync) is set) and renamed, so that the target is never
    /// incomplete. On Unix, only its owner can read the file.
    /// An existing target is kept, and the download fails, unless [`overwrite`](DownloadRequest::overwrite) is set.
    ///
    /// If the program is killed during the download, the temporary file `.carium-….part` remains with part of the
    /// document. It is not removed automatically, because another program may be writing it.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput): the request expects a digest and sets
    ///   [`Digest::None`](crate::documents::Digest::None).
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
        let mut sink = FileSink::new(target, &request);
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
        let mut sink = WriterSink { writer, hasher: Hasher::new(pipeline.request.digest) };
        let run = async move {
            let download = pipeline.run(&mut sink).await?;
            sink.writer.flush().await.map_err(|error| write_error(&error))?;
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
        let pipeline = self.pipeline(request.into(), reporter);
        let (sender, bytes) = mpsc::channel(1);
        let run = async move {
            let mut sink = ChannelSink { sender, hasher: Hasher::new(pipeline.request.digest) };
            pipeline.run(&mut sink).await.map(|download| download.receipt(None))
        };
        DownloadStream { run: Some(Box::pin(run)), bytes, result: None, receipt: None, handle }
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

/// A stream of the bytes of a document. The download runs only while the stream is polled.
#[must_use = "a stream does nothing unless it is polled"]
pub struct DownloadStream {
    run: Option<BoxFuture<'static, Result<DownloadReceipt, Error>>>,
    bytes: mpsc::Receiver<Bytes>,
    /// The result of `run`, until the remaining bytes have been yielded.
    result: Option<Result<DownloadReceipt, Error>>,
    receipt: Option<DownloadReceipt>,
    handle: TransferHandle,
}

impl DownloadStream {
    /// Returns a handle to watch the download and to cancel it.
    pub fn handle(&self) -> TransferHandle {
        self.handle.clone()
    }

    /// Returns the size and the digest of the document, once the stream has ended without an error.
    pub fn receipt(&self) -> Option<&DownloadReceipt> {
        self.receipt.as_ref()
    }
}

impl Stream for DownloadStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // Bytes are yielded before the result: the result may be known while bytes are still in the channel.
            if let Poll::Ready(Some(bytes)) = self.bytes.poll_recv(context) {
                return Poll::Ready(Some(Ok(bytes)));
            }
            let Some(run) = &mut self.run else {
                return Poll::Ready(match self.result.take() {
                    Some(Err(error)) => Some(Err(error)),
                    Some(Ok(receipt)) => {
                        self.receipt = Some(receipt);
                        None
                    }
                    None => None,
                });
            };
            match run.as_mut().poll(context) {
                // The pipeline may have sent bytes before it became pending. The receiver was polled above, so it
                // wakes this task, and the next poll yields them.
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => {
                    self.run = None;
                    self.result = Some(result);
                }
            }
        }
    }
}

impl fmt::Debug for DownloadStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadStream")
            .field("handle", &self.handle)
            .field("receipt", &self.receipt)
            .finish_non_exhaustive()
    }
}

/// A sink for an asynchronous writer.
struct WriterSink<W> {
    writer: W,
    hasher: Hasher,
}

#[async_trait]
impl<W: AsyncWrite + Send + Unpin> DownloadSink for WriterSink<W> {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.hasher.update(&bytes);
        self.writer.write_all(&bytes).await.map_err(|error| write_error(&error))
    }

    async fn digest(&mut self) -> Result<Option<Sha256Digest>, Error> {
        Ok(self.hasher.digest())
    }
}

/// A sink that passes the bytes to a [`DownloadStream`].
struct ChannelSink {
    sender: mpsc::Sender<Bytes>,
    hasher: Hasher,
}

#[async_trait]
impl DownloadSink for ChannelSink {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.hasher.update(&bytes);
        self.sender.send(bytes).await.map_err(|_| shutting_down())
    }

    async fn digest(&mut self) -> Result<Option<Sha256Digest>, Error> {
        Ok(self.hasher.digest())
    }
}
