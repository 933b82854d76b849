//! `carium onboard retry`.

use carium::ErrorKind;
use carium_bulk::RetrySelection;
use clap::Args;

use super::GO_ON;
use crate::commands::onboard::options::{Queue, of_queue};
use crate::exit::{CliError, Exit};
use crate::output::{self, Record};
use crate::say;
use crate::settings::Settings;

/// Have rows tried again that failed
///
/// After what kept them was mended: a document that was missing, a name that meant nothing, an account without rights. What
/// is unknown of a row is not done again by this: see `carium onboard resolve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard retry --queue clinic.db
  carium onboard retry 17 23 --queue clinic.db")]
pub(in super::super) struct Again {
    /// The numbers of the rows [default: all that failed]
    #[arg(value_name = "ROW")]
    rows: Vec<i64>,
}

impl Again {
    pub(in super::super) async fn run(self, queue: &Queue, settings: &Settings) -> Result<(), CliError> {
        let mut retried = 0;
        let mut unknown = Vec::new();
        if self.rows.is_empty() {
            retried = queue.bulk.retry(RetrySelection::Failed).await.map_err(of_queue)?;
        }
        for row in &self.rows {
            match queue.bulk.retry(RetrySelection::Row(*row)).await {
                Ok(count) => retried += count,
                Err(error) if error.kind() == ErrorKind::NotFound => unknown.push(row.to_string()),
                Err(error) => return Err(of_queue(error)),
            }
        }
        let mut shown = Record::new();
        shown.insert("retried".to_owned(), retried.into());
        output::one(settings.format, shown)?;
        if retried > 0 {
            say::line(GO_ON);
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let what = format!("not parked, or not there: {}", unknown.join(", "));
        Err(CliError::new(Exit::InvalidInput, what)
            .next(format!("look which rows are: carium onboard parked {}", queue.option())))
    }
}
