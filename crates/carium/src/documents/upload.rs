//! Uploads: from a file to a document in a patient's record.

mod pipeline;
mod source;
mod state;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{Stream, StreamExt as _};
use tokio::sync::watch;

pub use source::UploadSource;
pub use state::{UploadError, UploadReceipt, UploadStage, UploadState, UploadStateStore};

use super::transfer::{DocumentServices, Progress, ProgressReporter, TransferHandle};
use super::{Digest, Documents, NewDocument, Transfers};
use crate::transport::RetryPolicy;
use pipeline::UploadPipeline;
use state::SharedState;

/// Uploads documents. An upload creates a document reference, posts the file and asks the service to process it.
///
/// ```no_run
/// use carium::documents::{NewDocument, UploadSource, Uploads};
///
/// # async fn run(uploads: &Uploads, document: NewDocument) -> Result<(), Box<dyn std::error::Error>> {
/// let upload = uploads.upload(document.clone(), UploadSource::path("scans/letter.pdf"));
/// let handle = upload.handle();
/// tokio::spawn(async move {
///     let mut progress = handle.watch();
///     while progress.changed().await.is_ok() {
///         println!("{:?}", *progress.borrow());
///     }
/// });
/// let receipt = match upload.await {
///     Ok(receipt) => receipt,
///     // Completed stages are not executed again.
///     Err(error) => {
///         println!("{error}");
///         uploads.resume(error.into_state(), document, UploadSource::path("scans/letter.pdf")).await?
///     }
/// };
/// println!("{} bytes, SHA-256 {:?}", receipt.size, receipt.sha256);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Uploads(DocumentServices);

impl Uploads {
    /// Combines a service and an object store: a client's, fakes, or one of each.
    pub fn new(documents: Arc<dyn Documents>, transfers: Arc<dyn Transfers>) -> Self {
        Self::from_services(DocumentServices::new(documents, transfers))
    }

    pub(crate) fn from_services(services: DocumentServices) -> Self {
        Self(services)
    }

    /// Uploads a document. No request is sent before the future is polled.
    pub fn upload(&self, document: NewDocument, source: UploadSource) -> Upload {
        self.resume(UploadState::default(), document, source)
    }

    /// Resumes an earlier upload of the same document.
    ///
    /// Completed stages are not executed again: an uploaded file is not sent again, and a reference is reused while
    /// its form is valid. If the form has expired, a new reference is created, and the receipt lists the old one as
    /// an orphan.
    pub fn resume(&self, state: UploadState, document: NewDocument, source: UploadSource) -> Upload {
        let (reporter, handle) = ProgressReporter::new();
        let state = SharedState::new(state);
        let pipeline = UploadPipeline {
            services: self.0.clone(),
            document,
            source,
            digest: Digest::default(),
            reporter,
            state: state.clone(),
            store: None,
        };
        Upload { pipeline: Some(pipeline), running: None, handle: UploadHandle { transfer: handle, state } }
    }

    /// Sets the policy for retries of requests to the object store. Defaults to the client's policy, or to
    /// [`RetryPolicy::default`] if these uploads were created with [`Uploads::new`].
    #[must_use]
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.0.retries.set_policy(policy);
        self
    }

    /// Runs many uploads, at most `max_concurrency` at a time, and yields each result with its key as soon as the
    /// upload ends. A failed upload does not stop the others. Each running upload uses at most 4 MiB of memory.
    ///
    /// To keep the state of uploads that are still running when the stream is dropped, set a
    /// [state store](Upload::state_store) or clone their [handles](Upload::handle) beforehand.
    ///
    /// ```
    /// use carium::documents::{NewDocument, UploadSource, Uploads};
    /// use futures_util::{Stream, StreamExt as _, stream};
    ///
    /// # async fn run(uploads: &Uploads, scans: Vec<(u32, NewDocument)>) {
    /// let uploads = scans.into_iter().map(|(page, document)| {
    ///     (page, uploads.upload(document, UploadSource::path(format!("scans/{page}.pdf"))))
    /// });
    /// let mut results = std::pin::pin!(Uploads::upload_all(stream::iter(uploads), 16));
    /// while let Some((page, result)) = results.next().await {
    ///     println!("{page}: {}", if result.is_ok() { "uploaded" } else { "failed" });
    /// }
    /// # }
    /// ```
    pub fn upload_all<K: Send + 'static>(
        uploads: impl Stream<Item = (K, Upload)> + Send,
        max_concurrency: usize,
    ) -> impl Stream<Item = (K, Result<UploadReceipt, UploadError>)> + Send {
        uploads
            .map(|(key, upload)| async move { (key, upload.await) })
            .buffer_unordered(max_concurrency.max(1))
    }
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").finish_non_exhaustive()
    }
}

