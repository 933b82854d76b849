//! `carium onboard status`, `parked`, `resolve`, `retry`, `report`, `orphans` and `retarget`: the rows of a queue.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use carium::api::uuid::Uuid;
use carium::api::{BaseUrl, InvalidBaseUrl};
use carium::onboarding::{OnboardingOutcome, Resolution, Step};
use carium::{Error, ErrorKind};
use carium_bulk::{Decision, DecisionsError, ReportFormat, RetrySelection, RowState};
use clap::{Args, Subcommand};
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use serde_json::json;

use super::map::MapFile;
use super::queue::{NamedQueue, queue_error};
use super::report::{self, NewFile};
use super::summary::{Summary, parked_reasons};
use crate::error::{CliError, Exit};
use crate::output::{self, Format, ListWriter};
use crate::settings::Settings;
use crate::stderr::{self, RowProgressBar, counted};

/// The message after `resolve` and `retry`, which send nothing themselves.
const PROCESSED_LATER: &str =
    "the next `carium onboard` of the same file, or a `carium worker`, processes these rows";
/// The commands for the rows of a queue, and for the mapping of a file.
#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    Map(MapFile),
    Status(Status),
    Parked(ListParked),
    Resolve(ResolveRow),
    Retry(RetryRows),
    Report(WriteReport),
    Orphans(ListOrphans),
    Retarget(Retarget),
}

impl QueueCommand {
    pub(super) async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        match self {
            Self::Map(map) => map.run().await,
            Self::Status(status) => status.run(queue, settings).await,
            Self::Parked(parked) => parked.run(queue, settings).await,
            Self::Resolve(resolve) => resolve.run(queue, settings).await,
            Self::Retry(retry) => retry.run(queue, settings).await,
            Self::Report(report) => report.run(queue, settings).await,
            Self::Orphans(orphans) => orphans.run(queue, settings).await,
            Self::Retarget(retarget) => retarget.run(queue, settings).await,
        }
    }
}

/// Count the rows of a queue by state
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard status --queue clinic.db
  carium onboard status --queue clinic.db --watch
  carium onboard status --queue clinic.db --output json | jq .unknown")]
pub(super) struct Status {
    /// Show the progress until no row is pending
    #[arg(long)]
    watch: bool,
}

impl Status {
    async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        if self.watch {
            watch_progress(queue).await?;
        }
        let counts = queue.handle.status().await.map_err(queue_error)?;
        let summary = Summary {
            queue,
            steps: queue.handle.completed_steps().await.map_err(queue_error)?,
            is_temporary: false,
            counts,
            newly_completed: 0,
            submission: None,
            elapsed: None,
        };
        summary.write(settings.format)?;
        if let Some(outage) = queue.handle.outage().await.map_err(queue_error)? {
            stderr::print(&stderr::describe_outage(&outage));
        }
        summary.explain().await
    }
}

/// Shows the progress of a queue until no row is pending.
async fn watch_progress(queue: &NamedQueue) -> Result<(), CliError> {
    let mut bar = RowProgressBar::new();
    let mut progress = std::pin::pin!(queue.handle.progress());
    while let Some(current) = progress.next().await {
        let current = current.map_err(queue_error)?;
        bar.set_outage(queue.handle.outage().await.map_err(queue_error)?.as_ref());
        bar.update(&current);
        if current.counts.pending + current.counts.running == 0 {
            break;
        }
    }
    bar.clear();
    Ok(())
}

/// List the parked rows and the reasons
///
/// Prints one line for each step that failed or whose outcome is unknown. ROW is the number that `resolve` and
/// `retry` take. LINE is the line in the file. If the file has a key column, KEY is the key of the row in the file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard parked --queue clinic.db
  carium onboard parked --queue clinic.db --output csv > parked.csv
  carium onboard parked --queue clinic.db --with-rows corrections.csv")]
pub(super) struct ListParked {
    /// Also copy the failed rows, with the data of the patients, from the file into a new file. Correct them there and
    /// onboard the new file with the same queue
    #[arg(long, value_name = "FILE")]
    with_rows: Option<PathBuf>,
}

