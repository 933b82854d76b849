//! `carium onboard report`.

use carium_bulk::ReportFormat;
use clap::Args;
use futures_util::stream::StreamExt as _;

use crate::commands::onboard::options::{Queue, of_queue};
use crate::exit::CliError;
use crate::output::{self, Format};
use crate::settings::Settings;

/// Write what became of every row
///
/// A line a row, with the ids of what was created and nothing of the patient: CSV, or with `--output ndjson` all that is
/// known of each step; with `--output json` the same as one array.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard report --queue clinic.db > report.csv
  carium onboard report --queue clinic.db --output ndjson > report.ndjson")]
pub(in super::super) struct Report {}

impl Report {
    pub(in super::super) async fn run(self, queue: &Queue, settings: &Settings) -> Result<(), CliError> {
        let form = match settings.format {
            Format::Table => ReportFormat::Csv,
            Format::Json | Format::Ndjson => ReportFormat::Ndjson,
        };
        let is_array = settings.format == Format::Json;
        let mut text = form.header_line().unwrap_or_default().to_owned();
        if is_array {
            text.push('[');
        }
        let mut is_first = true;
        let mut rows = std::pin::pin!(queue.bulk.report());
        while let Some(row) = rows.next().await {
            let line = form.line(&row.map_err(of_queue)?)?;
            if is_array {
                text.push_str(if is_first { "\n" } else { ",\n" });
                text.push_str(line.trim_end());
            } else {
                text.push_str(&line);
            }
            is_first = false;
            if text.len() >= AT_ONCE {
                output::text(text.as_bytes())?;
                text.clear();
            }
        }
        if is_array {
            text.push_str("\n]\n");
        }
        output::text(text.as_bytes())
    }
}

/// How many bytes are written at once.
const AT_ONCE: usize = 64 * 1024;
