//! The main job of `carium onboard`: validates a file, submits its rows to a queue and processes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carium::Interceptor;
use carium::patients::OrganizationId;
use carium_bulk::rows::{RowError, RowFormat, RowOptions, RowProblem, ValidationReport, validate};
use carium_bulk::{QueueLocation, Submission};
use clap::Args;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::metrics::Metrics;
use super::queue::{NamedQueue, QueueArgs, WorkArgs, check_documents_dir, default_location, queue_error};
use super::summary::Summary;
use super::worker::{StopReason, WorkSession};
use crate::connection::{Connection, connect_with_interceptor};
use crate::error::{CliError, Exit};
use crate::interrupt::unless_interrupted;
use crate::output::{self, Format};
use crate::settings::Settings;
use crate::stderr::{self, counted, listed};

/// Files with at least this many rows take a while to submit, so a message is printed first.
const LARGE_FILE_ROWS: u64 = 20_000;
/// Maximum number of lines that a message lists.
const MAX_LISTED_LINES: usize = 20;
/// Maximum number of problems of a file that are reported.
const MAX_PROBLEMS: usize = 10_000;

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
    work: WorkArgs,
}

impl OnboardFile {
    /// Returns whether the file or one of its options is given, because neither can be combined with a subcommand.
    pub(super) fn is_given(&self) -> bool {
        self.file.is_some()
            || self.documents.is_some()
            || self.key.is_some()
            || self.dry_run
            || self.max_failures.is_some()
            || self.work.is_given()
    }

    pub(super) async fn run(self, queue_args: QueueArgs, settings: &Settings) -> Result<(), CliError> {
        let path = self.file.clone().unwrap_or_default();
        let documents = self.documents_dir(&path)?;
        let metrics = self.work.create_files()?;
        let interceptor = metrics.as_ref().map(Metrics::interceptor);
        let prepare = self.prepare(&path, &documents, &queue_args, settings, interceptor);
        let Some(job) = unless_interrupted(prepare, false).await? else { return Ok(()) };
        let is_temporary = job.temporary_dir.is_some();
        let queue = &job.queue.handle;
        let before = queue.status().await.map_err(queue_error)?;
        let started = Instant::now();
        let submission = job.submit(&path).await?;
        print_submission(&submission);
        let client = job.connection.client.clone();
        let session = WorkSession {
            queue: queue.clone(),
            work: self.work,
            metrics,
            max_parked: self.max_failures,
            stop_when_settled: true,
        };
        let (stop_reason, counts) =
            session.run(|ledger| client.onboarding(ledger).documents_folder(documents)).await?;
        let summary = Summary {
            queue: &job.queue,
            is_temporary,
            counts,
            steps: queue.completed_steps().await.map_err(queue_error)?,
            newly_completed: counts.completed.saturating_sub(before.completed),
            submission: Some(&submission),
            elapsed: Some(started.elapsed()),
        };
        summary.write(settings.format)?;
        summary.explain().await?;
        match stop_reason {
            StopReason::Interrupted | StopReason::Aborted => {
                Err(CliError::new(Exit::Interrupted, "interrupted").with_hint(if is_temporary {
                    "the sandbox has ended, and its data is lost"
                } else {
                    "run the same command again to continue"
                }))
            }
            StopReason::TooManyParked => {
                let message = "stopped: the limit of `--max-failures` is reached";
                Err(CliError::new(Exit::RowsParked, message).with_hint(
                    "correct the cause of the failures above, then run the same command again to continue",
                ))
            }
            StopReason::Failed(error) => Err(error),
            StopReason::Settled => summary.check_completed(),
        }
    }