impl ListParked {
    async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        let mut parked = std::pin::pin!(queue.handle.parked().peekable());
        let has_keys = matches!(parked.as_mut().peek().await, Some(Ok(row)) if row.key.is_some());
        let mut output = ListWriter::new(
            settings.format,
            if has_keys {
                &["row", "line", "key", "state", "step", "reason"]
            } else {
                &["row", "line", "state", "step", "reason"]
            },
        );
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
                    "key": row.key,
                    "attempts": row.attempts,
                }))?;
            }
        }
        output.finish()?;
        if count == 0 {
            stderr::print("no row is parked");
        }
        match &self.with_rows {
            Some(path) => self.copy_rows(queue, path).await,
            None => Ok(()),
        }
    }

    /// Copies the failed rows into a new file. Unknown rows are not copied: they have to be resolved.
    async fn copy_rows(&self, queue: &NamedQueue, path: &Path) -> Result<(), CliError> {
        let mut file = NewFile::create(path)?;
        let mut header = None;
        let mut copied: u64 = 0;
        let mut parked = std::pin::pin!(queue.handle.parked());
        while let Some(row) = parked.next().await {
            let row = row.map_err(queue_error)?;
            if row.state != RowState::Failed {
                continue;
            }
            let source = queue.handle.source_text(row.row).await.map_err(queue_error)?;
            let header = header.get_or_insert_with(|| {
                file.write(source.header.as_deref().unwrap_or_default());
                source.header.clone()
            });
            if *header != source.header {
                let message = "the failed rows come from files with different columns, which cannot be copied into one file";
                return Err(CliError::new(Exit::Refused, message)
                    .with_hint("copy the lines that the list names from each file"));
            }
            file.write(&source.text);
            copied += 1;
        }
        if copied == 0 {
            stderr::print("no row has failed, so no file was written");
            return Ok(());
        }
        file.finish()?;
        stderr::print(&format!(
            "copied {} into the new file; correct them there",
            counted(copied, "failed row")
        ));
        Ok(())
    }
}

/// List the document references without a file
///
/// They were created by uploads that were interrupted, and contain no document. Open each one in Carium before you
/// remove it from the record.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard orphans --queue clinic.db
  carium onboard orphans --queue clinic.db --output csv > orphans.csv")]
pub(super) struct ListOrphans {}

impl ListOrphans {
    async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        let columns = &["id", "patient-id", "step", "row", "line"];
        let mut output = ListWriter::new(settings.format, columns);
        let mut rows = std::pin::pin!(queue.handle.report());
        let mut count: u64 = 0;
        while output.is_open()
            && let Some(row) = rows.next().await
        {
            let row = row.map_err(queue_error)?;
            let Some(outcome) = &row.outcome else { continue };
            for report in outcome.steps() {
                for id in &report.orphans {
                    count += 1;
                    output.push(json!({
                        "id": id,
                        "patient-id": outcome.patient(),
                        "step": report.step.to_string(),
                        "file": row.file.as_ref().map(|file| file.display().to_string()),
                        "row": row.row,
                        "line": row.line,
                    }))?;
                }
            }
        }
        output.finish()?;
        if count == 0 {
            stderr::print("there is no document reference without a file");
        }
        Ok(())
    }
}

/// Record whether a call with an unknown outcome was applied
///
/// If the response to a call that creates something is lost, the call is not retried automatically, because that could create a
/// patient twice. Check in Carium whether the object exists, and record the result with this command. The row then
/// continues.
///
/// To resolve many rows, pass a CSV file with the columns `row`, `decision`, `id` and `step`. A decision is `created`
/// (with the ID), `sent`, `not-created` or `not-sent`; the step can be empty if only one is unknown. If a decision is
/// invalid, all problems are listed and nothing is recorded.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("resolution").required(true)))]
#[command(after_help = "\
Examples:
  carium onboard resolve 17 --not-created --queue clinic.db
  carium onboard resolve 17 --queue clinic.db \\
      --created aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
  carium onboard resolve 17 --step 'invite[email]' --sent --queue clinic.db
  carium onboard resolve --from decisions.csv --queue clinic.db")]
pub(super) struct ResolveRow {
    /// Number of the row, as shown by `carium onboard parked`
    #[arg(required_unless_present = "from")]
    row: Option<i64>,
    /// Step of the row, such as patient, invite[email], documents[0] or appointment. Required if several steps are
    /// unknown
    #[arg(long, value_name = "STEP", value_parser = parse_step)]
    step: Option<Step>,
    /// CSV file with one decision per line
    #[arg(long, value_name = "FILE", group = "resolution", conflicts_with_all = ["row", "step"])]
    from: Option<PathBuf>,
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
        if let Some(file) = &self.from {
            return resolve_from(file, queue, settings).await;
        }
        // clap requires the row if there is no file.
        let row = self.row.unwrap_or_default();
        let step = match self.step.clone() {
            Some(step) => step,
            None => only_unknown_step(row, queue).await?,
        };
        let resolution = match self.created {
            Some(id) => Resolution::Created(id),
            None if self.sent => Resolution::Sent,
            None => Resolution::NotApplied,
        };
        let result = queue.handle.resolve(row, &step, resolution).await;
        result.map_err(|error| resolve_error(row, queue, &step, error))?;
        output::write_record(settings.format, &json!({"step": step.to_string(), "row": row}))?;
        stderr::print(PROCESSED_LATER);
        Ok(())
    }
}

/// Maximum size of a file of decisions in bytes, enough for a hundred thousand rows.
const MAX_DECISIONS_BYTES: u64 = 16 * 1024 * 1024;

