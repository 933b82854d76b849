//! `carium onboard resolve`.

use carium::api::uuid::Uuid;
use carium::onboarding::{OnboardingOutcome, Resolution, Step};
use carium_bulk::RowState;
use clap::Args;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};

use super::PROCESSED_LATER;
use super::options::{NamedQueue, queue_error};
use crate::error::{CliError, Exit};
use crate::output::{self, record};
use crate::settings::Settings;
use crate::stderr;

/// Record whether a call with an unknown outcome was applied
///
/// If the response to a creating call is lost, the call is not retried automatically, because that could create a
/// patient twice. Check in Carium whether the object exists, and record the result with this command. The row then
/// continues.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("resolution").required(true)))]
#[command(after_help = "\
Examples:
  carium onboard resolve 17 --not-created --queue clinic.db
  carium onboard resolve 17 --queue clinic.db \\
      --created aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
  carium onboard resolve 17 --step 'invite[email]' --sent --queue clinic.db")]
pub(super) struct ResolveRow {
    /// Number of the row, as shown by `carium onboard parked`
    row: i64,
    /// Step of the row, such as patient, invite[email], documents[0] or appointment. Required if several steps are
    /// unknown
    #[arg(long, value_name = "STEP", value_parser = parse_step)]
    step: Option<Step>,
    /// The object exists and has this ID
    #[arg(long, value_name = "ID", group = "resolution", value_parser = parse_id)]
    created: Option<Uuid>,
    /// The invitation was sent
    #[arg(long, group = "resolution")]
    sent: bool,
    /// The object does not exist, or the invitation was not sent: perform the step
    #[arg(long, alias = "not-sent", group = "resolution")]
    not_created: bool,
}

fn parse_id(text: &str) -> Result<Uuid, &'static str> {
    let id = text.parse().ok().filter(|id: &Uuid| !id.is_nil());
    id.ok_or("expected the UUID from Carium")
}

fn parse_step(text: &str) -> Result<Step, &'static str> {
    text.parse()
        .map_err(|_| "expected a step as shown by `carium onboard parked`, such as patient or documents[0]")
}

impl ResolveRow {
    pub(super) async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        let step = match self.step.clone() {
            Some(step) => step,
            None => self.only_unknown_step(queue).await?,
        };
        let resolution = match self.created {
            Some(id) => Resolution::Created(id),
            None if self.sent => Resolution::Sent,
            None => Resolution::NotApplied,
        };
        let result = queue.handle.resolve(self.row, &step, resolution).await;
        result.map_err(|error| self.to_cli_error(queue, &step, error))?;
        let mut record = record([("step", Some(step.to_string()))]);
        record.insert("row".to_owned(), self.row.into());
        output::write_record(settings.format, record)?;
        stderr::print(PROCESSED_LATER);
        Ok(())
    }

    /// Returns the step of the row whose outcome is unknown. Fails if there are several.
    async fn only_unknown_step(&self, queue: &NamedQueue) -> Result<Step, CliError> {
        let matching = queue.handle.parked().try_filter(|row| {
            let is_match = row.row == self.row && row.state == RowState::Unknown;
            async move { is_match }
        });
        let row = std::pin::pin!(matching).next().await;
        let row = row.ok_or_else(|| self.not_unknown(queue))?.map_err(queue_error)?;
        let unknown = row.outcome.iter().flat_map(OnboardingOutcome::unknown_steps);
        let steps: Vec<_> = unknown.map(|report| report.step.clone()).collect();
        match steps.as_slice() {
            [step] => Ok(step.clone()),
            [] => Err(self.not_unknown(queue)),
            steps => {
                let options: Vec<_> = steps.iter().map(|step| format!("--step '{step}'")).collect();
                let message = format!("row {} has several steps with an unknown outcome", self.row);
                Err(CliError::new(Exit::InvalidInput, message)
                    .with_hint(format!("pass one of these: {}", options.join(", "))))
            }
        }
    }

    fn to_cli_error(&self, queue: &NamedQueue, step: &Step, error: carium::Error) -> CliError {
        match error.kind() {
            carium::ErrorKind::Conflict => {
                let message = format!("the outcome of {step} of row {} is not unknown", self.row);
                CliError::new(Exit::InvalidInput, message)
                    .with_hint(format!("to list the parked rows: carium onboard parked {}", queue.option()))
            }
            carium::ErrorKind::NotFound => self.not_unknown(queue),
            carium::ErrorKind::InvalidInput => CliError::new(Exit::InvalidInput, error.to_string())
                .with_hint("pass `--sent` or `--not-created` for an invitation, `--created ID` or `--not-created` otherwise"),
            _ => return queue_error(error),
        }
        .with_source(error)
    }

    fn not_unknown(&self, queue: &NamedQueue) -> CliError {
        let message = format!("row {} does not exist or has no step with an unknown outcome", self.row);
        CliError::new(Exit::InvalidInput, message)
            .with_hint(format!("to list the parked rows: carium onboard parked {}", queue.option()))
    }
}
