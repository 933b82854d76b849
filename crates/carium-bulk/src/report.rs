//! Formats the rows of a queue as CSV or NDJSON.

use carium::Error;
use carium::onboarding::{OnboardingOutcome, Step, StepOutcome, StepReport};

use crate::database::json;
use crate::row_store::{RowFailure, RowRecord};

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// CSV as in RFC 4180, with a [header line](ReportFormat::header_line).
    Csv,
    /// One JSON object per line, with all details of each step.
    Ndjson,
}

impl ReportFormat {
    /// Returns the header line, if the format has one.
    pub fn header_line(self) -> Option<&'static str> {
        (self == Self::Csv).then_some(
            "row,file,line,key,state,attempts,patient,invitation,documents,orphaned-documents,appointment,unknown,failed\n",
        )
    }

    /// Formats a row, including the line break.
    ///
    /// For a completed step, CSV has the ID, or `done` if the step has no ID. The IDs of several documents are
    /// separated by `;`. The columns `unknown` and `failed` list the steps in these states, and `failed` includes the
    /// reasons.
    ///
    /// # Errors
    /// Does not fail in practice, because all stored values can be written as JSON.
    pub fn line(self, row: &RowRecord) -> Result<String, Error> {
        match self {
            Self::Csv => Ok(csv_line(row)),
            Self::Ndjson => json(row).map(|line| line + "\n"),
        }
    }
}

fn csv_line(row: &RowRecord) -> String {
    let steps = row.outcome.as_ref().map(OnboardingOutcome::steps).unwrap_or_default();
    let completed = |is_included: fn(&Step) -> bool| {
        let reports = steps.iter().filter(|report| is_included(&report.step));
        let ids = reports.filter_map(|report| match &report.result {
            StepOutcome::Completed(step) => {
                Some(step.id.map_or_else(|| "completed".to_owned(), |id| id.to_string()))
            }
            _ => None,
        });
        ids.collect::<Vec<_>>().join(";")
    };
    let orphans = steps.iter().flat_map(|report| &report.orphans).map(ToString::to_string);
    let unknown = steps.iter().filter(|report| matches!(report.result, StepOutcome::Unknown(_)));
    let mut failed: Vec<String> = steps.iter().filter_map(failed_step).collect();
    match &row.failure {
        Some(RowFailure::Unreadable) => {
            failed.push("the row cannot be read from its file: submit the file again".to_owned());
        }
        Some(RowFailure::NotStarted(failure)) => failed.push(with_fields(&failure.message, &failure.fields)),
        None => {}
    }
    let fields = [
        row.row.to_string(),
        row.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default(),
        row.line.to_string(),
        row.key.as_ref().map(|key| key.as_str().to_owned()).unwrap_or_default(),
        row.state.as_str().to_owned(),
        row.attempts.to_string(),
        completed(|step| *step == Step::Patient),
        completed(|step| matches!(step, Step::Invitation(_))),
        completed(|step| matches!(step, Step::Document(_))),
        orphans.collect::<Vec<_>>().join(";"),
        completed(|step| *step == Step::Appointment),
        unknown.map(|report| report.step.to_string()).collect::<Vec<_>>().join(";"),
        failed.join(";"),
    ];
    fields.map(quote).join(",") + "\n"
}

/// Returns the name of a failed step and the reason.
fn failed_step(report: &StepReport) -> Option<String> {
    match &report.result {
        StepOutcome::Failed(failure) => {
            Some(format!("{}: {}", report.step, with_fields(&failure.message, &failure.fields)))
        }
        _ => None,
    }
}

fn with_fields(message: &str, fields: &[String]) -> String {
    if fields.is_empty() { message.to_owned() } else { format!("{message} ({})", fields.join(" ")) }
}

/// Quotes a field as in RFC 4180. A field that a spreadsheet would evaluate as a formula gets a leading apostrophe.
fn quote(field: String) -> String {
    let field = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{field}") } else { field };
    if field.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}
