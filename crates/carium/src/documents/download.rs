//! Downloads: from a document in a record to a file, a writer or a stream.

mod fetch;
mod file;
mod request;
mod sink;
mod streamed;

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
pub use streamed::DownloadStream;

use super::progress::{Reporter, TransferHandle};
use super::{DocumentServices, Documents, Sha256Digest, Transfers};
use crate::error::Error;
use crate::transport::RetryPolicy;
use fetch::Fetch;
use file::FileSink;
use sink::WriterSink;

/// Downloads documents, each as one pipeline: ask for its URL, read it, check it.
///
/// A connection that ends too soon is taken up where it ended, if the file is still the same; a URL that has
/// expired is asked for again. What arrives has the length that the store announced and, where the caller
/// knows it, the digest that the file had.
///
/// ```no_run
/// use carium::documents::{Document, DownloadRequest, Downloads};
///
/// # async fn run(downloads: &Downloads, document: &Document) -> Result<(), carium::Error> {
/// // A directory: the file takes the document's name, cleaned of whatever is not one.
/// let receipt = downloads.to_path(document, "letters/").await?;
/// println!("{} bytes, SHA-256 {}", receipt.size, receipt.sha256);
///
/// // A file that is there is kept, unless it is to be replaced.
/// let again = DownloadRequest::from(document).overwrite().expected_sha256(receipt.sha256);
/// downloads.to_path(again, "letters/").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Downloads(DocumentServices);

impl Downloads {
    /// Downloads over these two sides: those of a client, fakes, or one of each.
    pub fn new(documents: Arc<dyn Documents>, transfers: Arc<dyn Transfers>) -> Self {
        Self::over(DocumentServices::new(documents, transfers))
    }

    pub(crate) fn over(sides: DocumentServices) -> Self {
        Self(sides)
    }

    /// How often and how soon the store is asked again. Left out, as for a client.
    #[must_use]
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.0.tries = self.0.tries.with_policy(policy);
        self
    }

    /// To a file, or into a directory that is there: then the file takes the document's name, as far as that is
    /// known from the request or from the store, else its id.
    ///
    /// It is written beside its target under another name, synced, and renamed when all of it is there and
    /// right, so that the target is never half-written. It can be read by its owner only. A target that is
    /// there is kept, unless [it is to be replaced](DownloadRequest::replacing).
    ///
    /// A program that is killed on the way leaves that other file, `.carium-….part`, with what had come. Nothing
    /// removes it by itself, as nothing can tell whether another program is writing it.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), [`Io`](crate::ErrorKind::Io),
    /// [`Corrupt`](crate::ErrorKind::Corrupt), and those of [`Documents::download_info`] and
    /// [`Transfers::get`].
    pub fn to_path(
        &self,
        request: impl Into<DownloadRequest>,
        target: impl Into<PathBuf>,
    ) -> Download<'static> {
        let (request, target) = (request.into(), target.into());
        let (reporter, handle) = Reporter::new();
        let mut sink = FileSink::new(target, request.replaces, request.id);
        let fetch = self.fetch(request, reporter);
        let run = async move {
            sink.look().await?;
            let result = match fetch.into(&mut sink).await {
                Ok(fetched) => sink.commit().await.map(|path| fetched.receipt(Some(path))),
                Err(error) => Err(error),
            };
            // Whatever was written beside the target is gone when this returns.
            sink.close().await;
            result
        };
        Download { run: Box::pin(run), handle }
    }

    /// To a writer, which is flushed at the end and not shut down. What was written before a failure stays
    /// written.
    ///
    /// # Errors
    /// As for [`to_path`](Self::to_path), and [`Corrupt`](crate::ErrorKind::Corrupt) where the file changes
    /// while it is read, since what was written cannot be taken back.
    pub fn to_writer<'a>(
        &self,
        request: impl Into<DownloadRequest>,
        writer: impl AsyncWrite + Send + Unpin + 'a,
    ) -> Download<'a> {
        let (reporter, handle) = Reporter::new();
        let fetch = self.fetch(request.into(), reporter);
        let mut sink = WriterSink::new(writer);
        let run = async move {
            let fetched = fetch.into(&mut sink).await?;
            sink.flush().await?;
            Ok(fetched.receipt(None))
        };
        Download { run: Box::pin(run), handle }
    }

    /// As a stream, which is read no faster than it is asked for. Ends with an error where the document did not
    /// arrive whole and right: only a stream that ends without one has given all of it.
    pub fn stream(&self, request: impl Into<DownloadRequest>) -> DownloadStream {
        let (reporter, handle) = Reporter::new();
        DownloadStream::new(self.fetch(request.into(), reporter), handle)
    }

    fn fetch(&self, request: DownloadRequest, reporter: Reporter) -> Fetch {
        Fetch { sides: self.0.clone(), request, reporter }
    }
}

impl fmt::Debug for Downloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downloads").finish_non_exhaustive()
    }
}

/// A download under way: a future, and [a handle](Self::handle) to watch and to stop it. Dropped, it stops, and
/// what it wrote beside its target is removed.
#[must_use = "nothing is downloaded before it is awaited"]
pub struct Download<'a> {
    run: BoxFuture<'a, Result<DownloadReceipt, Error>>,
    handle: TransferHandle,
}

impl Download<'_> {
    /// Watches it and stops it, from anywhere.
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

/// A document that has arrived. `Debug` does not show where it lies.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadReceipt {
    /// How many bytes it has.
    pub size: u64,
    /// Its digest, computed on the way.
    pub sha256: Sha256Digest,
    path: Option<PathBuf>,
}

impl DownloadReceipt {
    /// One of a document that was not downloaded to a path: for those who test what they do with it.
    pub fn new(size: u64, sha256: Sha256Digest) -> Self {
        Self { size, sha256, path: None }
    }

    /// Where it lies now, where it was downloaded to a path.
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
