//! Progress of a command, as bars on a terminal. Bars are drawn on stderr, and only if it is a terminal.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use carium::documents::{Progress, TransferStage};
use carium_bulk::WorkProgress;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::stderr;

const ROWS_TEMPLATE: &str = "{bar} {pos}/{len} rows{wide_msg}";
const TRANSFER_TEMPLATE: &str = "{prefix:9} {bar} {bytes:>10} {bytes_per_sec:>12} {eta:>4} {wide_msg}";
/// Time between two progress lines if stderr is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of the rows of a queue: a bar on a terminal, otherwise a line every ten seconds.
#[derive(Debug)]
pub(crate) struct RowProgressBar {
    bar: ProgressBar,
    /// When the last line was printed. `None` on a terminal.
    last_line: Option<Instant>,
}

impl RowProgressBar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, draw_target()).with_style(bar_style(ROWS_TEMPLATE, 24));
        let is_drawn = !bar.is_hidden();
        Self { bar, last_line: (!is_drawn).then(Instant::now) }
    }

    pub(crate) fn update(&mut self, progress: &WorkProgress) {
        let counts = &progress.counts;
        let settled = counts.completed + counts.failed + counts.unknown;
        self.bar.set_length(counts.rows());
        self.bar.set_position(settled);
        self.bar.set_message(row_details(progress));
        if let Some(last_line) = &mut self.last_line
            && last_line.elapsed() >= LINE_INTERVAL
        {
            *last_line = Instant::now();
            stderr::print(&format!("{settled} of {} rows{}", counts.rows(), row_details(progress)));
        }
    }

    /// Prints a line above the bar.
    pub(crate) fn print(&self, text: &str) {
        self.bar.suspend(|| stderr::print(text));
    }

    /// Removes the bar from the terminal.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Formats the number of running and parked rows, the rate and the remaining time.
fn row_details(progress: &WorkProgress) -> String {
    let counts = &progress.counts;
    let mut parts = Vec::new();
    for (rows, state) in [(counts.running, "running"), (counts.failed, "failed"), (counts.unknown, "unknown")]
    {
        if rows > 0 {
            parts.push(format!("{rows} {state}"));
        }
    }
    if progress.rows_per_second > 0.0 {
        let rate = progress.rows_per_second;
        parts.push(if rate < 1.0 { "less than 1/s".to_owned() } else { format!("{rate:.0}/s") });
    }
    if let Some(remaining) = progress.remaining.filter(|remaining| !remaining.is_zero()) {
        parts.push(format!("{} left", indicatif::HumanDuration(remaining)));
    }
    parts.iter().fold(String::new(), |text, part| text + ", " + part)
}

/// The progress of concurrent transfers, one bar for each.
#[derive(Debug)]
pub(crate) struct TransferBars(MultiProgress);

impl TransferBars {
    pub(crate) fn new() -> Self {
        Self(MultiProgress::with_draw_target(draw_target()))
    }

    /// Adds a bar that follows a transfer and is removed when the transfer ends.
    pub(crate) fn follow(&self, name: String, mut progress: watch::Receiver<Progress>) {
        let bars = self.0.clone();
        tokio::spawn(async move {
            let style = bar_style(TRANSFER_TEMPLATE, 20);
            let bar = bars.add(ProgressBar::no_length().with_style(style).with_message(name));
            while progress.changed().await.is_ok() {
                update_transfer(&bar, *progress.borrow_and_update());
            }
            bar.finish_and_clear();
        });
    }

    /// Removes all bars from the terminal.
    pub(crate) fn clear(&self) {
        // Fails only if the terminal is gone, and then there is nothing to remove.
        let _ = self.0.clear();
        self.0.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn update_transfer(bar: &ProgressBar, progress: Progress) {
    match progress.total {
        Some(total) => bar.set_length(total),
        None => bar.unset_length(),
    }
    bar.set_position(progress.bytes);
    // At most nine characters; see the template.
    bar.set_prefix(match progress.stage {
        TransferStage::Preparing => "preparing",
        TransferStage::Transferring => "copying",
        _ => "finishing",
    });
}

fn draw_target() -> ProgressDrawTarget {
    if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

/// Creates a style from a template whose `{bar}` is replaced by a bar of this width.
fn bar_style(template: &str, width: usize) -> ProgressStyle {
    let has_color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let bar = if has_color { format!("{{bar:{width}.cyan}}") } else { format!("{{bar:{width}}}") };
    // The templates are constants. If one were invalid, the default bar would do.
    ProgressStyle::with_template(&template.replace("{bar}", &bar))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
