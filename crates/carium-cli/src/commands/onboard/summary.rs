//! The summary of a queue after a run: the number of rows by state, and the next steps for rows that need attention.

use std::collections::BTreeMap;
use std::time::Duration;

use carium_bulk::{RowCounts, Submission};
use futures_util::stream::StreamExt as _;
use serde_json::Value;

use super::options::{NamedQueue, queue_error};
use super::reason::parked_reasons;
use crate::error::{CliError, Exit};
use crate::output::{self, Format, ListWriter, Record};
use crate::stderr;

/// Maximum number of different reasons that are listed.
const MAX_REASONS: usize = 20;
/// Maximum number of rows that are listed for each reason.
const MAX_ROWS_PER_REASON: usize = 5;

/// The state of a queue after a run of `carium onboard`, or for `carium onboard status`.
pub(super) struct Summary<'a> {
    pub(super) queue: &'a NamedQueue,
    /// Whether the queue is deleted when the command ends.
    pub(super) is_temporary: bool,
    pub(super) counts: RowCounts,
    /// Number of rows that this command completed.
    pub(super) newly_completed: u64,
    pub(super) submission: Option<&'a Submission>,
    /// Duration of the run. `None` for `status`.
    pub(super) elapsed: Option<Duration>,
}

impl Summary<'_> {
    /// Writes the numbers to stdout: a table of states, or one JSON object.
    pub(super) fn write(&self, format: Format) -> Result<(), CliError> {
        if format != Format::Table {
            return output::write_record(format, self.to_record());
        }
        let RowCounts { pending, running, completed, failed, unknown, .. } = self.counts;
        let mut table = ListWriter::new(format, &["state", "rows", "meaning"]);
        for (state, rows, meaning) in [
            ("completed", completed, "everything that the row asks for is done in Carium"),
            ("pending", pending, "waiting for a worker or for the next attempt"),
            ("running", running, "being processed by a worker"),
            ("failed", failed, "needs a correction, then `carium onboard retry`"),
            ("unknown", unknown, "check in Carium, then run `carium onboard resolve`"),
        ] {
            let mut record = output::record([("state", Some(state.to_owned()))]);
            record.insert("rows".to_owned(), rows.into());
            record.insert("meaning".to_owned(), meaning.into());
            table.push(record)?;
        }
        table.finish()
    }

    fn to_record(&self) -> Record {
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
        let seconds = self.elapsed.map(|elapsed| (elapsed.as_secs_f64() * 1000.0).round() / 1000.0);
        if let Some(seconds) = seconds {
            record.insert("seconds".to_owned(), seconds.into());
        }
        record.insert("queue".to_owned(), Value::String(self.queue.name.clone()));
        record
    }

    /// Prints the duration, the name of the queue, and the reasons and next steps for parked rows.
    pub(super) async fn explain(&self) -> Result<(), CliError> {
        if let Some(elapsed) = self.elapsed {
            self.print_duration(elapsed);
        }
        if !self.is_temporary {
            stderr::print(&format!("queue: {}", self.queue.name));
        }
        if self.counts.failed + self.counts.unknown == 0 {
            return Ok(());
        }
        self.print_reasons().await?;
        if self.is_temporary {
            stderr::print("the queue was deleted with the sandbox; use `--queue FILE.db` to keep it");
            return Ok(());
        }
        let option = self.queue.option();
        stderr::print(&format!("to list these rows:      carium onboard parked {option}"));
        if self.counts.failed > 0 {
            stderr::print(&format!("to retry failed rows:    carium onboard retry {option}"));
        }
        if self.counts.unknown > 0 {
            stderr::print(&format!(
                "to resolve unknown rows: carium onboard resolve ROW --created ID|--sent|--not-created {option}"
            ));
        }
        Ok(())
    }

    fn print_duration(&self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "the rate is only displayed")]
        let rate = self.newly_completed as f64 / seconds.max(0.001);
        let is_complete = self.counts.completed == self.counts.rows();
        stderr::print(&match self.newly_completed {
            0 if is_complete => format!("all rows were already completed; finished in {seconds:.1} s"),
            0 => format!("no rows completed in {seconds:.1} s"),
            count => format!("{} completed in {seconds:.1} s, {rate:.0} per second", count_rows(count)),
        });
    }

    async fn print_reasons(&self) -> Result<(), CliError> {
        // The number of rows and the first row numbers, by state and description.
        let mut rows_by_reason: BTreeMap<(&'static str, String), (u64, Vec<i64>)> = BTreeMap::new();
        let mut is_truncated = false;
        let mut parked = std::pin::pin!(self.queue.handle.parked());
        while let Some(row) = parked.next().await {
            let row = row.map_err(queue_error)?;
            for reason in parked_reasons(&row) {
                let key = (reason.state, reason.description());
                if rows_by_reason.len() == MAX_REASONS && !rows_by_reason.contains_key(&key) {
                    is_truncated = true;
                    continue;
                }
                let (count, row_numbers) = rows_by_reason.entry(key).or_default();
                *count += 1;
                if row_numbers.len() < MAX_ROWS_PER_REASON {
                    row_numbers.push(row.row);
                }
            }
        }
        for ((state, description), (count, row_numbers)) in &rows_by_reason {
            let noun = if *count == 1 { "row" } else { "rows" };
            let numbers: Vec<_> = row_numbers.iter().map(ToString::to_string).collect();
            let omitted = count.saturating_sub(row_numbers.len() as u64);
            let more = if omitted > 0 { format!(" and {omitted} more") } else { String::new() };
            stderr::print(&format!("{state}, {noun} {}{more}: {description}", numbers.join(", ")));
        }
        if is_truncated {
            stderr::print("further reasons are omitted");
        }
        Ok(())
    }

    /// Returns an error unless all rows of the queue and of the file are completed.
    pub(super) fn check_completed(&self) -> Result<(), CliError> {
        let Submission { changed, duplicates, invalid, .. } = self.submission.cloned().unwrap_or_default();
        let parked = self.counts.failed + self.counts.unknown;
        let mut parts = Vec::new();
        for (count, label) in [
            (parked, "parked"),
            (changed, "changed after submission"),
            (duplicates, "with a duplicate key"),
            (invalid, "invalid"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {label}"));
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        let error =
            CliError::new(Exit::RowsParked, format!("not all rows are completed: {}", parts.join(", ")));
        Err(if parked == 0 {
            error.with_hint(
                "check these patients in Carium, and make the change there or with a separate file",
            )
        } else {
            error
        })
    }
}

/// Formats a number of rows.
pub(crate) fn count_rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}