    /// Validates the file, signs in and opens the queue. Returns `None` after a dry run.
    async fn prepare(
        &self,
        path: &Path,
        documents: &Path,
        queue_args: &QueueArgs,
        settings: &Settings,
        interceptor: Option<Arc<dyn Interceptor>>,
    ) -> Result<Option<Job>, CliError> {
        // A sandbox is started first, because the file is validated with its organization. Without a sandbox, the
        // user is asked for a password only after the file was found to be valid.
        let sandbox = if settings.is_sandbox {
            Some(connect_with_interceptor(settings, interceptor.clone()).await?)
        } else {
            None
        };
        let organization =
            sandbox.as_ref().map_or(settings.organization, |sandbox| sandbox.client.organization());
        let options = self.row_options(organization);
        let report =
            validate_file(path, options.clone().documents_folder(documents), settings.format).await?;
        if self.dry_run {
            let record = json!({"rows": report.rows, "invalid_rows": report.invalid_rows});
            output::write_record(settings.format, &record)?;
            stderr::print("dry run: nothing was sent");
            return Ok(None);
        }
        let connection = match sandbox {
            Some(sandbox) => sandbox,
            None => connect_with_interceptor(settings, interceptor).await?,
        };
        // Invalid credentials would fail every row, so they are checked before rows are submitted.
        connection.client.sign_in().await?;
        let (location, temporary_dir) = queue_location(path, queue_args, &connection).await?;
        let queue = queue_args.open(&location, connection.target()).await?;
        self.work.apply(&queue.handle).await?;
        Ok(Some(Job { connection, queue, temporary_dir, options, rows: report.rows }))
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

/// A valid file, and the queue that its rows are submitted to.
struct Job {
    connection: Connection,
    queue: NamedQueue,
    /// The directory of a temporary queue. Deleted when it is dropped.
    temporary_dir: Option<TempDir>,
    options: RowOptions,
    /// Number of rows of the file.
    rows: u64,
}

impl Job {
    async fn submit(&self, path: &Path) -> Result<Submission, CliError> {
        let submit = async {
            if self.rows >= LARGE_FILE_ROWS {
                stderr::print(&format!("submitting {} rows", self.rows));
            }
            self.queue.handle.submit(path, self.options.clone()).await.map_err(queue_error)
        };
        unless_interrupted(submit, false).await.map_err(|error| match error.exit() {
            Exit::Interrupted if self.temporary_dir.is_some() => error.with_hint("nothing was sent"),
            Exit::Interrupted => error.with_hint("nothing was sent; run the same command again to continue"),
            _ => error,
        })
    }
}

/// Returns the location of the queue: the given queue if there is one, otherwise a temporary queue for a sandbox, or
/// the default queue of the file. For a temporary queue, also returns its directory.
async fn queue_location(
    path: &Path,
    queue_args: &QueueArgs,
    connection: &Connection,
) -> Result<(QueueLocation, Option<TempDir>), CliError> {
    if let Some(location) = queue_args.location(connection.is_sandbox())? {
        return Ok((location, None));
    }
    if connection.is_sandbox() {
        let directory = tempfile::tempdir().map_err(|error| {
            CliError::new(Exit::Other, "could not create a directory for a temporary queue")
                .with_source(error)
        })?;
        return Ok((QueueLocation::Sqlite(directory.path().join("queue.db")), Some(directory)));
    }
    let (path, target) = (path.to_owned(), connection.target());
    let location = tokio::task::spawn_blocking(move || default_location(&path, &target)).await;
    let location = location.map_err(|error| {
        CliError::new(Exit::Other, "could not choose a location for the queue of this file")
            .with_source(error)
    })??;
    Ok((location, None))
}

/// Prints the rows of a file that are not new, and what happens to them.
fn print_submission(submission: &Submission) {
    let Submission { known, corrected, changed, duplicates, .. } = *submission;
    if known > 0 {
        let verb = if known == 1 { "was" } else { "were" };
        let rows = counted(submission.rows(), "row");
        stderr::print(&format!("{known} of {rows} {verb} submitted before and will not be processed twice"));
    }
    if corrected > 0 {
        let rows = counted(corrected, "failed row");
        stderr::print(&format!("replaced {rows} with the corrected version"));
    }
    for (count, reason, lines) in [
        (changed, "that changed after submission", &submission.changed_lines),
        (duplicates, "with the key of an earlier row", &submission.duplicate_lines),
    ] {
        if count > 0 {
            let lines = &lines[..lines.len().min(MAX_LISTED_LINES)];
            let (rows, lines) = (counted(count, "row"), listed("line", lines, count));
            stderr::print(&format!("skipped {rows} {reason}: {lines}"));
        }
    }
    for problems in &submission.problems {
        stderr::print(&problems.to_string());
    }
}

/// Validates a file. If it is invalid, reports every problem with its line, column and field, and returns an error.
async fn validate_file(
    path: &Path,
    options: RowOptions,
    format: Format,
) -> Result<ValidationReport, CliError> {
    if !path.is_file() {
        let problem = if path.exists() { "is not a file" } else { "does not exist" };
        return Err(CliError::new(Exit::InvalidInput, format!("{} {problem}", path.display()))
            .with_hint("check the path"));
    }
    if RowFormat::from_path(path).is_none() {
        let message = "unsupported file extension: expected .csv, .ndjson or .jsonl";
        return Err(CliError::new(Exit::InvalidInput, message)
            .with_hint("rename the file so that its extension matches its format"));
    }
    let report = validate(path, options, MAX_PROBLEMS).await.map_err(|error| match error {
        RowError::Io(error) => CliError::new(Exit::Other, "could not read the file")
            .with_source(error)
            .with_hint("check that it exists and that you may read it; `-v` shows details"),
        error => CliError::new(Exit::InvalidInput, error.to_string()),
    })?;
    if report.is_ok() {
        return Ok(report);
    }
    match format {
        Format::Table => report.problems.iter().for_each(|problem| stderr::print(&problem.to_string())),
        Format::Json | Format::Csv => output::write_json(format, &report_to_json(&report))?,
        Format::Ndjson => {
            for problem in &report.problems {
                output::write_json(format, &problem_to_json(problem))?;
            }
        }
    }
    let omitted = report.problem_count - report.problems.len() as u64;
    if omitted > 0 {
        stderr::print(&format!("and {}", counted(omitted, "more problem")));
    }
    let (problems, rows) = (counted(report.problem_count, "problem"), counted(report.rows, "row"));
    let message =
        format!("{} has {problems} in {} of {rows}; nothing was sent", path.display(), report.invalid_rows);
    let are_all_document_paths =
        report.problems.iter().all(|problem| problem.field().is_some_and(|field| field.ends_with("].path")));
    Err(CliError::new(Exit::InvalidInput, message).with_hint(if are_all_document_paths {
        "set `--documents` to the directory of the documents, or correct the problems listed above"
    } else {
        "correct the problems listed above, and run the same command again"
    }))
}

fn report_to_json(report: &ValidationReport) -> Value {
    json!({
        "rows": report.rows,
        "invalid_rows": report.invalid_rows,
        "problem_count": report.problem_count,
        "problems": report.problems.iter().map(problem_to_json).collect::<Vec<_>>(),
    })
}

fn problem_to_json(problem: &RowProblem) -> Value {
    json!({
        "line": problem.line(),
        "column": problem.column(),
        "column_name": problem.column_name(),
        "field": problem.field(),
        "message": problem.message(),
        "hint": problem.hint(),
    })
}
