//! `carium onboard parked`.

use clap::Args;
use futures_util::stream::StreamExt as _;

use super::reasons;
use crate::commands::onboard::options::{Queue, of_queue};
use crate::exit::CliError;
use crate::output::{Many, record};
use crate::say;
use crate::settings::Settings;

/// List the rows that wait for a person
///
/// Each with what keeps it: a line for each step that failed, or of which nobody knows whether it was done. The number of
/// the row is what `resolve` and `retry` take; the line is that of the file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard parked --queue clinic.db
  carium onboard parked --queue clinic.db --output ndjson | jq .row")]
pub(in super::super) struct Parked {}

impl Parked {
    pub(in super::super) async fn run(self, queue: &Queue, settings: &Settings) -> Result<(), CliError> {
        let mut output = Many::new(settings.format, &["row", "line", "state", "step", "what"]);
        let mut parked = std::pin::pin!(queue.bulk.parked());
        let mut count: u64 = 0;
        while output.is_read()
            && let Some(row) = parked.next().await
        {
            let row = row.map_err(of_queue)?;
            count += 1;
            for reason in reasons(&row) {
                let mut shown = record([
                    ("state", Some(reason.state.to_owned())),
                    ("step", reason.step.map(|step| step.to_string())),
                    ("what", Some(reason.what)),
                    ("request-id", reason.request_id),
                    ("file", row.file.as_ref().map(|file| file.display().to_string())),
                ]);
                shown.insert("row".to_owned(), row.row.into());
                shown.insert("line".to_owned(), row.line.into());
                shown.insert("attempts".to_owned(), row.attempts.into());
                output.push(shown)?;
            }
        }
        output.finish()?;
        if count == 0 {
            say::line("no row waits for a person");
        }
        Ok(())
    }
}
