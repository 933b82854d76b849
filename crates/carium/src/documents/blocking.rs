//! A queue of blocking jobs on one value, for hashing and writing a file while its bytes are transferred.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::error::Error;
use crate::local_io::shutting_down;

/// Maximum number of jobs that wait in a queue.
const MAX_PENDING: usize = 2;

/// A value with a queue of jobs that run on it one at a time, in order, on a blocking thread.
///
/// A thread is occupied only while there is a job to run: a slow transfer holds no thread, and tokio's paused clock,
/// which does not advance while a blocking task runs, keeps working in tests. A few jobs can wait in the queue, so
/// that neither side has to stop at every piece.
///
/// There must be a single producer: the queue's limit is checked before a job is pushed.
pub(super) struct JobQueue<T>(Arc<Shared<T>>);

type Job<T> = Box<dyn FnOnce(&mut T) -> Result<(), Error> + Send>;

struct Shared<T> {
    state: Mutex<QueueState<T>>,
    changed: Notify,
}

struct QueueState<T> {
    pending: VecDeque<Job<T>>,
    value: QueueValue<T>,
}

enum QueueValue<T> {
    Idle(T),
    /// A worker thread has it.
    Busy,
    /// It was taken out, or it was dropped after this error. The error is returned once.
    Gone(Option<Error>),
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> JobQueue<T> {
    pub(super) fn new(value: T) -> Self {
        let state = QueueState { pending: VecDeque::new(), value: QueueValue::Idle(value) };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Adds a job. Waits while the queue is full.
    ///
    /// # Errors
    /// The error of an earlier job, if one failed.
    pub(super) async fn push(
        &self,
        job: impl FnOnce(&mut T) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        self.wait_for_capacity().await?;
        let value = {
            let mut state = self.0.state();
            state.pending.push_back(Box::new(job));
            match std::mem::replace(&mut state.value, QueueValue::Busy) {
                QueueValue::Idle(value) => Some(value),
                QueueValue::Busy => None,
                QueueValue::Gone(error) => {
                    state.value = QueueValue::Gone(None);
                    return Err(error.unwrap_or_else(shutting_down));
                }
            }
        };
        // The lock must be released here: a runtime that is shutting down drops the closure, and with it the
        // worker, inside this call.
        if let Some(value) = value {
            let worker = Worker { shared: Arc::clone(&self.0), has_reported: false };
            spawn_blocking(move || worker.run(value));
        }
        Ok(())
    }

    /// Checks whether the next [`push`](Self::push) returns without waiting: no job is running, or the value is
    /// gone.
    pub(super) fn is_idle(&self) -> bool {
        !matches!(self.0.state().value, QueueValue::Busy)
    }

    async fn wait_for_capacity(&self) -> Result<(), Error> {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut state = self.0.state();
                if let QueueValue::Gone(error) = &mut state.value {
                    return Err(error.take().unwrap_or_else(shutting_down));
                }
                if state.pending.len() < MAX_PENDING {
                    return Ok(());
                }
            }
            changed.await;
        }
    }

    /// Waits until all jobs are done and takes the value out. [`put_back`](Self::put_back) allows more jobs.
    ///
    /// # Errors
    /// The error of an earlier job, if one failed.
    pub(super) async fn take(&self) -> Result<T, Error> {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut state = self.0.state();
                match std::mem::replace(&mut state.value, QueueValue::Gone(None)) {
                    QueueValue::Idle(value) => return Ok(value),
                    QueueValue::Gone(error) => return Err(error.unwrap_or_else(shutting_down)),
                    QueueValue::Busy => state.value = QueueValue::Busy,
                }
            }
            changed.await;
        }
    }

    pub(super) fn put_back(&self, value: T) {
        self.0.state().value = QueueValue::Idle(value);
    }
}

/// Runs the pending jobs on a blocking thread. If a job panics, or the runtime drops the worker before it starts,
/// `Drop` wakes those who wait for the value.
struct Worker<T> {
    shared: Arc<Shared<T>>,
    has_reported: bool,
}

impl<T> Worker<T> {
    fn run(mut self, mut value: T) {
        loop {
            let job = {
                let mut state = self.shared.state();
                let Some(job) = state.pending.pop_front() else {
                    state.value = QueueValue::Idle(value);
                    break;
                };
                job
            };
            self.shared.changed.notify_waiters();
            if let Err(error) = job(&mut value) {
                // Dropped before the failure is visible, so that a temporary file is already removed by then.
                drop(value);
                self.shared.state().value = QueueValue::Gone(Some(error));
                break;
            }
        }
        self.has_reported = true;
        self.shared.changed.notify_waiters();
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        if !self.has_reported {
            self.shared.state().value = QueueValue::Gone(None);
            self.shared.changed.notify_waiters();
        }
    }
}

impl<T> Drop for JobQueue<T> {
    /// Discards the jobs that have not started.
    fn drop(&mut self) {
        self.0.state().pending.clear();
    }
}
