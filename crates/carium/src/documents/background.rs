//! Work on pieces of a file that goes on beside their transfer: hashing, writing.
//!
//! It has threads for blocking work, and keeps one of them only while there is a piece to work on: a slow
//! transfer holds none, and tokio's paused clock is not held up. A few pieces may wait, so that neither side
//! stops for the other at each of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use super::{Sha256Digest, local};
use crate::error::Error;

/// How many jobs may wait.
const WAITING: usize = 2;

/// Something that jobs are done with, one after the other.
pub(super) struct Background<S>(Arc<Shared<S>>);

type Job<S> = Box<dyn FnOnce(&mut S) -> Result<(), Error> + Send>;

struct Shared<S> {
    now: Mutex<Now<S>>,
    changed: Notify,
}

struct Now<S> {
    waiting: VecDeque<Job<S>>,
    subject: Subject<S>,
}

enum Subject<S> {
    Idle(S),
    Busy,
    /// Given away, or given up for this reason, which is told once.
    Gone(Option<Error>),
}

impl<S> Shared<S> {
    fn now(&self) -> MutexGuard<'_, Now<S>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Send + 'static> Background<S> {
    pub(super) fn new(subject: S) -> Self {
        let now = Now { waiting: VecDeque::new(), subject: Subject::Idle(subject) };
        Self(Arc::new(Shared { now: Mutex::new(now), changed: Notify::new() }))
    }

    /// Has a job done, after those before it.
    pub(super) async fn add(
        &self,
        job: impl FnOnce(&mut S) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        self.room().await?;
        let subject = {
            let mut now = self.0.now();
            now.waiting.push_back(Box::new(job));
            match std::mem::replace(&mut now.subject, Subject::Busy) {
                Subject::Idle(subject) => Some(subject),
                Subject::Busy => None,
                Subject::Gone(why) => {
                    now.subject = Subject::Gone(None);
                    return Err(why.unwrap_or_else(local::ended));
                }
            }
        };
        // Not under the lock: a runtime that is ending drops this where it stands.
        if let Some(subject) = subject {
            let worker = Worker { shared: Arc::clone(&self.0), has_told: false };
            spawn_blocking(move || worker.run(subject));
        }
        Ok(())
    }

    /// Whether there is nothing to do, or nothing to do it with: then adding a job does not wait.
    pub(super) fn is_idle(&self) -> bool {
        !matches!(self.0.now().subject, Subject::Busy)
    }

    /// Waits until one more job may wait. There is one who adds them.
    async fn room(&self) -> Result<(), Error> {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut now = self.0.now();
                if let Subject::Gone(why) = &mut now.subject {
                    return Err(why.take().unwrap_or_else(local::ended));
                }
                if now.waiting.len() < WAITING {
                    return Ok(());
                }
            }
            changed.await;
        }
    }

    /// The subject, when all jobs are done. To be [given back](Self::give_back) where there are to be more.
    pub(super) async fn take(&self) -> Result<S, Error> {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut now = self.0.now();
                match std::mem::replace(&mut now.subject, Subject::Gone(None)) {
                    Subject::Idle(subject) => return Ok(subject),
                    Subject::Gone(why) => return Err(why.unwrap_or_else(local::ended)),
                    Subject::Busy => now.subject = Subject::Busy,
                }
            }
            changed.await;
        }
    }

    pub(super) fn give_back(&self, subject: S) {
        self.0.now().subject = Subject::Idle(subject);
    }
}

/// Does the jobs that wait. Tells those who wait that nothing will come, where a job panics or the runtime drops it
/// before it has begun.
struct Worker<S> {
    shared: Arc<Shared<S>>,
    has_told: bool,
}

impl<S> Worker<S> {
    fn run(mut self, mut subject: S) {
        loop {
            let job = {
                let mut now = self.shared.now();
                let Some(job) = now.waiting.pop_front() else {
                    now.subject = Subject::Idle(subject);
                    break;
                };
                job
            };
            self.shared.changed.notify_waiters();
            if let Err(error) = job(&mut subject) {
                // What is left of it goes before anyone hears of the failure.
                drop(subject);
                self.shared.now().subject = Subject::Gone(Some(error));
                break;
            }
        }
        self.has_told = true;
        self.shared.changed.notify_waiters();
    }
}

impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        if !self.has_told {
            self.shared.now().subject = Subject::Gone(None);
            self.shared.changed.notify_waiters();
        }
    }
}

impl<S> Drop for Background<S> {
    /// Nobody wants the rest.
    fn drop(&mut self) {
        self.0.now().waiting.clear();
    }
}

/// A digest, which costs as much as reading and sending together.
pub(super) type Hashing = Background<Sha256>;

impl Hashing {
    pub(super) fn sha256() -> Self {
        Self::new(Sha256::new())
    }

    pub(super) async fn hash(&self, piece: Bytes) -> Result<(), Error> {
        self.add(move |hasher| {
            hasher.update(&piece);
            Ok(())
        })
        .await
    }

    /// The digest of all that was hashed.
    pub(super) async fn digest(&self) -> Result<Sha256Digest, Error> {
        let hasher = self.take().await?;
        let digest = Sha256Digest::so_far(&hasher);
        self.give_back(hasher);
        Ok(digest)
    }
}
