//! The main job of `carium onboard`: validates a file, submits its rows to a queue and processes them.

use std::path::{Path, PathBuf};

use carium::patients::OrganizationId;
use carium_bulk::rows::RowOptions;
use carium_bulk::{QueueLocation, Submission};
use clap::Args;
use tempfile::TempDir;
use tokio::time::Instant;

use super::options::{NamedQueue, QueueArgs, ThroughputArgs, check_documents_dir, queue_error};
use super::queue_location;
use super::summary::{Summary, count_rows};
use super::validation::validate_file;
use super::work::{StopReason, WorkSession};
use crate::connection::{Connection, connect};
use crate::error::{CliError, Exit};
use crate::interrupt::unless_interrupted;
use crate::settings::Settings;
use crate::{output, stderr};

/// Files with at least this many rows take a while to submit, so a message is printed first.
const LARGE_FILE_ROWS: u64 = 20_000;
/// Maximum number of lines that a message lists.
const MAX_LISTED_LINES: usize = 20;

/// A file of patients, and the options to process it.
#[derive(Args, Debug)]
pub(super) struct OnboardFile {
    /// File of patients: .csv, .ndjson or .jsonl
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Directory of the documents that the rows name. Defaults to the directory of the file
    #[arg(long, value_name = "DIR")]
    documents: Option<PathBuf>,
    /// Column that identifies a row. Defaults to the username
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// Validate the file only; send nothing
    #[arg(long)]
    dry_run: bool,
    /// Stop when this many rows are newly parked
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_failures: Option<u64>,
    #[command(flatten)]
    throughput: ThroughputArgs,
}

/// The queue of the file, and its directory if it is temporary.
struct FileQueue {
    queue: NamedQueue,
    /// Deleted when it is dropped.
    temporary_dir: Option<TempDir>,
}

impl OnboardFile {
    /// Returns whether the file or one of its options is given. They are optional if there is a subcommand.
    pub(super) fn is_given(&self) -> bool {
        self.file.is_some()
            || self.documents.is_some()
            || self.key.is_some()
            || self.dry_run
            || self.max_failures.is_some()
            || self.throughput.rate.is_some()
    }

    pub(super) async fn run(self, queue_args: QueueArgs, settings: &Settings) -> Result<(), CliError> {
        let path = self.file.clone().unwrap_or_default();
        let documents = self.documents_dir(&path)?;
        let prepare = async {
            // A sandbox is started first, because the file is validated with its organization. Without a sandbox, the
            // user is asked for a password only after the file was found to be valid.
            let sandbox = if settings.is_sandbox { Some(connect(settings).await?) } else { None };
            let organization =
                sandbox.as_ref().map_or(settings.organization, |sandbox| sandbox.client.organization());
            let options = self.row_options(organization);
            let report =
                validate_file(&path, options.clone().documents_folder(&documents), settings.format).await?;
            if self.dry_run {
                let fields = [("rows", report.rows), ("invalid_rows", report.invalid_rows)];
                let fields = fields.map(|(name, rows)| (name.to_owned(), rows.into()));
                output::write_record(settings.format, fields.into_iter().collect())?;
                stderr::print("dry run: nothing was sent");
                return Ok(None);
            }
            let connection = match sandbox {
                Some(sandbox) => sandbox,
                None => connect(settings).await?,
            };
            // Invalid credentials would fail every row, so they are checked before rows are submitted.
            connection.client.sign_in().await?;
            let file_queue = open_queue(&path, &queue_args, &connection).await?;
            self.throughput.apply(&file_queue.queue.handle).await?;
            Ok::<_, CliError>(Some((connection, options, file_queue, report.rows)))
        };
        let prepared = unless_interrupted(prepare, false).await?;
        let Some((connection, options, file_queue, rows)) = prepared else { return Ok(()) };
        let is_temporary = file_queue.temporary_dir.is_some();
        let queue = &file_queue.queue.handle;
        let before = queue.status().await.map_err(queue_error)?;
        let started = Instant::now();
        let submit = async {
            if rows >= LARGE_FILE_ROWS {
                stderr::print(&format!("submitting {rows} rows"));
            }
            queue.submit(&path, options).await.map_err(queue_error)
        };
        let submission = unless_interrupted(submit, false).await.map_err(|error| match error.exit() {
            Exit::Interrupted if is_temporary => error.with_hint("nothing was sent"),
            Exit::Interrupted => error.with_hint("nothing was sent; run the same command again to continue"),
            _ => error,
        })?;
        print_submission(&submission);
        let client = connection.client.clone();
        let session = WorkSession {
            queue: queue.clone(),
            throughput: self.throughput,
            max_parked: self.max_failures,
            stop_when_settled: true,
        };
        let (stop_reason, counts) =
            session.run(|ledger| client.onboarding(ledger).documents_folder(documents)).await?;
        let summary = Summary {
            queue: &file_queue.queue,
            is_temporary,
            counts,
            newly_completed: counts.completed.saturating_sub(before.completed),
            submission: Some(&submission),
            elapsed: Some(started.elapsed()),
        };
        summary.write(settings.format)?;
        summary.explain().await?;
        match stop_reason {
            StopReason::Interrupted | StopReason::Aborted => {
                let error = CliError::new(Exit::Interrupted, "interrupted");
                Err(if is_temporary {
                    error.with_hint("the sandbox and its data are gone")
                } else {
                    error.with_hint("run the same command again to continue")
                })
            }
            StopReason::TooManyParked => Err(CliError::new(
                Exit::RowsParked,
                "stopped: the limit of `--max-failures` is reached",
            )
            .with_hint(
                "correct the cause of the failures above, then run the same command again to continue",
            )),
            StopReason::Settled => summary.check_completed(),
        }
    }

