//! What time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// S3 signs for a week at the longest.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// Tokio's clock, so that a test that has paused it decides what has expired, counted from the day on which the
/// store was started, since policies and links state dates.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    date: DateTime<Utc>,
}

impl Clock {
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A whole second, as links state no less: under a paused clock they expire at the exact moment.
        let date =
            i64::try_from(since_epoch.as_secs()).ok().and_then(|secs| DateTime::from_timestamp(secs, 0));
        Self { started: Instant::now(), date: date.unwrap_or_default() }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.started.elapsed()).unwrap_or(TimeDelta::MAX);
        self.date.checked_add_signed(passed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The end of what is valid from now on for so long, a week at the most.
    pub(super) fn end_of(&self, valid_for: Duration) -> DateTime<Utc> {
        let valid_for = TimeDelta::from_std(valid_for.min(LONGEST)).unwrap_or_default();
        self.now().checked_add_signed(valid_for).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// In whole seconds, and a week at the most.
pub(super) fn whole_seconds(valid_for: Duration) -> u64 {
    valid_for.min(LONGEST).as_secs()
}
