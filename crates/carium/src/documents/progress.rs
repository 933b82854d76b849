//! How far a transfer is, and how to stop it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{Either, select};
use tokio::sync::watch;

/// Where a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The service is asked: for a reference and its form, or for a URL.
    Preparing,
    /// The bytes are on their way.
    Transferring,
    /// The service is told that the file is there; or the file is synced and gets its name.
    Finishing,
    /// It is done.
    Done,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Where it is.
    pub stage: Stage,
    /// The bytes of the file that were handed to the connection, or that came from it. Begins again from 0
    /// when the file has to be sent again.
    pub bytes: u64,
    /// How many there are in all, where that is known.
    pub total: Option<u64>,
}

/// Watches a transfer and stops it, from anywhere.
#[derive(Clone, Debug)]
pub struct TransferHandle {
    progress: watch::Receiver<Progress>,
    cancel: Arc<watch::Sender<bool>>,
}

impl TransferHandle {
    /// How far it is now.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// How far it is, to wait for changes of. Ends with the transfer.
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Stops it, at the next chunk at the latest. The transfer ends with an error of the kind
    /// [`Canceled`](crate::ErrorKind::Canceled), unless it is done before.
    pub fn cancel(&self) {
        self.cancel.send_replace(true);
    }
}

/// The transfer's own side of its handle.
#[derive(Clone)]
pub(super) struct Reporter {
    progress: Arc<watch::Sender<Progress>>,
    cancelled: watch::Receiver<bool>,
    tries: Arc<AtomicU64>,
}

/// One try to move the bytes.
#[derive(Clone)]
pub(super) struct Moving {
    reporter: Reporter,
    this_try: u64,
}

impl Moving {
    pub(super) fn moved(&self, bytes: u64) {
        if self.reporter.tries.load(Ordering::Relaxed) == self.this_try {
            self.reporter.progress.send_modify(|progress| progress.bytes += bytes);
        }
    }
}

/// It was cancelled.
#[derive(Debug)]
pub(super) struct Canceled;

impl Reporter {
    pub(super) fn new() -> (Self, TransferHandle) {
        let (progress, watched) = watch::channel(Progress { stage: Stage::Preparing, bytes: 0, total: None });
        let (cancel, cancelled) = watch::channel(false);
        let handle = TransferHandle { progress: watched, cancel: Arc::new(cancel) };
        (Self { progress: Arc::new(progress), cancelled, tries: Arc::default() }, handle)
    }

    pub(super) fn stage(&self, stage: Stage) {
        self.tries.fetch_add(1, Ordering::Relaxed);
        self.progress.send_modify(|progress| progress.stage = stage);
    }

    /// The bytes are on their way from here on. What an earlier try still moves does not count any more.
    pub(super) fn transferring(&self, from: u64, total: Option<u64>) -> Moving {
        let stage = Stage::Transferring;
        self.progress.send_modify(|progress| *progress = Progress { stage, bytes: from, total });
        let this_try = self.tries.fetch_add(1, Ordering::Relaxed) + 1;
        Moving { reporter: self.clone(), this_try }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Ends when it is cancelled.
    pub(super) async fn cancelled(&self) {
        // Where nobody has a handle any more, nobody can cancel.
        if self.cancelled.clone().wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What comes of a future, unless it is cancelled first; then the future is dropped where it is.
    pub(super) async fn unless_cancelled<F: Future>(&self, future: F) -> Result<F::Output, Canceled> {
        let (cancelled, future) = (std::pin::pin!(self.cancelled()), std::pin::pin!(future));
        match select(cancelled, future).await {
            Either::Left(_) => Err(Canceled),
            Either::Right((output, _)) => Ok(output),
        }
    }
}
