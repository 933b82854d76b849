//! `carium onboard status`.

use clap::Args;

use super::options::{NamedQueue, queue_error};
use super::summary::Summary;
use crate::error::CliError;
use crate::settings::Settings;

/// Count the rows of a queue by state
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard status --queue clinic.db
  carium onboard status --queue clinic.db --output json | jq .unknown")]
pub(super) struct Status {}

impl Status {
    pub(super) async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        let counts = queue.handle.status().await.map_err(queue_error)?;
        let summary = Summary {
            queue,
            is_temporary: false,
            counts,
            newly_completed: 0,
            submission: None,
            elapsed: None,
        };
        summary.write(settings.format)?;
        summary.explain().await
    }
}
