//! Silence: how it is noticed that nothing moves any more.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// When something last moved. Noted for every chunk, so it costs no more than reading a clock.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    /// Milliseconds after that.
    last: AtomicU64,
}

/// Nothing moved for too long.
#[derive(Debug)]
pub(super) struct Silent;

impl Activity {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), last: AtomicU64::new(0) }
    }

    pub(super) fn note(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.since + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// What comes of a future, unless nothing moves for so long before.
    pub(super) async fn unless_silent<F: Future>(
        &self,
        silence: Duration,
        future: F,
    ) -> Result<F::Output, Silent> {
        let mut future = std::pin::pin!(future);
        loop {
            let until = self.last() + silence;
            match timeout_at(until, &mut future).await {
                Ok(output) => return Ok(output),
                Err(_) if self.last() + silence > until => {}
                Err(_) => return Err(Silent),
            }
        }
    }
}
