//! The handles of a running worker.

use std::fmt;
use std::sync::Arc;

use carium::{Error, ErrorKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::progress::WorkProgress;
use crate::outage::Outage;

/// A running worker. Dropping it stops the worker immediately, as [`StopHandle::stop_now`] does.
#[must_use]
pub struct WorkerHandle {
    stop: StopHandle,
    progress: watch::Receiver<WorkProgress>,
    outage: watch::Receiver<Option<Outage>>,
    run: JoinHandle<Result<(), Error>>,
}

/// Stops a running worker from anywhere in the program. Cheap to clone.
#[derive(Clone)]
pub struct StopHandle(Arc<watch::Sender<Phase>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Running,
    /// Rows in progress are finished, and no new ones are started.
    Stopping,
    Stopped,
}

impl StopHandle {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Running)))
    }

    /// Stops the worker gracefully: it starts no more rows, and finishes those in progress.
    pub fn stop(&self) {
        self.0.send_if_modified(|phase| {
            let is_running = *phase == Phase::Running;
            if is_running {
                *phase = Phase::Stopping;
            }
            is_running
        });
    }

    /// Stops the worker immediately and cancels the rows in progress, for example on a second Ctrl-C. As if the
    /// process were killed, each call in flight leaves an intent in the ledger, and its outcome is unknown.
    pub fn stop_now(&self) {
        self.0.send_replace(Phase::Stopped);
    }

    /// Waits until the worker was asked to reach this phase.
    pub(super) async fn reached(&self, phase: Phase) {
        // `wait_for` fails only if the sender is dropped, and `self` holds the sender.
        let _ = self.0.subscribe().wait_for(|current| *current >= phase).await;
    }
}

impl fmt::Debug for StopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StopHandle").field(&*self.0.borrow()).finish()
    }
}

impl WorkerHandle {
    pub(super) fn new(
        stop: StopHandle,
        progress: watch::Receiver<WorkProgress>,
        outage: watch::Receiver<Option<Outage>>,
        run: JoinHandle<Result<(), Error>>,
    ) -> Self {
        Self { stop, progress, outage, run }
    }

    /// Returns a handle that stops the worker.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Returns a receiver of the queue's progress, for a progress bar or for metrics. It is updated while the worker
    /// runs.
    pub fn progress(&self) -> watch::Receiver<WorkProgress> {
        self.progress.clone()
    }

    /// Returns a receiver of the outage that pauses the worker: `None` while it processes rows.
    pub fn outage(&self) -> watch::Receiver<Option<Outage>> {
        self.outage.clone()
    }

    /// Waits until the worker has stopped.
    ///
    /// # Errors
    /// - The kind of an [`Outage`] that lasted longer than [`WorkOptions::max_outage`](crate::WorkOptions::max_outage),
    ///   or [`Unauthenticated`](ErrorKind::Unauthenticated) if the service refused the sign-in. The rows stay pending.
    /// - [`Canceled`](ErrorKind::Canceled): the task of the worker was canceled or panicked.
    pub async fn join(mut self) -> Result<(), Error> {
        let run = (&mut self.run).await;
        run.unwrap_or_else(|_| Err(Error::new(ErrorKind::Canceled, "the task of the worker did not finish")))
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.stop.stop_now();
    }
}

impl fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHandle").field("stop", &self.stop).finish_non_exhaustive()
    }
}
