//! `carium onboard retry`.

use carium::ErrorKind;
use carium_bulk::RetrySelection;
use clap::Args;

use super::PROCESSED_LATER;
use super::options::{NamedQueue, queue_error};
use crate::error::{CliError, Exit};
use crate::output::{self, Record};
use crate::settings::Settings;
use crate::stderr;

/// Return failed rows to the queue
///
/// Run this after the cause is corrected, such as a missing document, an unknown name or missing permissions. Steps
/// with an unknown outcome are not retried: see `carium onboard resolve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard retry --queue clinic.db
  carium onboard retry 17 23 --queue clinic.db")]
pub(super) struct RetryRows {
    /// Numbers of the rows. Defaults to all failed rows
    #[arg(value_name = "ROW")]
    rows: Vec<i64>,
}

impl RetryRows {
    pub(super) async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        let mut retried = 0;
        let mut not_parked = Vec::new();
        if self.rows.is_empty() {
            retried = queue.handle.retry(RetrySelection::Failed).await.map_err(queue_error)?;
        }
        for row in &self.rows {
            match queue.handle.retry(RetrySelection::Row(*row)).await {
                Ok(count) => retried += count,
                Err(error) if error.kind() == ErrorKind::NotFound => not_parked.push(row.to_string()),
                Err(error) => return Err(queue_error(error)),
            }
        }
        let mut record = Record::new();
        record.insert("retried".to_owned(), retried.into());
        output::write_record(settings.format, record)?;
        if retried > 0 {
            stderr::print(PROCESSED_LATER);
        }
        if not_parked.is_empty() {
            return Ok(());
        }
        let message = format!("these rows are not parked or do not exist: {}", not_parked.join(", "));
        Err(CliError::new(Exit::InvalidInput, message)
            .with_hint(format!("to list the parked rows: carium onboard parked {}", queue.option())))
    }
}
