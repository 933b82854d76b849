//! How far transfers are.

use carium::documents::{Progress, TransferStage};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use tokio::sync::watch;

use super::{style, target};

const TEMPLATE: &str = "{prefix:6} {bar} {bytes:>10} {bytes_per_sec:>12} {eta:>4} {wide_msg}";

/// Bars, one for each transfer under way.
#[derive(Debug)]
pub(crate) struct Bars(MultiProgress);

impl Bars {
    pub(crate) fn new() -> Self {
        Self(MultiProgress::with_draw_target(target()))
    }

    /// A bar that follows a transfer until that ends, and is gone then.
    pub(crate) fn follow(&self, name: String, mut progress: watch::Receiver<Progress>) {
        let bars = self.0.clone();
        tokio::spawn(async move {
            let bar = bars.add(ProgressBar::no_length().with_style(style(TEMPLATE, 20)).with_message(name));
            while progress.changed().await.is_ok() {
                show(&bar, *progress.borrow_and_update());
            }
            bar.finish_and_clear();
        });
    }

    /// Takes all of them from the terminal, so that what is said next stands by itself.
    pub(crate) fn clear(&self) {
        // A terminal that is gone has nothing to clear.
        let _ = self.0.clear();
        self.0.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn show(bar: &ProgressBar, progress: Progress) {
    match progress.total {
        Some(total) => bar.set_length(total),
        None => bar.unset_length(),
    }
    bar.set_position(progress.bytes);
    bar.set_prefix(match progress.stage {
        TransferStage::Preparing => "asking",
        TransferStage::Transferring => "moving",
        _ => "filing",
    });
}
