//! `carium onboard status`.

use clap::Args;

use crate::commands::onboard::options::{Queue, of_queue};
use crate::commands::onboard::summary::Summary;
use crate::exit::CliError;
use crate::settings::Settings;

/// Count the rows of a queue by their state
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard status --queue clinic.db
  carium onboard status --queue clinic.db --output json | jq .unknown")]
pub(in super::super) struct Status {}

impl Status {
    pub(in super::super) async fn run(self, queue: &Queue, settings: &Settings) -> Result<(), CliError> {
        let counts = queue.bulk.status().await.map_err(of_queue)?;
        let summary =
            Summary { queue, is_temporary: false, counts, newly_completed: 0, submission: None, took: None };
        summary.show(settings.format)?;
        summary.explain().await
    }
}
