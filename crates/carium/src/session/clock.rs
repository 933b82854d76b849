//! What time it is, for one-time codes.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The wall clock, read once and carried on by tokio's, which tests can stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    read: Duration,
    at: Instant,
}

impl WallClock {
    pub(crate) fn start() -> Self {
        let read = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { read, at: Instant::now() }
    }

    /// Seconds since 1970.
    pub(crate) fn unix_seconds(&self) -> u64 {
        (self.read + self.at.elapsed()).as_secs()
    }
}
