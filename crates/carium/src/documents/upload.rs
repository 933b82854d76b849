//! Uploads: from a file to a document in a record.

mod failure;
mod receipt;
mod run;
mod source;
mod state;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::{Stream, StreamExt as _};
use tokio::sync::watch;

pub use failure::UploadError;
pub use receipt::UploadReceipt;
pub use source::Source;
pub use state::{UploadStage, UploadState};

use super::progress::{Progress, Reporter, TransferHandle};
use super::{DocumentServices, Documents, NewDocument, Transfers};
use crate::error::Error;
use crate::transport::RetryPolicy;
use run::Run;

/// Uploads documents, each as one pipeline: create the reference, post the file, have it processed.
///
/// ```no_run
/// use carium::documents::{NewDocument, Source, Uploads};
///
/// # async fn run(uploads: &Uploads, document: NewDocument) -> Result<(), Box<dyn std::error::Error>> {
/// let upload = uploads.upload(document.clone(), Source::path("scans/letter.pdf"));
/// let handle = upload.handle();
/// tokio::spawn(async move {
///     let mut progress = handle.watch();
///     while progress.changed().await.is_ok() {
///         println!("{:?}", *progress.borrow());
///     }
/// });
/// let receipt = match upload.await {
///     Ok(receipt) => receipt,
///     // What was done is not done again.
///     Err(failure) => {
///         println!("{failure}");
///         uploads.resume(failure.into_state(), document, Source::path("scans/letter.pdf")).await?
///     }
/// };
/// println!("{} bytes, SHA-256 {}", receipt.size, receipt.sha256);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Uploads(DocumentServices);

impl Uploads {
    /// Uploads over these two sides: those of a client, fakes, or one of each.
    pub fn new(documents: Arc<dyn Documents>, transfers: Arc<dyn Transfers>) -> Self {
        Self::over(DocumentServices::new(documents, transfers))
    }

    pub(crate) fn over(sides: DocumentServices) -> Self {
        Self(sides)
    }

    /// Uploads a document. Nothing is done before the future is polled.
    pub fn upload(&self, document: NewDocument, source: Source) -> Upload {
        self.resume(UploadState::default(), document, source)
    }

    /// Goes on from where an earlier upload of the same document stopped. What it did is not done again: a
    /// file that is there is not sent again, and a reference is used again while its form is valid. After
    /// that there is a new reference, and the receipt names the old one.
    pub fn resume(&self, state: UploadState, document: NewDocument, source: Source) -> Upload {
        let (reporter, handle) = Reporter::new();
        let state = SharedState(Arc::new(Mutex::new(state)));
        let run =
            Run { sides: self.0.clone(), document, source, reporter, state: state.clone(), store: None };
        Upload { run: Some(run), running: None, handle: UploadHandle { transfer: handle, state } }
    }

    /// How often and how soon the store is asked again. Left out, as for a client.
    #[must_use]
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.0.tries = self.0.tries.with_policy(policy);
        self
    }

    /// Does many uploads, so many at a time at the most, and gives what came of each as it is done, with
    /// the key that it came with. One failure does not stop the others. Up to 4 MiB are held of each that is
    /// under way.
    ///
    /// Whatever has to outlive this is given to the uploads: [a store](Upload::state_store) of their states, a clone
    /// of their [handles](Upload::handle).
    ///
    /// ```
    /// use carium::documents::{NewDocument, Source, Uploads};
    /// use futures_util::{Stream, StreamExt as _, stream};
    ///
    /// # async fn run(uploads: &Uploads, scans: Vec<(u32, NewDocument)>) {
    /// let begun = scans.into_iter().map(|(page, document)| {
    ///     (page, uploads.upload(document, Source::path(format!("scans/{page}.pdf"))))
    /// });
    /// let mut done = std::pin::pin!(Uploads::upload_all(stream::iter(begun), 16));
    /// while let Some((page, result)) = done.next().await {
    ///     println!("{page}: {}", if result.is_ok() { "filed" } else { "not filed" });
    /// }
    /// # }
    /// ```
    pub fn upload_all<K: Send + 'static>(
        uploads: impl Stream<Item = (K, Upload)> + Send,
        at_a_time: usize,
    ) -> impl Stream<Item = (K, Result<UploadReceipt, UploadError>)> + Send {
        uploads.map(|(key, upload)| async move { (key, upload.await) }).buffer_unordered(at_a_time.max(1))
    }
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").finish_non_exhaustive()
    }
}

/// Where the state of an upload is kept, before each step that must not be repeated and after each that is
/// done, so that an upload outlives the program that began it.
#[async_trait]
pub trait UploadStateStore: Send + Sync {
    /// Keeps the state. The upload goes on when this returns, and ends when it fails.
    ///
    /// The state holds the presigned form, a right to upload that lasts a while: keep it like a password.
    async fn save(&self, state: &UploadState) -> Result<(), Error>;
}

/// An upload under way: a future, and [a handle](Self::handle) to watch and to stop it. Dropped, it stops, and
/// its handle says what is left behind.
#[must_use = "nothing is uploaded before it is awaited"]
pub struct Upload {
    run: Option<Run>,
    running: Option<BoxFuture<'static, Result<UploadReceipt, UploadError>>>,
    handle: UploadHandle,
}

impl Upload {
    /// Watches it and stops it, from anywhere.
    pub fn handle(&self) -> UploadHandle {
        self.handle.clone()
    }

    /// Keeps the state of the upload here, from its beginning. To be said before it is awaited.
    pub fn state_store(mut self, store: Arc<dyn UploadStateStore>) -> Self {
        if let Some(run) = &mut self.run {
            run.store = Some(store);
        }
        self
    }
}

impl Future for Upload {
    type Output = Result<UploadReceipt, UploadError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(run) = self.run.take() {
            self.running = Some(Box::pin(run.finish()));
        }
        match &mut self.running {
            Some(running) => running.as_mut().poll(context),
            // There is one of the two from the beginning on.
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// Watches an upload and stops it, from anywhere, and knows how far it has come, also after it was dropped.
#[derive(Clone, Debug)]
pub struct UploadHandle {
    transfer: TransferHandle,
    state: SharedState,
}

impl UploadHandle {
    /// How far it is now.
    pub fn progress(&self) -> Progress {
        self.transfer.progress()
    }

    /// How far it is, to wait for changes of. Ends with the upload.
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.transfer.watch()
    }

    /// Stops it, at the next chunk at the latest; a creation that is under way is heard out for some seconds,
    /// as what it made has to be told. The upload ends with an error of the kind
    /// [`Canceled`](crate::ErrorKind::Canceled), unless it is done before.
    pub fn cancel(&self) {
        self.transfer.cancel();
    }

    /// What of it is done, to [resume](Uploads::resume) from.
    pub fn state(&self) -> UploadState {
        self.state.get()
    }
}

/// The state of an upload, shared with its handles.
#[derive(Clone, Debug)]
struct SharedState(Arc<Mutex<UploadState>>);

impl SharedState {
    fn get(&self) -> UploadState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: UploadState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
