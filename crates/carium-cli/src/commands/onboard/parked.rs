//! `carium onboard parked`.

use clap::Args;
use futures_util::stream::StreamExt as _;

use super::options::{NamedQueue, queue_error};
use super::reason::parked_reasons;
use crate::error::CliError;
use crate::output::{ListWriter, record};
use crate::settings::Settings;
use crate::stderr;

/// List the parked rows and the reasons
///
/// Prints one line for each step that failed or whose outcome is unknown. ROW is the number that `resolve` and
/// `retry` take. LINE is the line in the file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard parked --queue clinic.db
  carium onboard parked --queue clinic.db --output ndjson | jq .row")]
pub(super) struct ListParked {}

impl ListParked {
    pub(super) async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        let mut output = ListWriter::new(settings.format, &["row", "line", "state", "step", "reason"]);
        let mut parked = std::pin::pin!(queue.handle.parked());
        let mut count: u64 = 0;
        while output.is_open()
            && let Some(row) = parked.next().await
        {
            let row = row.map_err(queue_error)?;
            count += 1;
            for reason in parked_reasons(&row) {
                let mut record = record([
                    ("state", Some(reason.state.to_owned())),
                    ("step", reason.step.map(|step| step.to_string())),
                    ("reason", Some(reason.message)),
                    ("request-id", reason.request_id),
                    ("file", row.file.as_ref().map(|file| file.display().to_string())),
                ]);
                record.insert("row".to_owned(), row.row.into());
                record.insert("line".to_owned(), row.line.into());
                record.insert("attempts".to_owned(), row.attempts.into());
                output.push(record)?;
            }
        }
        output.finish()?;
        if count == 0 {
            stderr::print("no row is parked");
        }
        Ok(())
    }
}
