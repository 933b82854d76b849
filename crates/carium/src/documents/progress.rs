//! Progress and cancellation of a transfer.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{Either, select};
use tokio::sync::watch;

/// The stage of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferStage {
    /// Requesting a document reference and its form, or a download URL, from the service.
    Preparing,
    /// Transferring the bytes of the file.
    Transferring,
    /// An upload is processed by the service, or a downloaded file is synced and renamed.
    Finishing,
    /// Completed.
    Completed,
}

/// The progress of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The current stage.
    pub stage: TransferStage,
    /// Bytes of the file that were passed to the connection or received from it. Restarts at 0 if the file has to
    /// be sent again.
    pub bytes: u64,
    /// The size of the file, if known.
    pub total: Option<u64>,
}

/// A handle to watch a transfer and to cancel it. Can be cloned and sent to other tasks.
#[derive(Clone, Debug)]
pub struct TransferHandle {
    progress: watch::Receiver<Progress>,
    cancel: Arc<watch::Sender<bool>>,
}

impl TransferHandle {
    /// Returns the current progress.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Returns a receiver that is notified when the progress changes. It is closed when the transfer ends.
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Cancels the transfer, which stops at the next chunk at the latest. It ends with an error of the kind
    /// [`Canceled`](crate::ErrorKind::Canceled), unless it completes first.
    pub fn cancel(&self) {
        self.cancel.send_replace(true);
    }
}

/// The transfer's side of a [`TransferHandle`]: publishes the progress and observes cancellation.
#[derive(Clone)]
pub(super) struct ProgressReporter {
    progress: Arc<watch::Sender<Progress>>,
    canceled: watch::Receiver<bool>,
    /// Incremented by each attempt and each change of stage.
    generation: Arc<AtomicU64>,
}

/// Counts the bytes of one attempt.
#[derive(Clone)]
pub(super) struct AttemptProgress {
    reporter: ProgressReporter,
    generation: u64,
}

impl AttemptProgress {
    /// Adds transferred bytes, unless a newer attempt or stage has begun.
    pub(super) fn add(&self, bytes: u64) {
        if self.reporter.generation.load(Ordering::Relaxed) == self.generation {
            self.reporter.progress.send_modify(|progress| progress.bytes += bytes);
        }
    }
}

/// The transfer was canceled.
#[derive(Debug)]
pub(super) struct Canceled;

impl ProgressReporter {
    pub(super) fn new() -> (Self, TransferHandle) {
        let (progress, watched) =
            watch::channel(Progress { stage: TransferStage::Preparing, bytes: 0, total: None });
        let (cancel, canceled) = watch::channel(false);
        let handle = TransferHandle { progress: watched, cancel: Arc::new(cancel) };
        (Self { progress: Arc::new(progress), canceled, generation: Arc::default() }, handle)
    }

    pub(super) fn set_stage(&self, stage: TransferStage) {
        self.generation.fetch_add(1, Ordering::Relaxed);
        self.progress.send_modify(|progress| progress.stage = stage);
    }

    /// Starts an attempt to transfer bytes, at this position in the file. Bytes that an earlier attempt still
    /// reports are ignored.
    pub(super) fn start_attempt(&self, position: u64, total: Option<u64>) -> AttemptProgress {
        let stage = TransferStage::Transferring;
        self.progress.send_modify(|progress| *progress = Progress { stage, bytes: position, total });
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        AttemptProgress { reporter: self.clone(), generation }
    }

    pub(super) fn is_canceled(&self) -> bool {
        *self.canceled.borrow()
    }

    /// Completes when the transfer is canceled.
    pub(super) async fn canceled(&self) {
        // An error means that all handles were dropped: the transfer cannot be canceled any more.
        if self.canceled.clone().wait_for(|canceled| *canceled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs a future to completion, or drops it as soon as the transfer is canceled.
    pub(super) async fn unless_canceled<F: Future>(&self, future: F) -> Result<F::Output, Canceled> {
        let (canceled, future) = (std::pin::pin!(self.canceled()), std::pin::pin!(future));
        match select(canceled, future).await {
            Either::Left(_) => Err(Canceled),
            Either::Right((output, _)) => Ok(output),
        }
    }
}
