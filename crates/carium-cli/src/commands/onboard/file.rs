//! The file, checked as a whole before anything is sent.

use std::path::Path;

use carium_bulk::rows::{RowError, RowFormat, RowOptions, RowProblem, ValidationReport, validate};
use serde_json::{Value, json};

use crate::exit::{CliError, Exit};
use crate::output::{self, Format};
use crate::say;

/// How many problems are told.
const TOLD: usize = 10_000;

/// What the file has, if nothing is wrong with it. Else every problem is told: with line, column, field and hint.
pub(super) async fn check(
    path: &Path,
    options: RowOptions,
    format: Format,
) -> Result<ValidationReport, CliError> {
    if !path.is_file() {
        let what = if path.exists() { "is no file" } else { "is not there" };
        return Err(
            CliError::new(Exit::InvalidInput, format!("{} {what}", path.display())).next("check its path")
        );
    }
    if RowFormat::from_path(path).is_none() {
        let what = "the name of the file ends in none of .csv, .ndjson and .jsonl";
        return Err(CliError::new(Exit::InvalidInput, what).next("give it the ending of what is in it"));
    }
    let report = validate(path, options, TOLD).await.map_err(|error| match error {
        RowError::Io(error) => CliError::new(Exit::Other, "the file cannot be read")
            .because(error)
            .next("check that it is there and yours; `-v` says more"),
        error => CliError::new(Exit::InvalidInput, error.to_string()),
    })?;
    if report.is_ok() {
        return Ok(report);
    }
    match format {
        Format::Table => report.problems.iter().for_each(|problem| say::line(&problem.to_string())),
        Format::Json => output::raw(format, &as_json(&report))?,
        Format::Ndjson => {
            for problem in &report.problems {
                output::raw(format, &problem_as_json(problem))?;
            }
        }
    }
    let untold = report.problem_count - report.problems.len() as u64;
    if untold > 0 {
        say::line(&format!("and {untold} more problems"));
    }
    let (problems, rows) = (numbered(report.problem_count, "problem"), numbered(report.rows, "row"));
    let what =
        format!("{} has {problems} in {} of {rows}; nothing was sent", path.display(), report.invalid_rows);
    let are_all_of_files =
        report.problems.iter().all(|problem| problem.field().is_some_and(|field| field.ends_with("].path")));
    Err(CliError::new(Exit::InvalidInput, what).next(if are_all_of_files {
        "say with `--documents` in which folder the documents lie, or hint what is named above"
    } else {
        "hint what is named above, and run the same command again"
    }))
}

fn as_json(report: &ValidationReport) -> Value {
    json!({
        "rows": report.rows,
        "invalid_rows": report.invalid_rows,
        "problem_count": report.problem_count,
        "problems": report.problems.iter().map(problem_as_json).collect::<Vec<_>>(),
    })
}

fn problem_as_json(problem: &RowProblem) -> Value {
    json!({
        "line": problem.line(),
        "column": problem.column(),
        "column_name": problem.column_name(),
        "field": problem.field(),
        "what": problem.message(),
        "hint": problem.hint(),
    })
}

fn numbered(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}
