//! Processes the rows of a queue in this process, with a progress bar, until all are settled or the program is
//! interrupted.

use std::sync::Arc;

use carium::onboarding::{Ledger, Onboarding};
use carium_bulk::{OnboardingQueue, RowCounts, WorkOptions};

use super::options::{ThroughputArgs, queue_error};
use crate::error::CliError;
use crate::interrupt::interrupted;
use crate::progress::RowProgressBar;

/// The queue to process, and when to stop.
pub(crate) struct WorkSession {
    pub(crate) queue: OnboardingQueue,
    pub(crate) throughput: ThroughputArgs,
    /// Stops when this many rows are newly parked.
    pub(crate) max_parked: Option<u64>,
    pub(crate) stop_when_settled: bool,
}

/// The reason why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// No row is pending.
    Settled,
    TooManyParked,
    /// The program was interrupted once. Calls in flight were finished.
    Interrupted,
    /// The program was interrupted twice. The outcome of calls in flight is unknown.
    Aborted,
}

fn parked(counts: &RowCounts) -> u64 {
    counts.failed + counts.unknown
}

impl WorkSession {
    /// Processes rows until the session ends. Returns the reason and the row counts at the end.
    pub(crate) async fn run(
        self,
        onboarding: impl FnOnce(Arc<dyn Ledger>) -> Onboarding + Send,
    ) -> Result<(StopReason, RowCounts), CliError> {
        let mut options = WorkOptions::new().max_concurrent_rows(self.throughput.concurrency.into());
        if self.stop_when_settled {
            options = options.stop_when_settled();
        }
        if let Some(max_parked) = self.max_parked {
            options = options.max_parked(max_parked);
        }
        let before = self.queue.status().await.map_err(queue_error)?;
        let worker = self.queue.work(options, onboarding).await.map_err(queue_error)?;
        let (stop, mut progress) = (worker.stop_handle(), worker.progress());
        let mut bar = RowProgressBar::new();
        let mut reason = StopReason::Settled;
        let mut stopped = std::pin::pin!(worker.join());
        let result = loop {
            tokio::select! {
                result = &mut stopped => break result,
                () = interrupted() => {
                    if reason == StopReason::Settled {
                        bar.print("finishing the calls in flight; interrupt again to stop immediately");
                        reason = StopReason::Interrupted;
                        stop.stop();
                    } else {
                        bar.print("stopping immediately; the next run checks the calls without a response");
                        reason = StopReason::Aborted;
                        stop.stop_now();
                    }
                }
                Ok(()) = progress.changed() => bar.update(&progress.borrow_and_update()),
            }
        };
        bar.clear();
        result.map_err(queue_error)?;
        let counts = self.queue.status().await.map_err(queue_error)?;
        let newly_parked = parked(&counts).saturating_sub(parked(&before));
        if reason == StopReason::Settled && self.max_parked.is_some_and(|maximum| newly_parked >= maximum) {
            reason = StopReason::TooManyParked;
        }
        Ok((reason, counts))
    }
}
