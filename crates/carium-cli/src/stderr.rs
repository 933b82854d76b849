//! Messages and progress bars, written to stderr. Data goes to stdout; see `output.rs`.
//!
//! Bars are drawn only if stderr is a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, SystemTime};

use carium::documents::{Progress, TransferStage};
use carium_bulk::{Outage, RowState, WorkProgress};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;
use tokio::time::Instant;

const ROWS_TEMPLATE: &str = "{bar} {pos}/{len} rows{wide_msg}";
const TRANSFER_TEMPLATE: &str = "{prefix:9} {bar} {bytes:>10} {bytes_per_sec:>12} {eta:>4} {wide_msg}";
/// Time between two progress lines if stderr is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Prints a line.
pub(crate) fn print(text: &str) {
    // If stderr is closed, there is no other place to report that.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints a line that starts with `error:`.
pub(crate) fn print_error(message: &str) {
    if supports_color() {
        print(&format!("\u{1b}[1;31merror:\u{1b}[0m {message}"));
    } else {
        print(&format!("error: {message}"));
    }
}

/// Checks whether stderr is a terminal that shows colors, and they are not disabled.
fn supports_color() -> bool {
    io::stderr().is_terminal()
        && !is_color_disabled()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Checks whether the user disabled colors (<https://no-color.org>).
fn is_color_disabled() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Formats a number of things, such as `1 row` or `2 rows`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Formats the first numbers of `total` things, such as `rows 1, 2 and 5 more`.
pub(crate) fn listed(noun: &str, numbers: &[impl ToString], total: u64) -> String {
    let plural = if total == 1 { "" } else { "s" };
    let omitted = total.saturating_sub(numbers.len() as u64);
    let more = if omitted > 0 { format!(" and {omitted} more") } else { String::new() };
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    format!("{noun}{plural} {}{more}", numbers.join(", "))
}

/// The progress of the rows of a queue: a bar on a terminal, otherwise a line every ten seconds.
#[derive(Debug)]
pub(crate) struct RowProgressBar {
    bar: ProgressBar,
    /// When the last line was printed. `None` on a terminal.
    last_line: Option<Instant>,
    outage: Option<Outage>,
}

impl RowProgressBar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, draw_target()).with_style(bar_style(ROWS_TEMPLATE, 24));
        let is_drawn = !bar.is_hidden();
        Self { bar, last_line: (!is_drawn).then(Instant::now), outage: None }
    }

    pub(crate) fn update(&mut self, progress: &WorkProgress) {
        let counts = &progress.counts;
        let settled = counts.completed + counts.parked();
        self.bar.set_length(counts.rows());
        self.bar.set_position(settled);
        let details = self.details(progress);
        self.bar.set_message(details.clone());
        if let Some(last_line) = &mut self.last_line
            && last_line.elapsed() >= LINE_INTERVAL
        {
            *last_line = Instant::now();
            print(&format!("{settled} of {} rows{details}", counts.rows()));
        }
    }

    /// Describes the outage that pauses the processing, or its end.
    pub(crate) fn set_outage(&mut self, outage: Option<&Outage>) {
        let is_new =
            |before: &Outage, now: &Outage| (before.since, &before.message) != (now.since, &now.message);
        match (&self.outage, outage) {
            (Some(before), Some(now)) if !is_new(before, now) => {}
            (_, Some(now)) => self.print(&describe_outage(now)),
            (Some(before), None) => {
                let lasted = before.since.elapsed().unwrap_or_default();
                self.print(&format!("the outage is over after {}", indicatif::HumanDuration(lasted)));
            }
            (None, None) => {}
        }
        self.outage = outage.cloned();
    }

    fn details(&self, progress: &WorkProgress) -> String {
        match &self.outage {
            Some(outage) => format!(", paused until {}", time_of_day(outage.next_attempt)),
            None => row_details(progress),
        }
    }

    /// Prints a line above the bar.
    pub(crate) fn print(&self, text: &str) {
        self.bar.suspend(|| print(text));
    }

    /// Removes the bar from the terminal.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Describes an outage: what is wrong, since when, and when it is tried next.
pub(crate) fn describe_outage(outage: &Outage) -> String {
    let (since, next) = (time_of_day(outage.since), time_of_day(outage.next_attempt));
    format!("paused since {since}, next attempt at {next}: {}", outage.message)
}

/// Formats the time of day in UTC, such as `09:30:00 UTC`.
fn time_of_day(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() % (24 * 3600);
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Formats the number of running and parked rows, the rate and the remaining time.
fn row_details(progress: &WorkProgress) -> String {
    let counts = &progress.counts;
    let mut parts = Vec::new();
    for (rows, state) in [
        (counts.running, "running"),
        (counts.failed, RowState::Failed.as_str()),
        (counts.unknown, RowState::Unknown.as_str()),
    ] {
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
    let bar = if is_color_disabled() { format!("{{bar:{width}}}") } else { format!("{{bar:{width}.cyan}}") };
    // The templates are constants. If one were invalid, the default bar would do.
    ProgressStyle::with_template(&template.replace("{bar}", &bar))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
