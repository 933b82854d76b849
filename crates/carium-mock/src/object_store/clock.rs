//! The clock of the object store.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// The maximum validity of a presigned form or link in S3.
const MAX_VALIDITY: Duration = Duration::from_hours(7 * 24);

/// A wall clock that advances with tokio's clock.
///
/// Policies and links contain dates, so the clock starts at the current date. From then on it follows tokio's clock,
/// which a test can pause and advance to let them expire.
#[derive(Debug)]
pub(super) struct Clock {
    started_at: Instant,
    start_date: DateTime<Utc>,
}

impl Clock {
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // The start is a whole second, like the dates of links. Under a paused clock, links then expire exactly on
        // time.
        let start_date =
            i64::try_from(since_epoch.as_secs()).ok().and_then(|secs| DateTime::from_timestamp(secs, 0));
        Self { started_at: Instant::now(), start_date: start_date.unwrap_or_default() }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.started_at.elapsed()).unwrap_or(TimeDelta::MAX);
        self.start_date.checked_add_signed(elapsed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Returns the expiry date of something that is valid for this long, at most one week.
    pub(super) fn expiry(&self, valid_for: Duration) -> DateTime<Utc> {
        let valid_for = TimeDelta::from_std(valid_for.min(MAX_VALIDITY)).unwrap_or_default();
        self.now().checked_add_signed(valid_for).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// Rounds a validity down to whole seconds and limits it to one week.
pub(super) fn whole_seconds(valid_for: Duration) -> u64 {
    valid_for.min(MAX_VALIDITY).as_secs()
}
