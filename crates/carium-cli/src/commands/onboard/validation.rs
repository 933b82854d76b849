//! Validates a whole file before anything is sent.

use std::path::Path;

use carium_bulk::rows::{RowError, RowFormat, RowOptions, RowProblem, ValidationReport, validate};
use serde_json::{Value, json};

use crate::error::{CliError, Exit};
use crate::output::{self, Format};
use crate::stderr;

/// Maximum number of problems that are reported.
const MAX_PROBLEMS: usize = 10_000;

/// Validates a file. If it is invalid, reports every problem with its line, column and field, and returns an error.
pub(super) async fn validate_file(
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
        Format::Json => output::write_json(format, &report_to_json(&report))?,
        Format::Ndjson => {
            for problem in &report.problems {
                output::write_json(format, &problem_to_json(problem))?;
            }
        }
    }
    let omitted = report.problem_count - report.problems.len() as u64;
    if omitted > 0 {
        stderr::print(&format!("and {omitted} more problems"));
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

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
