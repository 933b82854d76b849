//! `carium onboard status`, `parked`, `resolve`, `retry` and `report`: the rows of a queue.

use carium::api::uuid::Uuid;
use carium::onboarding::{OnboardingOutcome, Resolution, Step};
use carium::{Error, ErrorKind};
use carium_bulk::{ReportFormat, RetrySelection, RowState};
use clap::{Args, Subcommand};
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use serde_json::json;

use super::queue::{NamedQueue, queue_error};
use super::summary::{Summary, parked_reasons};
use crate::error::{CliError, Exit};
use crate::output::{self, Format, ListWriter};
use crate::settings::Settings;
use crate::stderr;

/// The message after `resolve` and `retry`, which send nothing themselves.
const PROCESSED_LATER: &str =
    "the next `carium onboard` of the same file, or a `carium worker`, processes these rows";
/// Size of the blocks in which a report is written to stdout.
const BLOCK_BYTES: usize = 64 * 1024;

/// The commands for the rows of a queue.
#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    Status(Status),
    Parked(ListParked),
    Resolve(ResolveRow),
    Retry(RetryRows),
    Report(WriteReport),
}

impl QueueCommand {
    pub(super) async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        match self {
            Self::Status(status) => status.run(queue, settings).await,
            Self::Parked(parked) => parked.run(queue, settings).await,
            Self::Resolve(resolve) => resolve.run(queue, settings).await,
            Self::Retry(retry) => retry.run(queue, settings).await,
            Self::Report(report) => report.run(queue, settings).await,
        }
    }
}

/// Count the rows of a queue by state
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard status --queue clinic.db
  carium onboard status --queue clinic.db --output json | jq .unknown")]
pub(super) struct Status {}

impl Status {
    async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
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
    async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        let mut output = ListWriter::new(settings.format, &["row", "line", "state", "step", "reason"]);
        let mut parked = std::pin::pin!(queue.handle.parked());
        let mut count: u64 = 0;
        while output.is_open()
            && let Some(row) = parked.next().await
        {
            let row = row.map_err(queue_error)?;
            count += 1;
            for reason in parked_reasons(&row) {
                output.push(json!({
                    "state": reason.state,
                    "step": reason.step.map(|step| step.to_string()),
                    "reason": reason.message,
                    "request-id": reason.request_id,
                    "file": row.file.as_ref().map(|file| file.display().to_string()),
                    "row": row.row,
                    "line": row.line,
                    "attempts": row.attempts,
                }))?;
            }
        }
        output.finish()?;
        if count == 0 {
            stderr::print("no row is parked");
        }
        Ok(())
    }
}

/// Record whether a call with an unknown outcome was applied
///
/// If the response to a call that creates something is lost, the call is not retried automatically, because that could create a
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
    async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
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
        output::write_record(settings.format, &json!({"step": step.to_string(), "row": self.row}))?;
        stderr::print(PROCESSED_LATER);
        Ok(())
    }

    /// Returns the step of the row whose outcome is unknown. Fails unless there is exactly one.
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

    fn to_cli_error(&self, queue: &NamedQueue, step: &Step, error: Error) -> CliError {
        match error.kind() {
            ErrorKind::Conflict => {
                let message = format!("the outcome of {step} of row {} is not unknown", self.row);
                queue.row_error(Exit::InvalidInput, message)
            }
            ErrorKind::NotFound => self.not_unknown(queue),
            ErrorKind::InvalidInput => CliError::new(Exit::InvalidInput, error.to_string())
                .with_hint("pass `--sent` or `--not-created` for an invitation, `--created ID` or `--not-created` otherwise"),
            _ => return queue_error(error),
        }
        .with_source(error)
    }

    fn not_unknown(&self, queue: &NamedQueue) -> CliError {
        let message = format!("row {} does not exist or has no step with an unknown outcome", self.row);
        queue.row_error(Exit::InvalidInput, message)
    }
}

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
    async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
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
        output::write_record(settings.format, &json!({"retried": retried}))?;
        if retried > 0 {
            stderr::print(PROCESSED_LATER);
        }
        if not_parked.is_empty() {
            return Ok(());
        }
        let message = format!("these rows are not parked or do not exist: {}", not_parked.join(", "));
        Err(queue.row_error(Exit::InvalidInput, message))
    }
}

/// Write the result of every row
///
/// Writes one line per row, with the IDs of the created objects and without data of the patient. The default format
/// is CSV. `--output ndjson` writes one JSON object per row, which includes the details of each step. `--output json`
/// writes an array of these objects.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard report --queue clinic.db > report.csv
  carium onboard report --queue clinic.db --output ndjson > report.ndjson")]
pub(super) struct WriteReport {}

impl WriteReport {
    async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
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
