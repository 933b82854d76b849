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
    rate: SettlementRate,
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
        Self { queue, rate: SettlementRate::default(), duration: Duration::ZERO }
    }

    pub(crate) async fn measure(&mut self) -> Result<WorkProgress, Error> {
        let started = Instant::now();
        let counts = self.queue.status().await?;
        self.duration = started.elapsed();
        Ok(self.rate.record(started, counts))
    }

    /// Waits until the next measurement is due.
    pub(crate) async fn pause(&self) {
        sleep(interval(self.duration)).await;
    }
}

/// Returns the time between two measurements, if one takes this long.
fn interval(duration: Duration) -> Duration {
    duration.saturating_mul(INTERVAL_PER_DURATION).clamp(MIN_INTERVAL, MAX_INTERVAL)
}

/// The rate at which rows are settled: a moving average.
#[derive(Default)]
struct SettlementRate {
    /// The time of the previous measurement, and the number of settled rows then.
    previous: Option<(Instant, u64)>,
    /// The time of the first measurement, or of the last one with another number of settled rows than the one before.
    last_change: Option<Instant>,
    rows_per_second: f64,
}

impl SettlementRate {
    /// Adds a measurement, and returns the progress.
    #[allow(clippy::cast_precision_loss, reason = "the rate and the time are only displayed")]
    fn record(&mut self, now: Instant, counts: RowCounts) -> WorkProgress {
        let settled = counts.settled();
        let previous = self.previous.replace((now, settled));
        if let Some((previous_time, previous_settled)) = previous {
            let elapsed = now.duration_since(previous_time).as_secs_f64().max(0.001);
            let latest = settled.saturating_sub(previous_settled) as f64 / elapsed;
            let has_rate = self.rows_per_second > 0.0;
            let weight = if has_rate { SMOOTHING_FACTOR } else { 1.0 };
            self.rows_per_second += weight * (latest - self.rows_per_second);
        }
        let last_change = *self.last_change.get_or_insert(now);
        if previous.is_some_and(|(_, previous_settled)| previous_settled != settled) {
            self.last_change = Some(now);
        } else if now.duration_since(last_change) > IDLE_TIMEOUT {
            // The last rate no longer predicts the remaining time.
            self.rows_per_second = 0.0;
        }
        // Without a rate, the quotient is infinite or not a number.
        let remaining = Duration::try_from_secs_f64(counts.unsettled() as f64 / self.rows_per_second).ok();
        WorkProgress { counts, rows_per_second: self.rows_per_second, remaining }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn counts(settled: u64) -> RowCounts {
        RowCounts {
            pending: 300,
            running: 30,
            completed: settled / 2,
            failed: settled - settled / 2,
            unknown: 0,
        }
    }

    /// Records measurements after these seconds with these numbers of settled rows, and returns the last progress.
    fn record(measurements: &[(f64, u64)]) -> WorkProgress {
        let mut rate = SettlementRate::default();
        let start = Instant::now();
        let mut progress = WorkProgress::default();
        for &(seconds, settled) in measurements {
            progress = rate.record(start + Duration::from_secs_f64(seconds), counts(settled));
        }
        progress
    }

    #[test]
    fn the_rate_is_a_moving_average() {
        for (measurements, expected, remaining) in [
            // One measurement shows no rate, even if rows were settled before.
            (&[(0.0, 500)][..], 0.0, None),
            (&[(0.0, 500), (2.0, 500)], 0.0, None),
            (&[(0.0, 500), (2.0, 520)], 10.0, Some(33)),
            // The next measurement has a weight of a tenth.
            (&[(0.0, 500), (2.0, 520), (3.0, 550)], 12.0, Some(27)),
            (&[(0.0, 500), (2.0, 520), (3.0, 520)], 9.0, Some(36)),
            // The first rate counts in full, also after measurements without one.
            (&[(0.0, 0), (1.0, 0), (2.0, 33)], 33.0, Some(10)),
            // Rows that a person retries are no longer settled.
            (&[(0.0, 500), (2.0, 520), (3.0, 400)], 9.0, Some(36)),
            // Two measurements at the same time.
            (&[(0.0, 0), (0.0, 1)], 1000.0, Some(0)),
        ] {
            let progress = record(measurements);
            assert!((progress.rows_per_second - expected).abs() < 1e-9, "{measurements:?} {progress:?}");
            assert_eq!(progress.remaining.map(|time| time.as_secs()), remaining, "{measurements:?}");
            assert_eq!(progress.counts, counts(measurements[measurements.len() - 1].1));
        }
    }

    #[test]
    fn the_rate_is_reset_after_ten_seconds_without_a_settled_row() {
        let last = |measurements| record(measurements).rows_per_second > 0.0;
        assert!(last(&[(0.0, 0), (9.0, 10), (19.0, 10)]), "10 seconds");
        assert!(!last(&[(0.0, 0), (9.0, 10), (19.1, 10)]), "more than 10 seconds");
        assert!(last(&[(0.0, 0), (9.0, 10), (30.0, 11)]), "rows were settled in the meantime");
        assert!(last(&[(0.0, 10), (9.0, 10), (10.1, 11)]), "the first rate");
    }

    #[test]
    fn the_interval_grows_with_the_duration_of_a_measurement() {
        for (milliseconds, expected) in [(0, 200), (4, 200), (5, 250), (100, 5_000), (300, 10_000)] {
            assert_eq!(interval(Duration::from_millis(milliseconds)), Duration::from_millis(expected));
        }
        assert_eq!(interval(Duration::MAX), MAX_INTERVAL);
    }
}
