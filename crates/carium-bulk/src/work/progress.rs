//! How far a queue has come.

use std::time::Duration;

use carium::Error;
use tokio::time::{Instant, sleep};

use crate::OnboardingQueue;
use crate::status::RowCounts;

/// How far a queue has come, as all of its workers together have brought it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WorkProgress {
    /// How many rows are in which state.
    pub counts: RowCounts,
    /// How many rows were settled in a second, of late.
    pub rows_per_second: f64,
    /// How long the rest takes at this rate. `None` while nothing moves.
    pub remaining: Option<Duration>,
}

/// Looks at the books every now and then.
pub(super) struct Watch<'a> {
    bulk: &'a OnboardingQueue,
    before: Option<(Instant, u64)>,
    rows_per_second: f64,
    /// How many rows were settled, and since when it is so many.
    settled: (Instant, u64),
    /// How long the last look took.
    took: Duration,
}

/// How often one looks at the least.
const OFTEN: Duration = Duration::from_millis(200);
/// Which part of the time may be spent with looking: the larger the books, the more seldom.
const PART: u32 = 50;
/// How long nothing is settled before there is no rate any more.
const STILL: Duration = Duration::from_secs(10);
/// How much of the rate is the newest look's.
const NEWEST: f64 = 0.1;

impl<'a> Watch<'a> {
    pub(super) fn new(bulk: &'a OnboardingQueue) -> Self {
        Self { bulk, before: None, rows_per_second: 0.0, settled: (Instant::now(), 0), took: Duration::ZERO }
    }

    pub(super) async fn look(&mut self) -> Result<WorkProgress, Error> {
        let begun = Instant::now();
        let counts = self.bulk.status().await?;
        self.took = begun.elapsed();
        let settled = counts.completed + counts.failed + counts.unknown;
        if let Some((at, before)) = self.before.replace((begun, settled)) {
            #[allow(clippy::cast_precision_loss, reason = "a rate, to be shown")]
            let newest =
                settled.saturating_sub(before) as f64 / begun.duration_since(at).as_secs_f64().max(0.001);
            let is_first = self.rows_per_second == 0.0;
            self.rows_per_second =
                if is_first { newest } else { newest * NEWEST + self.rows_per_second * (1.0 - NEWEST) };
        }
        let left = counts.pending + counts.running;
        #[allow(clippy::cast_precision_loss, reason = "a time, to be shown")]
        let seconds = left as f64 / self.rows_per_second;
        // After a while without any, the last rate says nothing of the rest.
        if settled != self.settled.1 {
            self.settled = (begun, settled);
        } else if begun.duration_since(self.settled.0) > STILL {
            self.rows_per_second = 0.0;
        }
        let remaining = Duration::try_from_secs_f64(seconds).ok().filter(|_| self.rows_per_second > 0.0);
        Ok(WorkProgress { counts, rows_per_second: self.rows_per_second, remaining })
    }

    pub(super) async fn pause(&self) {
        sleep(OFTEN.max(self.took * PART)).await;
    }
}
