//! Measuring the progress of a queue.

use std::time::Duration;

use carium::Error;
use tokio::time::{Instant, sleep};

use crate::queue::OnboardingQueue;
use crate::row_store::RowCounts;

/// The progress of a queue, including the work of all its workers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WorkProgress {
    /// The number of rows in each state.
    pub counts: RowCounts,
    /// The recent rate of settled rows per second. A row is settled when it is completed, failed or unknown.
    pub rows_per_second: f64,
    /// The estimated time until all rows are settled. `None` if no rows were settled recently.
    pub remaining: Option<Duration>,
}

/// Measures the progress of a queue at intervals.
pub(crate) struct ProgressMonitor<'a> {
    queue: &'a OnboardingQueue,
    /// The time of the previous measurement, and the number of settled rows then.
    previous: Option<(Instant, u64)>,
    rows_per_second: f64,
    /// The time of the last change in the number of settled rows, and the number since then.
    last_change: (Instant, u64),
    /// The duration of the last measurement.
    duration: Duration,
}

/// The minimum time between two measurements.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
/// The minimum ratio of the time between measurements to the duration of a measurement. It limits the load of
/// counting a large number of rows to 2 percent of the time.
const INTERVAL_PER_DURATION: u32 = 50;
/// The maximum time between two measurements, because a measurement includes waiting for the database.
const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// The rate is reset after this time without a newly settled row.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// The weight of the latest measurement in the moving average of the rate.
const SMOOTHING_FACTOR: f64 = 0.1;

impl<'a> ProgressMonitor<'a> {
    pub(crate) fn new(queue: &'a OnboardingQueue) -> Self {
        Self {
            queue,
            previous: None,
            rows_per_second: 0.0,
            last_change: (Instant::now(), 0),
            duration: Duration::ZERO,
        }
    }

    pub(crate) async fn measure(&mut self) -> Result<WorkProgress, Error> {
        let started = Instant::now();
        let counts = self.queue.status().await?;
        self.duration = started.elapsed();
        let settled = counts.settled();
        if let Some((previous_time, previous_settled)) = self.previous.replace((started, settled)) {
            let elapsed = started.duration_since(previous_time).as_secs_f64().max(0.001);
            #[allow(clippy::cast_precision_loss, reason = "the rate is only displayed")]
            let latest = settled.saturating_sub(previous_settled) as f64 / elapsed;
            let is_first = self.rows_per_second == 0.0;
            self.rows_per_second = if is_first {
                latest
            } else {
                latest * SMOOTHING_FACTOR + self.rows_per_second * (1.0 - SMOOTHING_FACTOR)
            };
        }
        #[allow(clippy::cast_precision_loss, reason = "the time is only displayed")]
        let seconds = counts.unsettled() as f64 / self.rows_per_second;
        // After a time without settled rows, the last rate no longer predicts the remaining time.
        if settled != self.last_change.1 {
            self.last_change = (started, settled);
        } else if started.duration_since(self.last_change.0) > IDLE_TIMEOUT {
            self.rows_per_second = 0.0;
        }
        let remaining = Duration::try_from_secs_f64(seconds).ok().filter(|_| self.rows_per_second > 0.0);
        Ok(WorkProgress { counts, rows_per_second: self.rows_per_second, remaining })
    }

    /// Waits until the next measurement is due.
    pub(crate) async fn pause(&self) {
        sleep((self.duration * INTERVAL_PER_DURATION).clamp(MIN_INTERVAL, MAX_INTERVAL)).await;
    }
}
