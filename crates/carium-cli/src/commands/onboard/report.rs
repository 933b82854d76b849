//! `carium onboard report`.

use carium_bulk::ReportFormat;
use clap::Args;
use futures_util::stream::StreamExt as _;

use super::options::{NamedQueue, queue_error};
use crate::error::CliError;
use crate::output::{self, Format};
use crate::settings::Settings;

/// Size of the blocks that are written to stdout.
const BLOCK_BYTES: usize = 64 * 1024;

/// Write the result of every row
///
/// Writes one line per row, with the IDs of the created objects and without data of the patient. The format is CSV,
/// or with `--output ndjson` one JSON object per row that includes the details of each step, or with `--output json`
/// an array of these objects.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard report --queue clinic.db > report.csv
  carium onboard report --queue clinic.db --output ndjson > report.ndjson")]
pub(super) struct WriteReport {}

impl WriteReport {
    pub(super) async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        let format = match settings.format {
            Format::Table => ReportFormat::Csv,
            Format::Json | Format::Ndjson => ReportFormat::Ndjson,
        };
        let is_array = settings.format == Format::Json;
        let mut text = format.header_line().unwrap_or_default().to_owned();
        if is_array {
            text.push('[');
        }
        let mut is_first = true;
        let mut rows = std::pin::pin!(queue.handle.report());
        while let Some(row) = rows.next().await {
            let line = format.line(&row.map_err(queue_error)?)?;
            if is_array {
                text.push_str(if is_first { "\n" } else { ",\n" });
                text.push_str(line.trim_end());
            } else {
                text.push_str(&line);
            }
            is_first = false;
            if text.len() >= BLOCK_BYTES {
                output::write_bytes(text.as_bytes())?;
                text.clear();
            }
        }
        if is_array {
            text.push_str("\n]\n");
        }
        output::write_bytes(text.as_bytes())
    }
}
