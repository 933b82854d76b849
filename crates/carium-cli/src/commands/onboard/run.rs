//! Rows are worked on in this process, until all are settled or someone asks it to stop.

use std::sync::Arc;

use carium::onboarding::{Ledger, Onboarding};
use carium_bulk::{OnboardingQueue, RowCounts, WorkOptions};

use super::options::{Pace, of_queue};
use crate::exit::CliError;
use crate::interrupt::interrupted;
use crate::progress::RowsBar;

/// What is to be worked on, and for how long.
pub(crate) struct Run {
    pub(crate) bulk: OnboardingQueue,
    pub(crate) pace: Pace,
    /// How many rows may be parked that were not before.
    pub(crate) max_parked: Option<u64>,
    pub(crate) stop_when_settled: bool,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nothing waits any more.
    Settled,
    TooManyParked,
    /// Someone asked for it. What was in flight is finished.
    Interrupted,
    /// They asked twice. What was in flight is in doubt.
    CutOff,
}

fn parked(counts: &RowCounts) -> u64 {
    counts.failed + counts.unknown
}

impl Run {
    /// Why it ended, and the books then.
    pub(crate) async fn finish(
        self,
        onboarding: impl FnOnce(Arc<dyn Ledger>) -> Onboarding + Send,
    ) -> Result<(Ended, RowCounts), CliError> {
        let mut options = WorkOptions::new().max_concurrent_rows(self.pace.concurrency.into());
        if self.stop_when_settled {
            options = options.stop_when_settled();
        }
        if let Some(most) = self.max_parked {
            options = options.max_parked(most);
        }
        let before = self.bulk.status().await.map_err(of_queue)?;
        let working = self.bulk.work(options, onboarding).await.map_err(of_queue)?;
        let (stop, mut progress) = (working.stop_handle(), working.progress());
        let mut bar = RowsBar::new();
        let (mut ended, mut is_cut_off) = (Ended::Settled, false);
        let mut stopped = std::pin::pin!(working.join());
        let result = loop {
            tokio::select! {
                result = &mut stopped => break result,
                () = interrupted() => {
                    if ended == Ended::Interrupted {
                        bar.say("stopping at once: calls without an answer are looked at when this goes on");
                        is_cut_off = true;
                        stop.stop_now();
                    } else {
                        bar.say("finishing what is in flight; interrupt again to stop at once");
                        stop.stop();
                    }
                    ended = Ended::Interrupted;
                }
                Ok(()) = progress.changed() => bar.show(&progress.borrow_and_update()),
            }
        };
        bar.clear();
        result.map_err(of_queue)?;
        let counts = self.bulk.status().await.map_err(of_queue)?;
        let newly = parked(&counts).saturating_sub(parked(&before));
        let ended = match ended {
            Ended::Interrupted if is_cut_off => Ended::CutOff,
            Ended::Settled if self.max_parked.is_some_and(|most| newly >= most) => Ended::TooManyParked,
            ended => ended,
        };
        Ok((ended, counts))
    }
}
