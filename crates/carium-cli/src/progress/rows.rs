//! How far the rows of a file are.

use std::time::Duration;

use carium_bulk::WorkProgress;
use indicatif::ProgressBar;
use tokio::time::Instant;

use super::{style, target};
use crate::say;

const TEMPLATE: &str = "{bar} {pos}/{len} rows{wide_msg}";
/// How often something is said where there is no terminal to draw on.
const SELDOM: Duration = Duration::from_secs(10);

/// A bar that fills as rows are settled; where there is no terminal, a line now and then.
#[derive(Debug)]
pub(crate) struct RowsBar {
    bar: ProgressBar,
    /// Since when nothing was said. `None` on a terminal.
    silent_since: Option<Instant>,
}

impl RowsBar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, target()).with_style(style(TEMPLATE, 24));
        let is_drawn = !bar.is_hidden();
        Self { bar, silent_since: (!is_drawn).then(Instant::now) }
    }

    pub(crate) fn show(&mut self, progress: &WorkProgress) {
        let counts = &progress.counts;
        let settled = counts.completed + counts.failed + counts.unknown;
        self.bar.set_length(counts.rows());
        self.bar.set_position(settled);
        self.bar.set_message(described(progress));
        if let Some(since) = &mut self.silent_since
            && since.elapsed() >= SELDOM
        {
            *since = Instant::now();
            say::line(&format!("{settled} of {} rows{}", counts.rows(), described(progress)));
        }
    }

    /// Says something beside the bar.
    pub(crate) fn say(&self, text: &str) {
        self.bar.suspend(|| say::line(text));
    }

    /// Takes it from the terminal.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// What else there is to say: rows that need a person, the rate, the time that is left.
fn described(progress: &WorkProgress) -> String {
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
    if let Some(left) = progress.remaining.filter(|left| !left.is_zero()) {
        parts.push(format!("{} left", indicatif::HumanDuration(left)));
    }
    parts.iter().fold(String::new(), |text, part| text + ", " + part)
}
