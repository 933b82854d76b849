//! What came of a file, or of a queue: in numbers, and in what a person can do about it.

use std::collections::BTreeMap;
use std::time::Duration;

use carium_bulk::{RowCounts, Submission};
use futures_util::stream::StreamExt as _;
use serde_json::Value;

use super::books::reasons;
use super::options::{Queue, of_queue};
use crate::exit::{CliError, Exit};
use crate::output::{self, Format, Many, Record};
use crate::say;

/// The numbers of a queue.
pub(super) struct Summary<'a> {
    pub(super) queue: &'a Queue,
    /// Whether the queue ends with the command.
    pub(super) is_temporary: bool,
    pub(super) counts: RowCounts,
    /// How many rows are done that were not when the command began.
    pub(super) newly_completed: u64,
    pub(super) submission: Option<&'a Submission>,
    pub(super) took: Option<Duration>,
}

/// How many kinds of reasons are told, and how many rows of each.
const REASONS: usize = 20;
const ROWS: usize = 5;

impl Summary<'_> {
    /// Writes the numbers: a table of states for people, one object for programs.
    pub(super) fn show(&self, format: Format) -> Result<(), CliError> {
        if format != Format::Table {
            return output::one(format, self.record());
        }
        let RowCounts { pending, running, completed, failed, unknown, .. } = self.counts;
        let mut table = Many::new(format, &["state", "rows", "meaning"]);
        for (state, rows, means) in [
            ("completed", completed, "in Carium, with everything that was asked for"),
            ("pending", pending, "for their turn, or for another try"),
            ("running", running, "with a worker now"),
            ("failed", failed, "something has to be mended first"),
            ("unknown", unknown, "someone has to look whether it was done"),
        ] {
            let mut record = output::record([("state", Some(state.to_owned()))]);
            record.insert("rows".to_owned(), rows.into());
            record.insert("meaning".to_owned(), means.into());
            table.push(record)?;
        }
        table.finish()
    }

    fn record(&self) -> Record {
        let mut record = Record::new();
        let counts = &self.counts;
        for (name, number) in [
            ("rows", counts.rows()),
            ("completed", counts.completed),
            ("pending", counts.pending),
            ("running", counts.running),
            ("failed", counts.failed),
            ("unknown", counts.unknown),
            ("newly_completed", self.newly_completed),
        ] {
            record.insert(name.to_owned(), number.into());
        }
        if let Some(submission) = self.submission {
            for (name, number) in [
                ("newly_submitted", submission.new),
                ("known", submission.known),
                ("corrected", submission.corrected),
                ("changed", submission.changed),
                ("duplicates", submission.duplicates),
                ("invalid", submission.invalid),
            ] {
                record.insert(name.to_owned(), number.into());
            }
        }
        let seconds = self.took.map(|took| (took.as_secs_f64() * 1000.0).round() / 1000.0);
        if let Some(seconds) = seconds {
            record.insert("seconds".to_owned(), seconds.into());
        }
        record.insert("queue".to_owned(), Value::String(self.queue.name.clone()));
        record
    }

    /// Says what the numbers do not, and what to do about rows that are parked.
    pub(super) async fn explain(&self) -> Result<(), CliError> {
        if let Some(took) = self.took {
            let seconds = took.as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a rate, to be shown")]
            let rate = self.newly_completed as f64 / seconds.max(0.001);
            let rate = if self.newly_completed > 0 { format!(", {rate:.0} a second") } else { String::new() };
            let is_all_done = self.counts.completed == self.counts.rows();
            let done = match self.newly_completed {
                0 if is_all_done => "nothing was left to do".to_owned(),
                0 => "no row was done now".to_owned(),
                count => format!("{} done now", rows(count)),
            };
            say::line(&format!("{done}, in {seconds:.1} s{rate}"));
        }
        if !self.is_temporary {
            say::line(&format!("queue: {}", self.queue.name));
        }
        if self.counts.failed + self.counts.unknown == 0 {
            return Ok(());
        }
        let mut found: BTreeMap<(&'static str, String), (u64, Vec<i64>)> = BTreeMap::new();
        let mut is_cut = false;
        let mut parked = std::pin::pin!(self.queue.bulk.parked());
        while let Some(row) = parked.next().await {
            let row = row.map_err(of_queue)?;
            for reason in reasons(&row) {
                let key = (reason.state, reason.in_words());
                if found.len() == REASONS && !found.contains_key(&key) {
                    is_cut = true;
                    continue;
                }
                let (count, some) = found.entry(key).or_default();
                *count += 1;
                if some.len() < ROWS {
                    some.push(row.row);
                }
            }
        }
        for ((state, what), (count, some)) in &found {
            let more = if *count > some.len() as u64 { ", …" } else { "" };
            let some: Vec<_> = some.iter().map(ToString::to_string).collect();
            let row = if *count == 1 { "row" } else { "rows" };
            say::line(&format!("{state}: {what}: {row} {}{more}", some.join(", ")));
        }
        if is_cut {
            say::line("and for other reasons");
        }
        if self.is_temporary {
            say::line("the queue ended with the sandbox; with `--queue FILE.db` it stays");
            return Ok(());
        }
        let option = self.queue.option();
        say::line(&format!("to look at them:       carium onboard parked {option}"));
        if self.counts.failed > 0 {
            say::line(&format!("what failed, mended:   carium onboard retry {option}"));
        }
        if self.counts.unknown > 0 {
            say::line(&format!(
                "what is unknown, seen: carium onboard resolve ROW --created ID|--sent|--not-created {option}"
            ));
        }
        Ok(())
    }

    /// How the command ends.
    pub(super) fn verdict(&self) -> Result<(), CliError> {
        let Submission { changed, duplicates, invalid, .. } = self.submission.cloned().unwrap_or_default();
        let parked = self.counts.failed + self.counts.unknown;
        let mut parts = Vec::new();
        for (count, what) in [
            (parked, "parked for a person"),
            (changed, "changed since the file was submitted"),
            (duplicates, "with the key of an earlier one"),
            (invalid, "invalid"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        let failure = CliError::new(Exit::RowsParked, format!("not all rows are done: {}", parts.join(", ")));
        Err(if parked == 0 {
            failure.next(
                "look on the platform what is to be done about these patients, and do it there, or by a file of its own",
            )
        } else {
            failure
        })
    }
}

/// So many rows, in words.
pub(crate) fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}