/// A future that uploads a document, with a [handle](Self::handle) to watch and to cancel it.
///
/// If it is dropped, the upload stops, and the handle has the state to resume from.
#[must_use = "an upload does nothing unless it is awaited"]
pub struct Upload {
    /// The pipeline, until the first poll starts it.
    pipeline: Option<UploadPipeline>,
    running: Option<BoxFuture<'static, Result<UploadReceipt, UploadError>>>,
    handle: UploadHandle,
}

impl Upload {
    /// Returns a handle to watch the upload and to cancel it.
    pub fn handle(&self) -> UploadHandle {
        self.handle.clone()
    }

    /// Sets the digest to compute of the file. Defaults to [`Digest::Sha256`]. Must be called before the upload is
    /// awaited.
    ///
    /// With [`Digest::None`], nothing is hashed, and the receipt has no digest to compare the document with later. The
    /// length of the file is checked in any case. The object store compares no digest either way.
    ///
    /// A resumed upload hashes the file only if it sends it. If an earlier run has sent it, the receipt has what that
    /// run computed.
    pub fn digest(mut self, digest: Digest) -> Self {
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.digest = digest;
        }
        self
    }

    /// Sets a store for the state of the upload. Must be called before the upload is awaited.
    pub fn state_store(mut self, store: Arc<dyn UploadStateStore>) -> Self {
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.store = Some(store);
        }
        self
    }
}

impl Future for Upload {
    type Output = Result<UploadReceipt, UploadError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(pipeline) = self.pipeline.take() {
            self.running = Some(Box::pin(pipeline.run()));
        }
        match &mut self.running {
            Some(running) => {
                let result = running.as_mut().poll(context);
                if result.is_ready() {
                    self.running = None;
                }
                result
            }
            // The upload has ended; a future must not be polled again then.
            None => Poll::Pending,
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // An upload that is running has been polled and has not ended.
        if self.running.is_none() {
            return;
        }
        let state = self.handle.state();
        let outcome = match state.stage() {
            UploadStage::New | UploadStage::Processed => return,
            UploadStage::Creating => "unknown",
            UploadStage::Created | UploadStage::Uploaded => "incomplete",
        };
        tracing::warn!(
            carium.outcome = outcome,
            carium.document_id = state.reference().map(tracing::field::display),
            "an upload was dropped before it ended: resume it with its state"
        );
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// A handle to watch an upload, to cancel it, and to get its state, also after the upload was dropped.
#[derive(Clone, Debug)]
pub struct UploadHandle {
    transfer: TransferHandle,
    state: SharedState,
}

impl UploadHandle {
    /// Returns the current progress.
    pub fn progress(&self) -> Progress {
        self.transfer.progress()
    }

    /// Returns a receiver that is notified when the progress changes. It is closed when the upload ends.
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.transfer.watch()
    }

    /// Cancels the upload, which stops at the next chunk at the latest. It ends with an error of the kind
    /// [`Canceled`](crate::ErrorKind::Canceled), unless it completes first.
    ///
    /// If a document reference is being created, the upload waits up to 5 seconds for the response, because it has
    /// the ID of the reference.
    pub fn cancel(&self) {
        self.transfer.cancel();
    }

    /// Returns the state to [resume](Uploads::resume) from.
    pub fn state(&self) -> UploadState {
        self.state.get()
    }
}
