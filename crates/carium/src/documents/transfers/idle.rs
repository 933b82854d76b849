//! The idle timeout of a transfer.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// Tracks when bytes were last transferred. Updated for every chunk, so an update only reads a clock and stores a
/// number.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    /// Milliseconds since `start`.
    last: AtomicU64,
}

/// No bytes were transferred within the idle timeout.
#[derive(Debug)]
pub(super) struct IdleTimeout;

impl Activity {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Notes that bytes are transferred now.
    pub(super) fn note(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// Runs a future to completion, or drops it when no activity has been noted for `timeout`.
    pub(super) async fn unless_idle<F: Future>(
        &self,
        timeout: Duration,
        future: F,
    ) -> Result<F::Output, IdleTimeout> {
        let mut future = std::pin::pin!(future);
        loop {
            let deadline = self.last() + timeout;
            match timeout_at(deadline, &mut future).await {
                Ok(output) => return Ok(output),
                Err(_) if self.last() + timeout > deadline => {}
                Err(_) => return Err(IdleTimeout),
            }
        }
    }
}
