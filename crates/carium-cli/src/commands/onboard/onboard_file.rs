//! The main job of `carium onboard`: validates a file, submits its rows to a queue and processes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carium::Interceptor;
use carium::patients::OrganizationId;
use carium_bulk::rows::{Mapping, RowError, RowOptions, RowProblem, ValidationReport, validate};
use carium_bulk::{QueueLocation, Submission};
use clap::Args;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::metrics::Metrics;
use super::queue::{NamedQueue, QueueArgs, WorkArgs, check_documents_dir, default_location, queue_error};
use super::report::write_text;
use super::summary::Summary;
use super::worker::{StopReason, WorkSession};
use crate::connection::{Connection, connect_with_interceptor};
use crate::error::{CliError, Exit};
use crate::interrupt::unless_interrupted;
use crate::output::{self, Format, quote_csv};
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
    /// File of patients: CSV, NDJSON, or with `--mapping` also a workbook or FHIR
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Directory of the documents that the rows name. Defaults to the directory of the file
    #[arg(long, value_name = "DIR")]
    documents: Option<PathBuf>,
    /// Column that identifies a row. Defaults to the username
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// Mapping from the columns of the file to the fields of a row; `carium onboard map` proposes one
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Also write the problems of the file to a CSV file, without values
    #[arg(long, value_name = "FILE")]
    problems: Option<PathBuf>,
    /// Go on if rows have the same key, or the same name and birth date. Only the first row of a key is processed
    #[arg(long)]
    allow_duplicates: bool,
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
            || self.mapping.is_some()
            || self.problems.is_some()
            || self.allow_duplicates
            || self.dry_run
            || self.max_failures.is_some()
            || self.work.is_given()
    }

    pub(super) async fn run(self, queue_args: QueueArgs, settings: &Settings) -> Result<(), CliError> {
        let path = self.file.clone().unwrap_or_default();
        let documents = self.documents_dir(&path)?;
        self.check_written_files(&path)?;
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
        let options = self.row_options(organization)?;
        let report = validate_file(
            path,
            options.clone().documents_folder(documents),
            settings.format,
            self.problems.as_deref(),
        )
        .await?;
        if self.dry_run {
            output::write_record(settings.format, &report_to_json(&report))?;
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

    /// Checks that no file that the command writes is one that it reads, which would be lost.
    fn check_written_files(&self, path: &Path) -> Result<(), CliError> {
        let read = [Some(path), self.mapping.as_deref()].into_iter().flatten();
        let read: Vec<PathBuf> = read.filter_map(|path| path.canonicalize().ok()).collect();
        for (option, written) in [
            ("--report", &self.work.report),
            ("--metrics", &self.work.metrics),
            ("--problems", &self.problems),
        ] {
            let written = written.as_ref().and_then(|path| path.canonicalize().ok());
            if written.is_some_and(|path| read.contains(&path)) {
                let message = format!("`{option}` would replace a file that the command reads");
                return Err(CliError::new(Exit::Usage, message).with_hint("choose another name"));
            }
        }
        Ok(())
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

    fn row_options(&self, organization: Option<OrganizationId>) -> Result<RowOptions, CliError> {
        let mut options = RowOptions::new().organization(organization);
        if let Some(column) = &self.key {
            options = options.key(column);
        }
        if let Some(path) = &self.mapping {
            options = options.mapping(read_mapping(path)?);
        }
        if self.allow_duplicates {
            options = options.allow_duplicates();
        }
        Ok(options)
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
        let rows = counted(corrected, "row");
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
    problems_file: Option<&Path>,
) -> Result<ValidationReport, CliError> {
    if !path.is_file() {
        let problem = if path.exists() { "is not a file" } else { "does not exist" };
        return Err(CliError::new(Exit::InvalidInput, format!("{} {problem}", path.display()))
            .with_hint("check the path"));
    }
    let report = validate(path, options, MAX_PROBLEMS).await.map_err(|error| match error {
        RowError::Io(error) => CliError::new(Exit::Other, "could not read the file")
            .with_source(error)
            .with_hint("check that it exists and that you may read it; `-v` shows details"),
        error => CliError::new(Exit::InvalidInput, error.to_string()),
    })?;
    if let Some(path) = problems_file {
        write_problems(path, &report)?;
    }
    print_notes(&report);
    if report.is_ok() {
        return Ok(report);
    }
    match format {
        Format::Table => report.problems.iter().for_each(|problem| stderr::print(&problem.to_string())),
        Format::Json | Format::Csv => {
            let mut record = report_to_json(&report);
            record["problem_count"] = report.problem_count.into();
            record["problems"] = report.problems.iter().map(problem_to_json).collect();
            output::write_json(format, &record)?;
        }
        Format::Ndjson => {
            for problem in &report.problems {
                output::write_json(format, &problem_to_json(problem))?;
            }
        }
    }
    if report.problem_count == 0 {
        let rows = counted(report.possible_duplicate_count, "row");
        let message = format!("{} has {rows} that may be duplicates; nothing was sent", path.display());
        return Err(CliError::new(Exit::InvalidInput, message)
            .with_hint("remove them, or pass `--allow-duplicates` if they are different patients"));
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

/// Reads a mapping.
pub(super) fn read_mapping(path: &Path) -> Result<Mapping, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::new(Exit::InvalidInput, "could not read the mapping")
            .with_source(error)
            .with_hint("check `--mapping`; `carium onboard map FILE --write FILE.toml` writes one")
    })?;
    Mapping::parse(&text).map_err(|error| {
        error.problems().iter().for_each(|problem| stderr::print(&problem.to_string()));
        let problems = counted(error.problems().len() as u64, "problem");
        CliError::new(Exit::InvalidInput, format!("{} has {problems}; nothing was sent", path.display()))
            .with_hint("correct the mapping, and run the same command again")
    })
}

/// Prints what was skipped in a file, and what else its user should know.
fn print_notes(report: &ValidationReport) {
    report.notes.iter().for_each(|note| stderr::print(&format!("note: {note}")));
    for (line, reason) in report.skipped.iter().take(MAX_LISTED_LINES) {
        stderr::print(&format!("line {line}: skipped: {reason}"));
    }
    let skipped = report.skipped_rows.saturating_sub(MAX_LISTED_LINES as u64);
    if skipped > 0 {
        stderr::print(&format!("and {} skipped", counted(skipped, "more row")));
    }
    for (line, first_line) in report.possible_duplicates.iter().take(MAX_LISTED_LINES) {
        stderr::print(&format!(
            "line {line}: has the same name and birth date as the row on line {first_line}"
        ));
    }
}

/// Writes the problems of a file as a table. It has no values of the file.
fn write_problems(path: &Path, report: &ValidationReport) -> Result<(), CliError> {
    let mut table = String::from("place,column,field,problem,hint\n");
    for problem in &report.problems {
        let place = problem.cell().unwrap_or_else(|| format!("line {}", problem.line()));
        let column = problem.column_name().unwrap_or_default();
        let field = problem.field().unwrap_or_default();
        let fields = [&place, column, field, problem.message(), problem.hint().unwrap_or_default()];
        let fields: Vec<String> = fields.iter().map(|text| quote_csv(text)).collect();
        table.push_str(&fields.join(","));
        table.push('\n');
    }
    write_text(path, &table)
}

fn report_to_json(report: &ValidationReport) -> Value {
    json!({
        "rows": report.rows,
        "valid": report.rows - report.invalid_rows - report.skipped_rows,
        "invalid": report.invalid_rows,
        "skipped": report.skipped_rows,
        "possible_duplicates": report.possible_duplicate_count,
    })
}

fn problem_to_json(problem: &RowProblem) -> Value {
    let mut record = json!({
        "line": problem.line(),
        "column": problem.column(),
        "column_name": problem.column_name(),
        "field": problem.field(),
        "message": problem.message(),
        "hint": problem.hint(),
    });
    // Only problems of workbooks and mapped files have these.
    let cell = problem.sheet().zip(problem.cell());
    if let Some((sheet, cell)) = cell {
        (record["sheet"], record["cell"]) = (sheet.into(), cell.into());
    }
    if let Some(line) = problem.mapping_line() {
        record["mapping_line"] = line.into();
    }
    record
}
