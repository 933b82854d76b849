//! What uploads and downloads share: their services, retries, progress and cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Documents, Transfers};
use crate::error::Error;
use crate::transport::RetryPolicy;

/// The dependencies of a transfer: the service, the object store, and the retries.
#[derive(Clone)]
pub(crate) struct DocumentServices {
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) transfers: Arc<dyn Transfers>,
    pub(crate) retries: TransferRetries,
}

impl DocumentServices {
    /// Combines a service and an object store, with the default retry policy.
    pub(super) fn new(documents: Arc<dyn Documents>, transfers: Arc<dyn Transfers>) -> Self {
        let retries = TransferRetries::new(RetryPolicy::default(), Arc::new(fastrand::f64));
        Self { documents, transfers, retries }
    }
}

/// Decides whether and when a request to the object store is retried, and counts the attempts.
#[derive(Clone)]
pub(crate) struct TransferRetries {
    policy: RetryPolicy,
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Attempts in a row that failed without moving any bytes.
    failed_attempts: u32,
}

/// Upper limit on the wait that an object store can request with `Retry-After`. A transfer has no deadline that
/// would limit it otherwise.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(300);

impl TransferRetries {
    pub(crate) fn new(policy: RetryPolicy, random: Arc<dyn Fn() -> f64 + Send + Sync>) -> Self {
        Self { policy, random, failed_attempts: 0 }
    }

    pub(super) fn set_policy(&mut self, policy: RetryPolicy) {
        self.policy = policy;
    }

    /// Resets the count after an attempt that made progress. The policy limits attempts in a row without progress.
    pub(super) fn reset(&mut self) {
        self.failed_attempts = 0;
    }

    /// Counts a failed attempt and returns whether the policy permits another one, without a delay.
    pub(super) fn record_failure(&mut self) -> bool {
        self.failed_attempts += 1;
        self.policy.allows_retry(self.failed_attempts)
    }

    /// Counts a failed attempt and waits for the backoff delay. Returns `false`, without waiting, if the error is
    /// not transient or the policy permits no further attempt.
    pub(super) async fn wait_before_retry(&mut self, error: &Error) -> bool {
        if !error.is_transient() {
            return false;
        }
        self.failed_attempts += 1;
        let delay = self.policy.delay(self.failed_attempts, error.retry_after(), (self.random)());
        if let Some(delay) = delay {
            sleep(delay.min(MAX_RETRY_DELAY)).await;
        }
        delay.is_some()
    }
}

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