    fn documents_dir(&self, path: &Path) -> Result<PathBuf, CliError> {
        match &self.documents {
            Some(directory) => check_documents_dir(directory).map(|()| directory.clone()),
            None => Ok(match path.parent() {
                Some(directory) if !directory.as_os_str().is_empty() => directory.to_owned(),
                _ => PathBuf::from("."),
            }),
        }
    }

    fn row_options(&self, organization: Option<OrganizationId>) -> RowOptions {
        let options = RowOptions::new().organization(organization);
        match &self.key {
            Some(column) => options.key(column),
            None => options,
        }
    }
}

/// Opens the queue that is given, or a temporary queue for a sandbox, or the default queue of the file.
async fn open_queue(
    path: &Path,
    queue_args: &QueueArgs,
    connection: &Connection,
) -> Result<FileQueue, CliError> {
    let target = connection.target();
    let mut temporary_dir = None;
    let location = match queue_args.location(connection.is_sandbox())? {
        Some(location) => location,
        None if connection.is_sandbox() => {
            let directory = tempfile::tempdir().map_err(|error| {
                CliError::new(Exit::Other, "could not create a directory for a temporary queue")
                    .with_source(error)
            })?;
            let location = QueueLocation::Sqlite(directory.path().join("queue.db"));
            temporary_dir = Some(directory);
            location
        }
        None => {
            let (path, target) = (path.to_owned(), target.clone());
            let location =
                tokio::task::spawn_blocking(move || queue_location::for_file(&path, &target)).await;
            location.unwrap_or_else(|error| {
                Err(CliError::new(Exit::Other, "could not choose a location for the queue of this file")
                    .with_source(error))
            })?
        }
    };
    let queue = queue_args.open(&location, target).await?;
    Ok(FileQueue { queue, temporary_dir })
}

/// Prints the rows of a file that are not new, and what happens to them.
fn print_submission(submission: &Submission) {
    if submission.known > 0 {
        let verb = if submission.known == 1 { "was" } else { "were" };
        stderr::print(&format!(
            "{} of {} {verb} submitted before and will not be processed twice",
            submission.known,
            count_rows(submission.rows())
        ));
    }
    if submission.corrected > 0 {
        let noun = if submission.corrected == 1 { "row" } else { "rows" };
        stderr::print(&format!("replaced {} failed {noun} with the corrected version", submission.corrected));
    }
    if submission.changed > 0 {
        stderr::print(&format!(
            "skipped {} that changed after submission: {}",
            count_rows(submission.changed),
            list_lines(&submission.changed_lines, submission.changed)
        ));
    }
    if submission.duplicates > 0 {
        stderr::print(&format!(
            "skipped {} with the key of an earlier row: {}",
            count_rows(submission.duplicates),
            list_lines(&submission.duplicate_lines, submission.duplicates)
        ));
    }
    for problems in &submission.problems {
        stderr::print(&problems.to_string());
    }
}

/// Formats the first line numbers of `total` lines.
fn list_lines(lines: &[u64], total: u64) -> String {
    let listed: Vec<_> = lines.iter().take(MAX_LISTED_LINES).map(ToString::to_string).collect();
    let noun = if total == 1 { "line" } else { "lines" };
    let omitted = total.saturating_sub(listed.len() as u64);
    let more = if omitted > 0 { format!(" and {omitted} more") } else { String::new() };
    format!("{noun} {}{more}", listed.join(", "))
}