/// Records the decisions of a file, or none of them.
async fn resolve_from(file: &Path, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
    let mut text = Vec::new();
    let read = File::open(file).and_then(|file| file.take(MAX_DECISIONS_BYTES + 1).read_to_end(&mut text));
    read.map_err(|error| {
        let message = "the file of decisions cannot be read";
        CliError::new(Exit::InvalidInput, message).with_source(error).with_hint("check the path")
    })?;
    if text.len() as u64 > MAX_DECISIONS_BYTES {
        return Err(CliError::new(Exit::InvalidInput, "the file of decisions is larger than 16 MiB")
            .with_hint("split it"));
    }
    let result = match Decision::read_csv(&text) {
        Ok(decisions) => queue.handle.resolve_all(&decisions).await.map(|()| decisions.len()),
        Err(error) => Err(error),
    };
    match result {
        Ok(resolved) => {
            output::write_record(settings.format, &json!({"resolved": resolved}))?;
            if resolved > 0 {
                stderr::print(PROCESSED_LATER);
            }
            Ok(())
        }
        Err(DecisionsError::Invalid(problems)) => {
            for problem in &problems {
                stderr::print(&problem.to_string());
            }
            let count = problems.len();
            let decisions = if count == 1 { "decision is" } else { "decisions are" };
            let message = format!("{count} {decisions} invalid; nothing was recorded");
            Err(queue.row_error(Exit::InvalidInput, message))
        }
        Err(DecisionsError::Failed { applied, error }) => {
            stderr::print(&format!("{applied} decisions were recorded before the error"));
            Err(queue_error(error))
        }
        Err(error) => Err(queue_error(error.into())),
    }
}

/// Returns the step of a row whose outcome is unknown. Fails unless there is exactly one.
async fn only_unknown_step(number: i64, queue: &NamedQueue) -> Result<Step, CliError> {
    let matching = queue.handle.parked().try_filter(|row| {
        let is_match = row.row == number && row.state == RowState::Unknown;
        async move { is_match }
    });
    let row = std::pin::pin!(matching).next().await;
    let row = row.ok_or_else(|| not_unknown(number, queue))?.map_err(queue_error)?;
    let unknown = row.outcome.iter().flat_map(OnboardingOutcome::unknown_steps);
    let steps: Vec<_> = unknown.map(|report| report.step.clone()).collect();
    match steps.as_slice() {
        [step] => Ok(step.clone()),
        [] => Err(not_unknown(number, queue)),
        steps => {
            let options: Vec<_> = steps.iter().map(|step| format!("--step '{step}'")).collect();
            let message = format!("row {number} has several steps with an unknown outcome");
            Err(CliError::new(Exit::InvalidInput, message)
                .with_hint(format!("pass one of these: {}", options.join(", "))))
        }
    }
}

fn resolve_error(row: i64, queue: &NamedQueue, step: &Step, error: Error) -> CliError {
    match error.kind() {
        ErrorKind::Conflict => {
            queue.row_error(Exit::InvalidInput, format!("the outcome of {step} of row {row} is not unknown"))
        }
        ErrorKind::NotFound => not_unknown(row, queue),
        ErrorKind::InvalidInput => CliError::new(Exit::InvalidInput, error.to_string()).with_hint(
            "pass `--sent` or `--not-created` for an invitation, `--created ID` or `--not-created` otherwise",
        ),
        _ => return queue_error(error),
    }
    .with_source(error)
}

fn not_unknown(row: i64, queue: &NamedQueue) -> CliError {
    let message = format!("row {row} does not exist or has no step with an unknown outcome");
    queue.row_error(Exit::InvalidInput, message)
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
            Format::Table | Format::Csv => ReportFormat::Csv,
            Format::Json | Format::Ndjson => ReportFormat::Ndjson,
        };
        report::write(&queue.handle, format, settings.format == Format::Json, output::write_bytes).await
    }
}

/// Move the queue to another base URL
///
/// For a service that is reached under a new base URL. `--from` must be the base URL of the queue, so that no other
/// queue is moved by mistake. The rows keep their states: what was created under the old URL is not created again.
/// Stop all processes of the queue first.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard retarget --queue clinic.db \\
      --from https://api.example.com --to https://carium.example.com")]
pub(super) struct Retarget {
    /// Base URL that the queue was created for
    #[arg(long, value_name = "URL", value_parser = parse_base_url)]
    from: BaseUrl,
    /// New base URL
    #[arg(long, value_name = "URL", value_parser = parse_base_url)]
    to: BaseUrl,
}

fn parse_base_url(text: &str) -> Result<BaseUrl, InvalidBaseUrl> {
    text.parse()
}

impl Retarget {
    async fn run(self, queue: &NamedQueue, settings: &Settings) -> Result<(), CliError> {
        queue.handle.retarget(&self.from, &self.to).await.map_err(|error| match error.kind() {
            ErrorKind::Conflict => CliError::new(Exit::InvalidInput, error.to_string())
                .with_hint(
                    "pass the base URL of the queue as `--from`, and stop its workers; nothing was changed",
                )
                .with_source(error),
            _ => queue_error(error),
        })?;
        let (from, to) = (self.from.to_string(), self.to.to_string());
        output::write_record(settings.format, &json!({"from": from, "to": to}))?;
        stderr::print(&format!("pass `{}` and the new base URL from now on", queue.option()));
        Ok(())
    }
}
