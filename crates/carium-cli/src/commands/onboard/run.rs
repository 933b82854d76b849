//! Rows are worked on in this process, until all are settled or someone asks it to stop.

use std::sync::Arc;

use carium::onboarding::{Ledger, Onboarding};
use carium_bulk::{Bulk, WorkOptions};

use super::options::{Pace, of_queue};
use crate::exit::Failure;
use crate::interrupt::interrupted;
use crate::progress::RowsBar;

/// What is to be worked on, and for how long.
pub(crate) struct Run {
    pub(crate) bulk: Bulk,
    pub(crate) pace: Pace,
    /// How many rows may be parked that were not before.
    pub(crate) max_parked: Option<u64>,
    pub(crate) until_settled: bool,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nothing waits any more.
    Settled,
    TooManyParked,
    /// Someone asked for it. What was in flight is finished, unless they asked twice.
    Interrupted,
}

impl Run {
    pub(crate) async fn finish(
        self,
        onboarding: impl FnOnce(Arc<dyn Ledger>) -> Onboarding + Send,
    ) -> Result<Ended, Failure> {
        let mut options = WorkOptions::new().rows_at_a_time(self.pace.concurrency.into());
        if self.until_settled {
            options = options.until_settled();
        }
        let before = self.bulk.status().await.map_err(of_queue)?;
        let working = self.bulk.work(options, onboarding).await.map_err(of_queue)?;
        let (stop, mut progress) = (working.stop(), working.progress());
        let mut bar = RowsBar::new();
        let mut ended = Ended::Settled;
        let mut stopped = std::pin::pin!(working.stopped());
        let result = loop {
            tokio::select! {
                result = &mut stopped => break result,
                () = interrupted() => {
                    bar.say(if ended == Ended::Interrupted {
                        "stopping at once: calls without an answer are looked at when this goes on"
                    } else {
                        "finishing what is in flight; interrupt again to stop at once"
                    });
                    ended = Ended::Interrupted;
                    stop.stop();
                }
                Ok(()) = progress.changed() => {
                    let now = *progress.borrow_and_update();
                    bar.show(&now);
                    let parked = |counts: &carium_bulk::Counts| counts.failed + counts.unknown;
                    let newly = parked(&now.counts).saturating_sub(parked(&before));
                    if ended == Ended::Settled && self.max_parked.is_some_and(|most| newly >= most) {
                        ended = Ended::TooManyParked;
                        stop.stop();
                    }
                }
            }
        };
        bar.clear();
        result.map_err(of_queue)?;
        Ok(ended)
    }
}
